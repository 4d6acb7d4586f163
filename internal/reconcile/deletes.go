package reconcile

import (
	"slices"
	"strings"
)

// leave is how a row left its link in this window.
type leave int

const (
	stays     leave = iota
	leftGone        // the row is not there any more
	leftSoft        // the row says that it is deleted
	leftScope       // the row left `where`, and that deletes
)

// Why a member is detached.
const (
	whyUnlinked = "unlinked"
	whyGone     = "gone"
	whyDeleted  = "deleted"
	whyRestore  = "restore"
)

// missed meets a row that is not there. That is a delete only of a member that
// was seen since our last write to it, or where the source's order shows it.
func (w *work) missed(s int, m *Member, row *sighting) {
	ordered := m.Order != "" && row.obs.Order != "" && strings.Compare(row.obs.Order, m.Order) > 0
	switch {
	case m.State == Detached && m.Why == whyUnlinked:
		row.end = endIgnored
		m.Key = "" // the row is forgotten, and not that nothing takes its place
	case m.State == Detached && m.Why == whyGone, m.State == Creating:
		row.end = endIgnored
	case w.r.first(s), !m.SinceWrite && !ordered && m.State == Live:
		row.end = endIgnored
	case w.link.Tombstone, m.State == Detached && m.Why == whyRestore:
		w.link.Members[s] = nil
		row.news = true
	case m.State == OutOfScope, m.State == Detached:
		m.State, m.Why = Detached, whyGone
		row.end = endIgnored
	default:
		w.leaves[s] = leftGone
	}
}

// saysDeleted meets a row that is there and says that it is deleted.
func (w *work) saysDeleted(s int, m *Member, row *sighting) {
	switch {
	case row.joined:
		m.State, m.Why = Detached, whyDeleted
		w.unread(s, m)
		row.end = endIgnored
	case w.r.first(s):
		row.end = endIgnored
	case m.State == Detached:
		if m.Why == whyGone {
			m.Why = whyDeleted
		}
		if m.Why != whyRestore {
			row.end = endIgnored
		}
	case w.link.Tombstone:
		m.State, m.Why = Detached, whyDeleted
		row.news = true
	case m.State == OutOfScope:
		m.State, m.Why = Detached, whyDeleted
		row.end = endIgnored
	default:
		w.leaves[s] = leftSoft
	}
}

// left meets a row that is outside of the sync. It keeps what was last seen, so
// that it goes on from there when it comes back.
func (w *work) left(s int, m *Member, row *sighting) {
	row.end = endIgnored
	if row.joined {
		m.State = OutOfScope
		w.unread(s, m)
		return
	}
	if m.State == Live && w.system(s).LeavingDeletes && !w.link.Tombstone && !w.r.first(s) {
		row.end = undecided
		w.leaves[s] = leftScope
		return
	}
	m.State, m.Why = OutOfScope, ""
}

// remove decides what the rows that left mean for the others.
func (w *work) remove() {
	if w.link.Tombstone {
		return
	}
	open := w.recordConflict()
	var leavers []int
	for s, how := range w.leaves {
		if how == stays && (!open.deletedBy(s) || w.rows[s] != nil || w.link.Members[s] == nil) {
			continue
		}
		if how == stays {
			w.leaves[s] = open.leftBy(s) // said before the conflict opened, and nothing since
		}
		if w.rows[s] != nil {
			w.rows[s].news = true
		}
		if !w.system(s).Reads { // a target's delete counts no more than its edits
			w.drop(s)
			w.note(None, nil, nil, None, "target", []Candidate{w.leaver(s)})
			continue
		}
		leavers = append(leavers, s)
	}
	if len(leavers) == 0 {
		return
	}
	edits, kind := w.against(leavers, open)
	if len(edits) == 0 {
		w.bury(leavers, "delete", nil)
		return
	}
	w.contest(leavers, edits, kind, open)
}

// keep lets the record live: where it was deleted it is owed again.
func (w *work) keep(leavers []int, rule string, lost []Candidate) {
	for _, s := range leavers {
		w.drop(s)
	}
	w.note(None, nil, nil, None, rule, lost)
	w.withdraw(leavers, rule)
}

// withdraw takes the word of rows that left out of the conflicts in fields, and
// decides those anew among the others.
func (w *work) withdraw(leavers []int, rule string) {
	for _, c := range slices.Clone(w.next) {
		if c.Field == None {
			continue
		}
		var said []Candidate
		for _, s := range leavers {
			if side := c.of(s); side != nil {
				said = append(said, *side)
			}
		}
		if len(said) == 0 {
			continue
		}
		w.next = slices.DeleteFunc(w.next, func(other *Conflict) bool { return other == c })
		w.field(c.Field)
		w.note(c.Field, w.base[c.Field], w.link.Base[c.Field], None, rule, said)
	}
}

// drop leaves a system without the row, so that it is owed one.
func (w *work) drop(s int) {
	m := w.link.Members[s]
	switch w.leaves[s] {
	case leftGone:
		w.link.Members[s] = nil
	case leftSoft:
		m.State, m.Why = Detached, whyRestore
		m.Acked = 0
	case leftScope:
		m.State, m.Why = OutOfScope, ""
	case stays:
	}
}

// bury carries a delete to the others. Where all of them ignore deletes, the
// link lives on without the system that deleted.
func (w *work) bury(leavers []int, rule string, lost []Candidate) {
	others, ignoring := 0, 0
	for s, m := range w.link.Members {
		if m == nil || m.State == Detached || m.State == OutOfScope || slices.Contains(leavers, s) {
			continue
		}
		others++
		if w.r.rules.effect(s) == "ignore" {
			ignoring++
		}
	}
	survives := others > 0 && ignoring == others
	for _, s := range leavers {
		w.part(s, survives)
	}
	from := leavers[0]
	if survives {
		w.note(None, nil, nil, from, rule+" (ignored)", lost)
		w.withdraw(leavers, rule+" (ignored)")
		return
	}
	w.link.Tombstone, w.dead = true, true
	// Questions about identity stay: the row they ask about may be this one's
	// successor.
	w.next = slices.DeleteFunc(w.next, func(c *Conflict) bool { return !c.about() })
	for s, m := range w.link.Members {
		if m == nil || slices.Contains(leavers, s) || (m.State != Live && m.State != Quarantined) {
			continue
		}
		if e := w.r.rules.effect(s); e == "ignore" || e == "unlink" {
			m.State, m.Why = Detached, whyUnlinked
		}
	}
	for s, m := range w.link.Members {
		if m != nil && m.parked() {
			w.link.Members[s] = nil
		}
	}
	w.note(None, nil, nil, from, rule, lost)
}

// part takes the deleted row out of the link; where the link lives on,
// something has to say that nothing takes its place.
func (w *work) part(s int, survives bool) {
	m := w.link.Members[s]
	switch {
	case w.leaves[s] == leftGone && !survives:
		w.link.Members[s] = nil
	case w.leaves[s] == leftGone:
		m.State, m.Why = Detached, whyGone
	case w.leaves[s] == leftSoft:
		m.State, m.Why = Detached, whyDeleted
	default:
		m.State, m.Why = OutOfScope, ""
	}
}
