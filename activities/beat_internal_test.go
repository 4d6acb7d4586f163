package activities

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What an activity said of how far it is stays said when it only shows that it
// goes on.
func TestPulseKeepsWhatWasSaid(t *testing.T) {
	t.Parallel()
	p := &pulse{}
	require.Empty(t, p.keep(nil))
	require.Equal(t, []any{7}, p.keep([]any{7}))
	require.Equal(t, []any{7}, p.keep(nil))
	require.Equal(t, []any{8}, p.keep([]any{8}))
}
