package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

func newRun(a *app) *cobra.Command {
	var ask workflows.Ask
	var detach bool
	c := &cobra.Command{
		Use:   "run NAME...",
		Short: "Run a sync once, now",
		Long: "Run a sync once, now: detect, extract, transform, resolve, load.\n\n" +
			"While a sync was never deployed, its definition file is what runs. Afterwards a file\n" +
			"that differs is refused: deploy it, or name a revision.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) == 1 {
				return a.run(c.Context(), names[0], ask, detach)
			}
			return a.runAll(c.Context(), names, ask, detach)
		},
	}
	c.Flags().IntVar(&ask.Revision, "revision", 0, "run this revision of the definition")
	c.Flags().BoolVar(&ask.Full, "full", false, "list every system completely")
	c.Flags().StringSliceVar(&ask.Except, "except", nil, "leave these fields alone in this run")
	c.Flags().BoolVar(&detach, "detach", false, "start it and do not wait")
	return c
}

// runAll runs one sync after the other; each says how it ended, and the exit
// code is that of the first that failed, else of one that waits.
func (a *app) runAll(ctx context.Context, names []string, ask workflows.Ask, detach bool) error {
	code := exitDone
	for _, name := range names {
		err := a.run(ctx, name, ask, detach)
		if err == nil {
			continue
		}
		if ended := a.screen.exit(err); code == exitDone || code == exitWaiting {
			code = ended
		}
		if ctx.Err() != nil || code == exitInterrupted {
			break
		}
	}
	if code == exitDone {
		return nil
	}
	return &exitError{code: code}
}

func (a *app) run(ctx context.Context, name string, ask workflows.Ask, detach bool) error {
	house, err := a.openHouse(ctx)
	if err != nil {
		return err
	}
	paused, err := house.Ledger.Paused(ctx, name)
	if err != nil {
		return err
	}
	if reason, held := paused[""]; held {
		return &exitError{
			code: exitFailed, err: fmt.Errorf("%s is paused: %s; nothing was started", name, reason),
			next: "`syncline resume " + name + "` goes on",
		}
	}
	if ask.Revision, err = a.pin(ctx, house, name, ask.Revision); err != nil {
		return err
	}
	if ask.Trigger == "" {
		ask.Trigger = "manual"
	}
	if _, err := a.openEngine(ctx); err != nil {
		return err
	}
	started, err := a.start(ctx, name, ask)
	if err != nil {
		return err
	}
	if detach {
		a.screen.say("%s is on its way: %s", started.WorkflowID, a.engine.WorkflowURL(started.WorkflowID, started.RunID))
		return nil
	}
	return a.await(ctx, started)
}

// start asks for a run. A Sync does one thing at a time, so that it may take a
// while until the run is on its way.
func (a *app) start(ctx context.Context, name string, ask workflows.Ask) (workflows.Started, error) {
	quiet := time.AfterFunc(patience, func() {
		before := "another run"
		if runs, err := a.house.Ledger.Runs(ctx, name, 1); err == nil && len(runs) > 0 {
			before = runs[0].ID
		}
		a.screen.note("%s is going on; this run comes after it", before)
	})
	defer quiet.Stop()
	started, err := worker.Ask(ctx, a.client(), name, ask)
	if err != nil {
		return started, fmt.Errorf("start the run of %s: %w", name, plainError(err))
	}
	return started, nil
}

// patience is how long a person waits without being told for what.
const patience = 3 * time.Second

// await follows a run to its end and tells how it ended.
func (a *app) await(ctx context.Context, started workflows.Started) error {
	result, err := a.follow(ctx, started)
	if err == nil {
		return a.report(result)
	}
	if a.screen.json && result.Outcome == activities.OutcomeFailed {
		if result.URL == "" {
			result.URL = a.engine.WorkflowURL(started.WorkflowID, started.RunID)
		}
		if printing := a.screen.print(result); printing != nil {
			return printing
		}
	}
	return err
}

// follow waits for a run and shows how it goes. The first Ctrl-C detaches from
// it, a second cancels it.
func (a *app) follow(ctx context.Context, started workflows.Started) (activities.Result, error) {
	var result activities.Result
	handle := a.client().GetWorkflow(ctx, started.WorkflowID, started.RunID)
	done := make(chan error, 1)
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { done <- handle.Get(waiting, &result) }()
	interrupts, giveBack := a.signals.interrupts()
	defer giveBack()
	progress := newProgress(a.screen, started.WorkflowID)
	defer progress.end()
	ticks := progress.ticker()
	defer ticks.Stop()
	for {
		select {
		case err := <-done:
			progress.end()
			return a.ended(started, result, err)
		case <-ticks.C:
			progress.show(ctx, a.client(), started)
		case <-interrupts:
			progress.end()
			goesOn := "it goes on without this command"
			if a.engine.Embedded() {
				goesOn = "it is left where it is"
			}
			a.screen.note("Ctrl-C again within 3 seconds cancels the run; else %s: %s", goesOn,
				a.engine.WorkflowURL(started.WorkflowID, started.RunID))
			if secondInterrupt(interrupts) {
				return result, a.cancelRun(ctx, handle, started)
			}
			return result, a.detached(started)
		}
	}
}

func (a *app) detached(started workflows.Started) error {
	next := "it goes on: " + a.engine.WorkflowURL(started.WorkflowID, started.RunID)
	if a.engine.Embedded() {
		next = "it goes on with the next `syncline up` or `syncline run`; nothing is lost"
	}
	return &exitError{code: exitInterrupted, err: errors.New("detached from " + started.WorkflowID), next: next}
}

func (a *app) cancelRun(ctx context.Context, handle client.WorkflowRun, started workflows.Started) error {
	if err := a.client().CancelWorkflow(ctx, started.WorkflowID, started.RunID); err != nil {
		return fmt.Errorf("cancel %s: %w", started.WorkflowID, err)
	}
	_ = handle.Get(ctx, nil) // it ends as cancelled
	return &exitError{
		code: exitInterrupted, err: errors.New("cancelled " + started.WorkflowID),
		next: "what was written stays and is in the journal; positions were not moved, so the next run finds the rest",
	}
}

// ended makes sense of how a run workflow ended.
func (a *app) ended(started workflows.Started, result activities.Result, err error) (activities.Result, error) {
	if err == nil {
		return result, nil
	}
	result.Run, result.Sync = started.WorkflowID, workflows.SyncOf(started.WorkflowID)
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		if app.HasDetails() {
			_ = app.Details(&result) // a run that failed early has none
		}
		result.Outcome = activities.OutcomeFailed
		if result.Reason == "" {
			result.Reason = app.Message()
		}
		return result, &exitError{
			code: codeOf(connectors.Kind(app.Type())), err: errors.New(app.Message()),
			next: nextFor(connectors.Kind(app.Type()), result),
		}
	}
	return result, plainError(err)
}

func nextFor(kind connectors.Kind, result activities.Result) string {
	switch kind {
	case connectors.Unauthorized, connectors.Transient:
		return "nothing more was written and positions were not moved; `syncline connections test` checks the connection, then run it again"
	case connectors.SchemaChanged, connectors.NotFound:
		return "nothing more was written and positions were not moved; `syncline check` shows what does not fit"
	case connectors.Fenced:
		return "`syncline runs list " + result.Sync + "` shows who took over"
	case connectors.RateLimited, connectors.Conflict, connectors.BadRecord, connectors.Incomplete, connectors.Permanent:
		return "nothing more was written and positions were not moved; `syncline runs show " + result.Run + "` has the details"
	default:
		return ""
	}
}

// plainError takes Temporal's frame off an error.
func plainError(err error) error {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return errors.New(app.Message())
	}
	return err
}

// report prints a result and gives its exit code.
func (a *app) report(result activities.Result) error {
	if result.URL == "" {
		result.URL = a.engine.WorkflowURL(result.Run, "")
	}
	if a.screen.json {
		if err := a.screen.print(result); err != nil {
			return err
		}
	} else {
		a.showResult(result)
	}
	switch result.Outcome {
	case activities.OutcomeDone:
		return nil
	case activities.OutcomeWaiting:
		return &exitError{code: exitWaiting}
	case activities.OutcomeStopped:
		return &exitError{
			code: exitStopped, err: errors.New("stopped before anything was written: " + result.Reason),
			next: fmt.Sprintf("look at it with `syncline plan %s`, then `syncline approve %s`", result.Sync, result.Run),
		}
	default:
		return &exitError{code: exitFailed, err: errors.New(result.Reason)}
	}
}

func (a *app) showResult(r activities.Result) {
	s := a.screen
	c := r.Counts
	mark := s.green("✓")
	if r.Outcome != activities.OutcomeDone {
		mark = s.yellow("!")
	}
	s.say("%s %s %s in %.1f s", mark, s.bold(r.Run), r.Outcome, r.Seconds)
	parts := []string{fmt.Sprintf("%d read", c.Read)}
	for _, p := range []struct {
		n    int64
		what string
	}{
		{c.Applied, "applied"},
		{c.Owed, "owed"},
		{c.Unchanged, "unchanged"},
		{c.Conflicts, "in conflict"},
		{c.Quarantined, "quarantined"},
		{c.Ignored, "ignored"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	s.say("  %s", strings.Join(parts, " · "))
	for _, name := range sortedKeys(r.Systems) {
		w := r.Systems[name]
		line := fmt.Sprintf("  %-12s %d read, %d created, %d updated, %d deleted", name, w.Read, w.Created, w.Updated, w.Deleted)
		if w.Down != "" {
			line += "  " + s.red("down: "+w.Down)
		}
		s.say("%s", line)
	}
	if r.Open > 0 {
		s.say("  %s", s.yellow(fmt.Sprintf("%d conflicts wait: syncline conflicts list %s", r.Open, r.Sync)))
	}
	if c.Quarantined > 0 {
		s.say("  %s", s.yellow(fmt.Sprintf("%d records are quarantined: syncline quarantine list %s", c.Quarantined, r.Sync)))
	}
	s.say("  %s", s.dim(r.URL))
}
