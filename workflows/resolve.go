package workflows

import (
	"cmp"
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
)

// resolve settles what waits, then the serial group, then all other groups: an
// identity that moved is settled before anyone looks for it. They take turns,
// because each of them decides and writes side by side as it is.
func (r *run) resolve(ctx workflow.Context) error {
	if r.detected.Pass.Attempt == 0 {
		settled, err := r.group(ctx, activities.SettleGroup, "decisions and deadlines that are due")
		if err != nil {
			return err
		}
		r.settled = settled
	}
	if r.request.Settle {
		return nil
	}
	group := func(n int, what string) error {
		resolved, err := r.group(ctx, n, what)
		r.decided = activities.AddTally(r.decided, resolved.Tally)
		return err
	}
	if len(r.partsOf(activities.SerialGroup)) > 0 {
		if err := group(activities.SerialGroup, "records whose identity is new or moved"); err != nil {
			return err
		}
	}
	for n := range r.detected.Pass.Groups {
		if err := group(n, fmt.Sprintf("group %d of %d", n+1, r.detected.Pass.Groups)); err != nil {
			return err
		}
	}
	t := r.resolved.Tally
	r.say(ctx, "resolve", fmt.Sprintf("%d read, %d changed, %d unchanged, %d conflicts, %d quarantined, %d ignored",
		t.Read, t.Applied+t.Owed, t.Unchanged, t.Conflicts, t.Quarantined, t.Ignored))
	return nil
}

func (r *run) group(ctx workflow.Context, n int, what string) (activities.Resolved, error) {
	var resolved activities.Resolved
	err := workflow.ExecuteActivity(step(ctx, activities.StepResolve, what), activities.StepResolve,
		activities.ResolveInput{
			Pass: r.detected.Pass, Group: n, Windows: withoutPartitions(r.detected.Windows), Parts: r.partsOf(n),
		}).Get(ctx, &resolved)
	if err != nil {
		return activities.Resolved{}, err
	}
	r.resolved.Add(resolved)
	return resolved, nil
}

// partsOf lists the partitions that have records of a group, in an order that
// does not depend on which was ready first.
func (r *run) partsOf(group int) []activities.Part {
	var parts []activities.Part
	for _, p := range r.parts {
		if (group == activities.SerialGroup && p.serial) || (group >= 0 && p.groups&(1<<group) != 0) {
			parts = append(parts, p.part)
		}
	}
	slices.SortFunc(parts, func(a, b activities.Part) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.ID, b.ID))
	})
	return parts
}
