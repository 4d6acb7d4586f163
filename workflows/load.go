package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
)

// load pays every system what it is owed, one system after the other: an
// acknowledgement is of a whole link, so two systems must not be acknowledged
// at once.
func (r *run) load(ctx workflow.Context, phase string) error {
	told, err := r.loadRound(ctx, phase, 0)
	if err == nil && told > 0 { // what a system set by itself, others hear in the same run
		_, err = r.loadRound(ctx, phase, 1)
	}
	if err != nil {
		return err
	}
	if phase == activities.PhaseDelete {
		for _, target := range r.detected.Targets {
			if r.isDown(target) {
				continue
			}
			l := r.loaded[target]
			r.say(ctx, "load", fmt.Sprintf("%s: %d created, %d updated, %d deleted", target, l.Created, l.Updated, l.Deleted))
		}
	}
	return nil
}

func (r *run) loadRound(ctx workflow.Context, phase string, round int) (told int64, err error) {
	for _, target := range r.detected.Targets {
		if r.isDown(target) {
			continue
		}
		what := target + ", " + phase + "s"
		if round > 0 {
			what += " of what others set"
		}
		var loaded activities.Loaded
		err := workflow.ExecuteActivity(step(ctx, activities.StepLoad, what), activities.StepLoad,
			activities.LoadInput{Pass: r.detected.Pass, System: r.indexOf(target), Phase: phase, Round: round}).Get(ctx, &loaded)
		if round > 0 {
			r.retold(target)
		}
		r.addLoaded(target, loaded)
		if err != nil {
			return told, err
		}
		told += loaded.Told
		if loaded.Down != "" {
			r.say(ctx, "load", fmt.Sprintf("%s is down and stays owed: %s", target, loaded.Down))
		}
	}
	return told, nil
}

// retold forgets what the first round left: the second one tries it again.
func (r *run) retold(target string) {
	sum := r.loaded[target]
	sum.Left = 0
	r.loaded[target] = sum
}

// isDown: the system was down from the start, or could not be written.
func (r *run) isDown(system string) bool {
	for _, w := range r.detected.Windows {
		if w.System == system && w.Down != "" {
			return true
		}
	}
	return r.loaded[system].Down != ""
}

func (r *run) indexOf(system string) int {
	for _, w := range r.detected.Windows {
		if w.System == system {
			return w.Index
		}
	}
	return -1
}

func (r *run) addLoaded(system string, l activities.Loaded) {
	sum := r.loaded[system]
	sum.Add(l)
	r.loaded[system] = sum
}
