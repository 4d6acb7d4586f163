package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// revive lets a tombstone live again where its thing came back: a row of it was
// made anew or undeleted, or edited by a system that had not yet deleted it.
func (w *work) revive() {
	if !w.link.Tombstone {
		return
	}
	var edits []Candidate
	back := false
	for s, row := range w.rows {
		if row == nil || w.now[s] == nil || !w.system(s).Reads {
			continue
		}
		m := w.link.Members[s]
		before := w.before[s]
		if row.joined || before == nil || before.State == Detached || before.State == OutOfScope || before.MapHash == unread() {
			back = true
			row.news = true
			continue
		}
		if changed := w.changedFields(s); len(changed) > 0 {
			edits = append(edits, w.editSide(s, m, changed))
		}
	}
	if back {
		w.reopen(string(UpdateRecentlyDeleted), nil)
		return
	}
	open := w.recordConflict()
	if len(edits) == 0 && open == nil {
		return
	}
	w.contestTombstone(open, edits)
}

func (w *work) contestTombstone(open *Conflict, edits []Candidate) {
	dead := Candidate{System: None, Deleted: true}
	if open != nil {
		for _, c := range open.Candidates {
			if c.Deleted || w.link.Members[c.System] == nil {
				continue
			}
			if !slices.ContainsFunc(edits, func(e Candidate) bool { return e.System == c.System }) {
				edits = append(edits, c)
			}
		}
		if len(edits) == 0 {
			return
		}
	}
	switch w.r.rules.DeleteVsUpdate {
	case "delete_wins":
		w.note(None, nil, nil, None, "delete_vs_update: delete_wins", edits)
	case "manual":
		c := &Conflict{LinkID: w.link.ID, System: None, Kind: UpdateRecentlyDeleted, Field: None, Candidates: append(edits, dead)}
		w.r.file(c, open)
		switch d, verdict := w.ruling(c, open); verdict {
		case rulingNone:
			w.hold(c)
		case rulingKeep:
			w.reopen(d, []Candidate{dead})
		case rulingDelete:
			w.note(None, nil, nil, None, d, edits)
		}
	default: // when the delete was made is not known: nothing is lost by living
		w.reopen("delete_vs_update: update_wins", []Candidate{dead})
	}
}

// reopen makes a tombstone a link again: deletes that are owed are cancelled,
// rows that say they are deleted are owed a restore, and rows whose edits the
// delete overruled are owed the base.
func (w *work) reopen(rule string, lost []Candidate) {
	w.link.Tombstone = false
	w.reopened, w.dead = true, true
	for s, m := range w.link.Members {
		if m != nil && m.State == Detached && m.Why != whyUnlinked && m.Why != whyGone {
			m.Why = whyRestore
		}
		if before := w.before[s]; m != nil && before != nil {
			for f := range before.Seen {
				w.owe = append(w.owe, debt{s, f})
			}
		}
	}
	w.note(None, nil, nil, None, rule, lost)
}

// changedFields are the fields in which a row differs from when it was last seen.
func (w *work) changedFields(s int) []int {
	var changed []int
	last := w.lastOf(s)
	for f, v := range w.now[s] {
		if w.system(s).Has[f] && !record.IsMissing(v) && !record.Equal(v, last[f]) {
			changed = append(changed, f)
		}
	}
	return changed
}
