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

// arrive brings each member to the state in which its row was seen.
func (w *work) arrive() {
	for s, row := range w.rows {
		if row == nil {
			continue
		}
		m := w.link.Members[s]
		if row.joined {
			m = w.join(s, row)
		}
		w.see(s, m, row)
	}
}

// join makes the member of a row that came to this link. A creation of ours
// whose outcome was not known is taken over by the row that shows it.
func (w *work) join(s int, row *sighting) *Member {
	m := &Member{
		System: s, Key: row.key, LinkID: w.link.ID, State: Live, Match: slices.Clone(row.match), SinceWrite: true,
	}
	before := w.before[s]
	switch {
	case row.edits:
		m.Acked = w.link.Rev
		before = nil
	case before != nil && before.State == Creating && row.taking():
		m.Acked = before.Acked
		w.attempted[s] = true
	default:
		before = nil
	}
	w.link.Members[s] = m
	w.before[s] = before
	w.last[s] = nil
	w.first[s] = !row.edits && before == nil
	row.news = true
	if row.obs == nil {
		m.Order, m.Token, m.RawHash, m.MapHash = row.loose.Order, row.loose.Token, row.loose.RawHash, row.loose.MapHash
	}
	return m
}

// unread marks a row of which no field was ever taken: the first time that it
// can be read is a first contact.
func unread() record.Hash { return record.HashText("unread") }

func (w *work) see(s int, m *Member, row *sighting) {
	o := row.obs
	if o == nil {
		w.take(s, m, row)
		return
	}
	if o.Gone {
		w.missed(s, m, row)
		return
	}
	if o.Bad == "" || m.RawHash.Zero() || !o.RawHash.Zero() {
		m.RawHash = o.RawHash
	}
	m.Order, m.Token = o.Order, o.Token
	m.SinceWrite = true
	switch {
	case m.State == Detached && m.Why == whyUnlinked:
		row.end = endIgnored
	case o.Bad != "":
		if m.State != Detached {
			m.State, m.Why = Quarantined, "bad"
		}
		row.end = endQuarantined
		w.unread(s, m)
	case o.Deleted:
		w.saysDeleted(s, m, row)
	case !o.InScope:
		w.left(s, m, row)
	default:
		w.take(s, m, row)
	}
}

func (w *work) unread(s int, m *Member) {
	if w.before[s] == nil {
		m.MapHash = unread()
		m.Acked = 0
	}
}

// take reads the values of a row that takes part.
func (w *work) take(s int, m *Member, row *sighting) {
	wasLive := m.State == Live
	if o := row.obs; o != nil {
		if !row.joined && m.MapHash != o.MapHash {
			w.first[s] = true
		}
		m.MapHash = o.MapHash
		if len(o.Match) > 0 && !slices.Equal(m.Match, o.Match) {
			m.Match = slices.Clone(o.Match)
		}
		if before := w.before[s]; before != nil && wasLive && !w.first[s] && !o.RawHash.Zero() && before.RawHash == o.RawHash {
			return // as it was: what it holds is known
		}
	}
	if m.State == Quarantined && m.Why == whyLoop && w.stillLooping(s, row) {
		row.end = endQuarantined
		return
	}
	if m.State != Live {
		row.news = true
	}
	m.State, m.Why = Live, ""
	last := w.lastOf(s)
	values := w.r.slabs.row.take(len(w.base))
	for f := range values {
		values[f] = record.Missing
		if !w.system(s).Has[f] {
			continue
		}
		values[f] = row.value(f)
		// A field about which a row says nothing is as it was, unless a `when`
		// switched it off.
		if record.IsMissing(values[f]) && !w.first[s] && !w.system(s).switches(f) {
			values[f] = last[f]
		}
	}
	w.now[s] = values
}

// switches reports whether a `when` can switch the field off.
func (s *SystemRule) switches(f int) bool { return s.When != nil && s.When[f] }

// predict gives what a system would read back of a record. Where nothing can
// be predicted, the answer is Missing and everything is remembered instead.
func (r *resolver) predict(s int, fields []record.Value) []record.Value {
	return r.rules.Systems[s].predict(fields)
}

func (s *SystemRule) predict(fields []record.Value) []record.Value {
	given := fields
	if s.Predict != nil {
		var err error
		if given, err = s.Predict(fields); err != nil || len(given) != len(fields) {
			return missings(len(fields))
		}
	} else if !slices.Contains(s.Has, false) {
		return fields
	}
	out := make([]record.Value, len(fields))
	for f := range fields {
		switch {
		case !s.Has[f]:
			out[f] = record.Missing
		case record.IsMissing(given[f]) && !s.Writes[f]:
			out[f] = fields[f]
		default:
			out[f] = given[f]
		}
	}
	return out
}

func missings(n int) []record.Value {
	out := make([]record.Value, n)
	for i := range out {
		out[i] = record.Missing
	}
	return out
}

func (w *work) predictedOf(s int) []record.Value {
	if w.predicted[s] == nil {
		w.predicted[s] = w.r.predict(s, w.base)
	}
	return w.predicted[s]
}

// lastOf gives what a system held when it was last seen; for a row that came
// as an edit of the base, the base.
func (w *work) lastOf(s int) []record.Value {
	if w.last[s] != nil {
		return w.last[s]
	}
	last := w.predictedOf(s)
	if m := w.before[s]; m != nil && len(m.Seen) > 0 {
		last = slices.Clone(last)
		for f, v := range m.Seen {
			if f < len(last) {
				last[f] = v
			}
		}
	}
	w.last[s] = last
	return last
}

// seen reports whether the member was last seen with a value of this field
// that the base does not predict, and gives the revision that it had.
func (w *work) seen(s, f int) bool {
	m := w.before[s]
	if m == nil {
		return false
	}
	_, differs := m.Seen[f]
	return differs
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
	for s, m := range w.link.Members {
		if m != nil && m.State == Live && !w.link.Tombstone && !w.behind(s, m) {
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

// express keeps of what a member holds only where that differs from what the
// base predicts.
func (w *work) express(s int, m *Member) {
	held := w.now[s]
	if held == nil {
		if !w.moved || w.before[s] == nil {
			return
		}
		held = w.lastOf(s)
	}
	predicted := w.predictedOf(s)
	if w.moved {
		predicted = w.r.predict(s, w.link.Base)
	}
	m.Seen = express(held, predicted)
}

func express(held, predicted []record.Value) map[int]record.Value {
	var seen map[int]record.Value
	for f, v := range held {
		if record.Equal(v, predicted[f]) {
			continue
		}
		if seen == nil {
			seen = map[int]record.Value{}
		}
		seen[f] = v
	}
	return seen
}

// behind reports whether the member is owed a field that no conflict holds.
// What holds the whole record delays payment and forgets nothing.
func (w *work) behind(s int, m *Member) bool {
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
