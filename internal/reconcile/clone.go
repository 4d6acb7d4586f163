package reconcile

import (
	"maps"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// Clone copies a link with its members and conflicts.
func (l *Link) Clone() *Link {
	c := *l
	c.Base = slices.Clone(l.Base)
	c.Origins = slices.Clone(l.Origins)
	c.Match = slices.Clone(l.Match)
	c.Members = make([]*Member, len(l.Members))
	for i, m := range l.Members {
		if m != nil {
			c.Members[i] = m.Clone()
		}
	}
	c.Conflicts = make([]*Conflict, len(l.Conflicts))
	for i, conflict := range l.Conflicts {
		c.Conflicts[i] = conflict.Clone()
	}
	return &c
}

// Clone copies a member.
func (m *Member) Clone() *Member {
	c := *m
	c.Seen = maps.Clone(m.Seen)
	c.Match = slices.Clone(m.Match)
	return &c
}

// Clone copies a conflict.
func (c *Conflict) Clone() *Conflict {
	d := *c
	d.Candidates = slices.Clone(c.Candidates)
	return &d
}

func sameLink(a, b *Link) bool {
	return a.ID == b.ID && a.Rev == b.Rev && a.Tombstone == b.Tombstone &&
		record.EqualRows(a.Base, b.Base) && slices.Equal(a.Origins, b.Origins) && slices.Equal(a.Match, b.Match) &&
		slices.EqualFunc(a.Members, b.Members, sameMember) && slices.EqualFunc(a.Conflicts, b.Conflicts, sameConflict)
}

func sameMember(a, b *Member) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	return x.System == y.System && x.Key == y.Key && x.LinkID == y.LinkID && x.State == y.State && x.Why == y.Why &&
		x.Acked == y.Acked && x.Order == y.Order && x.Token == y.Token && x.RawHash == y.RawHash &&
		x.MapHash == y.MapHash && x.SinceWrite == y.SinceWrite && x.Apart == y.Apart && x.Flips == y.Flips && x.FlipHash == y.FlipHash &&
		slices.Equal(x.Match, y.Match) && maps.EqualFunc(x.Seen, y.Seen, record.Equal)
}

func sameConflict(a, b *Conflict) bool {
	return a.ID == b.ID && a.LinkID == b.LinkID && a.Kind == b.Kind && a.Field == b.Field && a.Digest == b.Digest &&
		a.Opened == b.Opened && a.Deadline == b.Deadline && a.SkipUntil == b.SkipUntil
}
