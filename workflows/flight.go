package workflows

import "go.temporal.io/sdk/workflow"

// partitionsInFlight is how many partitions go on at once: enough to keep
// reading, computing and writing overlapped on a few cores, little enough to
// bound memory.
const partitionsInFlight = 3

// flight runs functions side by side, a bounded number at a time, and keeps
// the first error. After an error nothing new starts.
type flight struct {
	ctx   workflow.Context
	limit int
	todo  []func(workflow.Context) error
}

func newFlight(ctx workflow.Context, limit int) *flight {
	return &flight{ctx: ctx, limit: max(limit, 1)}
}

func (f *flight) start(do func(workflow.Context) error) { f.todo = append(f.todo, do) }

func (f *flight) wait() error {
	var (
		first   error
		next    int
		running int
	)
	done := workflow.NewBufferedChannel(f.ctx, len(f.todo)+1)
	for next < len(f.todo) || running > 0 {
		for first == nil && next < len(f.todo) && running < f.limit {
			do := f.todo[next]
			next++
			running++
			workflow.Go(f.ctx, func(ctx workflow.Context) {
				done.Send(ctx, &outcome{err: do(ctx)})
			})
		}
		if running == 0 {
			break
		}
		var o *outcome
		done.Receive(f.ctx, &o)
		running--
		if o.err != nil && first == nil {
			first = o.err
		}
	}
	return first
}

type outcome struct{ err error }
