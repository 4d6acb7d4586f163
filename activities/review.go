package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// Reviewer tells a Sync what is open in its ledger. It reads only.
type Reviewer struct{ Ledger *ledger.Store }

// shownConflicts bounds what the Web UI lists; the rest is a command away.
const shownConflicts = 40

// Run reviews.
func (r *Reviewer) Run(ctx context.Context, sync string) (Review, error) {
	out, err := r.review(ctx, sync)
	return out, asTemporal(err)
}

func (r *Reviewer) review(ctx context.Context, sync string) (Review, error) {
	open, due, err := r.Ledger.CountConflicts(ctx, sync)
	if err != nil {
		return Review{}, err
	}
	out := Review{Open: open, Next: 1}
	if !due.IsZero() {
		out.Due = record.NewTimestamp(due)
	}
	rows, err := r.Ledger.Conflicts(ctx, ledger.ConflictFilter{Sync: sync, State: "open", Limit: shownConflicts})
	if err != nil {
		return Review{}, err
	}
	for _, row := range rows {
		if row.SkipUntil == record.TimestampInfinity {
			continue // nobody is asked
		}
		c := ReviewConflict{
			ID: row.ID, Kind: string(row.Kind), Field: row.FieldName, Systems: row.Systems,
			Since: row.Opened, Deadline: row.Deadline, Digest: row.Digest,
		}
		out.Conflicts = append(out.Conflicts, c)
	}
	pending, err := r.Ledger.Decisions(ctx, sync, "pending")
	if err != nil {
		return Review{}, err
	}
	out.Pending = int64(len(pending))
	runs, err := r.Ledger.Runs(ctx, sync, 1)
	if err != nil {
		return Review{}, err
	}
	if len(runs) > 0 {
		out.Next = runs[0].Number + 1
	}
	revision, err := r.Ledger.Revision(ctx, sync, 0)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return Review{}, err
	}
	out.Revision = revision.Number
	if out.Due != 0 {
		out.Then = thenText(revision.YAML)
	}
	paused, err := r.Ledger.Paused(ctx, sync)
	if err != nil {
		return Review{}, err
	}
	if reason, held := paused[""]; held {
		out.Paused = orText(reason, "paused")
	}
	return out, nil
}

// thenText reads what a stored definition says of deadlines.
func thenText(yaml string) string {
	definitions, problems := mappings.Parse("definition", []byte(yaml))
	if problems.Failed() || len(definitions) != 1 {
		return ""
	}
	return definitions[0].Conflicts.ThenText()
}

// Decide stores a person's decision, or says why it cannot be one. Run twice,
// the second finds the first.
type Decide struct {
	Ledger *ledger.Store
	Clock  func() time.Time
}

// Run decides.
func (d *Decide) Run(ctx context.Context, sync string, in Decision) (Decided, error) {
	out, err := d.decide(ctx, sync, in)
	if err != nil {
		return out, temporal.NewNonRetryableApplicationError(err.Error(), "decision_refused", nil)
	}
	return out, nil
}

func (d *Decide) decide(ctx context.Context, sync string, in Decision) (Decided, error) {
	if err := ValidateDecision(in); err != nil {
		return Decided{}, err
	}
	if in.Decision != 0 {
		row, err := d.Ledger.Decision(ctx, in.Decision)
		if err != nil {
			return Decided{}, err
		}
		if row.Sync != sync {
			return Decided{}, errors.New("that decision belongs to another sync")
		}
		return Decided{Decision: row.ID, Conflict: row.ConflictID}, nil
	}
	row, err := d.row(ctx, sync, in)
	if err != nil {
		return Decided{}, err
	}
	id, err := d.Ledger.Decide(ctx, row)
	return Decided{Decision: id, Conflict: in.Conflict}, err
}

func (d *Decide) row(ctx context.Context, sync string, in Decision) (ledger.DecisionRow, error) {
	rows, err := d.Ledger.Conflicts(ctx, ledger.ConflictFilter{Sync: sync, IDs: []int64{in.Conflict}})
	if err != nil {
		return ledger.DecisionRow{}, err
	}
	if len(rows) == 0 {
		return ledger.DecisionRow{}, errors.New("there is no such conflict; `syncline conflicts list` shows the open ones")
	}
	now := d.Clock()
	row := ledger.DecisionRow{Sync: sync, Who: in.Who, Why: in.Why, At: now}
	row.Decision = reconcile.Decision{ConflictID: in.Conflict, Digest: in.Digest, Verb: in.Verb, System: reconcile.None, Link: in.Link}
	if row.Until, err = until(in, now); err != nil {
		return row, err
	}
	if in.Verb == "link" {
		if err := rows[0].Joinable(in.Link); err != nil {
			return row, err
		}
	}
	if in.Verb == "base" {
		row.Verb = "take"
		return row, nil
	}
	return row, takeSystem(&row, in, rows[0])
}

func takeSystem(row *ledger.DecisionRow, in Decision, conflict ledger.ConflictRow) error {
	if in.Verb != "take" {
		return nil
	}
	for _, candidate := range conflict.Candidates {
		if candidate.System >= 0 && candidate.System < len(conflict.AllSystems) && conflict.AllSystems[candidate.System] == in.System {
			row.System = candidate.System
			return nil
		}
	}
	return errors.New("that system has no say in this conflict; it is one of those listed beside it")
}
