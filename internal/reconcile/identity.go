package reconcile

import (
	"cmp"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// suspect is a row under a known key that is another thing by all of its match
// texts, in a system that may use keys again.
type suspect struct {
	row  *sighting
	link *Link
}

// step is what becomes of unknown rows.
type step struct {
	rows []*sighting
	// to is the link that they join; nil founds one, unless why says why they
	// stay without.
	to  *anchor
	why string
	// For an ambiguous row: the links it may belong to and its rivals.
	links  []*anchor
	rivals []*sighting
	kind   Kind
	// reused: the row took the key of another thing.
	reused bool
}

// Why an unknown row stays without a link.
const (
	whyAmbiguous = "ambiguous"
	whyReview    = "review"
	whyIgnored   = "ignored"
	whyScope     = "out_of_scope"
	whyBad       = "bad"
)

// identify finds the link of every unknown row, or says that there is none.
// Nothing is guessed: what could be two things waits for a person, and nothing
// is created beside it.
func (r *resolver) identify() {
	r.openIdentity = r.identityConflicts()
	var active, passive []*sighting
	for _, row := range r.unknown {
		r.evaluated[ref{row.system, row.key}] = true
		switch {
		case row.obs != nil && row.obs.Gone:
			r.forget(row)
		case row.taking():
			active = append(active, row)
		default:
			passive = append(passive, row)
		}
	}
	for _, s := range r.suspects {
		r.evaluated[ref{s.row.system, s.row.key}] = true
		r.workOf(s.link).link.Members[s.row.system] = nil
		active = append(active, s.row)
	}
	slices.SortFunc(active, compareRows)
	if len(active)+len(passive) > 0 {
		anchors := r.anchors()
		steps := r.plan(active, anchors)
		if rest, founded := r.judge(steps, anchors); len(rest) < len(active) {
			anchors = append(anchors, founded...)
			steps = r.plan(rest, anchors)
		}
		for _, s := range steps {
			anchors = r.carryOut(s, anchors)
		}
		passive = append(passive, r.displaced...)
		slices.SortFunc(passive, compareRows)
		r.attach(passive, anchors)
	}
	for _, l := range r.bucket.Links {
		for _, c := range l.Conflicts {
			if c.about() && r.evaluated[ref{c.System, c.Key}] {
				r.workOf(l)
			}
		}
	}
	r.reportLoose()
}

// anchors are the links of the bucket with their match texts of this window.
func (r *resolver) anchors() []*anchor {
	all := make([]*anchor, 0, len(r.bucket.Links))
	for _, l := range r.bucket.Links {
		a := &anchor{link: l, work: r.byLink[l], match: l.Match}
		if a.work != nil {
			a.match = a.work.currentMatch()
		}
		for s, m := range l.Members {
			if m != nil && m.State == Creating && len(m.Match) > 0 {
				if a.begun == nil {
					a.begun = map[int][]string{}
				}
				a.begun[s] = m.Match
			}
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *anchor) int { return cmp.Compare(a.link.ID, b.link.ID) })
	return all
}

// plan decides what becomes of rows that take part.
func (r *resolver) plan(rows []*sighting, anchors []*anchor) []step {
	var steps []step
	free := make([]*sighting, 0, len(rows))
	for _, a := range anchors {
		a.claimed = nil
	}
	ours := ownCreations(rows, anchors)
	for row, a := range ours {
		a.claimed = append(a.claimed, row.system)
	}
	for _, row := range rows {
		if a := ours[row]; a != nil {
			steps = append(steps, step{rows: []*sighting{row}, to: a})
			continue
		}
		if s, suspicious := r.suspected(row, anchors); suspicious {
			steps = append(steps, s)
			continue
		}
		free = append(free, row)
	}
	rel := relate(free, anchors)
	for _, component := range rel.components() {
		steps = append(steps, r.sortOut(rel, component)...)
	}
	return steps
}

// suspected finds the link that a row under a used key was, or may still be.
func (r *resolver) suspected(row *sighting, anchors []*anchor) (step, bool) {
	s := step{rows: []*sighting{row}, why: whyAmbiguous, kind: IdentityAmbiguous, reused: true}
	for _, a := range anchors {
		if a.link == nil {
			continue
		}
		now := slices.ContainsFunc(r.suspects, func(s suspect) bool { return s.row == row && s.link == a.link })
		if open := r.openIdentity[identityRef{a.link.ID, row.system, row.key}]; now || open.deletedBy(row.system) {
			s.links = []*anchor{a}
			return s, true
		}
	}
	return s, false
}

// sortOut decides about rows that hang together by their match texts.
func (r *resolver) sortOut(rel *relations, component []int) []step {
	var anchors []int
	perSystem := make([]int, len(r.rules.Systems))
	clean := true
	for _, i := range component {
		for _, a := range rel.direct[i] {
			if !slices.Contains(anchors, a) {
				anchors = append(anchors, a)
			}
		}
		if perSystem[rel.rows[i].system]++; perSystem[rel.rows[i].system] > 1 {
			clean = false
		}
	}
	slices.Sort(anchors)
	switch {
	case len(anchors) == 0 && clean:
		return r.newcomers(rel, component)
	case len(anchors) == 0:
		return ambiguous(rel, component, component, nil)
	}
	var steps []step
	var doubtful []int
	claims := map[rootSystem]int{} // of a link's place in a system
	for _, i := range component {
		for _, a := range rel.direct[i] {
			claims[rootSystem{a, rel.rows[i].system}]++
		}
	}
	for _, i := range component {
		row, direct := rel.rows[i], rel.direct[i]
		if len(direct) == 0 && len(anchors) == 1 && clean {
			direct = anchors
		}
		alone := len(direct) == 1 && claims[rootSystem{direct[0], row.system}] <= 1
		if alone && rel.anchors[direct[0]].free(row.system) && !rel.anchors[direct[0]].apart() {
			steps = append(steps, step{rows: []*sighting{row}, to: rel.anchors[direct[0]]})
			continue
		}
		doubtful = append(doubtful, i)
	}
	return append(steps, ambiguous(rel, doubtful, doubtful, anchors)...)
}

// reused reports whether a known key now stands for another thing: all of its
// match values are others, and so is most of what else it held. One of them
// alone is an edit: people do change an address. So is a change that the
// source's own order shows, and under a changed mapping nothing can be said.
func (r *resolver) reused(l *Link, m *Member, o *Observation) bool {
	if !r.rules.Systems[o.System].ReusesKeys || o.Order != "" || m.State != Live || m.MapHash != o.MapHash ||
		o.Gone || o.Deleted || o.Bad != "" || !o.InScope {
		return false
	}
	differs := false
	for i := range min(len(m.Match), len(o.Match)) {
		if m.Match[i] == "" || o.Match[i] == "" {
			continue
		}
		if m.Match[i] == o.Match[i] {
			return false
		}
		differs = true
	}
	return differs && r.mostlyOther(l, m, o)
}

// mostlyOther reports whether a row holds other values than before in most of
// the fields that say something.
func (r *resolver) mostlyOther(l *Link, m *Member, o *Observation) bool {
	base := slices.Clone(l.Base)
	for len(base) < len(o.Values) {
		base = append(base, record.Missing)
	}
	last := r.predict(o.System, base)
	same, other := 0, 0
	for f, v := range o.Values {
		was, seen := m.Seen[f]
		if !seen {
			was = last[f]
		}
		switch {
		case !r.rules.Systems[o.System].Has[f] || record.Blank(v) && record.Blank(was):
		case record.Equal(v, was):
			same++
		default:
			other++
		}
	}
	return other > same
}
