package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// recordConflict is the open conflict between a delete and edits.
func (w *work) recordConflict() *Conflict {
	if w.old == nil {
		return nil
	}
	for _, c := range w.old.Conflicts {
		if c.aboutDelete() {
			return c
		}
	}
	return nil
}

func (c *Conflict) deletedBy(s int) bool {
	return c != nil && slices.ContainsFunc(c.Candidates, func(c Candidate) bool { return c.System == s && c.Deleted })
}

// leftBy gives how a row left whose delete waits in a conflict.
func (c *Conflict) leftBy(s int) leave {
	for _, candidate := range c.Candidates {
		if candidate.System != s || !candidate.Deleted {
			continue
		}
		switch candidate.Value {
		case saidDeleted:
			return leftSoft
		case saidLeft:
			return leftScope
		}
	}
	return leftGone
}

// What a candidate that deleted shows: nothing where the row is gone.
const (
	saidDeleted = "deleted"
	saidLeft    = "out_of_scope"
)

func (w *work) leaver(s int) Candidate {
	c := Candidate{System: s, Deleted: true}
	if m := w.before[s]; m != nil {
		c.Key = m.Key
	}
	switch w.leaves[s] {
	case leftSoft:
		c.Value = saidDeleted
	case leftScope:
		c.Value = saidLeft
	case leftGone, stays:
	}
	if w.rows[s] != nil {
		c.At = w.rows[s].modified()
	} else if open := w.recordConflict(); open.deletedBy(s) {
		i := slices.IndexFunc(open.Candidates, func(c Candidate) bool { return c.System == s && c.Deleted })
		c.At = open.Candidates[i].At
	}
	return c
}

// editSide is a candidate that shows the edited fields as JSON.
func (w *work) editSide(s int, m *Member, fields []int) Candidate {
	c := Candidate{System: s, Key: m.Key, Value: record.JSON("{}")}
	shown := map[string]any{}
	values := w.now[s]
	if values == nil {
		values = w.lastOf(s)
	}
	for _, f := range fields {
		shown[w.r.rules.Fields[f].Name] = jsonable(values[f])
	}
	if text, err := record.EncodeJSON(shown); err == nil {
		c.Value = text
	}
	if w.rows[s] != nil {
		c.At = w.rows[s].modified()
	}
	return c
}

// jsonable gives what JSON has a form for.
func jsonable(v record.Value) any {
	switch x := v.(type) {
	case nil, string, bool, int64, record.Decimal:
		return x
	default:
		return record.Text(v)
	}
}

// against collects what speaks against a delete: edits of others in this
// window, edits that wait in conflicts, rows that just came, and a base that
// the deleting system had not heard of.
func (w *work) against(leavers []int, open *Conflict) ([]Candidate, Kind) {
	edits := w.editsBeside(leavers, open)
	if open != nil {
		for _, c := range open.Candidates {
			if !c.Deleted {
				edits = addSide(edits, c)
			}
		}
		return edits, open.Kind
	}
	if len(edits) > 0 {
		return edits, DeleteRecentlyUpdated
	}
	for _, s := range leavers {
		for f := range w.base {
			if m := w.before[s]; m != nil && owedField(w.r.rules, w.link, m, f) && !w.changed[f] {
				origin := w.link.Origins[f]
				edits = addSide(edits, Candidate{System: origin.System, Value: w.base[f], At: origin.At, Base: true})
			}
		}
	}
	return edits, UpdateMissing
}

// addSide adds a side, of each system one.
func addSide(sides []Candidate, c Candidate) []Candidate {
	if slices.ContainsFunc(sides, func(have Candidate) bool { return have.System == c.System }) {
		return sides
	}
	return append(sides, c)
}

// editsBeside are the edits of those who did not delete, with a row that just
// came counting as one.
func (w *work) editsBeside(leavers []int, open *Conflict) []Candidate {
	var edits []Candidate
	for s, m := range w.link.Members {
		if m == nil || slices.Contains(leavers, s) {
			continue
		}
		fields := w.edits[s]
		if known := open.of(s); known != nil && len(fields) == 0 {
			edits = addSide(edits, *known)
			continue
		}
		for _, c := range w.next {
			if c.Field != None && c.of(s) != nil && !slices.Contains(fields, c.Field) {
				fields = append(fields, c.Field)
			}
		}
		came := w.rows[s] != nil && w.rows[s].joined && w.now[s] != nil && w.system(s).Reads
		if len(fields) > 0 || came {
			slices.Sort(fields)
			edits = addSide(edits, w.editSide(s, m, fields))
		}
	}
	return edits
}

// contest decides between deletes and what speaks against them.
func (w *work) contest(leavers []int, edits []Candidate, kind Kind, open *Conflict) {
	dead := make([]Candidate, 0, len(leavers))
	for _, s := range leavers {
		dead = append(dead, w.leaver(s))
	}
	switch w.r.rules.DeleteVsUpdate {
	case "delete_wins":
		w.bury(leavers, "delete_vs_update: delete_wins", edits)
	case "newest_wins":
		if newest(dead, edits) > 0 {
			w.bury(leavers, "delete_vs_update: newest_wins", edits)
			return
		}
		w.keep(leavers, "delete_vs_update: newest_wins", dead)
	case "manual":
		c := &Conflict{LinkID: w.link.ID, System: None, Kind: kind, Field: None, Candidates: append(edits, dead...)}
		w.r.file(c, open)
		switch rule, what := w.ruling(c, open); what {
		case rulingNone:
			w.hold(c)
		case rulingKeep:
			w.keep(leavers, rule, dead)
		case rulingDelete:
			w.bury(leavers, rule, edits)
		}
	default:
		w.keep(leavers, "delete_vs_update: update_wins", dead)
	}
}

// newest compares the latest delete with the latest edit; 0 where that is not
// known of all.
func newest(deletes, edits []Candidate) int {
	var d, e record.Timestamp
	for _, c := range deletes {
		if c.At == 0 {
			return 0
		}
		d = max(d, c.At)
	}
	for _, c := range edits {
		if c.At == 0 {
			return 0
		}
		e = max(e, c.At)
	}
	switch {
	case d > e:
		return 1
	case d < e:
		return -1
	default:
		return 0
	}
}

type ruling int

// ruling asks a person, and then the deadline, about a delete.
func (w *work) ruling(c, open *Conflict) (rule string, _ ruling) {
	d := w.r.decision(c, func(d *Decision) bool {
		return d.Verb == "skip" || c.ruledBy(d) != rulingNone
	})
	if d != nil {
		w.r.apply(d)
		if d.Verb == "skip" {
			c.SkipUntil = orForEver(d.Until)
			return "", rulingNone
		}
		return decisionRule(d), c.ruledBy(d)
	}
	if open == nil || !c.passed(w.r.bucket.Now) || len(w.r.rules.Then) == 0 {
		return "", rulingNone
	}
	for _, p := range w.r.rules.Then {
		switch p.Name {
		case "system_wins", "priority":
			for _, s := range p.Systems {
				if c.deletedBy(s) {
					return "then: " + orElse(p.Text, p.Name), rulingDelete
				}
				if c.of(s) != nil {
					return "then: " + orElse(p.Text, p.Name), rulingKeep
				}
			}
		case "newest_wins":
			if order := c.newest(); order != 0 {
				rule := map[bool]ruling{true: rulingDelete, false: rulingKeep}[order > 0]
				return "then: " + orElse(p.Text, p.Name), rule
			}
		case "manual", "skip":
			return "", rulingNone
		}
	}
	return "then: the record lives", rulingKeep
}

const (
	rulingNone ruling = iota
	rulingKeep
	rulingDelete
)

// newest compares the conflict's latest delete with its latest edit.
func (c *Conflict) newest() int {
	dead := slices.DeleteFunc(slices.Clone(c.Candidates), func(c Candidate) bool { return !c.Deleted })
	return newest(dead, slices.DeleteFunc(slices.Clone(c.Candidates), func(c Candidate) bool { return c.Deleted }))
}

func (c *Conflict) ruledBy(d *Decision) ruling {
	switch d.Verb {
	case "keep":
		return rulingKeep
	case "delete":
		return rulingDelete
	case "take":
		for _, candidate := range c.Candidates {
			if candidate.System == d.System && candidate.Deleted {
				return rulingDelete
			}
			if candidate.System == d.System {
				return rulingKeep
			}
		}
	}
	return rulingNone
}
