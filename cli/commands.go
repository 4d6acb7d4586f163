package cli

import "github.com/spf13/cobra"

// addCommands adds all commands, in the order in which people meet them.
func addCommands(root *cobra.Command, a *app) {
	cobra.EnableCommandSorting = false
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"first", "First hour:", []*cobra.Command{
			newDemo(a), newInit(a), newConnections(a), newDiscover(a), newCheck(a), newPreview(a), newPlan(a), newRun(a),
			newDeploy(a), newUp(a),
		}},
		{"daily", "Every day:", []*cobra.Command{newStatus(a), newShow(a), newHistory(a), newConflicts(a), newQuarantine(a)}},
		{"bad", "Bad days:", []*cobra.Command{newPause(a), newResume(a), newRename(a), newApprove(a), newRuns(a), newDoctor(a), newLogs(a)}},
		{"machinery", "Machinery:", []*cobra.Command{newWorker(a), newSchema(a), newConnectors(a), newVersion(a)}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
		}
		root.AddCommand(g.commands...)
	}
	root.SetCompletionCommandGroupID("machinery")
	root.SetHelpCommandGroupID("machinery")
}
