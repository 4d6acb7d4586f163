package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/reconcile"
)

// The stage is a cache, never the truth: what it loses is made again.

// maxAttempts is how often something is tried that the stage loses; a stage
// that always loses is a mistake that somebody has to see.
const maxAttempts = 3

func stageLost(err error) bool {
	return err != nil && kindOf(err) == activities.KindStageMissing
}

// again repeats what can be made again by itself.
func again(do func(attempt int) error) error {
	for attempt := 0; ; attempt++ {
		err := do(attempt)
		if !stageLost(err) || attempt+1 == maxAttempts {
			return err
		}
	}
}

// readAndResolve extracts, transforms and resolves. When resolve finds that the
// stage has lost something, all of it begins anew: other groups may have been
// resolved meanwhile, so that the lost partition alone would be sorted and
// counted by another state of the ledger than the rest of its attempt.
func (r *run) readAndResolve(ctx workflow.Context) error {
	err := again(func(attempt int) error {
		if attempt > 0 {
			r.anew(ctx)
		}
		if err := r.extractAndTransform(ctx); err != nil {
			return err
		}
		return r.resolve(ctx)
	})
	r.recount()
	return err
}

// anew begins the pass's next attempt. What is committed stays committed; the
// records are read and counted from scratch.
func (r *run) anew(ctx workflow.Context) {
	r.say(ctx, "again", "the stage has lost what was extracted; it is extracted once more")
	r.detected.Pass.Attempt++
	r.early = activities.AddTally(r.early, r.decided)
	r.decided = reconcile.Tally{}
	r.parts, r.transformed = nil, 0
	r.read = map[string]int64{}
	r.resolved.Recount(r.settled)
}

// recount says of the records that an earlier attempt has resolved how they
// ended then: the last one found them as the ledger has them since.
func (r *run) recount() {
	t := &r.resolved.Tally
	applied := min(r.early.Applied+r.early.Owed, t.Unchanged)
	t.Unchanged -= applied
	t.Applied += applied
	conflicts := min(r.early.Conflicts, t.Unchanged)
	t.Unchanged -= conflicts
	t.Conflicts += conflicts
}
