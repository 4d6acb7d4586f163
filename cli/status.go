package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/mappings"
	"github.com/syncline-dev/syncline/worker"
)

// syncStatus is one line of `status`.
type syncStatus struct {
	Sync        string            `json:"sync"`
	About       string            `json:"about,omitempty"`
	Deployed    int               `json:"deployed_revision,omitempty"`
	Last        string            `json:"last_run,omitempty"`
	Outcome     string            `json:"outcome,omitempty"`
	Ended       *time.Time        `json:"ended,omitempty"`
	Conflicts   int64             `json:"open_conflicts"`
	Quarantined int               `json:"quarantined"`
	Paused      map[string]string `json:"paused,omitempty"`
}

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status [NAME...]",
		Short: "Show all syncs: last run, what is open, what is paused",
		RunE: func(c *cobra.Command, names []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			all, err := a.statuses(c.Context(), house, names)
			if err != nil {
				return err
			}
			for _, st := range all {
				if a.screen.json {
					err = a.screen.print(st)
				} else {
					a.showStatus(st)
				}
				if err != nil {
					return err
				}
			}
			if len(all) == 0 && !a.screen.json {
				a.screen.say("no syncs yet: `syncline init` writes a first definition, `syncline demo` shows one at work")
			}
			return nil
		},
	}
}

// statuses joins the definitions of the folder with what is deployed.
func (a *app) statuses(ctx context.Context, house *worker.House, names []string) ([]syncStatus, error) {
	known := map[string]syncStatus{}
	project, _ := house.Project() // what is wrong with definitions is for check to say
	for _, def := range project.Definitions {
		known[def.Sync.Value] = syncStatus{Sync: def.Sync.Value, About: def.About}
	}
	deployed, err := house.Ledger.Deployed(ctx)
	if err != nil {
		return nil, err
	}
	for _, revision := range deployed {
		st := known[revision.Sync]
		st.Sync, st.Deployed = revision.Sync, revision.Number
		known[revision.Sync] = st
	}
	if len(names) == 0 {
		names = sortedKeys(known)
	}
	all := make([]syncStatus, 0, len(names))
	for _, name := range names {
		st, ok := known[name]
		if !ok {
			_, err := project.Find(name)
			return nil, &exitError{code: exitUsage, err: err}
		}
		if err := fill(ctx, house.Ledger, &st); err != nil {
			return nil, err
		}
		all = append(all, st)
	}
	return all, nil
}

func fill(ctx context.Context, store *ledger.Store, st *syncStatus) error {
	runs, err := store.Runs(ctx, st.Sync, 1)
	if err != nil {
		return err
	}
	if len(runs) > 0 {
		st.Last, st.Outcome = runs[0].ID, orElse(runs[0].Outcome, "running")
		if !runs[0].Ended.IsZero() {
			st.Ended = &runs[0].Ended
		}
	}
	if st.Conflicts, _, err = store.CountConflicts(ctx, st.Sync); err != nil {
		return err
	}
	rows, err := store.Quarantine(ctx, st.Sync, 10_000)
	if err != nil {
		return err
	}
	st.Quarantined = len(rows)
	st.Paused, err = store.Paused(ctx, st.Sync)
	return err
}

func (a *app) showStatus(st syncStatus) {
	s := a.screen
	s.say("%s  %s", s.bold(st.Sync), s.dim(st.About))
	last := "never run"
	if st.Last != "" {
		last = st.Last + " " + st.Outcome
		if st.Ended != nil {
			last += ", " + time.Since(*st.Ended).Round(time.Second).String() + " ago"
		}
	}
	deployed := "not deployed"
	if st.Deployed > 0 {
		deployed = fmt.Sprintf("revision %d", st.Deployed)
	}
	s.say("  %s · %s", last, deployed)
	if st.Conflicts > 0 {
		s.say("  %s", s.yellow(count(st.Conflicts, "open conflict")))
	}
	if st.Quarantined > 0 {
		s.say("  %s", s.yellow(count(st.Quarantined, "quarantined record")))
	}
	for _, system := range sortedKeys(st.Paused) {
		s.say("  %s", s.yellow(strings.TrimSpace("paused "+system)+": "+st.Paused[system]))
	}
}

// heldView is what `pause` and `resume` print for scripts.
type heldView struct {
	Sync   string `json:"sync"`
	System string `json:"system,omitempty"`
	Paused bool   `json:"paused"`
	Reason string `json:"reason,omitempty"`
}

// approvedView is what `approve` prints for scripts.
type approvedView struct {
	Run      string `json:"run"`
	Sync     string `json:"sync"`
	Approved string `json:"approved"`
}

// known refuses to hold what there is not: a sync, or a system of it.
func (a *app) known(ctx context.Context, house *worker.House, name, system string) error {
	project, _ := house.Project() // what is wrong with definitions is for check to say
	def, err := project.Find(name)
	if err != nil {
		revision, missing := house.Ledger.Revision(ctx, name, 0)
		if missing != nil && !errors.Is(missing, ledger.ErrNotFound) {
			return missing
		}
		if missing != nil {
			return &exitError{code: exitUsage, err: err, next: "`syncline status` lists the syncs"}
		}
		definitions, problems := mappings.Parse(name, []byte(revision.YAML))
		if problems.Failed() || len(definitions) != 1 {
			return nil //nolint:nilerr // it was run, by a version that understood it
		}
		def = definitions[0]
	}
	if system == "" {
		return nil
	}
	names := make([]string, len(def.Systems))
	for i, s := range def.Systems {
		names[i] = s.Name.Value
	}
	if !slices.Contains(names, system) {
		return usage(fmt.Sprintf("%s has no system %q; there are %s", name, system, strings.Join(names, ", ")))
	}
	return nil
}

func newApprove(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "approve RUN", Short: "Let a run that a limit stopped go on, for exactly what it showed", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openHouse(c.Context())
			if err != nil {
				return err
			}
			result, err := a.stoppedRun(c.Context(), house.Ledger, args[0])
			if err != nil {
				return err
			}
			err = house.Ledger.Approve(c.Context(), ledger.Approval{
				Sync: result.Sync, Run: result.Run, Hash: result.Hash, Who: userName(), At: time.Now(),
			})
			if err != nil {
				return err
			}
			return a.screen.answer(approvedView{Run: result.Run, Sync: result.Sync, Approved: result.Reason},
				"%s approved: %s\n`syncline run %s` writes it; if more has come since, it stops again",
				a.screen.green("✓"), result.Reason, result.Sync)
		},
	}
}
