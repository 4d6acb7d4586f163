package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

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
			w.note(f, w.base[f], after, rule.Owner, "owner_wins", []Candidate{c.candidate()})
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
	sides := append(slices.Clone(violations), w.baseSide(f))
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
	w.note(f, w.base[f], w.base[f], from, rule, []Candidate{c.candidate()})
}

// violated is an edit where an edit does not count: it is reverted, or left
// standing until the owner's next word.
func (w *work) violated(f int, c contender, from int, rule string) {
	if w.r.rules.Fields[f].Ignore {
		if w.rows[c.system] != nil {
			w.rows[c.system].ignored = true
		}
		w.note(f, w.base[f], w.base[f], from, rule+" (ignored)", []Candidate{c.candidate()})
		return
	}
	w.overrule(f, c, from, rule)
}
