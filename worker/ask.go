package worker

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/workflows"
)

// Asker asks a Sync for a run and waits for it, on behalf of a schedule. It may
// run twice: the second time asks for another run, which finds less to do.
type Asker struct{ Client client.Client }

// Run asks and waits.
func (a *Asker) Run(ctx context.Context, sync string) (activities.Result, error) {
	var result activities.Result
	started, err := Ask(ctx, a.Client, sync, workflows.Ask{Trigger: "schedule"})
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.Type() == string(activities.KindPaused) {
		return activities.Result{Sync: sync, Outcome: activities.OutcomePaused, Reason: app.Message()}, nil
	}
	if err != nil {
		return result, err
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		ticker := time.NewTicker(10 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				activity.RecordHeartbeat(ctx, started.WorkflowID)
			case <-stop:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	err = a.Client.GetWorkflow(ctx, started.WorkflowID, started.RunID).Get(ctx, &result)
	if err != nil {
		if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
			return result, temporal.NewNonRetryableApplicationError(app.Message(), app.Type(), nil)
		}
	}
	return result, err
}

// Ask asks a Sync for a run, starting the Sync if it is not open, and answers
// when the run is on its way.
func Ask(ctx context.Context, c client.Client, sync string, ask workflows.Ask) (workflows.Started, error) {
	for try := 1; ; try++ {
		started, err := askOnce(ctx, c, sync, ask)
		if try == askTries || !endedMeanwhile(err) && !Renew(ctx, c, sync, err) {
			return started, err
		}
	}
}

// Renew ends a Sync that gave err because its history does not fit this version
// of the program, and tells whether it did: the next who asks starts a new one.
// All that a Sync knows is in the ledger, so that it goes on where it stood.
func Renew(ctx context.Context, c client.Client, sync string, err error) bool {
	var stuck *serviceerror.WorkflowNotReady
	if !errors.As(err, &stuck) {
		return false
	}
	err = c.TerminateWorkflow(ctx, workflows.SyncID(sync), "", "its history does not fit this version; a new one goes on")
	return err == nil || gone(err)
}

// askTries: a Sync that ends just when it is asked is asked again, which starts
// the next one.
const askTries = 5

// endedMeanwhile: the Sync ended without having started what was asked for. The
// server gives this error no type but the name.
func endedMeanwhile(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == "AcceptedUpdateCompletedWorkflow"
}

func askOnce(ctx context.Context, c client.Client, sync string, ask workflows.Ask) (workflows.Started, error) {
	var started workflows.Started
	handle, err := c.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: StartSync(c, sync),
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName: workflows.UpdateRun, WaitForStage: client.WorkflowUpdateStageCompleted, Args: []any{ask},
		},
	})
	if err != nil {
		return started, err
	}
	return started, handle.Get(ctx, &started)
}

// StartSync is the start of a Sync that is not open yet.
func StartSync(c client.Client, sync string) client.WithStartWorkflowOperation {
	return c.NewWithStartWorkflowOperation(SyncOptions(sync), workflows.NameSync, workflows.State{Sync: sync})
}

// SyncOptions are the options under which a Sync starts.
func SyncOptions(sync string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: workflows.SyncID(sync), TaskQueue: workflows.TaskQueue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "keeps " + sync + " in agreement",
		StaticDetails:            aboutSync(sync),
	}
}

// aboutSync says in the Web UI what a Sync is and what it listens to.
func aboutSync(sync string) string {
	return "The one mind of this sync: it runs it, waits for people where they are asked, and ends when nothing is left " +
		"to wait for. What it knows is in the ledger; to terminate it loses nothing.\n\n" +
		"| signal | does |\n|---|---|\n| `run` | runs it: `{}` |\n| `decide` | decides a conflict: see *Current Details* |\n" +
		"| `pause` | holds it: `{\"reason\": \"why\"}` |\n| `resume` | goes on |\n\n" +
		"`syncline status " + sync + "` says how it stands, `syncline runs list " + sync + "` what it did."
}
