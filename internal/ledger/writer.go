package ledger

import (
	"errors"

	"github.com/syncline-dev/syncline/internal/reconcile"
)

// writer carries out one change, in one or more parts.
type writer struct {
	t     *tx
	fence Fence
	n     *names
	// change is the part at hand, and taken how many members came before it.
	change *Change
	taken  int
	buffer []byte
	// serial is the next link's; live and loose are how the systems' counts move.
	serial      int64
	live, loose map[int64]int64
	// counts tells which systems have loose rows at all.
	counts map[int64]int64
	held   quarantine
	// What is executed with each part, in this order.
	outMatches, outLoose, outOwed, outLinks *bulk
	inLinks, inLoose, inMatches, inOwed     *bulk
	// Members are in the order of their keys, which the parts are not: all of
	// them are written after the last part, so that each page of the table is
	// touched once.
	outMembers, inMembers *bulk
}

func newWriter(t *tx, f Fence, scope Scope) (*writer, error) {
	n, err := t.scoped(scope)
	if err != nil {
		return nil, err
	}
	if err := t.enroll(n, scope); err != nil {
		return nil, err
	}
	w := &writer{
		t: t, fence: f, n: n,
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
	return w, nil
}

func (w *writer) write(p Parts) ([]byte, error) {
	if err := w.t.row("SELECT next_link FROM syncs WHERE id = ?", []any{w.n.sync}, &w.serial); err != nil {
		return nil, err
	}
	if err := w.countLoose(); err != nil {
		return nil, err
	}
	first := w.serial
	for n := 0; ; n++ {
		change, err := p.Next(n)
		if err != nil {
			return nil, err
		}
		if change == nil {
			break
		}
		if err := w.part(change); err != nil {
			return nil, err
		}
	}
	if err := w.members(); err != nil {
		return nil, err
	}
	if err := w.numbers(first); err != nil {
		return nil, err
	}
	result, err := p.Result()
	if err != nil {
		return nil, err
	}
	_, err = w.t.exec("INSERT INTO marks (sync, run, step, part, result) VALUES (?, ?, ?, ?, ?)", w.n.sync, w.fence.Run, p.Step, p.Part, result)
	return result, err
}

// part writes everything of a part but its members.
func (w *writer) part(change *Change) error {
	w.change, w.taken = change, w.inMembers.rows()
	w.held.init(change)
	if err := w.t.saveConflicts(w.n, change); err != nil {
		return err
	}
	for _, step := range []func() error{w.links, w.looseRows, w.execute, w.intents} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := w.held.save(w.t, w.n, micros(change.At)); err != nil {
		return err
	}
	return w.t.saveJournal(w.n, w.fence, change.Journal)
}

// numbers keeps the next link's number and the systems' counts.
func (w *writer) numbers(first int64) error {
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
	return nil
}

// execute carries out what a part's links and loose rows came to. What goes,
// goes first, so that a row can move from one link to another within a change.
func (w *writer) execute() error {
	for _, b := range []*bulk{w.outMatches, w.outLoose, w.outOwed, w.outLinks, w.inLinks, w.inLoose, w.inMatches, w.inOwed} {
		b.sort()
		if _, err := b.run(w.t); err != nil {
			return err
		}
		b.clear()
	}
	return nil
}

// members carries out what all parts came to for the members.
func (w *writer) members() error {
	for _, b := range []*bulk{w.outMembers, w.inMembers} {
		b.sort()
	}
	if _, err := w.outMembers.run(w.t); err != nil {
		return err
	}
	touched, err := w.inMembers.run(w.t)
	if err == nil && touched != int64(w.inMembers.rows()) {
		err = ErrMoved
	}
	return err
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
			if m != nil && m.State != reconcile.Creating && (m.Key != "" || m.State == reconcile.Detached) {
				out.int(w.n.systems[place]).text(l.ID)
			}
		}
	}
	_, err = out.run(w.t)
	return err
}
