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

// meeting gives the policies for values that meet for the first time. At a
// system's first sync, for a new field and after a changed mapping those are
// what first_sync prefers; rows that were made in two systems at once, later,
// are an insert that exists, and have their own kind.
func (w *work) meeting(f int, sides []contender) Chain {
	rules := w.r.rules
	created := false
	for _, c := range sides {
		if !c.base && w.rows[c.system] != nil && w.rows[c.system].joined && !w.r.first(c.system) {
			created = true
		}
	}
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
	return rules.chain(f, InsertExists)
}

func (w *work) firstRule(sides []contender) string {
	for _, c := range sides {
		if !c.base && w.r.first(c.system) {
			return "first_sync"
		}
	}
	if w.old == nil {
		return "created"
	}
	return "first_contact"
}
