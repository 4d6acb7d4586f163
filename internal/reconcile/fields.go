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

// contenders collects who says something about a field that is neither what
// was last seen there nor what the base already says.
func (w *work) contenders(f int, open *Conflict) []contender {
	var sides []contender
	known := !record.IsMissing(w.base[f])
	for s, m := range w.link.Members {
		if m == nil || w.leaves[s] != stays || !w.system(s).Has[f] {
			continue
		}
		// A row that cannot be read now keeps what it said in a conflict.
		waiting := open.of(s)
		if m.State != Live && (m.State != Quarantined || waiting == nil) {
			continue
		}
		if w.now[s] == nil && waiting == nil {
			continue
		}
		c := contender{system: s, key: m.Key, pending: w.now[s] == nil}
		switch {
		case w.now[s] != nil:
			c.value, c.at = w.now[s][f], w.rows[s].modified()
		default:
			c.value, c.at = w.lastOf(s)[f], waiting.At
		}
		if record.IsMissing(c.value) || (known && w.agrees(s, f, c.value)) {
			continue
		}
		c.first = w.first[s] || !known || (open != nil && open.Kind == InsertExists && waiting != nil)
		if !c.first {
			last := w.lastOf(s)[f]
			// After an attempt of ours, only what it wrote is no news; anything
			// else is somebody else's row, and never an edit.
			c.first = w.attempted[s] && !record.Equal(c.value, last) || record.IsMissing(last) && w.system(s).switches(f)
			c.was = last
			if record.Equal(c.value, last) {
				if waiting == nil {
					continue
				}
				c.pending, c.was, c.at = true, open.Base, waiting.At
			}
			c.informed = !c.pending && !w.seen(s, f)
		}
		sides = append(sides, c)
	}
	return sides
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
		if m != nil && m.State == Live && !w.first[s] && w.system(s).Has[f] && !w.seen(s, f) {
			all = append(all, s)
		}
	}
	return all
}

// directed keeps the sides whose word counts in this field: targets have none,
// an owner has the only one, and what was written once stays.
func (w *work) directed(f int, sides []contender, open *Conflict) (heard, violations []contender) {
	rule := &w.r.rules.Fields[f]
	known := !record.IsMissing(w.base[f])
	seeding := rule.Owner == None || (!known && w.seeds(rule.Owner, f, open))
	var unheard []contender
	for _, c := range sides {
		switch {
		case !w.system(c.system).Reads && !known: // nobody whose word counts has spoken
		case !w.system(c.system).Reads:
			w.overrule(f, c, w.link.Origins[f].System, "target")
		case rule.WriteOnce && known && w.base[f] != nil:
			w.violated(f, c, w.link.Origins[f].System, "write_once")
		case seeding || rule.Owner == c.system:
			heard = append(heard, c)
		case !known: // before its owner has spoken, nobody else's word is taken
			unheard = append(unheard, c)
		case c.first:
			w.overrule(f, c, rule.Owner, "owner_wins")
		default:
			violations = append(violations, c)
		}
	}
	for _, c := range unheard {
		after := record.Value(record.Missing)
		if len(heard) > 0 {
			after = heard[0].value
		}
		if !w.readsAs(c, f, after) && !record.Equal(c.value, w.lastOf(c.system)[f]) {
			w.note(f, c.value, after, rule.Owner, "owner_wins", []Candidate{c.candidate()})
		}
	}
	return heard, violations
}

// violations settles edits of a field that another system owns. They are
// reverted or left standing, unless the definition has policies for that kind.
// It reports whether that decided the field.
func (w *work) violations(f int, open *Conflict, heard, violations []contender) bool {
	chain := w.r.rules.Kinds[OwnershipViolation]
	if len(heard) > 0 || chain == nil || len(violations) == 0 {
		for _, c := range violations {
			w.violated(f, c, w.r.rules.Fields[f].Owner, "owner_wins")
		}
		return false
	}
	sides := append(violations, w.baseSide(f))
	best := w.choose(f, sides, chain, "edit")
	if best.outcome != decided {
		w.conflict(f, OwnershipViolation, open, sides, best)
		return true
	}
	w.conclude(f, open, sides, best)
	return true
}

// seeds reports whether others may give an owned field its first value: at
// creation only, which lasts until the owner has a row, or for as long as they
// do not agree about it.
func (w *work) seeds(owner, f int, open *Conflict) bool {
	m := w.link.Members[owner]
	return !w.speaks(owner, f) && (w.old == nil || open != nil || m == nil || m.State == Creating)
}

// speaks reports whether the system has a row in this link that can say
// something about the field.
func (w *work) speaks(s, f int) bool {
	return w.now[s] != nil && w.system(s).Has[f] && !record.IsMissing(w.now[s][f])
}

// overrule leaves the base and owes it to the system that said otherwise.
func (w *work) overrule(f int, c contender, from int, rule string) {
	w.owe = append(w.owe, debt{c.system, f})
	if w.rows[c.system] != nil {
		w.rows[c.system].news = true
	}
	w.note(f, c.value, w.base[f], from, rule, []Candidate{c.candidate()})
}

// violated is an edit where an edit does not count: it is reverted, or left
// standing until the owner's next word.
func (w *work) violated(f int, c contender, from int, rule string) {
	if w.r.rules.Fields[f].Ignore {
		if w.rows[c.system] != nil {
			w.rows[c.system].ignored = true
		}
		w.note(f, c.value, w.base[f], from, rule+" (ignored)", []Candidate{c.candidate()})
		return
	}
	w.overrule(f, c, from, rule)
}

func (c contender) candidate() Candidate {
	return Candidate{System: c.system, Key: c.key, Value: c.value, At: c.at, Base: c.base}
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
