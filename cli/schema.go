package cli

import (
	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/mappings"
)

func newSchema(a *app) *cobra.Command {
	var offline bool
	c := &cobra.Command{
		Use:   "schema [NAME]",
		Short: "Print the JSON Schema of definitions, for editors",
		Long: "Print the JSON Schema of the definition language, for editors. With a NAME it is that\n" +
			"definition's own: with its systems, and their columns for completion.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				_, err := a.screen.out.Write(mappings.Schema())
				return err
			}
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			project, _ := house.Project() // an editor needs the schema while there are faults
			def, err := project.Find(args[0])
			if err != nil {
				return &exitError{code: exitUsage, err: err, next: "`syncline status` lists the syncs of " + a.flags.definitions}
			}
			objects := map[string]mappings.Object{}
			if !offline {
				var unreached mappings.Problems
				objects, unreached = a.describe(c.Context(), house, def)
				for _, problem := range unreached {
					a.screen.note("%s; its columns are left out", problem.Message)
				}
			}
			_, err = a.screen.out.Write(mappings.SchemaFor(def, objects))
			return err
		},
	}
	c.Flags().BoolVar(&offline, "offline", false, "do not ask the systems for their columns")
	return c
}
