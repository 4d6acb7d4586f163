package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// newcomers are rows, one of a system at most, that match no link.
func (r *resolver) newcomers(rel *relations, component []int) []step {
	var weak, rivals []int
	has := func(s int) bool {
		return slices.ContainsFunc(component, func(i int) bool { return rel.rows[i].system == s })
	}
	for _, i := range component {
		for _, a := range rel.weak[i] {
			if rel.anchors[a].free(rel.rows[i].system) && !slices.Contains(weak, a) && !rel.anchors[a].holdsAny(rel, component) {
				weak = append(weak, a)
			}
		}
		for _, j := range rel.weakRows[i] {
			if !has(rel.rows[j].system) && !rel.groupHas(j, rel.rows[i].system) {
				rivals = append(rivals, j)
			}
		}
	}
	if len(weak) > 0 || len(rivals) > 0 {
		return ambiguous(rel, component, append(slices.Clone(component), rivals...), weak)
	}
	s := step{}
	reads := false
	for _, i := range component {
		s.rows = append(s.rows, rel.rows[i])
		reads = reads || r.rules.Systems[rel.rows[i].system].Reads
	}
	switch row := s.rows[0]; {
	case !reads:
		s.why = whyIgnored
	case len(s.rows) == 1:
		s.why = r.alone(row)
	}
	return []step{s}
}

// alone says what happens to a row that only one system has.
func (r *resolver) alone(row *sighting) string {
	if row.loose != nil && row.loose.State == Unlinked && (row.loose.Why == whyIgnored || row.loose.Why == whyReview) {
		return row.loose.Why
	}
	if !r.first(row.system) {
		return ""
	}
	switch r.rules.Systems[row.system].OnlyHere {
	case "ignore":
		return whyIgnored
	case "review":
		return whyReview
	default:
		return ""
	}
}

// groupHas reports whether the rows that hang together with one have a row of
// that system.
func (r *relations) groupHas(i, system int) bool { return r.systems[rootSystem{r.root(i), system}] }

// shownRivals is how many other rows a question about one shows.
const shownRivals = 20

// ambiguous gives a step for each row that could be several things.
func ambiguous(rel *relations, doubtful, rivals, links []int) []step {
	rivals = slices.Compact(slices.Sorted(slices.Values(rivals))) // rows are in their order
	var steps []step
	for _, i := range doubtful {
		s := step{rows: []*sighting{rel.rows[i]}, why: whyAmbiguous, kind: IdentityAmbiguous}
		mine := rel.direct[i]
		if len(mine) == 0 {
			mine = links
		}
		if possible := rel.joinable(mine, rel.rows[i].system); len(possible) > 0 {
			mine = possible
		}
		if len(rel.direct[i]) > 1 && len(mine) > 1 {
			s.kind = MultipleUniqueConflicts
		}
		for _, a := range mine {
			s.links = append(s.links, rel.anchors[a])
		}
		for _, j := range rivals[:min(len(rivals), shownRivals+1)] {
			if j != i && len(s.rivals) < shownRivals {
				s.rivals = append(s.rivals, rel.rows[j])
			}
		}
		steps = append(steps, s)
	}
	return steps
}

// joinable are the links in which a row of that system still has a place.
func (r *relations) joinable(anchors []int, system int) []int {
	var possible []int
	for _, a := range anchors {
		if r.anchors[a].free(system) {
			possible = append(possible, a)
		}
	}
	return possible
}

// free reports whether a row of that system can join the link.
func (a *anchor) free(s int) bool {
	link := a.link
	if a.work != nil {
		link = a.work.link
	}
	switch {
	case slices.Contains(a.claimed, s):
		return false
	case a.work == nil || a.work.rows[s] == nil:
		return free(link.Members, s) || link.leftBy(s) != stays
	case a.work.rows[s].joined:
		return false
	case a.work.rows[s].leaving(a.work.before[s]):
		return true // it was made anew in one window
	default:
		return free(link.Members, s) && !a.work.rows[s].taking()
	}
}

// leftBy gives how a member's row left, where that waits in a conflict with
// edits of others.
func (l *Link) leftBy(s int) leave {
	for _, c := range l.Conflicts {
		if c.aboutDelete() && c.deletedBy(s) {
			return c.leftBy(s)
		}
	}
	return stays
}

// Takes reports whether a row of a system may be joined to the link: its place
// there is free, or is the row's own.
func (l *Link) Takes(system int, key record.Key) bool {
	if system >= 0 && system < len(l.Members) {
		if m := l.Members[system]; m != nil && m.Key == key {
			return true
		}
	}
	return free(l.Members, system)
}

func free(members []*Member, s int) bool {
	if s >= len(members) || members[s] == nil {
		return true
	}
	switch m := members[s]; m.State {
	case Creating, OutOfScope:
		return true
	case Detached:
		return m.Why != whyUnlinked
	case Quarantined:
		return m.Key == "" // it was not made; somebody may have made it
	case Live, Unlinked:
		return false
	default:
		return false
	}
}

// leaving reports whether the row of a member makes room in this window: it is
// gone for good, says that it is deleted, or left the sync.
func (r *sighting) leaving(m *Member) bool {
	if r.obs == nil || m == nil || !m.partaking() || r.obs.Bad != "" {
		return false
	}
	if r.obs.Gone {
		return m.SinceWrite
	}
	return r.obs.Deleted || !r.obs.InScope
}

// holdsAny reports whether the link has members of all systems of the rows.
func (a *anchor) holdsAny(rel *relations, component []int) bool {
	for _, i := range component {
		if a.free(rel.rows[i].system) {
			return false
		}
	}
	return true
}

// partaking reports whether a row that shows itself takes part in its link.
func (m *Member) partaking() bool {
	return (m.State != Detached || m.Why != whyUnlinked) && (m.State != Quarantined || m.Why != whyLoop)
}
