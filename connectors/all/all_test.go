package all_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/all"
)

// A connector's folder, its name and its line in the list belong together, and
// no connector is listed that does not run the conformance suite.
func TestEveryConnectorIsListed(t *testing.T) {
	t.Parallel()
	folders, err := os.ReadDir("..")
	require.NoError(t, err)
	var names []string
	for _, folder := range folders {
		name := folder.Name()
		if !folder.IsDir() || name == "all" || name == "conformance" || strings.HasPrefix(name, ".") {
			continue
		}
		names = append(names, name)
		suite, err := os.ReadFile("../" + name + "/conformance_test.go") //nolint:gosec // a folder of the module
		require.NoError(t, err)
		require.Contains(t, string(suite), "conformance.Run(t")
	}
	registry := all.Registry()
	require.Equal(t, names, registry.Names())
	for _, name := range names {
		c, err := registry.Get(name)
		require.NoError(t, err)
		require.Equal(t, name, c.Name())
	}
}

func TestUnknownConnectorsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := all.Registry().Open(t.Context(), "oracle", connectors.Config{})
	require.ErrorContains(t, err, `no connector "oracle" (there are csv, memory, postgres, sqlite)`)
	require.Equal(t, connectors.Permanent, connectors.KindOf(err))
}
