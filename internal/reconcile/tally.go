package reconcile

// ending is how an observation ends; every one has exactly one.
type ending int

const (
	undecided ending = iota // follows from its link
	endApplied
	endOwed
	endUnchanged
	endConflict
	endQuarantined
	endIgnored
)

func (t *Tally) add(e ending) {
	switch e {
	case endApplied:
		t.Applied++
	case endOwed:
		t.Owed++
	case endUnchanged, undecided:
		t.Unchanged++
	case endConflict:
		t.Conflicts++
	case endQuarantined:
		t.Quarantined++
	case endIgnored:
		t.Ignored++
	}
}

// Add sums two tallies.
func (t *Tally) Add(other Tally) {
	t.Read += other.Read
	t.Applied += other.Applied
	t.Owed += other.Owed
	t.Unchanged += other.Unchanged
	t.Conflicts += other.Conflicts
	t.Quarantined += other.Quarantined
	t.Ignored += other.Ignored
}

// Balanced reports whether everything that was read ended as something.
func (t *Tally) Balanced() bool {
	return t.Read == t.Applied+t.Owed+t.Unchanged+t.Conflicts+t.Quarantined+t.Ignored
}

func (r *resolver) count(system int, e ending) { r.tally[system].add(e) }

// finish counts how each row ended.
func (r *resolver) finish() {
	for _, row := range r.rows {
		e := row.end
		if e == undecided && row.work != nil {
			e = row.work.ending(row)
		}
		r.count(row.system, e)
	}
	r.out.PerSystem = r.tally
	for _, t := range r.tally {
		r.out.Tally.Add(t)
	}
}

// ending derives how a row of a link ended from what came of the link.
func (w *work) ending(row *sighting) ending {
	skipped := false
	for _, c := range w.link.Conflicts {
		if !c.concerns(row.system) {
			continue
		}
		if c.SkipUntil <= w.r.bucket.Now {
			return endConflict
		}
		skipped = true
	}
	switch {
	case skipped, row.ignored && !row.news:
		return endIgnored
	case !row.news:
		return endUnchanged
	case w.owes:
		return endOwed
	default:
		return endApplied
	}
}

// concerns reports whether a row of that system takes part in the conflict.
func (c *Conflict) concerns(system int) bool {
	if c.Field == None {
		return true
	}
	for _, candidate := range c.Candidates {
		if candidate.System == system && !candidate.Base {
			return true
		}
	}
	return false
}
