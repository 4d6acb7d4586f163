package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"

	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/workflows"
)

func newPause(a *app) *cobra.Command {
	var system, reason string
	c := &cobra.Command{
		Use: "pause NAME", Short: "Hold a sync, or one system of it", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openHouse(c.Context())
			if err != nil {
				return err
			}
			if err := a.known(c.Context(), house, args[0], system); err != nil {
				return err
			}
			reason = orElse(reason, "by "+userName())
			if err := house.Ledger.Pause(c.Context(), args[0], system, reason, time.Now()); err != nil {
				return err
			}
			what, flag := args[0], ""
			if system != "" {
				what, flag = args[0]+", system "+system+",", " --system "+system
			}
			return a.screen.answer(heldView{Sync: args[0], System: system, Paused: true, Reason: reason},
				"%s is paused; `syncline resume %s%s` goes on", what, args[0], flag)
		},
	}
	c.Flags().StringVar(&system, "system", "", "only this system: the others go on, it stays owed")
	c.Flags().StringVar(&reason, "reason", "", "why, for whoever looks")
	return c
}

func newResume(a *app) *cobra.Command {
	var system string
	c := &cobra.Command{
		Use: "resume NAME", Short: "Go on with a paused sync", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openHouse(c.Context())
			if err != nil {
				return err
			}
			if err := a.known(c.Context(), house, args[0], system); err != nil {
				return err
			}
			if err := house.Ledger.Resume(c.Context(), args[0], system); err != nil {
				return err
			}
			a.tellResumed(c.Context(), args[0])
			return a.screen.answer(heldView{Sync: args[0], System: system}, "%s goes on with its next run", args[0])
		},
	}
	c.Flags().StringVar(&system, "system", "", "only this system")
	return c
}

// tellResumed wakes the Sync if it is open in an engine that runs; it would look
// by itself, but only now and then.
func (a *app) tellResumed(ctx context.Context, sync string) {
	running, err := engine.Look(engine.Options{State: a.flags.state})
	if err != nil || !running.Up && !running.External {
		return
	}
	if _, err := a.openEngine(ctx); err != nil {
		a.log.Warn("the Sync could not be told that it may go on; it looks again within minutes", "sync", sync, "err", err)
		return
	}
	err = a.client().SignalWorkflow(ctx, workflows.SyncID(sync), "", workflows.SignalResume, workflows.Pause{})
	if _, closed := errors.AsType[*serviceerror.NotFound](err); err != nil && !closed {
		a.log.Warn("the Sync could not be told that it may go on; it looks again within minutes", "sync", sync, "err", err)
	}
}
