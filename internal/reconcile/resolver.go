package reconcile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// resolver is one call of Resolve.
type resolver struct {
	rules  *Rules
	bucket *Bucket
	out    *Outcome
	places map[ref]*place
	// rows are the observations that need a decision; unknown those, and the
	// loose members, whose link is to be found.
	rows, unknown []*sighting
	suspects      []suspect
	// displaced are rows that made room for another one in this window.
	displaced []*sighting
	works     []*work
	byLink    map[*Link]*work
	byID      map[string]bool
	decisions map[int64][]*Decision
	settled   map[int64]bool // decisions that were applied
	tally     []Tally
	unlisted  bool
	slabs     slabs
	// evaluated are the rows whose identity was looked at, openIdentity the
	// questions that were open about them, loose those that name no link.
	evaluated    map[ref]bool
	openIdentity map[identityRef]*Conflict
	loose        []*Conflict
}

// Resolve decides what a bucket comes to. It changes none of its inputs. The
// only errors are inputs that contradict each other; a record that cannot be
// resolved is quarantined or becomes a conflict.
func Resolve(rules *Rules, b *Bucket) (*Outcome, error) {
	r := &resolver{
		rules: rules, bucket: b, out: &Outcome{}, byLink: map[*Link]*work{}, evaluated: map[ref]bool{},
		tally: make([]Tally, len(rules.Systems)),
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	r.prepare()
	r.gather()
	r.identify()
	r.due()
	slices.SortFunc(r.works, func(a, b *work) int { return cmp.Compare(a.link.ID, b.link.ID) })
	for _, w := range r.works {
		w.resolve()
	}
	r.unpark()
	r.finish()
	r.refuse()
	r.sort()
	return r.out, nil
}

func (r *resolver) check() error {
	fields, systems := len(r.rules.Fields), len(r.rules.Systems)
	for i, s := range r.rules.Systems {
		if len(s.Has) != fields || len(s.Writes) != fields {
			return fmt.Errorf("rules of %s speak of %d and %d fields, not %d", s.Name, len(s.Has), len(s.Writes), fields)
		}
		if s.When != nil && len(s.When) != fields {
			return fmt.Errorf("rules of system %d have a `when` for %d fields, not %d", i, len(s.When), fields)
		}
	}
	for _, o := range r.bucket.Observations {
		if o.System < 0 || o.System >= systems {
			return fmt.Errorf("observation of system %d of %d", o.System, systems)
		}
		if !o.Gone && !o.Deleted && o.Bad == "" && o.InScope && len(o.Values) != fields {
			return fmt.Errorf("observation of %s has %d values for %d fields", r.rules.Systems[o.System].Name, len(o.Values), fields)
		}
	}
	for _, l := range r.bucket.Links {
		if len(l.Base) > fields || len(l.Members) > systems {
			return fmt.Errorf("link %s has %d fields and %d systems of %d and %d", l.ID, len(l.Base), len(l.Members), fields, systems)
		}
	}
	return nil
}

func (r *resolver) prepare() {
	r.byID = make(map[string]bool, len(r.bucket.Links))
	for _, l := range r.bucket.Links {
		r.byID[l.ID] = true
	}
	r.decisions = make(map[int64][]*Decision, len(r.bucket.Decisions))
	r.settled = make(map[int64]bool, len(r.bucket.Decisions))
	for i := range r.bucket.Decisions {
		d := &r.bucket.Decisions[i]
		r.decisions[d.ConflictID] = append(r.decisions[d.ConflictID], d)
	}
	for _, ds := range r.decisions {
		slices.SortFunc(ds, func(a, b *Decision) int { return cmp.Compare(a.ID, b.ID) })
	}
	for s := range r.rules.Systems {
		if r.rules.Systems[s].Unlisted || (r.first(s) && !r.complete(s)) {
			r.unlisted = true
		}
	}
}

func (r *resolver) first(s int) bool    { return s < len(r.bucket.First) && r.bucket.First[s] }
func (r *resolver) complete(s int) bool { return s < len(r.bucket.Complete) && r.bucket.Complete[s] }

// workOf gives the working copy of a link.
func (r *resolver) workOf(l *Link) *work {
	if w := r.byLink[l]; w != nil {
		return w
	}
	w := r.newWork(l.Clone())
	w.old = l
	copy(w.before, l.Members)
	r.byLink[l] = w
	return w
}

// found makes a new link, named by its first row.
func (r *resolver) found(founder *sighting) *work {
	id := r.bucket.NewID(founder.system, founder.key, founder.match)
	for n := 2; r.byID[id]; n++ {
		id = fmt.Sprintf("%s.%d", r.bucket.NewID(founder.system, founder.key, founder.match), n)
	}
	r.byID[id] = true
	return r.newWork(&Link{ID: id})
}

func (r *resolver) newWork(l *Link) *work {
	systems, fields := len(r.rules.Systems), len(r.rules.Fields)
	l.Members = slices.Grow(l.Members, systems-len(l.Members))[:systems]
	l.Base, l.Origins = slices.Grow(l.Base, fields-len(l.Base)), slices.Grow(l.Origins, fields-len(l.Origins))
	for len(l.Base) < fields {
		l.Base = append(l.Base, record.Missing)
	}
	for len(l.Origins) < fields {
		l.Origins = append(l.Origins, Origin{System: None})
	}
	w := &r.slabs.work.take(1)[0]
	*w = work{
		r: r, link: l, base: r.slabs.row.take(fields), rows: r.slabs.rows.take(systems), first: r.slabs.flags.take(systems),
		now: r.slabs.values.take(systems), last: r.slabs.values.take(systems), before: r.slabs.members.take(systems),
		predicted: r.slabs.values.take(systems), leaves: r.slabs.leaves.take(systems), attempted: r.slabs.flags.take(systems),
		changed: r.slabs.flags.take(fields), asRead: r.slabs.asRead.take(systems),
	}
	copy(w.base, l.Base)
	r.works = append(r.works, w)
	return w
}

// due takes up links on which a person or a deadline has spoken.
func (r *resolver) due() {
	for _, l := range r.bucket.Links {
		for _, c := range l.Conflicts {
			if len(r.decisions[c.ID]) > 0 || c.passed(r.bucket.Now) {
				r.workOf(l)
				break
			}
		}
	}
}

// passed reports whether nobody decided in time.
func (c *Conflict) passed(now record.Timestamp) bool {
	return c.Deadline != 0 && now >= c.Deadline && c.SkipUntil <= now
}

// decision gives the first word of a person on a conflict as it is now; the
// others are refused.
func (r *resolver) decision(c *Conflict, fits func(*Decision) bool) *Decision {
	if c.ID == 0 {
		return nil
	}
	for _, d := range r.decisions[c.ID] {
		if d.Digest == c.Digest && !r.settled[d.ID] && fits(d) {
			return d
		}
	}
	return nil
}

func (r *resolver) apply(d *Decision) {
	r.settled[d.ID] = true
	r.out.Applied = append(r.out.Applied, d.ID)
}

// refuse answers the decisions that met another digest, a conflict that is
// closed, or a verb that it does not have.
func (r *resolver) refuse() {
	for i := range r.bucket.Decisions {
		if d := &r.bucket.Decisions[i]; !r.settled[d.ID] {
			r.out.Refused = append(r.out.Refused, d.ID)
		}
	}
}

// sort makes the outcome independent of the order of the inputs.
func (r *resolver) sort() {
	slices.SortFunc(r.out.Links, func(a, b *Link) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(r.out.Loose, func(a, b *Member) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Key, b.Key))
	})
	slices.SortStableFunc(r.out.Opened, compareConflicts)
	slices.Sort(r.out.Closed)
	slices.Sort(r.out.Applied)
	slices.Sort(r.out.Refused)
}

func compareConflicts(a, b *Conflict) int {
	return cmp.Or(
		cmp.Compare(a.LinkID, b.LinkID), cmp.Compare(a.System, b.System), cmp.Compare(a.Key, b.Key),
		cmp.Compare(a.Field, b.Field), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID),
	)
}
