package reconcile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// row is one row of one system, as far as this bucket knows it.
type sighting struct {
	system int
	key    record.Key
	match  []string
	// obs is what was read of it in this window; nil for a loose member that
	// was not read.
	obs *Observation
	// loose is the row as it was kept without a link.
	loose *Member
	// work is the link that it belongs to.
	work *work
	// joined: it came to its link in this window. Edits says that its
	// differences from the base then count as edits and not as a first contact.
	joined, edits bool
	// apart: a person told it apart in this window.
	apart bool
	// news: something came of it.
	news bool
	// ignored: it said something that does not count.
	ignored bool
	end     ending
}

// ref names a row.
type ref struct {
	system int
	key    record.Key
}

// place is where a row is known from.
type place struct {
	link  *Link
	loose *Member
	obs   *Observation
}

// taking reports whether the row can be read and takes part.
func (r *sighting) taking() bool {
	if r.obs == nil {
		return r.loose != nil && r.loose.State == Unlinked && r.loose.Seen != nil
	}
	return !r.obs.Gone && !r.obs.Deleted && r.obs.Bad == "" && r.obs.InScope
}

func (r *sighting) value(f int) record.Value {
	if r.obs != nil {
		return r.obs.Values[f]
	}
	if v, has := r.loose.Seen[f]; has {
		return v
	}
	return record.Missing
}

func (r *sighting) modified() record.Timestamp {
	if r.obs == nil {
		return 0
	}
	return r.obs.Modified
}

func compareRows(a, b *sighting) int {
	return cmp.Or(cmp.Compare(a.system, b.system), cmp.Compare(a.key, b.key))
}

// gather sorts the observations to what they are of. Of several of one row the
// last in the source's order counts.
func (r *resolver) gather() {
	r.index()
	for i := range r.bucket.Observations {
		o := &r.bucket.Observations[i]
		r.tally[o.System].Read++
		at := ref{o.System, o.Key}
		p, known := r.places[at]
		switch {
		case o.Key == "": // nothing can be remembered of a row without a name
			r.count(o.System, endQuarantined)
		case known && p.outdates(at, o):
			r.count(o.System, endIgnored)
		case !known:
			r.places[at] = &place{obs: o}
		case p.obs == nil:
			p.obs = o
		default:
			r.count(o.System, endIgnored)
			if later(o, p.obs, p.order(at)) {
				p.obs = o
			}
		}
	}
	for i := range r.bucket.Observations {
		o := &r.bucket.Observations[i]
		if p := r.places[ref{o.System, o.Key}]; p != nil && p.obs == o {
			r.receive(p, o)
		}
	}
	for _, m := range r.bucket.Loose {
		if r.places[ref{m.System, m.Key}].obs == nil && m.State != Detached {
			r.unknown = append(r.unknown, &sighting{system: m.System, key: m.Key, match: m.Match, loose: m})
		}
	}
	slices.SortFunc(r.unknown, compareRows)
}

// index notes where every known row belongs.
func (r *resolver) index() {
	r.places = make(map[ref]*place, len(r.bucket.Observations))
	for _, link := range r.bucket.Links {
		for s, m := range link.Members {
			if m != nil && m.Key != "" {
				r.places[ref{s, m.Key}] = &place{link: link}
			}
		}
	}
	for _, m := range r.bucket.Loose {
		r.places[ref{m.System, m.Key}] = &place{loose: m}
	}
}

// outdates reports whether the row is known in a later state than observed.
func (p *place) outdates(at ref, o *Observation) bool {
	order := p.order(at)
	return order != "" && o.Order != "" && o.Order < order
}

// order is the row's as it is known.
func (p *place) order(at ref) string {
	switch {
	case p.link != nil:
		return p.link.Members[at.system].Order
	case p.loose != nil:
		return p.loose.Order
	default:
		return ""
	}
}

// receive takes one observation to its link, or to those whose link is to be
// found; what changes nothing ends here.
func (r *resolver) receive(p *place, o *Observation) {
	if p.link == nil {
		if o.Gone && p.loose == nil {
			r.count(o.System, endIgnored)
			return
		}
		row := r.sight(o, p.loose)
		r.rows = append(r.rows, row)
		r.unknown = append(r.unknown, row)
		return
	}
	m := p.link.Members[o.System]
	switch seenBefore(m, o) {
	case notNew:
		r.count(o.System, endIgnored)
		return
	case asItWas:
		if r.quiet(p.link, m, o) {
			r.count(o.System, endUnchanged)
			return
		}
	case toRead:
	}
	row := r.sight(o, nil)
	r.rows = append(r.rows, row)
	if r.reused(p.link, m, o) {
		row.loose = m
		r.suspects = append(r.suspects, suspect{row: row, link: p.link})
		return
	}
	row.work = r.workOf(p.link)
	row.work.rows[o.System] = row
}

func (r *resolver) sight(o *Observation, loose *Member) *sighting {
	row := &r.slabs.seen.take(1)[0]
	*row = sighting{system: o.System, key: o.Key, match: o.Match, obs: o, loose: loose}
	return row
}

// quiet reports whether an unchanged row leaves its link and itself as they are.
func (r *resolver) quiet(link *Link, m *Member, o *Observation) bool {
	return m.SinceWrite && m.Token == o.Token && m.Order == o.Order && m.Flips == 0 && slices.Equal(m.Match, o.Match) &&
		!link.Tombstone && len(link.Conflicts) == 0
}

type freshness int

const (
	toRead  freshness = iota
	asItWas           // the columns that we read are as they were
	notNew            // at or before what is known
)

// seenBefore compares an observation with what is known of its row. Orders of
// one source are comparable; at or before the known one it says nothing new,
// unless the row was never taken, or is read by another mapping now.
func seenBefore(m *Member, o *Observation) freshness {
	settled := m.State == Live && m.MapHash == o.MapHash && o.Bad == ""
	same := settled && !o.Gone && !o.Deleted && o.InScope && !o.RawHash.Zero() && m.RawHash == o.RawHash
	if m.Order != "" && o.Order != "" {
		switch order := strings.Compare(o.Order, m.Order); {
		case order < 0:
			return notNew
		case order == 0 && settled && !same:
			return notNew
		}
	}
	if same {
		return asItWas
	}
	return toRead
}

// later decides which of two observations of one row counts, in any order of
// arrival: the source's order, then a row that is there over one that is not
// (the next read finds out), unless it is only there as it was known to be,
// then its own time, then anything repeatable.
func later(a, b *Observation, known string) bool {
	if a.Order != "" && b.Order != "" && a.Order != b.Order {
		return a.Order > b.Order
	}
	if a.Gone != b.Gone {
		there := a
		if a.Gone {
			there = b
		}
		return a.Gone == (known != "" && there.Order == known)
	}
	if a.Modified != b.Modified {
		return a.Modified > b.Modified
	}
	x, y := fingerprint(a), fingerprint(b)
	return slices.Compare(x[:], y[:]) > 0
}

func fingerprint(o *Observation) record.Hash {
	row := append([]record.Value{
		o.Order, o.Token, string(o.RawHash[:]), string(o.MapHash[:]), o.Bad, o.BadField, o.Gone, o.Deleted, o.InScope,
	}, o.Values...)
	return record.HashRow(row...)
}
