package reconcile

import (
	"maps"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// work is a link while it is being resolved.
type work struct {
	r *resolver
	// old is the link as it came; nil for one founded in this window.
	old *Link
	// link is the copy that changes, base what it held before.
	link *Link
	base []record.Value
	// By system: the row seen in this window, the member as it came, what it
	// held when last seen, what it holds now (nil: not read anew), what the
	// old base predicts, and how it left.
	rows      []*sighting
	before    []*Member
	last, now [][]record.Value
	predicted [][]record.Value
	leaves    []leave
	// attempted: the row shows a creation of ours whose outcome was not known.
	attempted []bool
	// first: all of that system's fields meet the link for the first time.
	first []bool
	// asRead are the fields that are no news where others are, because the row was
	// last read by another mapping; nil where it was not.
	asRead [][]bool
	// changed are the fields whose base changed; owe asks for a system to be
	// paid a field again, whatever it acknowledged.
	changed []bool
	moved   bool // any of them
	owe     []debt
	// edits are the fields that each system changed in this window.
	edits map[int][]int
	// next are the conflicts that stay or open.
	next     []*Conflict
	reopened bool
	dead     bool // the tombstone was set or cleared
	owes     bool
}

type debt struct{ system, field int }

// meets reports whether a system's field meets the link for the first time.
func (w *work) meets(s, f int) bool {
	return w.first[s] || w.asRead[s] != nil && !w.asRead[s][f]
}

// anew reports whether any of a system's fields does.
func (w *work) anew(s int) bool { return w.first[s] || w.asRead[s] != nil }

func (w *work) system(s int) *SystemRule { return &w.r.rules.Systems[s] }

func (w *work) resolve() {
	w.retain()
	w.arrive()
	w.revive()
	// While people are asked whether a deleted record lives, edits go into its
	// base: nothing of them is lost if it does.
	if !w.link.Tombstone || slices.ContainsFunc(w.next, func(c *Conflict) bool { return c.aboutDelete() }) {
		w.breakLoops()
		w.merge()
	}
	w.remove()
	w.settle()
	w.emit()
}

func (w *work) note(f int, before, after record.Value, from int, rule string, lost []Candidate) {
	w.r.out.Notes = append(w.r.out.Notes, Note{
		LinkID: w.link.ID, Field: f, Before: before, After: after, From: from, Rule: rule, Lost: lost,
	})
}

// settle gives the link its revision and re-expresses what each member holds
// against the new base.
func (w *work) settle() {
	if w.moved || w.dead {
		w.link.Rev++
	}
	for f, changed := range w.changed {
		if changed {
			w.link.Origins[f].Rev = w.link.Rev
		}
	}
	w.rematch()
	for s, m := range w.link.Members {
		if m != nil {
			w.express(s, m)
		}
	}
	w.oweClosed()
	for _, d := range w.owe {
		if m := w.link.Members[d.system]; m != nil && !w.r.rules.hooks.forgetDebts {
			m.Acked = min(m.Acked, w.link.Origins[d.field].Rev-1)
		}
	}
	for _, m := range w.link.Members {
		if m != nil && m.State == Live && !w.link.Tombstone && !w.behind(m) {
			m.Acked = w.link.Rev
		}
	}
}

// oweClosed lets everybody be paid a field that a conflict held until now:
// the base may have moved under it.
func (w *work) oweClosed() {
	if w.old == nil {
		return
	}
	for _, c := range w.old.Conflicts {
		if c.Field == None || w.kept(c.Field) != nil {
			continue
		}
		for s := range w.link.Members {
			w.owe = append(w.owe, debt{s, c.Field})
		}
	}
}

// behind reports whether the member is owed a field that no conflict holds.
// What holds the whole record delays payment and forgets nothing.
func (w *work) behind(m *Member) bool {
	for f := range m.Seen {
		if owedField(w.r.rules, w.link, m, f) && w.kept(f) == nil {
			return true
		}
	}
	return false
}

func (w *work) kept(f int) *Conflict {
	for _, c := range w.next {
		if c.Field == f {
			return c
		}
	}
	return nil
}

// rematch keeps the link's match texts at what its rows said last. A new link
// has those of its first system.
func (w *work) rematch() {
	w.link.Match = w.currentMatch()
	for _, row := range w.rows {
		if row == nil || !row.joined || !row.taking() {
			continue
		}
		for i, text := range row.match {
			if w.link.Match = atLeast(w.link.Match, i+1); w.link.Match[i] == "" {
				w.link.Match[i] = text
			}
		}
	}
}

// currentMatch gives the link's match texts with what its known rows say now.
// Where several say something new, the first system's counts.
func (w *work) currentMatch() []string {
	match := slices.Clone(w.link.Match)
	for s, row := range slices.Backward(w.rows) {
		before := w.before[s]
		if row == nil || before == nil || row.joined || !row.taking() || !before.partaking() {
			continue
		}
		for i, text := range row.match {
			match = atLeast(match, i+1)
			if text != "" && (match[i] == "" || i >= len(before.Match) || before.Match[i] != text) {
				match[i] = text
			}
		}
	}
	return match
}

func atLeast(texts []string, n int) []string {
	for len(texts) < n {
		texts = append(texts, "")
	}
	return texts
}

// emit hands out the link if anything of it changed.
func (w *work) emit() {
	w.closeConflicts()
	payments, _ := owed(w.r.rules, w.link, w.r.unlisted)
	w.owes = len(payments) > 0
	for s, row := range w.rows {
		if row != nil && w.old != nil && !row.news && !row.ignored {
			row.news = !sameFields(w.before[s], w.link.Members[s])
		}
	}
	if w.old == nil || !sameLink(w.old, w.link) {
		w.r.out.Links = append(w.r.out.Links, w.link)
	}
}

func sameFields(a, b *Member) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.State == b.State && maps.EqualFunc(a.Seen, b.Seen, record.Equal)
}
