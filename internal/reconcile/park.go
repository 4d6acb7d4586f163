package reconcile

import "slices"

// whyTaken: a row with the same match is there already and belongs to another
// link.
const whyTaken = "taken"

// Park gives a link as it is where a system refused to make its row because one
// with its match is there, and that row is of another link with the same match:
// nothing is created beside a row with that match. It stays without a row there
// until it changes or the other one is gone. Where a person said that the two
// are not one, that is as it should be; where edits made them alike, the member
// is quarantined, so that people see it. ok is false where nothing is in the
// way.
func Park(link *Link, system int, others []*Link) (parked *Link, ok bool) {
	if system < len(link.Members) && link.Members[system] != nil && link.Members[system].State != Creating {
		return nil, false
	}
	state := Detached
	for _, o := range others {
		if link.barredBy(o, system) {
			ok = true
			if !link.apart() && !o.apart() {
				state = Quarantined
			}
		}
	}
	if !ok {
		return nil, false
	}
	parked = link.Clone()
	for len(parked.Members) <= system {
		parked.Members = append(parked.Members, nil)
	}
	parked.Members[system] = &Member{
		System: system, LinkID: link.ID, State: state, Why: whyTaken, Acked: link.Rev, SinceWrite: true,
	}
	return parked, true
}

// barredBy reports whether another link with the same match has a row in the
// system, and keeps it.
func (l *Link) barredBy(other *Link, system int) bool {
	if other.ID == l.ID || other.Tombstone || system >= len(other.Members) {
		return false
	}
	m := other.Members[system]
	same, _ := compareMatch(l.Match, other.Match)
	return same && m != nil && m.Key != "" && m.State != Detached
}

// apart reports whether a person told a row of the link apart from others.
func (l *Link) apart() bool {
	return slices.ContainsFunc(l.Members, func(m *Member) bool { return m != nil && m.Apart })
}

// parked reports whether the member stands for a row that is not made because
// its match is taken.
func (m *Member) parked() bool { return m.Why == whyTaken && m.Key == "" }

// changedSinceParked: the record is something else now, perhaps with a match
// that nobody has.
func changedSinceParked(link *Link, m *Member) bool { return m.parked() && link.Rev > m.Acked }

// unpark lets creations be owed again where the row that was in their way is
// gone. It looks at the links as they came out of this window.
func (r *resolver) unpark() {
	var now []*Link // nil without any that are parked
	for _, l := range r.bucket.Links {
		for s, m := range l.Members {
			if m == nil || !m.parked() {
				continue
			}
			if now == nil {
				now = r.resolved()
			}
			current := l
			if w := r.byLink[l]; w != nil {
				current = w.link
			}
			if !slices.ContainsFunc(now, func(o *Link) bool { return current.barredBy(o, s) }) {
				r.free(l, s)
			}
		}
	}
}

// resolved are the links as they are now.
func (r *resolver) resolved() []*Link {
	now := make([]*Link, 0, len(r.bucket.Links))
	for _, l := range r.bucket.Links {
		if r.byLink[l] == nil {
			now = append(now, l)
		}
	}
	for _, w := range r.works {
		now = append(now, w.link)
	}
	return now
}

func (r *resolver) free(l *Link, s int) {
	w := r.byLink[l]
	if w == nil {
		w = r.workOf(l)
		w.resolve()
	}
	if m := w.link.Members[s]; m == nil || !m.parked() {
		return
	}
	w.link.Members[s] = nil
	w.owes = true
	if !slices.Contains(r.out.Links, w.link) {
		r.out.Links = append(r.out.Links, w.link)
	}
}
