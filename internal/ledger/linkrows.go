package ledger

import (
	"bytes"
	"cmp"
	"database/sql"
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// prior is a link as it is stored.
type prior struct {
	n, rev, dead, owes int64
	body               string
}

// links notes what becomes of the change's links.
func (w *writer) links() error {
	priors, err := w.priors()
	if err != nil {
		return err
	}
	seen := make(map[string]bool, len(w.change.Links))
	var before, after body
	for _, l := range w.change.Links {
		if seen[l.ID] || l.ID == "" {
			return fmt.Errorf("link %q is in the change twice or has no id", l.ID)
		}
		seen[l.ID] = true
		before.reset()
		was, known := priors[l.ID]
		if known {
			if err := before.parse(was.body); err != nil {
				return fmt.Errorf("link %s: %w", l.ID, err)
			}
		}
		if err := after.fromLink(w.n, l); err != nil {
			return err
		}
		if known && !w.n.whole() {
			after.keep(w.n, &before)
		}
		if err := w.link(l, was, &before, &after); err != nil {
			return fmt.Errorf("link %s: %w", l.ID, err)
		}
	}
	return w.adopt()
}

func (w *writer) priors() (map[string]prior, error) {
	priors := make(map[string]prior)
	handles := make([]int64, len(w.change.Links))
	for i, l := range w.change.Links {
		handles[i] = handle(l.ID)
	}
	slices.Sort(handles)
	const query = "SELECT n, id, rev, dead, owes, body FROM links WHERE handle IN (*)"
	err := rowsAmong(w.t, query, nil, slices.Compact(handles), func(r *sql.Rows) error {
		var p prior
		var id string
		if err := r.Scan(&p.n, &id, &p.rev, &p.dead, &p.owes, &p.body); err != nil {
			return err
		}
		if numberSync(p.n) == w.n.sync {
			priors[id] = p
		}
		return nil
	})
	return priors, err
}

// link notes the difference between a link as it was and as it is.
func (w *writer) link(l *reconcile.Link, was prior, before, after *body) error {
	slot, given := w.change.Slots[l.ID]
	if !given {
		slot = HomeSlot(l.Match, l.ID)
	}
	n := was.n
	if n == 0 || numberSlot(n) != slot {
		n = linkNumber(w.n.sync, slot, w.serial)
		w.serial++
	}
	if was.n != 0 && was.n != n {
		w.outLinks.int(was.n)
	}
	dead := int64(0)
	if l.Tombstone {
		dead = cmp.Or(was.dead, w.fence.Epoch)
	}
	w.owed(l, was, n)
	data, err := after.append(w.buffer[:0])
	if err != nil {
		return err
	}
	w.buffer = data
	now := prior{n: n, rev: l.Rev, dead: dead, owes: int64(len(w.change.Owed[l.ID])), body: was.body}
	if now != was || string(data) != was.body {
		w.inLinks.int(n).text(l.ID).int(handle(l.ID)).int(l.Rev).int(dead).int(now.owes).bytes(data)
	}
	w.matches(before, after, was.n, n)
	return w.rows(l.ID, before, after, was.n, n)
}

func (w *writer) owed(l *reconcile.Link, was prior, n int64) {
	if was.owes > 0 {
		for system := range w.n.systemNames {
			w.outOwed.int(system).int(was.n)
		}
	}
	for _, p := range w.change.Owed[l.ID] {
		if p.System >= 0 && p.System < len(w.n.systems) {
			w.inOwed.int(w.n.systems[p.System]).int(n).text(p.Op)
		}
	}
}

// rows notes which rows go, come and change.
func (w *writer) rows(id string, before, after *body, was, n int64) error {
	for i := range before.members {
		m := &before.members[i]
		w.count(m, -1)
		if m.state == stateQuarantined {
			w.held.was(rowName{m.system, m.key, id})
		}
		if m.key != "" && (was != n || after.member(m) == nil) {
			w.outMembers.int(m.system).text(m.key).int(was)
		}
	}
	for i := range after.members {
		m := &after.members[i]
		w.count(m, 1)
		if m.state == stateQuarantined {
			w.held.is(rowName{m.system, m.key, id}, m.why)
		}
		if m.key == "" {
			continue
		}
		state, seen := stateColumn(m.state, m.sinceWrite), printOf(m.raw, m.mapping)
		old := before.member(m)
		if was == n && old != nil && stateColumn(old.state, old.sinceWrite) == state && printOf(old.raw, old.mapping) == seen {
			continue
		}
		w.inMembers.int(m.system).text(m.key).int(n).int(state).int(seen)
	}
	return nil
}

func (b *body) member(like *bodyMember) *bodyMember {
	for i := range b.members {
		if b.members[i].system == like.system && b.members[i].key == like.key {
			return &b.members[i]
		}
	}
	return nil
}

func (w *writer) count(m *bodyMember, by int64) {
	if m.state == stateLive && m.key != "" {
		w.live[m.system] += by
	}
}

// matches notes which match texts the link and its rows hold.
func (w *writer) matches(before, after *body, was, n int64) {
	old, held := before.hashes(), after.hashes()
	for h := range old {
		if was != n || !held[h] {
			w.outMatches.int(w.n.sync).bytes(h[:]).int(was).int(0).text("")
		}
	}
	for h := range held {
		if was != n || !old[h] {
			w.inMatches.int(w.n.sync).bytes(h[:]).int(n).int(0).text("")
		}
	}
}

func (b *body) hashes() map[record.Hash]bool {
	if len(b.match) == 0 && len(b.members) == 0 {
		return nil
	}
	held := make(map[record.Hash]bool, len(b.match))
	note := func(texts []string) {
		for i, text := range texts {
			if text != "" {
				held[matchHash(i, text)] = true
			}
		}
	}
	note(b.match)
	for i := range b.members {
		if !slices.Equal(b.members[i].match, b.match) {
			note(b.members[i].match)
		}
	}
	return held
}

// adopt takes the rows that were loose until now out of the loose ones.
func (w *writer) adopt() error {
	bySystem := map[int64][][]byte{}
	for row := w.taken; row < w.inMembers.rows(); row++ {
		if system := w.inMembers.columns[0].ints[row]; w.counts[system] > 0 {
			bySystem[system] = append(bySystem[system], w.inMembers.columns[1].at(row))
		}
	}
	var subjects []int64
	for system, keys := range bySystem {
		slices.SortFunc(keys, bytes.Compare)
		found, err := w.looseBodies(system, keys)
		if err != nil {
			return err
		}
		for key, m := range found {
			w.dropLoose(system, key, &m)
			w.outLoose.int(system).text(key)
			w.loose[system]--
			subjects = append(subjects, rowSubject(rowRef{system, key}))
		}
	}
	return w.closeSubjects(subjects)
}

// closeSubjects closes what is open about rows that found their link, but for
// what this very change has opened. A decision that somebody made after the run
// had read the conflict was for a row without a link: it is not dropped here but
// stays pending, so that the next run answers it as one that came too late, and
// keeps its conflict from being pruned. One made after this commit is refused.
func (w *writer) closeSubjects(subjects []int64) error {
	opened := make(map[int64]bool, len(w.change.Opened))
	for _, c := range w.change.Opened {
		opened[c.ID] = true
	}
	slices.Sort(subjects)
	var ids []int64
	const query = "SELECT id FROM conflicts WHERE sync = ? AND state <> 'closed' AND subject IN (*)"
	err := rowsAmong(w.t, query, []any{w.n.sync}, slices.Compact(subjects), func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		if !opened[id] {
			ids = append(ids, id)
		}
		return err
	})
	for _, id := range ids {
		if err == nil {
			_, err = w.t.exec("UPDATE conflicts SET state = 'closed', seen = ? WHERE id = ?", micros(w.change.At), id)
		}
	}
	return err
}
