package connectors_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
)

func TestErrorsSayNothingTwice(t *testing.T) {
	t.Parallel()
	cause := errors.New("refused")
	once := connectors.Wrap(connectors.BadRecord, "write t", cause)
	twice := connectors.Wrap(connectors.Transient, "write t", once)
	require.EqualError(t, twice, "write t: refused")
	require.Equal(t, connectors.BadRecord, connectors.KindOf(twice))
	require.ErrorIs(t, twice, cause)
	require.EqualError(t, connectors.Wrap(connectors.Transient, "write", once), "write: write t: refused", "only the very same words")
}
