package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
)

// Finish closes a run: the counts must balance, then positions, counts and the
// outcome are one commit, and the run's stage objects go. Run twice, the
// second time changes nothing.
type Finish struct {
	Sessions *Sessions
	Ledger   *ledger.Store
	Stage    *stage.Stage
	Logger   *slog.Logger
}

// Run finishes.
func (f *Finish) Run(ctx context.Context, in FinishInput) (Result, error) {
	result, err := f.finish(ctx, in)
	return result, asTemporal(err)
}

func (f *Finish) finish(ctx context.Context, in FinishInput) (Result, error) {
	defer f.Sessions.Close(in.Pass.Run)
	if err := f.Stage.Remove(ctx, runPrefix(in.Pass.Run)); err != nil {
		f.Logger.Warn("the run's stage could not be removed; it is swept later", "sync", in.Pass.Sync, "run", in.Pass.Run, "err", err)
	}
	result := Result{
		Run: in.Pass.Run, Sync: in.Pass.Sync, URL: in.URL, Systems: map[string]SystemResult{},
		Seconds: float64(in.Ended-in.Started) / 1e6,
	}
	for _, w := range in.Windows {
		l := in.Loaded[w.System]
		result.Systems[w.System] = SystemResult{
			Read: in.Read[w.System], Created: l.Created, Updated: l.Updated, Deleted: l.Deleted, Down: orText(w.Down, l.Down),
		}
	}
	if in.Pass.Epoch == 0 {
		return f.early(ctx, in, result)
	}
	if err := f.counts(ctx, in, &result); err != nil {
		return result, err
	}
	if in.Stateless && in.Failed == "" && allComplete(in.Windows) {
		if err := f.Ledger.ReleaseUnheld(ctx, in.Pass.fence()); err != nil {
			return result, err
		}
	}
	if !in.Stateless && in.Failed == "" {
		if err := releaseNameless(ctx, f.Ledger, in.Pass, in.Windows); err != nil {
			return result, err
		}
	}
	if err := f.outcome(ctx, in, &result); err != nil {
		return result, err
	}
	f.Sessions.at(PointClosing)
	if err := f.close(ctx, in, result); err != nil {
		return result, err
	}
	f.Sessions.at(PointClosed)
	return result, nil
}

// allComplete: everything that any system has was read.
func allComplete(windows []Window) bool {
	complete := false
	for _, w := range windows {
		if w.Down != "" || (w.Mode != "" && !w.Complete) {
			return false
		}
		complete = complete || w.Complete
	}
	return complete
}

// early closes a run that failed in its first step, perhaps before it had an
// epoch: it read and wrote nothing, but people look for it among the runs.
func (f *Finish) early(ctx context.Context, in FinishInput, result Result) (Result, error) {
	result.Outcome, result.Reason = OutcomeFailed, in.Failed
	run, err := f.Ledger.BeginRun(ctx, ledger.Begin{
		Sync: in.Pass.Sync, Run: in.Pass.Run, Trigger: in.Trigger, At: in.Started.Time(), WorkflowURL: in.URL,
	})
	if err != nil {
		return result, err
	}
	in.Pass.Number, in.Pass.Epoch = run.Number, run.Epoch
	return result, f.close(ctx, in, result)
}

// counts makes the records' ends balance.
func (f *Finish) counts(ctx context.Context, in FinishInput, result *Result) error {
	t := in.Resolved.Tally
	read := in.Resolved.Fetched
	for _, n := range in.Read {
		read += n
	}
	if in.Targets > 1 {
		read *= int64(in.Targets)
		result.Targets = in.Targets
	}
	if in.Failed == "" {
		if sum := t.Applied + t.Owed + t.Unchanged + t.Conflicts + t.Quarantined + t.Ignored; sum != t.Read || t.Read != read {
			return connectors.Errorf(connectors.Permanent,
				"the counts do not balance: %d read, %d resolved, %d accounted for; positions were not moved, run it again", read, t.Read, sum)
		}
	}
	result.Counts = Counts{
		Read: t.Read, Applied: t.Applied + t.Owed, Unchanged: t.Unchanged,
		Conflicts: t.Conflicts, Quarantined: t.Quarantined, Ignored: t.Ignored,
	}
	owed, err := f.Ledger.OwedLinkCount(ctx, in.Pass.Sync)
	if err != nil {
		return err
	}
	c := &result.Counts
	if !in.Stateless {
		// What earlier runs owed and this one has paid did not change now, and is
		// applied nevertheless.
		paid := min(max(mostWritten(in.Loaded)-c.Applied, 0), c.Unchanged)
		c.Applied, c.Unchanged = c.Applied+paid, c.Unchanged-paid
	}
	// What is not yet everywhere counts as owed, whether it changed now or before.
	c.Owed = min(owed, c.Applied+c.Unchanged)
	changed := min(c.Owed, c.Applied)
	c.Applied, c.Unchanged = c.Applied-changed, c.Unchanged-(c.Owed-changed)
	if !in.Stateless { // there the tally has them
		refused := int64(0)
		for _, l := range in.Loaded {
			refused = max(refused, l.Quarantined)
		}
		refused = min(refused, result.Counts.Applied)
		result.Counts.Quarantined += refused
		result.Counts.Applied -= refused
	}
	return nil
}

// mostWritten is how many records the system was written that got most; what it
// got twice in one run, because another one set something by itself, counts once.
func mostWritten(loaded map[string]Loaded) int64 {
	most, told := int64(0), int64(0)
	for _, l := range loaded {
		most, told = max(most, l.Created+l.Updated+l.Deleted), told+l.Told
	}
	return most - told
}

func orText(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// counted says how many of something there are.
func counted(n int64, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

func (f *Finish) outcome(ctx context.Context, in FinishInput, result *Result) error {
	open, _, err := f.Ledger.CountConflicts(ctx, in.Pass.Sync)
	if err != nil {
		return err
	}
	result.Open = open
	var waits []string
	if open > 0 {
		waits = append(waits, counted(open, "open conflict"))
	}
	held, err := f.Ledger.QuarantineCount(ctx, in.Pass.Sync)
	if err != nil {
		return err
	}
	result.Held = held // also what this run did not meet, and not what somebody discarded
	if held > 0 {
		waits = append(waits, counted(held, "quarantined record"))
	}
	if n := result.Counts.Owed; n > 0 {
		waits = append(waits, counted(n, "record")+" owed")
	}
	for _, w := range in.Windows {
		l := in.Loaded[w.System]
		switch {
		case w.DownKind == KindPaused:
			waits = append(waits, w.System+" is "+w.Down)
		case w.Down != "" || l.Down != "":
			waits = append(waits, w.System+" is down")
		}
		if l.Quarantined > 0 {
			waits = append(waits, counted(l.Quarantined, "record")+" refused by "+w.System)
		}
		if l.Left > 0 {
			waits = append(waits, counted(l.Left, "write")+" to "+w.System+" left")
		}
	}
	result.Reason = strings.Join(waits, ", ")
	switch {
	case in.Failed != "":
		result.Outcome, result.Reason = OutcomeFailed, in.Failed
	case in.Stopped.Stopped != "":
		result.Outcome, result.Reason, result.Hash = OutcomeStopped, in.Stopped.Stopped, in.Stopped.Hash
	case len(waits) > 0:
		result.Outcome = OutcomeWaiting
	default:
		result.Outcome = OutcomeDone
	}
	return nil
}

// close is the closing commit. A failed run moves no position; a stopped one
// does, because everything it read is in the ledger: what it did not write is
// owed.
func (f *Finish) close(ctx context.Context, in FinishInput, result Result) error {
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	finish := ledger.Finish{Outcome: result.Outcome, Result: text, At: in.Ended.Time()}
	if in.Failed == "" && !in.Pass.Settle {
		finish.Positions = map[string]record.Position{}
		finish.Listed = map[string]bool{}
		for _, w := range in.Windows {
			if w.Down != "" || w.Mode == "" {
				continue
			}
			finish.Positions[w.System] = w.To
			finish.Listed[w.System] = w.Complete
		}
	}
	return f.Ledger.FinishRun(ctx, in.Pass.fence(), finish)
}
