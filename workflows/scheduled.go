package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
)

// Scheduled is what a Temporal Schedule starts: it asks the Sync for a run,
// waits for it and ends as it ended, so that the schedule's history tells the
// truth.
func Scheduled(ctx workflow.Context, sync string) (activities.Result, error) {
	var result activities.Result
	if err := workflow.UpsertTypedSearchAttributes(ctx,
		SearchSync.ValueSet(sync), SearchTrigger.ValueSet("schedule")); err != nil {
		return result, err
	}
	err := workflow.ExecuteActivity(step(ctx, activities.ActAsk, "a run of "+sync),
		activities.ActAsk, sync).Get(ctx, &result)
	if err != nil {
		return result, failed(err, result)
	}
	err = workflow.UpsertTypedSearchAttributes(ctx, SearchOutcome.ValueSet(result.Outcome),
		SearchConflicts.ValueSet(result.Counts.Conflicts), SearchApplied.ValueSet(result.Counts.Applied))
	return result, err
}
