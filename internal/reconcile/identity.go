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
	ours := r.created(rows, anchors)
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

// created finds the rows that creations of ours made, whose outcome was not
// known: they have the match texts that the creation was begun with, whatever
// the link's are by now.
func (r *resolver) created(rows []*sighting, anchors []*anchor) map[*sighting]*anchor {
	begun := map[textRef][]*anchor{}
	for _, a := range anchors {
		for _, match := range a.begun {
			for alt, text := range match {
				if at := (textRef{alt, text}); text != "" && !slices.Contains(begun[at], a) {
					begun[at] = append(begun[at], a)
				}
			}
		}
	}
	if len(begun) == 0 {
		return nil
	}
	found := map[*sighting]*anchor{}
	count := map[*anchor]map[int]int{}
	for _, row := range rows {
		var mine []*anchor
		for alt, text := range row.match {
			for _, a := range begun[textRef{alt, text}] {
				if same, _ := compareMatch(row.match, a.begun[row.system]); same && a.free(row.system) && !slices.Contains(mine, a) {
					mine = append(mine, a)
				}
			}
		}
		if len(mine) != 1 {
			continue
		}
		found[row] = mine[0]
		if count[mine[0]] == nil {
			count[mine[0]] = map[int]int{}
		}
		count[mine[0]][row.system]++
	}
	for row, a := range found { // each on its own: the order does not matter
		if count[a][row.system] > 1 {
			delete(found, row)
		}
	}
	return found
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
	for _, i := range component {
		row, direct := rel.rows[i], rel.direct[i]
		if len(direct) == 0 && len(anchors) == 1 && clean {
			direct = anchors
		}
		alone := len(direct) == 1 && !slices.ContainsFunc(component, func(j int) bool {
			return j != i && rel.rows[j].system == row.system && slices.Contains(rel.direct[j], direct[0])
		})
		if alone && rel.anchors[direct[0]].free(row.system) {
			steps = append(steps, step{rows: []*sighting{row}, to: rel.anchors[direct[0]]})
			continue
		}
		doubtful = append(doubtful, i)
	}
	return append(steps, ambiguous(rel, doubtful, doubtful, anchors)...)
}

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
func (r *relations) groupHas(i, system int) bool {
	root := r.root(i)
	for j := range r.rows {
		if r.rows[j].system == system && r.root(j) == root {
			return true
		}
	}
	return false
}

// ambiguous gives a step for each row that could be several things.
func ambiguous(rel *relations, doubtful, rivals, links []int) []step {
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
		for _, j := range rivals {
			if j != i {
				s.rivals = append(s.rivals, rel.rows[j])
			}
		}
		slices.SortFunc(s.rivals, compareRows)
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
	switch {
	case slices.Contains(a.claimed, s):
		return false
	case a.work == nil:
		return free(a.link.Members, s)
	case a.work.rows[s] == nil:
		return free(a.work.link.Members, s)
	case a.work.rows[s].joined:
		return false
	case a.work.rows[s].leaving(a.work.before[s]):
		return true // it was made anew in one window
	default:
		return free(a.work.link.Members, s) && !a.work.rows[s].taking()
	}
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
	case Live, Quarantined, Unlinked:
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

// reused reports whether a known key now stands for another thing.
func (r *resolver) reused(m *Member, o *Observation) bool {
	if !r.rules.Systems[o.System].ReusesKeys || o.Order != "" || o.Gone || o.Bad != "" || m.State != Live {
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
	return differs
}

// partaking reports whether a row that shows itself takes part in its link.
func (m *Member) partaking() bool {
	return (m.State != Detached || m.Why != whyUnlinked) && (m.State != Quarantined || m.Why != whyLoop)
}

// forget drops a loose member whose row is gone.
func (r *resolver) forget(row *sighting) {
	row.end = endIgnored
	if row.loose == nil {
		return
	}
	m := row.loose.Clone()
	m.State, m.Why, m.Seen = Detached, whyGone, nil
	r.out.Loose = append(r.out.Loose, m)
}

// keepLoose remembers a row that belongs to no link, with all that it holds.
func (r *resolver) keepLoose(row *sighting, state State, why string) {
	m := &Member{System: row.system, Key: row.key, State: state, Why: why, Match: slices.Clone(row.match)}
	if row.loose != nil {
		m.Order, m.Token, m.RawHash, m.MapHash = row.loose.Order, row.loose.Token, row.loose.RawHash, row.loose.MapHash
	}
	if o := row.obs; o != nil {
		m.Order, m.Token, m.RawHash, m.MapHash = o.Order, o.Token, o.RawHash, o.MapHash
	}
	m.SinceWrite = true
	if row.taking() {
		m.Seen = make(map[int]record.Value, len(r.rules.Fields))
		for f := range r.rules.Fields {
			if v := row.value(f); r.rules.Systems[row.system].Has[f] && !record.IsMissing(v) {
				m.Seen[f] = v
			}
		}
	}
	if row.loose == nil || row.loose.LinkID != "" || !sameMember(row.loose, m) {
		r.out.Loose = append(r.out.Loose, m)
	}
}
