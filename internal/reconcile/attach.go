package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// displace keeps the row that made room, without a link.
func (r *resolver) displace(m *Member, seen *sighting, left leave) {
	if m.State == Detached && m.Why == whyGone {
		return
	}
	// An observation that said nothing new of the member says all of the row.
	if p := r.places[ref{m.System, m.Key}]; seen == nil && p != nil && p.obs != nil && !p.obs.Gone {
		seen = &sighting{system: m.System, key: m.Key, match: p.obs.Match, obs: p.obs}
	}
	if seen != nil {
		seen.end = undecided
		r.displaced = append(r.displaced, seen)
		return
	}
	why := whyDeleted
	if m.State == OutOfScope || left == leftScope {
		why = whyScope
	}
	r.out.Loose = append(r.out.Loose, &Member{
		System: m.System, Key: m.Key, State: Unlinked, Why: why, Order: m.Order, Token: m.Token, RawHash: m.RawHash,
		MapHash: m.MapHash, Match: slices.Clone(m.Match), SinceWrite: m.SinceWrite,
	})
}

// attach puts rows that cannot take part (bad, deleted, out of scope) where
// nothing may be created beside them.
func (r *resolver) attach(rows []*sighting, anchors []*anchor) {
	rel := relate(rows, anchors)
	for i, row := range rows {
		if row.obs == nil {
			row.end = endIgnored // as it was, and counted nowhere
		}
		if direct := rel.direct[i]; len(direct) == 1 && row.obs != nil {
			if a := rel.anchors[direct[0]]; a.free(row.system) && a.vacant(row.system) && !a.asked(row.system) {
				r.joinRow(a, row, false)
				continue
			}
		}
		if row.obs == nil {
			continue
		}
		switch {
		case row.obs.Bad != "":
			row.end = endQuarantined
			r.keepLoose(row, Quarantined, whyBad)
		case row.obs.Deleted:
			row.end = endIgnored
			r.keepLoose(row, Unlinked, whyDeleted)
		default:
			row.end = endIgnored
			r.keepLoose(row, Unlinked, whyScope)
		}
	}
}

// asked reports whether other rows of that system may be the link's: then it
// is for people to say which.
func (a *anchor) asked(s int) bool {
	return a.work != nil && slices.ContainsFunc(a.work.next, func(c *Conflict) bool { return c.about() && c.System == s })
}

// vacant reports whether the link has no row there, or one that is gone in
// this window.
func (a *anchor) vacant(s int) bool {
	members := a.members()
	if s >= len(members) {
		return true
	}
	if a.work != nil && a.work.rows[s] != nil {
		row := a.work.rows[s]
		return !row.joined && row.obs.Gone && row.leaving(a.work.before[s])
	}
	return members[s] == nil || members[s].State == Creating
}

func (a *anchor) members() []*Member {
	if a.work != nil {
		return a.work.link.Members
	}
	return a.link.Members
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
