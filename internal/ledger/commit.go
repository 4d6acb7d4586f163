package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/syncline-dev/syncline/internal/reconcile"
)

// Change is everything that one step of a run writes at once, under its mark.
// Of the parts of CommitParts, Step, Part and Result are not looked at.
type Change struct {
	// Step and Part are the mark.
	Step, Part string
	// Links are links as they are from now on, with all members; a nil place
	// says that the system has no row of it. Members of systems and values of
	// fields that the scope does not name stay as they are.
	Links []*reconcile.Link
	// Slots are the links' home slots by id; HomeSlot of the match without one.
	Slots map[string]uint16
	// Loose are rows that belong to no link, as they are from now on. A row in
	// one of Links is loose no more, and its own conflicts close.
	Loose []*reconcile.Member
	// Opened are new conflicts (ID 0: they get their number here) and renewed
	// ones; Closed are conflicts by number.
	Opened []*reconcile.Conflict
	Closed []int64
	// Applied and Refused are decisions by number.
	Applied, Refused []int64
	// Owed is, by link of Links, what is owed for it from now on.
	Owed    map[string][]reconcile.Payment
	Journal []Entry
	// Quarantine gives reasons for members that are quarantined in Links or
	// Loose; what is quarantined and what is released, their states say.
	Quarantine []Quarantined
	// At is when; conflicts and quarantine show it.
	At time.Time
	// Result is given to whoever comes with the same mark again.
	Result []byte
}

// Commit writes a change in one fenced transaction. Under a mark that is there
// already it writes nothing and gives the first one's result, with again true.
// It fails with ErrFenced if a newer run has begun.
func (s *Store) Commit(ctx context.Context, f Fence, scope Scope, c Change) (result []byte, again bool, err error) {
	return s.commit(ctx, f, scope, Parts{
		Step: c.Step, Part: c.Part,
		Next:   func(n int) (*Change, error) { return []*Change{&c, nil}[n], nil },
		Result: func() ([]byte, error) { return c.Result, nil },
	}, nil)
}

// Parts is a change that is too large to be held in memory at once.
type Parts struct {
	// Step and Part are the mark.
	Step, Part string
	// Next gives the parts by their numbers from 0, and nil after the last. No
	// link and no row is in more than one of them.
	Next func(n int) (*Change, error)
	// Result is asked for after the last part.
	Result func() ([]byte, error)
}

// CommitParts is Commit for a change in parts: one transaction, one mark. The
// ledger is locked from the first part on, so Next should not keep it waiting.
func (s *Store) CommitParts(ctx context.Context, f Fence, scope Scope, p Parts) (result []byte, again bool, err error) {
	first, err := p.Next(0)
	if err != nil {
		return nil, false, err
	}
	next := p.Next
	p.Next = func(n int) (*Change, error) {
		if n == 0 {
			return first, nil
		}
		return next(n)
	}
	var late error // parts are given once, so what went wrong after the first is final
	result, again, err = s.commit(ctx, f, scope, p, &late)
	return result, again, err
}

func (s *Store) commit(ctx context.Context, f Fence, scope Scope, p Parts, late *error) (result []byte, again bool, err error) {
	err = s.update(ctx, "commit "+p.Step+" "+p.Part, func(t *tx) error {
		if late != nil && *late != nil {
			return fmt.Errorf("cannot be repeated by itself: %w", *late)
		}
		result, again = nil, false
		sync, err := t.fenced(f, true)
		if err != nil {
			return err
		}
		if f.Sync != scope.Sync {
			return fmt.Errorf("the fence is of %s, the scope of %s", f.Sync, scope.Sync)
		}
		earlier, found, err := t.mark(sync, f.Run, p.Step, p.Part)
		if err != nil || found {
			result, again = earlier, found
			return err
		}
		w, err := newWriter(t, f, scope)
		if err != nil {
			return err
		}
		result, err = w.write(p)
		if late != nil {
			*late = err
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return result, again, nil
}

// Mark gives the result that a part of a run's step has committed.
func (s *Store) Mark(ctx context.Context, run, step, part string) (result []byte, found bool, err error) {
	err = s.view(ctx, "look for a mark", func(t *tx) error {
		var sync int64
		err := t.row("SELECT sync FROM runs WHERE id = ?", []any{run}, &sync)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		result, found, err = t.mark(sync, run, step, part)
		return err
	})
	return result, found, err
}

func (t *tx) mark(sync int64, run, step, part string) ([]byte, bool, error) {
	var result []byte
	err := t.row("SELECT result FROM marks WHERE sync = ? AND run = ? AND step = ? AND part = ?", []any{sync, run, step, part}, &result)
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	return result, err == nil, err
}
