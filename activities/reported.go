package activities

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/syncline-dev/syncline/connectors"
)

// reported lets a sync's bulk loads commit only when what was committed before
// is known to have been: a process that is killed then repeats one partition at
// most, however many it loads side by side. The zero value is ready.
type reported struct {
	mu sync.Mutex
	// last is the activity of each sync that committed last, or is about to.
	last map[string]string
}

// reportWait bounds how long a load waits for another's report. It is about
// repeating less, not about being right: a load that is repeated writes nothing.
const reportWait = 2 * time.Second

// guard makes a fence wait for the load before. The caller calls failed when the
// load did not commit after all.
func (r *reported) guard(ctx context.Context, c client.Client, fence connectors.Fence) (guarded connectors.Fence, failed func()) {
	if c == nil || !activity.IsActivity(ctx) {
		return fence, func() {}
	}
	me := activity.GetInfo(ctx).ActivityID
	check := fence.Check
	fence.Check = func(ctx context.Context) error {
		for deadline := time.Now().Add(reportWait); ; {
			before := r.pass(fence.Sync, "", "")
			if before == "" || before == me || !pending(ctx, c, before) || time.Now().After(deadline) {
				r.pass(fence.Sync, before, me)
				break
			}
			select {
			case <-time.After(2 * time.Millisecond):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return check(ctx)
	}
	return fence, func() { r.pass(fence.Sync, me, "") }
}

// pass gives the last activity, and replaces it if it is from.
func (r *reported) pass(sync, from, to string) (last string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last = r.last[sync]
	if last != from || last == to {
		return last
	}
	if r.last == nil {
		r.last = map[string]string{}
	}
	r.last[sync] = to
	return last
}

// pending tells whether the engine still waits for an activity of this run. If
// it cannot be asked, it will say so itself.
func pending(ctx context.Context, c client.Client, id string) bool {
	run := activity.GetInfo(ctx).WorkflowExecution
	described, err := c.DescribeWorkflowExecution(ctx, run.ID, run.RunID)
	return err == nil && slices.ContainsFunc(described.GetPendingActivities(), func(p *workflow.PendingActivityInfo) bool {
		return p.GetActivityId() == id
	})
}
