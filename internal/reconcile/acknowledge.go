package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// Receipt is what a system did about a payment.
type Receipt struct {
	Payment Payment
	// Key is the row's key; a creation learns it here.
	Key record.Key
	// Values are the record as the system returned it or it was read back; nil
	// where it returned nothing and was not read.
	Values []record.Value
	Match  []string
	// Order, Token and RawHash are the row's as it is now, MapHash the hash of
	// the mapping that read the values.
	Order, Token     string
	RawHash, MapHash record.Hash
	// Shown: the system itself showed the row after the write, so that its
	// absence means something from now on.
	Shown bool
}

// Acknowledge gives the link after a payment was made. What was returned is
// what was last seen there; without it, what was predicted. What a system set
// by itself at a creation, in a field that nobody has spoken for, is its word:
// the base takes it, and the link's revision says so.
func Acknowledge(rules *Rules, link *Link, r Receipt) *Link {
	l := link.Clone()
	s := r.Payment.System
	for len(l.Members) <= s {
		l.Members = append(l.Members, nil)
	}
	m := l.Members[s]
	switch r.Payment.Op {
	case OpDelete:
		l.Members[s] = nil
		return l
	case OpSoft:
		if m != nil {
			m.State, m.Why, m.Acked = Detached, whyDeleted, r.Payment.Rev
			r.mark(m)
		}
		return l
	}
	predicted := rules.Systems[s].predict(l.Base)
	held := r.held(rules, l, predicted)
	if m == nil || m.Key == "" {
		m = &Member{System: s, LinkID: l.ID}
		l.Members[s] = m
	}
	m.Key, m.State, m.Why = r.Key, Live, ""
	if !r.Payment.Partial {
		m.Acked = r.Payment.Rev
	}
	m.Seen = express(held, predicted)
	if r.Match != nil {
		m.Match = slices.Clone(r.Match)
	}
	r.mark(m)
	if r.Payment.Op == OpCreate {
		r.adopt(rules, l)
	}
	return l
}

// held is what the row holds now: what was returned, else what was written,
// else what was last seen there. What a creation does not write is empty.
func (r Receipt) held(rules *Rules, l *Link, predicted []record.Value) []record.Value {
	system, m := &rules.Systems[r.Payment.System], l.Members[r.Payment.System]
	created := m == nil || m.Key == ""
	held := slices.Clone(predicted)
	for f := range held {
		switch {
		case !system.Has[f]:
		case f < len(r.Values) && !record.IsMissing(r.Values[f]):
			held[f] = r.Values[f]
		case slices.Contains(r.Payment.Fields, f):
		case created && !record.IsMissing(l.Base[f]):
			held[f] = nil
		case !created:
			if v, differs := m.Seen[f]; differs {
				held[f] = v
			}
		}
	}
	return held
}

// mark notes how the row looks now. A row that has been flipping is looked at
// again in any case: only one that is seen to keep what we wrote is no loop.
func (r Receipt) mark(m *Member) {
	m.Order, m.Token, m.RawHash = r.Order, r.Token, r.RawHash
	if !r.MapHash.Zero() {
		m.MapHash = r.MapHash
	}
	m.SinceWrite = r.Shown && m.Flips == 0
}

// Intend gives the link with the intent to pay a creation. It is recorded
// before the creation, so that after a crash the row is looked up. The member
// keeps the match texts and the revision that the row is created with: the
// link's may change before anybody sees the row.
func Intend(link *Link, creation Payment) *Link {
	l := link.Clone()
	s := creation.System
	for len(l.Members) <= s {
		l.Members = append(l.Members, nil)
	}
	l.Members[s] = &Member{
		System: s, LinkID: l.ID, State: Creating, Acked: creation.Rev, Match: slices.Clone(l.Match),
	}
	return l
}
