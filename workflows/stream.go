package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
)

// stream is the pass of a stateless sync: the same five steps for each
// partition by itself, a few partitions in flight, no barrier between them.
// Resolve has nothing to decide here: it makes sure that the run is still the
// sync's current one before a partition is written, and that what could not be
// mapped is in the ledger. Where nothing was bad it is a local activity, which
// costs next to nothing.
func (r *run) stream(ctx workflow.Context) error {
	r.now = activities.StepExtract
	flight := newFlight(ctx, partitionsInFlight)
	for _, w := range r.detected.Windows {
		for _, part := range w.Partitions {
			flight.start(func(ctx workflow.Context) error {
				s := &streamed{run: r, window: w, part: part, loads: make([]*activities.Loaded, len(r.detected.Targets))}
				if err := again(func(attempt int) error { return s.pass(ctx, attempt) }); err != nil {
					return err
				}
				s.count()
				r.tell(ctx, append(slices.Clone(r.lines), r.streamed()...))
				return nil
			})
		}
	}
	err := flight.wait()
	r.lines = append(r.lines, r.streamed()...)
	r.tell(ctx, r.lines)
	return err
}

// streamed is how far the steps are, which go on side by side.
func (r *run) streamed() []string {
	var lines []string
	for _, w := range r.detected.Windows {
		if w.Mode != "" {
			lines = append(lines, told(activities.StepExtract, fmt.Sprintf("%s: %d records", w.System, r.read[w.System])))
		}
	}
	t := r.resolved.Tally
	lines = append(lines,
		told(activities.StepTransform, fmt.Sprintf("%d records, %d quarantined, %d ignored", r.transformed, t.Quarantined, t.Ignored)),
		told(activities.StepResolve, "one source, so nothing to decide; the run is still the current one"))
	for _, target := range r.detected.Targets {
		l := r.loaded[target]
		lines = append(lines, told(activities.StepLoad, fmt.Sprintf("%s: %d created, %d updated, %d deleted, %d unchanged",
			target, l.Created, l.Updated, l.Deleted, l.Unchanged)))
	}
	return lines
}

// streamed is one partition of a stateless run.
type streamed struct {
	run       *run
	window    activities.Window
	part      connectors.Partition
	extracted activities.Extracted
	// Transforms and loads are by target; a load that was done is not repeated
	// when the stage loses another one's batches.
	transforms []activities.Transformed
	loads      []*activities.Loaded
}

func (s *streamed) pass(ctx workflow.Context, attempt int) error {
	pass := s.run.detected.Pass
	pass.Attempt = attempt
	what := fmt.Sprintf("%s, partition %s", s.window.System, s.part.ID)
	err := workflow.ExecuteActivity(step(ctx, activities.StepExtract, what), activities.StepExtract,
		activities.ExtractInput{Pass: pass, System: s.window.Index, Partition: s.part, Stateless: true}).Get(ctx, &s.extracted)
	if err != nil {
		return err
	}
	if err := s.transform(ctx, pass, what); err != nil {
		return err
	}
	if err := s.resolve(ctx, pass, what); err != nil {
		return err
	}
	return s.load(ctx, pass)
}

func (s *streamed) transform(ctx workflow.Context, pass activities.Pass, what string) error {
	s.transforms = nil
	for _, target := range s.run.detected.Targets {
		var transformed activities.Transformed
		err := workflow.ExecuteActivity(step(ctx, activities.StepTransform, what+" for "+target), activities.StepTransform,
			activities.TransformInput{
				Pass: pass, System: s.window.Index, Partition: s.part.ID, Ref: s.extracted.Ref, Stateless: true,
				Target: s.run.indexOf(target), Complete: s.window.Complete,
			}).Get(ctx, &transformed)
		if err != nil {
			return err
		}
		s.transforms = append(s.transforms, transformed)
	}
	return nil
}

func (s *streamed) resolve(ctx workflow.Context, pass activities.Pass, what string) error {
	in := activities.ResolveInput{Pass: pass, Stateless: true, System: s.window.System}
	for _, t := range s.transforms {
		if t.Rejects != "" {
			in.Rejects = append(in.Rejects, t.Rejects)
		}
	}
	if len(in.Rejects) == 0 {
		return workflow.ExecuteLocalActivity(localStep(ctx, what+": still the current run"), activities.StepResolve, in).Get(ctx, nil)
	}
	return workflow.ExecuteActivity(step(ctx, activities.StepResolve, what+": records that cannot be mapped"),
		activities.StepResolve, in).Get(ctx, nil)
}

func (s *streamed) load(ctx workflow.Context, pass activities.Pass) error {
	for i, target := range s.run.detected.Targets {
		if s.loads[i] != nil {
			continue
		}
		var loaded activities.Loaded
		err := workflow.ExecuteActivity(step(ctx, activities.StepLoad, fmt.Sprintf("%s, %d records", target, s.transforms[i].Rows)),
			activities.StepLoad, activities.LoadInput{
				Pass: pass, System: s.run.indexOf(target), Phase: activities.PhaseWrite, Ref: s.transforms[i].Ref,
				Source: s.window.Index, Complete: s.window.Complete,
			}).Get(ctx, &loaded)
		if err != nil {
			return err
		}
		s.loads[i] = &loaded
	}
	return nil
}

// count adds the partition to the run. A bulk load tells how many records it
// wrote and not which ones, so that it cannot be known whether what one target
// took is what another had already: with several targets, how each record ended
// is counted once for each of them.
func (s *streamed) count() {
	r := s.run
	r.read[s.window.System] += s.extracted.Rows
	r.transformed += s.extracted.Rows
	for i, target := range r.detected.Targets {
		loaded := *s.loads[i]
		r.addLoaded(target, loaded)
		tally := s.transforms[i].Tally
		tally.Applied = loaded.Created + loaded.Updated + loaded.Deleted
		tally.Unchanged = loaded.Unchanged
		tally.Quarantined += loaded.Quarantined
		r.resolved.Tally = activities.AddTally(r.resolved.Tally, tally)
	}
}
