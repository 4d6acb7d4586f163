package cli

import "github.com/spf13/cobra"

// commands lists all commands in the order of a first hour, every day, bad
// days and machinery.
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newDemo(a), newInit(a), newConnections(a), newDiscover(a), newCheck(a), newPreview(a), newPlan(a), newRun(a),
		newDeploy(a), newUp(a),
		newStatus(a), newShow(a), newHistory(a), newConflicts(a), newQuarantine(a),
		newPause(a), newResume(a), newApprove(a), newRuns(a), newDoctor(a), newLogs(a),
		newWorker(a), newSchema(a), newConnectors(a), newVersion(a),
	}
}
