package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// Every command says what it does, and shows how.
func TestEveryCommandHasAnExample(t *testing.T) {
	t.Parallel()
	root := newRoot(&app{screen: newScreen(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{})})
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.HasSubCommands() {
			for _, child := range c.Commands() {
				visit(child)
			}
			return
		}
		require.NotEmpty(t, c.Short, c.CommandPath())
		require.NotEmpty(t, c.Example, c.CommandPath())
		for line := range strings.Lines(c.Example) {
			require.Contains(t, line, c.CommandPath(), "an example of another command")
			break
		}
	}
	visit(root)
	for path := range usageExamples {
		c, _, err := root.Find(strings.Fields(path))
		require.NoError(t, err, path)
		require.Equal(t, "syncline "+path, c.CommandPath())
	}
}
