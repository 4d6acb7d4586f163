package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

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
		System: s, Key: row.key, LinkID: w.link.ID, State: Live, Match: slices.Clone(row.match), SinceWrite: true, Apart: row.apart,
	}
	before := w.before[s]
	switch {
	case row.edits && before != nil && before.State == Live && row.taking():
		// It stands where another row stood: what that one still lacked is no
		// edit of this one.
		before = before.Clone()
		before.RawHash = record.Hash{}
		m.Acked = before.Acked
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

func (w *work) unread(s int, m *Member) {
	if w.before[s] == nil {
		m.MapHash = unread()
		m.Acked = 0
	}
}

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

// take reads the values of a row that takes part.
func (w *work) take(s int, m *Member, row *sighting) {
	wasLive := m.State == Live
	if o := row.obs; o != nil {
		if !row.joined && m.MapHash != o.MapHash {
			w.asRead[s] = w.system(s).Kept[m.MapHash]
			w.first[s] = w.asRead[s] == nil
		}
		m.MapHash = o.MapHash
		if len(o.Match) > 0 && !slices.Equal(m.Match, o.Match) {
			m.Match = slices.Clone(o.Match)
		}
		if before := w.before[s]; before != nil && wasLive && !w.anew(s) && !o.RawHash.Zero() && before.RawHash == o.RawHash {
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
		if record.IsMissing(values[f]) && !w.meets(s, f) && !w.system(s).switches(f) {
			values[f] = last[f]
		}
	}
	w.now[s] = values
}

// switches reports whether a `when` can switch the field off.
func (s *SystemRule) switches(f int) bool { return s.When != nil && s.When[f] }
