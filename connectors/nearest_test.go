package connectors_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
)

func TestNearestIsWhatWasMeant(t *testing.T) {
	t.Parallel()
	known := []string{"busy_timeout", "path", "read_only"}
	for word, want := range map[string]string{
		"pth": "path", "PATH": "path", "readonly": "read_only", "busy_timout": "busy_timeout", "host": "", "x": "", "": "",
	} {
		require.Equal(t, want, connectors.Nearest(word, known), word)
	}
}

func TestUnknownOptionSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	require.EqualError(t, connectors.UnknownOption("pth", "path", "delimiter"), "there is no option pth (did you mean path?)")
	require.EqualError(t, connectors.UnknownOption("host", "url", "password"), "there is no option host (there are password, url)")
}
