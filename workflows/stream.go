package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
)

// stream is the pass of a stateless sync: the same five steps for each
// partition by itself, a few partitions in flight, no barrier between them.
// Resolve has nothing to decide here; it checks that the run is still the
// sync's current one before a partition is written.
func (r *run) stream(ctx workflow.Context) error {
	flight := newFlight(ctx, partitionsInFlight)
	for _, w := range r.detected.Windows {
		for _, part := range w.Partitions {
			flight.start(func(ctx workflow.Context) error { return r.streamPartition(ctx, w, part) })
		}
	}
	return flight.wait()
}

func (r *run) streamPartition(ctx workflow.Context, w activities.Window, part connectors.Partition) error {
	pass := r.detected.Pass
	what := fmt.Sprintf("%s, partition %s", w.System, part.ID)
	var extracted activities.Extracted
	err := workflow.ExecuteActivity(step(ctx, activities.StepExtract, what), activities.StepExtract,
		activities.ExtractInput{Pass: pass, System: w.Index, Partition: part, Stateless: true}).Get(ctx, &extracted)
	if err != nil {
		return err
	}
	r.read[w.System] += extracted.Rows
	for _, target := range r.detected.Targets {
		index := r.indexOf(target)
		var transformed activities.Transformed
		err = workflow.ExecuteActivity(step(ctx, activities.StepTransform, what+" for "+target), activities.StepTransform,
			activities.TransformInput{
				Pass: pass, System: w.Index, Partition: part.ID, Ref: extracted.Ref, Stateless: true, Target: index,
			}).Get(ctx, &transformed)
		if err != nil {
			return err
		}
		var loaded activities.Loaded
		err = workflow.ExecuteActivity(step(ctx, activities.StepLoad, fmt.Sprintf("%s, %d records", target, transformed.Rows)),
			activities.StepLoad, activities.LoadInput{
				Pass: pass, System: index, Phase: activities.PhaseWrite, Ref: transformed.Ref, Source: w.Index,
			}).Get(ctx, &loaded)
		if err != nil {
			return err
		}
		r.addLoaded(target, loaded)
		if target == r.detected.Targets[0] {
			tally := transformed.Tally
			tally.Applied = loaded.Created + loaded.Updated + loaded.Deleted
			tally.Unchanged = loaded.Unchanged
			tally.Quarantined += loaded.Quarantined
			r.resolved.Tally = activities.AddTally(r.resolved.Tally, tally)
		}
	}
	return nil
}
