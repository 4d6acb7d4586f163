package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/mappings"
	"github.com/syncline-dev/syncline/worker"
)

func newDeploy(a *app) *cobra.Command {
	var remove bool
	c := &cobra.Command{
		Use:   "deploy NAME...",
		Short: "Store a revision and set its schedule",
		Long: "Store the definition as a numbered revision, install what it needs (triggers) and set\n" +
			"its schedule. --remove takes all of it away and leaves the ledger alone.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, names []string) error {
			if _, err := a.openEngine(c.Context()); err != nil {
				return err
			}
			for _, name := range names {
				do := a.deploy
				if remove {
					do = a.undeploy
				}
				if err := do(c.Context(), name); err != nil {
					return fmt.Errorf("deploy %s: %w", name, err)
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&remove, "remove", false, "take schedule and triggers away")
	return c
}

func (a *app) deploy(ctx context.Context, name string) error {
	def, err := a.find(a.house, name)
	if err != nil {
		return err
	}
	problems, _ := a.check(ctx, a.house, []string{name}, false)
	if err := problems.Err(); err != nil {
		return err
	}
	number, err := a.house.Ledger.SaveRevision(ctx, ledger.Revision{
		Sync: name, YAML: def.Source, Hash: sourceHash(def), By: "deploy", At: time.Now(),
	})
	if err != nil {
		return err
	}
	if err := a.install(ctx, def); err != nil {
		return err
	}
	if err := a.house.Ledger.SetDeployed(ctx, name, number, true); err != nil {
		return err
	}
	if err := worker.SetSchedule(ctx, a.client(), def); err != nil {
		return fmt.Errorf("set the schedule: %w", err)
	}
	if err := a.uninstall(ctx, name); err != nil {
		a.screen.note("warning: triggers that nothing needs any more could not be removed; the next deploy tries again: %v", err)
	}
	text := fmt.Sprintf("%s %s is deployed as revision %d%s", a.screen.green("✓"), name, number, inWords(def.Schedule))
	if a.engine.Embedded() && scheduled(def.Schedule) {
		text += "\n  its schedule runs while `syncline up` is up"
	}
	return a.screen.answer(deployedView{Sync: name, Revision: number, Deployed: true, Scheduled: scheduled(def.Schedule)}, "%s", text)
}

// deployedView is what `deploy` prints for scripts.
type deployedView struct {
	Sync      string `json:"sync"`
	Revision  int    `json:"revision"`
	Deployed  bool   `json:"deployed"`
	Scheduled bool   `json:"scheduled"`
}

func scheduled(s mappings.Schedule) bool { return s.Every > 0 || s.Cron != "" }

// every says a duration as a definition has it: 15m, and not 15m0s.
func every(d time.Duration) string {
	text := d.String()
	for _, rest := range []string{"m0s", "h0m"} {
		if cut, is := strings.CutSuffix(text, rest); is {
			text = cut + rest[:1]
		}
	}
	return text
}

func inWords(s mappings.Schedule) string {
	switch {
	case s.Every > 0:
		return ", every " + every(s.Every)
	case s.Cron != "":
		return ", by cron " + s.Cron + " " + s.Timezone
	default:
		return ", without a schedule: `syncline run` starts it"
	}
}

func (a *app) undeploy(ctx context.Context, name string) error {
	if err := a.known(ctx, a.house, name, ""); err != nil {
		return err
	}
	revision, err := a.house.Ledger.Revision(ctx, name, 0)
	if errors.Is(err, ledger.ErrNotFound) {
		return usage(name + " was never deployed or run: there is nothing to remove")
	}
	if err != nil {
		return err
	}
	if err := worker.RemoveSchedule(ctx, a.client(), name); err != nil {
		return err
	}
	if err := a.house.Ledger.SetDeployed(ctx, name, revision.Number, false); err != nil {
		return err
	}
	if err := a.uninstall(ctx, name); err != nil {
		return fmt.Errorf("remove triggers; `syncline deploy %s --remove` tries again: %w", name, err)
	}
	return a.screen.answer(deployedView{Sync: name, Revision: revision.Number},
		"%s %s is not deployed any more; its ledger stays", a.screen.green("✓"), name)
}

// restoreSchedules sets the schedules of everything deployed again: the
// engine's own files are disposable.
func (a *app) restoreSchedules(ctx context.Context) error {
	deployed, err := a.house.Ledger.Deployed(ctx)
	if err != nil {
		return err
	}
	for _, revision := range deployed {
		definitions, problems := mappings.Parse(revision.Sync, []byte(revision.YAML))
		if problems.Failed() || len(definitions) != 1 {
			a.screen.note("warning: the deployed definition of %s cannot be read any more; deploy it again", revision.Sync)
			continue
		}
		if err := worker.SetSchedule(ctx, a.client(), definitions[0]); err != nil {
			return fmt.Errorf("set the schedule of %s: %w", revision.Sync, err)
		}
	}
	return nil
}
