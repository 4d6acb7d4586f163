package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// Run is one pass of a sync. It reads like the sentence: detect, extract,
// transform, resolve, load; the guard stands before the first write, deletes
// are written last, and positions move in the closing commit.
//
// A run that a limit stopped, or that leaves conflicts, ends well and says so
// in its result; one that could not do its work fails, with the result among
// the error's details.
func Run(ctx workflow.Context, request activities.Request) (activities.Result, error) {
	info := workflow.GetInfo(ctx)
	if request.Run == "" {
		request.Run = info.WorkflowExecution.ID
	}
	r := &run{
		request: request,
		started: record.NewTimestamp(info.WorkflowStartTime),
		loaded:  map[string]activities.Loaded{},
		read:    map[string]int64{},
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx,
		SearchSync.ValueSet(request.Sync), SearchTrigger.ValueSet(request.Trigger)); err != nil {
		return activities.Result{}, err
	}
	if err := workflow.SetQueryHandler(ctx, QueryProgress, r.progress); err != nil {
		return activities.Result{}, err
	}
	return r.close(ctx, r.pass(ctx))
}

// run is what one pass knows so far: counts and references.
type run struct {
	request  activities.Request
	detected activities.Detected
	started  record.Timestamp
	parts    []transformedPart
	resolved activities.Resolved
	// settled is the part of it that came from decisions and deadlines, decided
	// that of this attempt's groups, and early that of earlier attempts' groups.
	settled        activities.Resolved
	decided, early reconcile.Tally
	stopped        activities.Guarded
	loaded         map[string]activities.Loaded
	read           map[string]int64
	lines          []string
	// now and transformed are for whoever asks how far it is.
	now         string
	transformed int64
}

// transformedPart is a partition whose records wait for resolve.
type transformedPart struct {
	part   activities.Part
	groups uint64
	serial bool
}

func (r *run) pass(ctx workflow.Context) error {
	if err := r.detect(ctx); err != nil {
		return err
	}
	if r.detected.Stateless {
		return r.stream(ctx)
	}
	if err := r.readAndResolve(ctx); err != nil {
		return err
	}
	if err := r.guard(ctx); err != nil || r.stopped.Stopped != "" {
		return err
	}
	if err := r.load(ctx, activities.PhaseWrite); err != nil {
		return err
	}
	return r.load(ctx, activities.PhaseDelete)
}

func (r *run) detect(ctx workflow.Context) error {
	r.say(ctx, "detect", "looking for changes")
	err := workflow.ExecuteActivity(step(ctx, activities.StepDetect, "what changed since the last run"),
		activities.StepDetect, r.request).Get(ctx, &r.detected)
	if err != nil {
		return err
	}
	for _, w := range r.detected.Windows {
		if w.Down != "" {
			r.say(ctx, "detect", fmt.Sprintf("%s goes without being read or written: %s", w.System, w.Down))
			continue
		}
		r.say(ctx, "detect", fmt.Sprintf("%s: %s, %d partitions", w.System, w.Mode, len(w.Partitions)))
	}
	return nil
}

// extractAndTransform reads all partitions of all systems, a few at a time;
// a partition is transformed as soon as it is extracted.
func (r *run) extractAndTransform(ctx workflow.Context) error {
	flight := newFlight(ctx, partitionsInFlight)
	for _, w := range r.detected.Windows {
		for _, part := range w.Partitions {
			flight.start(func(ctx workflow.Context) error { return r.partition(ctx, w, part) })
		}
	}
	if err := flight.wait(); err != nil {
		return err
	}
	for _, w := range r.detected.Windows {
		if w.Down == "" {
			r.say(ctx, "extract", fmt.Sprintf("%s: %d records", w.System, r.read[w.System]))
		}
	}
	r.say(ctx, "transform", fmt.Sprintf("%d records changed or not known yet", r.transformed))
	return nil
}

// partition brings one partition into the stage, in the form in which it is
// resolved. What the stage loses on the way is extracted again.
func (r *run) partition(ctx workflow.Context, w activities.Window, part connectors.Partition) error {
	return again(func(int) error { return r.readPartition(ctx, w, part) })
}

func (r *run) readPartition(ctx workflow.Context, w activities.Window, part connectors.Partition) error {
	var extracted activities.Extracted
	what := fmt.Sprintf("%s, partition %s", w.System, part.ID)
	err := workflow.ExecuteActivity(step(ctx, activities.StepExtract, what), activities.StepExtract,
		activities.ExtractInput{Pass: r.detected.Pass, System: w.Index, Partition: part}).Get(ctx, &extracted)
	if err != nil {
		return err
	}
	var transformed activities.Transformed
	what = fmt.Sprintf("%s, partition %s: %d records", w.System, part.ID, extracted.Rows)
	err = workflow.ExecuteActivity(step(ctx, activities.StepTransform, what), activities.StepTransform,
		activities.TransformInput{
			Pass: r.detected.Pass, System: w.Index, Partition: part.ID, Ref: extracted.Ref,
			First: w.First && r.detected.Pass.Attempt == 0,
		}).Get(ctx, &transformed)
	if err != nil {
		return err
	}
	r.read[w.System] += extracted.Rows
	r.resolved.Tally = activities.AddTally(r.resolved.Tally, transformed.Tally)
	r.transformed += transformed.Rows
	r.parts = append(r.parts, transformedPart{
		part: activities.Part{System: w.Index, ID: part.ID}, groups: transformed.Groups, serial: transformed.Serial,
	})
	return nil
}

func (r *run) guard(ctx workflow.Context) error {
	err := workflow.ExecuteActivity(step(ctx, activities.ActGuard, "limits, before anything is written"),
		activities.ActGuard, activities.GuardInput{Pass: r.detected.Pass, Resolved: r.resolved}).Get(ctx, &r.stopped)
	if err == nil && r.stopped.Stopped != "" {
		r.say(ctx, "stopped", r.stopped.Stopped)
	}
	return err
}

// close records how the run ended, also when it was cancelled meanwhile.
func (r *run) close(ctx workflow.Context, failure error) (activities.Result, error) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	input := activities.FinishInput{
		Pass: r.detected.Pass, Trigger: r.request.Trigger, Windows: withoutPartitions(r.detected.Windows),
		Tally: r.resolved.Tally, Resolved: r.resolved, Loaded: r.loaded, Read: r.read, Stopped: r.stopped,
		Stateless: r.detected.Stateless, Started: r.started, Ended: record.NewTimestamp(workflow.Now(ctx)), URL: r.request.URL,
	}
	if input.Stateless {
		input.Targets = len(r.detected.Targets)
	}
	input.Pass.Sync, input.Pass.Run = r.request.Sync, r.request.Run
	if failure != nil {
		input.Failed = reason(failure)
	}
	var result activities.Result
	err := workflow.ExecuteActivity(step(ctx, activities.ActFinish, "positions and counts"),
		activities.ActFinish, input).Get(ctx, &result)
	if failure == nil {
		failure = err
	}
	if failure != nil {
		return result, failed(failure, result)
	}
	r.say(ctx, "finish", result.Outcome)
	err = workflow.UpsertTypedSearchAttributes(ctx, SearchOutcome.ValueSet(result.Outcome),
		SearchConflicts.ValueSet(result.Counts.Conflicts), SearchApplied.ValueSet(result.Counts.Applied))
	return result, err
}

// failed gives the error of a run with its result among the details, so that
// whoever waits for it can tell what was done and what was not.
func failed(err error, result activities.Result) error {
	if temporal.IsCanceledError(err) {
		return err
	}
	return temporal.NewNonRetryableApplicationError(reason(err), kindOf(err), err, result)
}

func withoutPartitions(windows []activities.Window) []activities.Window {
	light := make([]activities.Window, len(windows))
	for i, w := range windows {
		w.Partitions = nil
		light[i] = w
	}
	return light
}

// say adds a line to what the Web UI shows of the run.
func (r *run) say(ctx workflow.Context, what, line string) {
	r.now = what
	r.lines = append(r.lines, told(what, line))
	r.tell(ctx, r.lines)
}

func (r *run) tell(ctx workflow.Context, lines []string) {
	workflow.SetCurrentDetails(ctx, clip(strings.Join(lines, "\n"), maxDetails))
}

func told(what, line string) string { return fmt.Sprintf("- **%s** %s", what, line) }
