package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// contender is one side of a field that is to be decided.
type contender struct {
	system int
	key    record.Key
	value  record.Value
	at     record.Timestamp
	// was is what the system held before its edit; delta adds the difference.
	was record.Value
	// base: the base moved before the others' systems had heard of it.
	base bool
	// first: it meets the link in this field for the first time.
	first bool
	// pending: it was said before and waits in a conflict.
	pending bool
	// holders are further systems whose word a base is, where systems meet for
	// the first time.
	holders []int
	// informed: the edit was made on top of the base as it is.
	informed bool
}

// contenders collects who says something about a field that is neither what
// was last seen there nor what the base already says.
func (w *work) contenders(f int, open *Conflict) []contender {
	var sides []contender
	for s, m := range w.link.Members {
		// A row that cannot be read now, or that is leaving, keeps what it said in
		// a conflict: whether it is deleted is not decided yet.
		waiting := open.of(s)
		if m == nil || w.leaves[s] != stays && waiting == nil || !w.system(s).Has[f] {
			continue
		}
		if m.State != Live && (m.State != Quarantined || waiting == nil) || w.now[s] == nil && waiting == nil {
			continue
		}
		if c, counts := w.word(s, f, open, waiting); counts {
			sides = append(sides, c)
		}
	}
	return sides
}

// word is what a system says about a field, in this window or, waiting, in an
// open conflict. What it was last seen to hold, and what the base says, does
// not count.
func (w *work) word(s, f int, open *Conflict, waiting *Candidate) (c contender, counts bool) {
	c = contender{system: s, key: w.link.Members[s].Key, pending: w.now[s] == nil}
	if c.pending {
		c.value, c.at = w.lastOf(s)[f], waiting.At
	} else {
		c.value, c.at = w.now[s][f], w.rows[s].modified()
	}
	known := !record.IsMissing(w.base[f])
	if record.IsMissing(c.value) || (known && w.agrees(s, f, c.value)) {
		return c, false
	}
	if !known && waiting == nil && w.leftEmpty(s, f) {
		if record.Blank(c.value) {
			return c, false
		}
		c.was, c.first = w.lastOf(s)[f], w.attempted[s]
		return c, true
	}
	edited := waiting != nil && open.Kind == UpdateOriginDiffers
	c.first = w.meets(s, f) || !known && !edited || (waiting != nil && open.Kind == InsertExists)
	if c.first {
		return c, true
	}
	c.was = w.lastOf(s)[f]
	if record.Equal(c.value, c.was) {
		if waiting == nil {
			return c, false
		}
		c.pending, c.was, c.at = true, open.Base, waiting.At
	}
	// After an attempt of ours, only what it wrote is no news; anything else is
	// somebody else's row, and never an edit.
	c.first = w.attempted[s] && !c.pending || record.IsMissing(c.was) && w.system(s).switches(f)
	c.informed = !c.pending && !w.seen(s, f)
	return c, true
}

// leftEmpty reports whether a field of which nobody has spoken is empty in a row
// that we made, or was when it was last seen: that says nothing, and a value
// that comes later is an edit, not a first contact.
func (w *work) leftEmpty(s, f int) bool {
	if w.attempted[s] {
		return true
	}
	last := w.lastOf(s)[f]
	return !w.meets(s, f) && !record.IsMissing(last) && record.Blank(last)
}

// of gives what a system says in a conflict, if it takes part.
func (c *Conflict) of(system int) *Candidate {
	if c == nil {
		return nil
	}
	for i := range c.Candidates {
		if c.Candidates[i].System == system && !c.Candidates[i].Base {
			return &c.Candidates[i]
		}
	}
	return nil
}

// agrees reports whether a system that holds this value agrees with the base:
// it holds what the base would read back as there.
func (w *work) agrees(s, f int, v record.Value) bool {
	return record.Equal(v, w.predictedOf(s)[f]) || record.Equal(v, w.base[f])
}

// baseContends reports whether the base itself is a side: it moved since one
// of the edits' systems acknowledged it, and nobody has edited on top of it.
func (w *work) baseContends(f int, open *Conflict, edits []contender) bool {
	if record.IsMissing(w.base[f]) || w.r.rules.hooks.ignoreMovedBase {
		return false
	}
	moved := false
	for _, c := range edits {
		if c.informed {
			return false
		}
		// A field that a conflict holds is not paid, so that what its system
		// acknowledged says nothing about it.
		late := w.link.Origins[f].Rev > w.before[c.system].acked() || open != nil
		if late && !c.pending && open.of(c.system) == nil {
			moved = true
		}
	}
	return moved || (open != nil && open.Kind != InsertExists && open.hasBase())
}

func (m *Member) acked() int64 {
	if m == nil {
		return 0
	}
	return m.Acked
}

func (c *Conflict) hasBase() bool {
	return slices.ContainsFunc(c.Candidates, func(c Candidate) bool { return c.Base })
}

func (w *work) baseSide(f int) contender {
	origin := w.link.Origins[f]
	return contender{system: origin.System, value: w.base[f], at: origin.At, base: true, was: w.base[f]}
}

// holders are the systems that hold the base as it is.
func (w *work) holders(f int) []int {
	var all []int
	for s, m := range w.link.Members {
		if m != nil && m.State == Live && !w.meets(s, f) && w.system(s).Has[f] && !w.seen(s, f) {
			all = append(all, s)
		}
	}
	return all
}

func (c contender) candidate() Candidate {
	return Candidate{System: c.system, Key: c.key, Value: c.value, At: c.at, Base: c.base}
}
