package reconcile

import (
	"cmp"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// identityRef names a conflict about which link a row belongs to.
type identityRef struct {
	link   string
	system int
	key    record.Key
}

// identityConflicts are those that were open.
func (r *resolver) identityConflicts() map[identityRef]*Conflict {
	open := map[identityRef]*Conflict{}
	add := func(c *Conflict) {
		if c.about() {
			open[identityRef{c.LinkID, c.System, c.Key}] = c
		}
	}
	for _, l := range r.bucket.Links {
		for _, c := range l.Conflicts {
			add(c)
		}
	}
	for _, c := range r.bucket.Conflicts {
		add(c)
	}
	return open
}

// questions are the conflicts that an ambiguous row raises: one for each link
// that it may belong to, which each of them holds, or one alone. A link that
// has its row in that system already has nothing to wait for.
func (r *resolver) questions(s step) []*Conflict {
	row := s.rows[0]
	links := slices.DeleteFunc(slices.Clone(s.links), func(a *anchor) bool { return !s.reused && !a.free(row.system) })
	if len(links) == 0 {
		links = []*anchor{nil}
	}
	all := make([]*Conflict, 0, len(links))
	for _, a := range links {
		c := &Conflict{System: row.system, Key: row.key, Kind: s.kind, Field: None}
		if s.why == whyReview {
			c.Kind = IdentityAmbiguous
		}
		if a != nil {
			c.LinkID = a.id()
		}
		c.Candidates = append(c.Candidates, Candidate{
			System: row.system, Key: row.key, At: row.modified(), Value: matchText(row.match), Deleted: s.reused,
		})
		for _, other := range s.links {
			c.Candidates = append(c.Candidates, Candidate{System: None, Link: other.id(), Value: matchText(other.match)})
		}
		for _, rival := range s.rivals {
			c.Candidates = append(c.Candidates, Candidate{
				System: rival.system, Key: rival.key, At: rival.modified(), Value: matchText(rival.match),
			})
		}
		r.file(c, r.openIdentity[identityRef{c.LinkID, row.system, row.key}])
		c.Deadline = 0 // nothing is joined because nobody answered in time
		all = append(all, c)
	}
	return all
}

// matchText shows match texts as a list.
func matchText(match []string) record.Value {
	list := make(record.List, len(match))
	for i, text := range match {
		list[i] = text
	}
	return list
}

// judge carries out what people decided about ambiguous rows, and gives the
// rows that are left and the links that were founded.
func (r *resolver) judge(steps []step, anchors []*anchor) (rest []*sighting, founded []*anchor) {
	taken := map[*sighting]bool{}
	for _, s := range steps {
		if s.why == whyAmbiguous || s.why == whyReview {
			founded = append(founded, r.judgeRow(s, anchors, taken)...)
		}
	}
	for _, s := range steps {
		for _, row := range s.rows {
			if !taken[row] {
				rest = append(rest, row)
			}
		}
	}
	slices.SortFunc(rest, compareRows)
	return rest, founded
}

func (r *resolver) judgeRow(s step, anchors []*anchor, taken map[*sighting]bool) (founded []*anchor) {
	row := s.rows[0]
	for _, c := range r.questions(s) {
		d := r.decision(c, func(d *Decision) bool { return d.Verb == "separate" || d.Verb == "link" })
		if d == nil || taken[row] {
			continue
		}
		if d.Verb == "separate" {
			row.apart = !s.reused // a used key says nothing about the match
			founded = append(founded, r.start([]*sighting{row}))
			r.vacate(s)
			taken[row] = true
		} else if joined := r.joinDecided(s, c, d, anchors, taken); joined != nil {
			founded = append(founded, joined...)
			taken[row] = true
		}
		if taken[row] {
			r.apply(d)
		}
	}
	return founded
}

// joinDecided joins a row to the link, or to the loose row, that a person
// named. It gives nil where that cannot be: the place is taken.
func (r *resolver) joinDecided(s step, c *Conflict, d *Decision, anchors []*anchor, taken map[*sighting]bool) []*anchor {
	row := s.rows[0]
	target := cmp.Or(d.Link, c.LinkID)
	if target != "" {
		i := slices.IndexFunc(anchors, func(a *anchor) bool { return a.id() == target })
		if i < 0 || !anchors[i].free(row.system) {
			return nil
		}
		r.joinRow(anchors[i], row, s.reused)
		return []*anchor{}
	}
	for _, rival := range s.rivals {
		named := rival.system == d.System && (d.Value == nil || record.Text(d.Value) == string(rival.key) || record.Text(d.Value) == rival.key.String())
		if named && !taken[rival] && rival.system != row.system {
			taken[rival] = true
			return []*anchor{r.start([]*sighting{row, rival})}
		}
	}
	return nil
}

// vacate takes the row that was there before a key was used again for deleted.
func (r *resolver) vacate(s step) {
	if !s.reused {
		return
	}
	w := r.workOf(s.links[0].link)
	w.leaves[s.rows[0].system] = leftGone
}

// start founds a link on rows of different systems.
func (r *resolver) start(rows []*sighting) *anchor {
	sorted := slices.Clone(rows)
	slices.SortFunc(sorted, compareRows)
	a := &anchor{work: r.found(sorted[0])}
	for _, row := range sorted {
		r.joinRow(a, row, false)
		for i, text := range row.match {
			for len(a.match) <= i {
				a.match = append(a.match, "")
			}
			if a.match[i] == "" {
				a.match[i] = text
			}
		}
	}
	return a
}

// joinRow brings a row to a link. Where the link was deleted, or the row
// replaces one that is gone, it goes on from the base: its differences are
// edits. A row that said it was deleted, or that left, makes room.
func (r *resolver) joinRow(a *anchor, row *sighting, edits bool) {
	if a.work == nil {
		a.work = r.workOf(a.link)
	}
	w, s := a.work, row.system
	before := w.link.leftBy(s)
	old, gone := w.rows[s], before == leftGone
	edits = edits || before == leftGone || before == leftSoft
	if old != nil {
		gone = old.obs.Gone
		edits = edits || gone || old.obs.Deleted
		old.work = nil
		if old.end = endIgnored; gone {
			old.end = endApplied
		}
	}
	if m := w.link.Members[s]; m != nil && m.Key != "" && m.Key != row.key && !gone {
		r.displace(m, old, before)
	}
	row.work, row.joined = w, true
	row.edits = edits || w.link.Tombstone
	w.rows[s] = row
}

// carryOut does what was planned for rows.
func (r *resolver) carryOut(s step, anchors []*anchor) []*anchor {
	switch {
	case s.why == "" && s.to != nil:
		r.joinRow(s.to, s.rows[0], false)
	case s.why == "":
		return append(anchors, r.start(s.rows))
	case s.why == whyAmbiguous, s.why == whyReview && !r.unlisted:
		row := s.rows[0]
		row.end = endConflict
		r.keepLoose(row, Unlinked, s.why)
		for _, c := range r.questions(s) {
			if d := r.decision(c, func(d *Decision) bool { return d.Verb == "skip" }); d != nil {
				r.apply(d)
				c.SkipUntil = orForEver(d.Until)
			}
			if c.SkipUntil > r.bucket.Now {
				row.end = endIgnored
			}
			r.ask(c, s)
		}
	default:
		for _, row := range s.rows {
			row.end = endIgnored
			r.keepLoose(row, Unlinked, s.why)
		}
	}
	return anchors
}

// ask opens a question about identity, on the link that it holds.
func (r *resolver) ask(c *Conflict, s step) {
	for _, a := range s.links {
		if a.id() == c.LinkID {
			if a.work == nil {
				a.work = r.workOf(a.link)
			}
			a.work.next = append(a.work.next, c)
			return
		}
	}
	r.loose = append(r.loose, c)
}

// reportLoose tells what became of the conflicts that name no link.
func (r *resolver) reportLoose() {
	var before []*Conflict
	for _, c := range r.bucket.Conflicts {
		if r.evaluated[ref{c.System, c.Key}] {
			before = append(before, c)
		}
	}
	r.report(before, r.loose)
}

// retain keeps the questions about rows that were not looked at in this window.
func (w *work) retain() {
	if w.old == nil {
		return
	}
	for _, c := range w.old.Conflicts {
		if c.about() && !w.r.evaluated[ref{c.System, c.Key}] {
			w.next = append(w.next, c.Clone())
		}
	}
}
