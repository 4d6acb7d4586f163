package cli

import (
	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/all"
)

func newConnectors(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "connectors", Short: "List the connectors of this program", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			registry := all.Registry()
			for _, name := range registry.Names() {
				c, err := registry.Get(name)
				if err != nil {
					return err
				}
				_, lists := c.(connectors.Discoverer)
				if a.screen.json {
					if err := a.screen.print(map[string]any{"connector": name, "lists_objects": lists}); err != nil {
						return err
					}
					continue
				}
				how := "the connection is the object"
				if lists {
					how = "`syncline discover CONNECTION` lists its objects"
				}
				a.screen.say("%-12s %s", a.screen.bold(name), a.screen.dim(how))
			}
			return nil
		},
	}
}
