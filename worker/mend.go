package worker

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// Mend takes over from a worker that was killed. It is for an engine that has
// just started and whose only worker this process will be: nobody can be
// working on anything, so every step that is said to be going on is tried again
// at once instead of after its timeout.
func Mend(ctx context.Context, c client.Client, namespace string) error {
	var page []byte
	for {
		open, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: namespace, Query: "ExecutionStatus = 'Running'", NextPageToken: page,
		})
		if err != nil {
			return fmt.Errorf("list what was going on: %w", err)
		}
		for _, info := range open.GetExecutions() {
			if err := mendOne(ctx, c, namespace, info.GetExecution()); err != nil {
				return fmt.Errorf("take over %s: %w", info.GetExecution().GetWorkflowId(), err)
			}
		}
		if page = open.GetNextPageToken(); len(page) == 0 {
			return nil
		}
	}
}

func mendOne(ctx context.Context, c client.Client, namespace string, execution *common.WorkflowExecution) error {
	description, err := c.DescribeWorkflowExecution(ctx, execution.GetWorkflowId(), execution.GetRunId())
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = c.WorkflowService().ResetStickyTaskQueue(ctx, &workflowservice.ResetStickyTaskQueueRequest{
		Namespace: namespace, Execution: execution,
	})
	if err != nil && !gone(err) {
		return err
	}
	for _, pending := range description.GetPendingActivities() {
		if pending.GetState() != enums.PENDING_ACTIVITY_STATE_STARTED {
			continue
		}
		err := c.CompleteActivityByID(ctx, namespace, execution.GetWorkflowId(), execution.GetRunId(), pending.GetActivityId(),
			nil, temporal.NewApplicationError("its worker was killed", "killed"))
		if err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

func gone(err error) bool {
	var none *serviceerror.NotFound
	return errors.As(err, &none)
}
