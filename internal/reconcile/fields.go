package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// merge decides every field on its own: an edit of one field never overrules
// an edit of another.
func (w *work) merge() {
	for f := range w.base {
		w.field(f)
	}
}

func (w *work) open(f int) *Conflict {
	if w.old == nil {
		return nil
	}
	for _, c := range w.old.Conflicts {
		if c.Field == f {
			return c
		}
	}
	return nil
}

func (w *work) field(f int) {
	if w.old == nil && w.unanimous(f) {
		return
	}
	open := w.open(f)
	sides := w.contenders(f, open)
	if len(sides) == 0 {
		return // an open conflict has converged
	}
	sides, violations := w.directed(f, sides, open)
	if w.violations(f, open, sides, violations) {
		return
	}
	edits := slices.DeleteFunc(slices.Clone(sides), func(c contender) bool { return c.first })
	firsts := slices.DeleteFunc(sides, func(c contender) bool { return !c.first })
	for _, c := range edits {
		if !c.pending {
			w.edited(c.system, f)
		}
	}
	known := !record.IsMissing(w.base[f])
	if !known && len(firsts) > 0 { // what nobody has agreed upon yet, all meet about
		edits, firsts = nil, append(edits, firsts...)
	}
	var best verdict
	switch {
	case len(edits) > 0:
		if w.baseContends(f, open, edits) {
			edits = append(edits, w.baseSide(f))
		}
		chain := w.r.rules.chain(f, UpdateOriginDiffers)
		best = w.choose(f, edits, chain, "edit")
		if best.outcome != decided && len(firsts) > 0 { // then all are sides of one conflict
			edits, firsts = append(edits, firsts...), nil
			best = w.choose(f, edits, chain, "edit")
		}
		if best.outcome != decided {
			w.conflict(f, UpdateOriginDiffers, open, edits, best)
			return
		}
		w.conclude(f, open, edits, best)
		firsts = w.disagreeing(f, firsts, best.value)
		if len(firsts) == 0 {
			return
		}
		firsts = append(firsts, contender{system: best.from, value: best.value, at: best.at, base: true})
	case known && len(firsts) > 0:
		base := w.baseSide(f)
		base.holders = w.holders(f)
		firsts = append(firsts, base)
	case len(firsts) == 0:
		return
	}
	best = w.meet(f, open, firsts)
	if best.outcome != decided {
		w.conflict(f, InsertExists, open, firsts, best)
		return
	}
	w.conclude(f, open, firsts, best)
}

// unanimous takes the value of a new link's field on which all who say anything
// agree: the way of nearly all fields at a first sync.
func (w *work) unanimous(f int) bool {
	if w.r.rules.Fields[f].Owner != None {
		return false
	}
	v := verdict{outcome: decided, from: None}
	heard := 0
	for s, m := range w.link.Members {
		if m == nil || m.State != Live || w.now[s] == nil || !w.system(s).Has[f] || record.IsMissing(w.now[s][f]) {
			continue
		}
		if !w.system(s).Reads {
			return false
		}
		if heard++; heard == 1 {
			v.value, v.from = w.now[s][f], s
		} else if !record.Equal(v.value, w.now[s][f]) {
			return false
		}
		v.at = max(v.at, w.rows[s].modified())
	}
	if heard > 0 {
		v.rule = "agreed"
		if heard == 1 {
			v.rule = w.aloneRule(v.from)
		}
		w.set(f, v)
	}
	return true
}

func (w *work) edited(s, f int) {
	if w.edits == nil {
		w.edits = map[int][]int{}
	}
	w.edits[s] = append(w.edits[s], f)
}

// disagreeing keeps the sides that do not agree with a value.
func (w *work) disagreeing(f int, sides []contender, v record.Value) []contender {
	return slices.DeleteFunc(sides, func(c contender) bool {
		return record.Equal(c.value, v) || record.Equal(w.readBack(c.system, f, v), c.value)
	})
}

// readBack is what a system would show for a field if the record held v.
func (w *work) readBack(s, f int, v record.Value) record.Value {
	if s == None || w.system(s).Predict == nil {
		return v
	}
	trial := slices.Clone(w.link.Base)
	trial[f] = v
	return w.r.predict(s, trial)[f]
}

// conclude takes what was decided into the base, and owes it to those who said
// something else.
func (w *work) conclude(f int, open *Conflict, sides []contender, v verdict) {
	if open != nil && v.decision == nil {
		v.rule = orElse(v.rule, "agreed")
	}
	var lost []Candidate
	for i, c := range sides {
		if i == v.index || w.readsAs(c, f, v.value) {
			continue
		}
		lost = append(lost, c.candidate())
		if !c.base {
			w.owe = append(w.owe, debt{c.system, f})
		}
	}
	for _, c := range sides {
		if !c.base && w.rows[c.system] != nil {
			w.rows[c.system].news = true
		}
	}
	before := w.base[f]
	if record.Equal(w.link.Base[f], v.value) && v.decision == nil {
		if len(lost) > 0 {
			w.note(f, before, v.value, v.from, v.rule, lost)
		}
		return
	}
	w.set(f, v)
	if w.old != nil || len(lost) > 0 {
		w.note(f, before, v.value, v.from, v.rule, lost)
	}
}

func (w *work) readsAs(c contender, f int, v record.Value) bool {
	return record.Equal(c.value, v) || (!c.base && record.Equal(w.readBack(c.system, f, v), c.value))
}

func (w *work) set(f int, v verdict) {
	w.changed[f], w.moved = true, true
	w.link.Base[f] = v.value
	w.link.Origins[f] = Origin{System: v.from, At: v.at, Rule: v.rule}
}

func orElse(s, or string) string {
	if s == "" {
		return or
	}
	return s
}
