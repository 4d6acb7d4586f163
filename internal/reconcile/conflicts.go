package reconcile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// conflict keeps a field that no policy decided, unless a person or the
// deadline decides it now.
func (w *work) conflict(f int, kind Kind, open *Conflict, sides []contender, v verdict) {
	c := &Conflict{LinkID: w.link.ID, System: None, Kind: kind, Field: f, Base: w.base[f]}
	for _, side := range sides {
		c.Candidates = append(c.Candidates, side.candidate())
	}
	w.r.file(c, open)
	if d := w.r.decision(c, func(d *Decision) bool { return w.answers(c, sides, d) }); d != nil {
		w.r.apply(d)
		if d.Verb == "skip" || d.Verb == "wait" {
			c.SkipUntil = orForEver(d.Until)
		} else {
			w.conclude(f, open, sides, w.answer(c, sides, d))
			return
		}
	} else if open != nil && c.passed(w.r.bucket.Now) && len(w.r.rules.Then) > 0 {
		late := w.decide(f, sides, w.r.rules.Then)
		if late.outcome == decided {
			late.rule = "then: " + late.rule
			late.decision = &Decision{}
			w.conclude(f, open, sides, late)
			return
		}
		v = late
	}
	if v.outcome == leftAlone {
		c.SkipUntil = record.TimestampInfinity
	}
	w.hold(c)
}

func orForEver(t record.Timestamp) record.Timestamp {
	if t == 0 {
		return record.TimestampInfinity
	}
	return t
}

// hold keeps a conflict, and counts its rows as part of it.
func (w *work) hold(c *Conflict) {
	w.next = append(w.next, c)
	for _, candidate := range c.Candidates {
		if s := candidate.System; s != None && !candidate.Base && w.rows[s] != nil {
			w.rows[s].news = true
		}
	}
}

// file gives a conflict its digest and, if it was open already, its number and
// its clock. Candidates that changed are shown again, whoever skipped them.
func (r *resolver) file(c, open *Conflict) {
	slices.SortStableFunc(c.Candidates, compareCandidates)
	c.Digest = Digest(r.rules, c)
	if open == nil {
		c.Opened = r.bucket.Now
		if r.rules.Deadline > 0 {
			c.Deadline = c.Opened + record.Timestamp(r.rules.Deadline.Microseconds())
		}
		return
	}
	c.ID, c.Opened, c.Deadline = open.ID, open.Opened, open.Deadline
	if open.Digest == c.Digest {
		c.SkipUntil = open.SkipUntil
	}
}

// Digest is a short hash over a conflict's kind, field and candidates. A
// decision is for a digest: it does not apply to candidates that its author
// did not see. Times are no part of it.
func Digest(rules *Rules, c *Conflict) string {
	row := []record.Value{string(c.Kind)}
	if c.Field != None {
		row = append(row, rules.Fields[c.Field].Name)
	}
	row = append(row, string(c.Key))
	for _, candidate := range slices.SortedFunc(slices.Values(c.Candidates), compareCandidates) {
		name := ""
		if candidate.System != None {
			name = rules.Systems[candidate.System].Name
		}
		row = append(row, name, candidate.Base, string(candidate.Key), candidate.Value, candidate.Deleted, candidate.Link)
	}
	return record.HashRow(row...).String()[:digestDigits]
}

const digestDigits = 12

func compareCandidates(a, b Candidate) int {
	if a.Base != b.Base && a.System == b.System {
		if a.Base {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Link, b.Link))
}

// answers reports whether a decision's verb fits a conflict in a field.
func (w *work) answers(c *Conflict, sides []contender, d *Decision) bool {
	switch d.Verb {
	case "skip", "wait", "blank":
		return true
	case "take":
		_, ok := w.said(c, sides, d.System)
		return ok
	case "value":
		_, err := record.Convert(w.r.rules.Fields[c.Field].Type, d.Value)
		return err == nil && !record.IsMissing(d.Value)
	case "accept", "revert":
		return c.Kind == OwnershipViolation
	case "then":
		return len(w.r.rules.Then) > 0 && w.decide(c.Field, sides, w.r.rules.Then).outcome == decided
	default:
		return false
	}
}

// answer turns a decision that fits into a verdict.
func (w *work) answer(c *Conflict, sides []contender, d *Decision) verdict {
	v := verdict{outcome: decided, from: None, index: -1}
	switch d.Verb {
	case "take":
		v.value, _ = w.said(c, sides, d.System)
		v.from = d.System
	case "value":
		v.value, _ = record.Convert(w.r.rules.Fields[c.Field].Type, d.Value)
	case "accept":
		i := slices.IndexFunc(sides, func(s contender) bool { return !s.base })
		v.value, v.from = sides[i].value, sides[i].system
	case "revert":
		v.value, v.from = c.Base, w.link.Origins[c.Field].System
	case "then":
		v = w.decide(c.Field, sides, w.r.rules.Then)
	}
	for _, side := range sides {
		if side.system == v.from && record.Equal(side.value, v.value) {
			v.at = max(v.at, side.at)
		}
	}
	v.rule, v.decision = decisionRule(d), d
	return v
}

// said gives what a side of a conflict says; None is the base. A system that
// is no side says what it was last seen to hold.
func (w *work) said(c *Conflict, sides []contender, s int) (record.Value, bool) {
	if s == None {
		return c.Base, !record.IsMissing(c.Base)
	}
	for _, side := range sides {
		if side.system == s && !side.base {
			return side.value, true
		}
	}
	for _, side := range sides {
		if side.system == s {
			return side.value, true
		}
	}
	if s < 0 || s >= len(w.link.Members) || w.link.Members[s] == nil || w.link.Members[s].State != Live || !w.system(s).Has[c.Field] {
		return nil, false
	}
	v := w.lastOf(s)[c.Field]
	if w.now[s] != nil {
		v = w.now[s][c.Field]
	}
	return v, !record.IsMissing(v)
}

// closeConflicts compares what is open now with what was, and reports it.
func (w *work) closeConflicts() {
	slices.SortFunc(w.next, compareConflicts)
	w.link.Conflicts = w.next
	var before []*Conflict
	if w.old != nil {
		before = w.old.Conflicts
	}
	w.r.report(before, w.next)
}

// report tells which conflicts opened, changed and closed.
func (r *resolver) report(before, after []*Conflict) {
	stays := map[int64]*Conflict{}
	for _, c := range after {
		if c.ID == 0 {
			r.out.Opened = append(r.out.Opened, c)
			continue
		}
		stays[c.ID] = c
	}
	for _, c := range before {
		switch now := stays[c.ID]; {
		case now == nil:
			r.out.Closed = append(r.out.Closed, c.ID)
		case !sameConflict(c, now):
			r.out.Opened = append(r.out.Opened, now)
		}
	}
}

// about reports a conflict about which row belongs to which link.
func (c *Conflict) about() bool {
	return c.Kind == IdentityAmbiguous || c.Kind == MultipleUniqueConflicts
}

// aboutDelete reports a conflict between a delete and an edit.
func (c *Conflict) aboutDelete() bool {
	return c.Kind == UpdateMissing || c.Kind == DeleteRecentlyUpdated || c.Kind == UpdateRecentlyDeleted
}

func decisionRule(d *Decision) string { return fmt.Sprintf("decision %d", d.ID) }
