package cli

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

// apply tells each Sync of its decisions and waits for the run that applies
// them.
func (a *app) apply(ctx context.Context, syncs map[string][]int64) error {
	if len(syncs) == 0 {
		a.screen.note("there is nothing to decide")
		return nil
	}
	if _, err := a.openEngine(ctx); err != nil {
		return err
	}
	for _, sync := range sortedKeys(syncs) {
		a.spoke(sync)
		for _, id := range syncs[sync] {
			if err := a.tell(ctx, sync, id); err != nil {
				return fmt.Errorf("the decision is stored and will be applied by the next run of %s: %w", sync, err)
			}
		}
		if err := a.waitApplied(ctx, sync, syncs[sync]); err != nil {
			return err
		}
		if a.screen.json {
			if err := a.screen.print(map[string]any{"sync": sync, "decided": len(syncs[sync]), "decisions": syncs[sync]}); err != nil {
				return err
			}
			continue
		}
		a.screen.say("%s %s decided and applied in %s", a.screen.green("✓"), count(len(syncs[sync]), "conflict"), sync)
	}
	return nil
}

func (a *app) tell(ctx context.Context, sync string, decision int64) error {
	err := a.tellOnce(ctx, sync, decision)
	if worker.Renew(ctx, a.client(), sync, err) {
		err = a.tellOnce(ctx, sync, decision)
	}
	return plainError(err)
}

func (a *app) tellOnce(ctx context.Context, sync string, decision int64) error {
	handle, err := a.client().UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: worker.StartSync(a.client(), sync),
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName: workflows.UpdateDecide, WaitForStage: client.WorkflowUpdateStageCompleted,
			Args: []any{activities.Decision{Decision: decision}},
		},
	})
	if err != nil {
		return err
	}
	return handle.Get(ctx, nil)
}

func (a *app) waitApplied(ctx context.Context, sync string, ids []int64) error {
	ctx, cancel := context.WithTimeout(ctx, appliedTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting := 0
		for _, id := range ids {
			row, err := a.house.Ledger.Decision(ctx, id)
			if err != nil {
				return err
			}
			switch row.State {
			case "pending":
				waiting++
			case "refused":
				why := "it has changed meanwhile"
				if row.Verb == "link" {
					why += ", or that link has another row in the system already"
				}
				return &exitError{
					code: exitWaiting, err: fmt.Errorf("the decision on conflict %d was not applied: %s", row.ConflictID, why),
					next: fmt.Sprintf("`syncline conflicts show %d` shows what it is now", row.ConflictID),
				}
			}
		}
		if waiting == 0 {
			ended, err := a.lastEnded(ctx, sync)
			if err != nil || ended {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the decision on %s is stored; its run has not ended yet: %w", sync, ctx.Err())
		}
	}
}

// lastEnded tells whether the sync's latest run has ended: a decision is
// applied in the ledger first, and then written.
func (a *app) lastEnded(ctx context.Context, sync string) (bool, error) {
	runs, err := a.house.Ledger.Runs(ctx, sync, 1)
	return err == nil && (len(runs) == 0 || runs[0].Outcome != ""), err
}

// appliedTimeout is how long `decide` waits for the run that applies.
const appliedTimeout = 2 * time.Minute
