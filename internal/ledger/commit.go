package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/syncline-dev/syncline/internal/reconcile"
)

// Change is everything that one step of a run writes at once, under its mark.
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
	err = s.update(ctx, "commit "+c.Step+" "+c.Part, func(t *tx) error {
		result, again = c.Result, false
		sync, err := t.fenced(f, true)
		if err != nil {
			return err
		}
		if f.Sync != scope.Sync {
			return fmt.Errorf("the fence is of %s, the scope of %s", f.Sync, scope.Sync)
		}
		earlier, found, err := t.mark(sync, f.Run, c.Step, c.Part)
		if err != nil || found {
			result, again = earlier, found
			return err
		}
		w, err := newWriter(t, f, scope, &c)
		if err != nil {
			return err
		}
		return w.write()
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

// writer carries out one change.
type writer struct {
	t      *tx
	fence  Fence
	n      *names
	change *Change
	// serial is the next link's; live and loose are how the systems' counts move.
	serial      int64
	live, loose map[int64]int64
	// counts tells which systems have loose rows at all.
	counts map[int64]int64
	held   quarantine
	// What is executed, in this order.
	outMatches, outMembers, outLoose, outOwed, outLinks *bulk
	inLinks, inMembers, inLoose, inMatches, inOwed      *bulk
}

func newWriter(t *tx, f Fence, scope Scope, c *Change) (*writer, error) {
	n, err := t.scoped(scope)
	if err != nil {
		return nil, err
	}
	if err := t.enroll(n, scope); err != nil {
		return nil, err
	}
	w := &writer{
		t: t, fence: f, n: n, change: c,
		live: map[int64]int64{}, loose: map[int64]int64{}, counts: map[int64]int64{},
		outMatches: erase("matches", "sync bigint, hash bytea, link bigint, system bigint, key bytea"),
		outMembers: erase("members", "system bigint, key bytea, link bigint"),
		outLoose:   erase("loose", "system bigint, key bytea"),
		outOwed:    erase("owed", "system bigint, link bigint"),
		outLinks:   erase("links", "n bigint"),
		inLinks: insert("links", "n bigint, id text, handle bigint, rev bigint, dead bigint, owes bigint, body bytea",
			"ON CONFLICT (n) DO UPDATE SET rev = excluded.rev, dead = excluded.dead, owes = excluded.owes, body = excluded.body"),
		inMembers: insert("members", "system bigint, key bytea, link bigint, state bigint, print bigint",
			`ON CONFLICT (system, key) DO UPDATE SET link = excluded.link, state = excluded.state, print = excluded.print
			WHERE members.link = 0 OR members.link = excluded.link`),
		inLoose: insert("loose", "system bigint, key bytea, slot bigint, body bytea",
			"ON CONFLICT (system, key) DO UPDATE SET slot = excluded.slot, body = excluded.body"),
		inMatches: insert("matches", "sync bigint, hash bytea, link bigint, system bigint, key bytea", "ON CONFLICT DO NOTHING"),
		inOwed:    insert("owed", "system bigint, link bigint, op text", ""),
	}
	w.held.init(c)
	return w, nil
}

func (w *writer) write() error {
	if err := w.t.saveConflicts(w.n, w.change); err != nil {
		return err
	}
	if err := w.t.row("SELECT next_link FROM syncs WHERE id = ?", []any{w.n.sync}, &w.serial); err != nil {
		return err
	}
	first := w.serial
	for _, step := range []func() error{w.countLoose, w.links, w.looseRows, w.execute, w.intents} {
		if err := step(); err != nil {
			return err
		}
	}
	if w.serial != first {
		if w.serial > maxSerial {
			return errors.New("the sync has used up the numbers of links")
		}
		if _, err := w.t.exec("UPDATE syncs SET next_link = ? WHERE id = ?", w.serial, w.n.sync); err != nil {
			return err
		}
	}
	for system := range w.n.systemNames {
		live, loose := w.live[system], w.loose[system]
		if live == 0 && loose == 0 {
			continue
		}
		if _, err := w.t.exec("UPDATE systems SET live = live + ?, loose = loose + ? WHERE id = ?", live, loose, system); err != nil {
			return err
		}
	}
	if err := w.held.save(w.t, w.n, micros(w.change.At)); err != nil {
		return err
	}
	if err := w.t.saveJournal(w.n, w.fence, w.change.Journal); err != nil {
		return err
	}
	_, err := w.t.exec("INSERT INTO marks (sync, run, step, part, result) VALUES (?, ?, ?, ?, ?)",
		w.n.sync, w.fence.Run, w.change.Step, w.change.Part, w.change.Result)
	return err
}

// execute carries out what the links and loose rows came to. What goes, goes
// first, so that a row can move from one link to another within a change.
func (w *writer) execute() error {
	for _, b := range []*bulk{w.outMatches, w.outMembers, w.outLoose, w.outOwed, w.outLinks, w.inLinks} {
		b.sort()
		if _, err := b.run(w.t); err != nil {
			return err
		}
	}
	w.inMembers.sort()
	touched, err := w.inMembers.run(w.t)
	if err != nil {
		return err
	}
	if touched != int64(len(w.inMembers.rows)) {
		return ErrMoved
	}
	for _, b := range []*bulk{w.inLoose, w.inMatches, w.inOwed} {
		b.sort()
		if _, err := b.run(w.t); err != nil {
			return err
		}
	}
	return nil
}

// countLoose learns which systems have loose rows.
func (w *writer) countLoose() error {
	for system := range w.n.systemNames {
		var count int64
		if err := w.t.row("SELECT loose FROM systems WHERE id = ?", []any{system}, &count); err != nil {
			return err
		}
		w.counts[system] = count
	}
	return nil
}

// intents forgets the creations that are acknowledged now.
func (w *writer) intents() error {
	out := erase("intents", "system bigint, link_id text")
	var some int64
	err := w.t.row(`SELECT CASE WHEN EXISTS (SELECT 1 FROM intents i JOIN systems s ON s.id = i.system WHERE s.sync = ?)
		THEN 1 ELSE 0 END`, []any{w.n.sync}, &some)
	if err != nil || some == 0 {
		return err
	}
	for _, l := range w.change.Links {
		for place, m := range l.Members {
			if m != nil && m.Key != "" && m.State != reconcile.Creating {
				out.add(w.n.systems[place], l.ID)
			}
		}
	}
	_, err = out.run(w.t)
	return err
}
