package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/mappings"
)

// completeNames lets shells complete the names of syncs.
func (a *app) completeNames(c *cobra.Command) {
	_, takes, _ := strings.Cut(c.Use, " ")
	if first, _, _ := strings.Cut(strings.Trim(takes, "[]"), " "); strings.HasPrefix(first, "NAME") && c.ValidArgsFunction == nil {
		c.ValidArgsFunction = a.names
	}
	for _, child := range c.Commands() {
		a.completeNames(child)
	}
}

func (a *app) names(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && !strings.Contains(c.Use, "...") || a.prepare() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	project, _ := mappings.LoadProject(os.DirFS(a.flags.definitions), a.flags.env) // who completes is told nothing else
	var names []string
	for _, def := range project.Definitions {
		names = append(names, def.Sync.Value+"\t"+def.About)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
