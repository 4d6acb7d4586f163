package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/workflows"
)

func newRuns(a *app) *cobra.Command {
	return group("runs", "List, show, follow and cancel runs",
		newRunsList(a), newRunsShow(a), newRunsFollow(a), newRunsCancel(a))
}

func newRunsList(a *app) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "list NAME", Short: "List the last runs of a sync", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			if err := a.known(c.Context(), house, args[0], ""); err != nil {
				return err
			}
			runs, err := house.Ledger.Runs(c.Context(), args[0], limit)
			if err != nil {
				return err
			}
			if len(runs) == 0 {
				a.screen.note("%s was never run", args[0])
			}
			for _, run := range runs {
				result := resultOf(run)
				if a.screen.json {
					if err := a.screen.print(viewResult(result)); err != nil {
						return err
					}
					continue
				}
				a.screen.say("%-28s %-9s %-9s %s  %d read, %d applied  %s", run.ID, orElse(run.Outcome, "running"), run.Trigger,
					run.Started.Local().Format(time.DateTime), result.Counts.Read, result.Counts.Applied, a.screen.dim(result.Reason))
			}
			return nil
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "at most so many")
	return c
}

func resultOf(run ledger.Run) activities.Result {
	var result activities.Result
	if len(run.Result) > 0 {
		_ = json.Unmarshal(run.Result, &result) // a run of a newer version shows what is known here
	}
	result.Run, result.Sync = run.ID, run.Sync
	result.Outcome = orElse(result.Outcome, orElse(run.Outcome, "running"))
	return result
}

// findRun gives a run of the ledger, by its whole name (SYNC/run/N).
func (a *app) findRun(ctx context.Context, store *ledger.Store, id string) (ledger.Run, error) {
	run, err := store.Run(ctx, id)
	if errors.Is(err, ledger.ErrNotFound) {
		next := "a run is named SYNC/run/N, as `syncline runs list SYNC` shows"
		if strings.Contains(id, "/run/") {
			next = "`syncline runs list " + workflows.SyncOf(id) + "` shows the runs"
		}
		return run, &exitError{code: exitUsage, err: fmt.Errorf("there is no run %q", id), next: next}
	}
	return run, err
}

func (a *app) stoppedRun(ctx context.Context, store *ledger.Store, id string) (activities.Result, error) {
	run, err := a.findRun(ctx, store, id)
	if err != nil {
		return activities.Result{}, err
	}
	result := resultOf(run)
	if result.Hash == "" {
		return result, &exitError{
			code: exitFailed, err: fmt.Errorf("%s was not stopped by a limit: it ended as %s; nothing was approved", id, result.Outcome),
			next: "`syncline runs list " + result.Sync + "` shows which did",
		}
	}
	return result, nil
}

func newRunsShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show RUN", Short: "Show one run", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			run, err := a.findRun(c.Context(), house.Ledger, args[0])
			if err != nil {
				return err
			}
			result := resultOf(run)
			if running, err := engine.Look(engine.Options{State: house.Config.State}); err == nil && result.URL == "" {
				result.URL = running.WorkflowURL(run.ID)
			}
			if a.screen.json {
				return a.screen.print(viewResult(result))
			}
			a.showResult(result)
			if result.Reason != "" && result.Outcome != activities.OutcomeWaiting {
				a.screen.say("  %s", result.Reason)
			}
			return nil
		},
	}
}

func newRunsFollow(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "follow RUN", Short: "Follow a run that goes on", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openHouse(c.Context())
			if err != nil {
				return err
			}
			run, err := a.findRun(c.Context(), house.Ledger, args[0])
			if err != nil {
				return err
			}
			if run.Outcome != "" {
				return a.report(resultOf(run)) // it has ended: how is in the ledger
			}
			if _, err := a.openEngine(c.Context()); err != nil {
				return err
			}
			a.spoke(run.Sync)
			return a.await(c.Context(), workflows.Started{WorkflowID: args[0]})
		},
	}
}

// goesOn opens the engine for a run that has not ended.
func (a *app) goesOn(ctx context.Context, id string) error {
	house, err := a.openHouse(ctx)
	if err != nil {
		return err
	}
	run, err := a.findRun(ctx, house.Ledger, id)
	if err != nil {
		return err
	}
	if run.Outcome != "" {
		return &exitError{
			code: exitFailed, err: fmt.Errorf("%s has ended already, as %s; there is nothing to cancel", id, run.Outcome),
			next: "`syncline runs show " + id + "` shows it",
		}
	}
	_, err = a.openEngine(ctx)
	a.spoke(run.Sync)
	return err
}

func newRunsCancel(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "cancel RUN", Short: "Cancel a run that goes on", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.goesOn(c.Context(), args[0]); err != nil {
				return err
			}
			if err := a.client().CancelWorkflow(c.Context(), args[0], ""); err != nil {
				return fmt.Errorf("cancel %s: %w", args[0], plainError(err))
			}
			return a.screen.answer(map[string]string{"run": args[0], "asked": "cancel"},
				"%s is asked to end; what it wrote stays and is in the journal", args[0])
		},
	}
}
