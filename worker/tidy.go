package worker

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/workflows"
)

const (
	// DefaultKeep is how long the journal, runs, decided conflicts and the
	// tombstones of deleted records are kept where nobody says: as long as the
	// engine keeps histories.
	DefaultKeep = 30 * 24 * time.Hour
	// leastKeep: limits count the deletes of the last day in the journal.
	leastKeep = 48 * time.Hour
	// KeepForever is a Config.Keep that forgets nothing.
	KeepForever = time.Duration(-1)
	// orphanAge is when an object of the stage that no run needs is taken for
	// one that a killed process left behind.
	orphanAge = 24 * time.Hour
	tidyEvery = 24 * time.Hour
)

// Tidied counts what was forgotten.
type Tidied struct {
	// Entries of the journal, Tombstones of deleted records, Objects of the stage.
	Entries, Tombstones int64
	// Runs and closed conflicts, with what was decided about them.
	ledger.Pruned
	Objects int
}

// keep gives the setting, or its default.
func (c Config) keep() (time.Duration, error) {
	switch {
	case c.Keep == 0:
		return DefaultKeep, nil
	case c.Keep > 0 && c.Keep < leastKeep:
		return 0, errors.New("the journal is kept for two days at least, because limits count the deletes of the last day")
	}
	return c.Keep, nil
}

// CheckKeep says what is wrong with the setting.
func (c Config) CheckKeep() error {
	_, err := c.keep()
	return err
}

// Tidy forgets what is older than the house keeps it: entries of the journal,
// tombstones that every system has answered, runs, closed conflicts and their
// decisions, and what killed processes left in the stage. A sync whose run is
// going on keeps all but the journal until the next time. It may run beside anything, and on several machines at once.
func (h *House) Tidy(ctx context.Context, now time.Time) (Tidied, error) {
	var (
		done Tidied
		errs []error
	)
	syncs, err := h.Ledger.Syncs(ctx)
	if err != nil {
		return done, err
	}
	keep, err := h.Config.keep()
	if err != nil {
		return done, err
	}
	running := map[string]bool{}
	for _, sync := range syncs {
		last, err := h.Ledger.LastRun(ctx, sync)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return done, err
		}
		goingOn := last.Outcome == ""
		running[last.ID] = goingOn
		if keep == KeepForever {
			continue
		}
		entries, err := h.Ledger.PruneJournal(ctx, sync, now.Add(-keep))
		done.Entries += entries
		errs = append(errs, err)
		if goingOn {
			continue
		}
		if err := h.forget(ctx, last, now.Add(-keep), &done); !errors.Is(err, ledger.ErrFenced) { // a run has begun meanwhile
			errs = append(errs, err)
		}
	}
	done.Objects, err = h.Stage.Sweep(ctx, orphanAge, func(name string) bool {
		run := runOf(name)
		return run == "" || running[run] || !slices.Contains(syncs, workflows.SyncOf(run))
	})
	return done, errors.Join(append(errs, err)...)
}

// forget forgets what may only go while no run of a sync is going on.
func (h *House) forget(ctx context.Context, last ledger.Run, before time.Time, done *Tidied) error {
	fence := ledger.Fence{Sync: last.Sync, Run: last.ID, Epoch: last.Epoch}
	tombstones, err := h.Ledger.Purge(ctx, fence, before)
	done.Tombstones += tombstones
	if err != nil {
		return err
	}
	first, err := h.firstNeeded(ctx, last)
	if err != nil {
		return err
	}
	pruned, err := h.Ledger.Prune(ctx, fence, first, before)
	done.Runs += pruned.Runs
	done.Decisions += pruned.Decisions
	done.Conflicts += pruned.Conflicts
	return err
}

// firstNeeded is the number of the run that the limits of the next one look
// back to: the last that was let through, as far as they look.
func (h *House) firstNeeded(ctx context.Context, last ledger.Run) (int64, error) {
	runs, err := h.Ledger.Runs(ctx, last.Sync, activities.UnguardedRuns)
	first := last.Number
	for _, run := range runs {
		first = run.Number
		if run.Outcome == activities.OutcomeDone || run.Outcome == activities.OutcomeWaiting {
			break
		}
	}
	return first, err
}

var stageObject = regexp.MustCompile(`^(.+/run/\d+)/`)

// runOf gives the run that an object of the stage is of; "" if it is none of
// ours: a bucket may hold other things.
func runOf(object string) string {
	if m := stageObject.FindStringSubmatch(object); m != nil {
		return m[1]
	}
	return ""
}

// Tend tidies the house now and every day, until it is closed.
func (h *House) Tend(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	before := h.tending
	h.tending = func() {
		cancel()
		<-done
		if before != nil {
			before()
		}
	}
	go func() {
		defer close(done)
		ticker := time.NewTicker(tidyEvery)
		defer ticker.Stop()
		for {
			h.tidy(ctx)
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (h *House) tidy(ctx context.Context) {
	done, err := h.Tidy(ctx, time.Now())
	switch {
	case ctx.Err() != nil:
	case err != nil:
		h.logger().Warn("housekeeping failed; it is tried again tomorrow", "err", err)
	case done != Tidied{}:
		h.logger().Info("housekeeping", "journal", done.Entries, "tombstones", done.Tombstones,
			"runs", done.Runs, "decisions", done.Decisions, "conflicts", done.Conflicts, "stage", done.Objects)
	}
}
