package cli

import (
	"context"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/syncline-dev/syncline/workflows"
)

const (
	// restPatience bounds how long a command stays for Syncs to come to rest.
	restPatience = 3 * time.Second
	restLook     = 5 * time.Millisecond
)

// spoke notes that a command spoke to a Sync.
func (a *app) spoke(sync string) {
	if a.spoken == nil {
		a.spoken = map[string]bool{}
	}
	a.spoken[sync] = true
}

// rest lets the Syncs that the command spoke to finish their thought before
// the only worker ends. A task that the server has just handed to a worker
// which ends is handed out again only when it times out: the next command
// would wait ten seconds for an answer.
func (a *app) rest() {
	if a.worker == nil || a.engine == nil || !a.engine.Embedded() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), restPatience)
	defer cancel()
	for _, sync := range sortedKeys(a.spoken) {
		for !a.rests(ctx, workflows.SyncID(sync)) {
			select {
			case <-time.After(restLook):
			case <-ctx.Done():
				return
			}
		}
	}
}

// rests tells whether a Sync waits for nothing but what comes from outside. A
// run that goes on is not waited for by who leaves it; otherwise a run that the
// Sync still holds has ended, and the Sync is about to hear of it.
func (a *app) rests(ctx context.Context, id string) bool {
	service := a.client().WorkflowService()
	description, err := service.DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: a.engine.Namespace(), Execution: &common.WorkflowExecution{WorkflowId: id},
	})
	if err != nil {
		return true // there is none, or the engine is past answering
	}
	return description.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING ||
		a.leaves && len(description.GetPendingChildren()) > 0 ||
		description.GetPendingWorkflowTask() == nil && len(description.GetPendingActivities()) == 0 && len(description.GetPendingChildren()) == 0
}
