package reconcile

// chain gives the policies for a conflict of a kind in a field: the nearest
// that is set counts, field, kind, default.
func (r *Rules) chain(f int, kind Kind) Chain {
	if c := r.Fields[f].Chain; c != nil {
		return c
	}
	if c := r.Kinds[kind]; c != nil {
		return c
	}
	return r.Default
}

// meet decides between values that meet for the first time.
//
// A conflict that is open was left to people by one of the two chains that may
// apply; as long as one of them still does, it stays theirs.
func (w *work) meet(f int, open *Conflict, sides []contender) verdict {
	alone := w.firstRule(sides)
	if open == nil || open.Kind != InsertExists {
		return w.choose(f, sides, w.meeting(f, w.created(sides)), alone)
	}
	v := w.choose(f, sides, w.meeting(f, true), alone)
	if v.outcome == decided {
		v = w.choose(f, sides, w.meeting(f, false), alone)
	}
	return v
}

// meeting gives the policies for values that meet for the first time. At a
// system's first sync, for a new field and after a changed mapping those are
// what first_sync prefers; rows that were created in two systems at once,
// later, are an insert that exists, and have their own kind.
func (w *work) meeting(f int, created bool) Chain {
	rules := w.r.rules
	if created {
		if c := rules.Fields[f].Chain; c != nil {
			return c
		}
		if c := rules.Kinds[InsertExists]; c != nil {
			return c
		}
	}
	if rules.Prefer != nil {
		return rules.Prefer
	}
	chain := rules.chain(f, InsertExists)
	if created || chain == nil {
		return chain
	}
	// Who wins over whose edits was not meant for what somebody never filled in.
	return append(Chain{{Name: "fill_blank"}}, chain...)
}

// created reports whether one of the rows came to its link later than at the
// first sync of its system.
func (w *work) created(sides []contender) bool {
	for _, c := range sides {
		if !c.base && w.rows[c.system] != nil && w.rows[c.system].joined && !w.r.first(c.system) {
			return true
		}
	}
	return false
}

func (w *work) firstRule(sides []contender) string {
	for _, c := range sides {
		if !c.base && w.r.first(c.system) {
			return "first_sync"
		}
	}
	return w.aloneRule(None)
}

// aloneRule names how a value came that nothing contradicts.
func (w *work) aloneRule(system int) string {
	switch {
	case system != None && w.r.first(system):
		return "first_sync"
	case w.old == nil:
		return "created"
	default:
		return "first_contact"
	}
}
