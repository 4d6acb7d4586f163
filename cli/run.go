package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/syncline-dev/syncline/activities"
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
		a.leaves = true
		url := a.engine.WorkflowURL(started.WorkflowID, started.RunID)
		err := a.screen.answer(map[string]string{"run": started.WorkflowID, "sync": name, "outcome": "running", "url": url},
			"%s is on its way: %s", started.WorkflowID, url)
		if err != nil {
			return err
		}
		if a.engine.Embedded() {
			a.screen.note("no `syncline up` is there to go on with it: it goes on with the next one, or with the next run")
		}
		return nil
	}
	return a.await(ctx, started)
}

// start asks for a run. A Sync does one thing at a time, so that it may take a
// while until the run is on its way.
func (a *app) start(ctx context.Context, name string, ask workflows.Ask) (workflows.Started, error) {
	quiet := time.AfterFunc(patience, func() {
		if a.engine.External() {
			a.screen.note("no answer yet; is a `syncline worker` running for this cluster?")
			return
		}
		runs, err := a.house.Ledger.Runs(ctx, name, 1)
		if err == nil && len(runs) > 0 && runs[0].Outcome == "" {
			a.screen.note("%s is going on; this run comes after it", runs[0].ID)
			return
		}
		a.screen.note("%s does not answer yet; it may still wait for a process that was killed", name)
	})
	defer quiet.Stop()
	a.spoke(name)
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
		if printing := a.screen.print(viewResult(result)); printing != nil {
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
			a.log.Info("interrupted", "sync", workflows.SyncOf(started.WorkflowID), "run", started.WorkflowID)
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
	a.leaves = true
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
