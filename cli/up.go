package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/worker"
)

func newUp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Stay up: engine, Web UI, worker and schedules",
		Long: "Stay up: the engine with its Web UI, the worker, and the schedules of what is deployed.\n" +
			"Other commands of the same state folder use it while it is up.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			running, err := engine.Look(engine.Options{State: a.flags.state})
			if err != nil {
				return err
			}
			if running.External {
				return usage("a Temporal cluster is configured (" + running.Address + ") and is up by itself; `syncline worker` runs a worker for it")
			}
			if _, err := a.openEngine(c.Context()); err != nil {
				return err
			}
			if !a.engine.Embedded() {
				return fmt.Errorf("another `syncline up` has this state folder already: %s", a.engine.UIURL())
			}
			if err := a.restoreSchedules(c.Context()); err != nil {
				return err
			}
			if err := a.sayUp(); err != nil {
				return err
			}
			a.signals.wait(c.Context())
			return nil
		},
	}
}

func (a *app) sayUp() error {
	s := a.screen
	return s.answer(map[string]string{"web_ui": a.engine.UIURL(), "temporal": a.engine.Address(), "state": a.house.Config.State},
		"Web UI    %s\nTemporal  %s\nstate     %s\nCtrl-C ends it; what is going on then goes on with the next start.",
		s.bold(a.engine.UIURL()), a.engine.Address(), a.house.Config.State)
}

func newWorker(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Run a worker for an external Temporal cluster",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			running, err := engine.Look(engine.Options{State: a.flags.state})
			if err != nil {
				return err
			}
			if !running.External {
				return usage("a worker needs a cluster: set TEMPORAL_ADDRESS or a profile in temporal.toml; without one, `syncline up` does all")
			}
			if _, err := a.openEngine(c.Context()); err != nil {
				return err
			}
			if err := a.ownStage(c.Context()); err != nil {
				return err
			}
			if err := a.startWorker(); err != nil {
				return err
			}
			err = a.screen.answer(map[string]string{"temporal": a.engine.Address(), "namespace": a.engine.Namespace()},
				"working for %s, namespace %s", a.engine.Address(), a.engine.Namespace())
			if err != nil {
				return err
			}
			a.signals.wait(c.Context())
			return nil
		},
	}
}

// ownStage refuses a stage that the workers of other machines cannot see: one
// step of a run would not find what another one staged.
func (a *app) ownStage(ctx context.Context) error {
	if a.house.Stage.Shared() {
		return nil
	}
	hosts, err := worker.Elsewhere(ctx, a.client())
	if err != nil || len(hosts) == 0 {
		return err
	}
	return &exitError{
		code: exitUsage, err: fmt.Errorf("the stage is a folder of this machine, and there are workers on %s", strings.Join(hosts, ", ")),
		next: "give all workers one --stage that all of them see, such as s3://bucket",
	}
}
