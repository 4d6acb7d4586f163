package ledger

import (
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// The states by their stored numbers.
var states = [...]reconcile.State{ //nolint:gochecknoglobals // a constant table
	1: reconcile.Live, 2: reconcile.Creating, 3: reconcile.Quarantined,
	4: reconcile.OutOfScope, 5: reconcile.Detached, 6: reconcile.Unlinked,
}

const (
	stateLive        = 1
	stateQuarantined = 3
)

func stateNumber(s reconcile.State) (uint8, error) {
	for i, known := range states {
		if i > 0 && known == s {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no state of a member", s)
}

func stateOf(number uint8) reconcile.State {
	if int(number) < len(states) {
		return states[number]
	}
	return ""
}

// fromLink fills b with a link in the ledger's numbers.
func (b *body) fromLink(n *names, l *reconcile.Link) error {
	b.reset()
	if len(l.Base) > len(n.fields) || len(l.Members) > len(n.systems) {
		return fmt.Errorf("link %s has more fields or members than its scope", l.ID)
	}
	b.match = append(b.match, l.Match...)
	for at, m := range l.Members {
		if m == nil {
			continue
		}
		stored, err := fromMember(n, m)
		if err != nil {
			return fmt.Errorf("link %s: %w", l.ID, err)
		}
		stored.system = n.systems[at]
		b.members = append(b.members, stored)
	}
	for at, v := range l.Base {
		origin := bodyOrigin{}
		if at < len(l.Origins) {
			o := l.Origins[at]
			origin = bodyOrigin{rev: o.Rev, at: o.At, rule: o.Rule}
			if o.System >= 0 && o.System < len(n.systems) {
				origin.system = n.systems[o.System]
			}
		}
		if record.IsMissing(v) && origin == (bodyOrigin{}) {
			continue // as what was never spoken of reads anyway
		}
		b.add(n.fields[at], origin, v)
	}
	return nil
}

func (b *body) add(field uint32, origin bodyOrigin, v record.Value) {
	at := slices.Index(b.origins, origin)
	if at < 0 {
		at = len(b.origins)
		b.origins = append(b.origins, origin)
	}
	b.base = append(b.base, bodyField{field: field, origin: at, value: v})
}

func fromMember(n *names, m *reconcile.Member) (bodyMember, error) {
	state, err := stateNumber(m.State)
	if err != nil {
		return bodyMember{}, err
	}
	stored := bodyMember{
		key: string(m.Key), state: state, sinceWrite: m.SinceWrite, apart: m.Apart, why: m.Why, acked: m.Acked,
		order: m.Order, token: m.Token, raw: m.RawHash, mapping: m.MapHash, match: m.Match,
		flips: int64(m.Flips), flipHash: m.FlipHash,
	}
	for at, v := range m.Seen {
		if at < 0 || at >= len(n.fields) {
			return bodyMember{}, fmt.Errorf("there is no field %d in the scope", at)
		}
		stored.seen = append(stored.seen, bodySeen{field: n.fields[at], value: v})
	}
	slices.SortFunc(stored.seen, func(a, b bodySeen) int { return int(a.field) - int(b.field) })
	return stored, nil
}

// keep takes over from the stored link what the scope does not show: members
// of other systems, and fields that are in no definition now.
func (b *body) keep(n *names, before *body) {
	for _, m := range before.members {
		if _, shown := n.systemAt[m.system]; !shown {
			b.members = append(b.members, cloneMember(m))
			continue
		}
		at := slices.IndexFunc(b.members, func(x bodyMember) bool { return x.system == m.system && x.key == m.key })
		if at < 0 {
			continue
		}
		b.members[at].keep(n, &m)
	}
	for _, f := range before.base {
		if _, shown := n.fieldAt[f.field]; !shown {
			b.add(f.field, before.origins[f.origin], f.value)
		}
	}
}

// keep takes over what was seen in fields that the scope does not show.
func (m *bodyMember) keep(n *names, before *bodyMember) {
	for _, s := range before.seen {
		if _, shown := n.fieldAt[s.field]; !shown {
			m.seen = append(m.seen, s)
		}
	}
}

func cloneMember(m bodyMember) bodyMember {
	m.match, m.seen = slices.Clone(m.match), slices.Clone(m.seen)
	return m
}

// toLink gives the link in the scope's terms.
func (b *body) toLink(n *names, id string, rev int64, dead bool) *reconcile.Link {
	l := &reconcile.Link{
		ID: id, Rev: rev, Tombstone: dead,
		Base: make([]record.Value, len(n.fields)), Origins: make([]reconcile.Origin, len(n.fields)),
		Members: make([]*reconcile.Member, len(n.systems)), Match: copyTexts(b.match),
	}
	for i := range l.Base {
		l.Base[i] = record.Missing
		l.Origins[i].System = reconcile.None
	}
	for _, f := range b.base {
		at, shown := n.fieldAt[f.field]
		if !shown {
			continue
		}
		o := b.origins[f.origin]
		l.Base[at] = f.value
		l.Origins[at] = reconcile.Origin{System: n.placeOf(o.system), Rev: o.rev, At: o.at, Rule: o.rule}
	}
	for i := range b.members {
		if at, shown := n.systemAt[b.members[i].system]; shown {
			l.Members[at] = b.members[i].toMember(n, at, id)
		}
	}
	return l
}

func (m *bodyMember) toMember(n *names, place int, link string) *reconcile.Member {
	out := &reconcile.Member{
		System: place, Key: record.Key(m.key), LinkID: link, State: stateOf(m.state), Why: m.why, Acked: m.acked,
		Order: m.order, Token: m.token, RawHash: m.raw, MapHash: m.mapping,
		SinceWrite: m.sinceWrite, Apart: m.apart, Flips: int(m.flips), FlipHash: m.flipHash, Match: copyTexts(m.match),
	}
	for _, s := range m.seen {
		if at, shown := n.fieldAt[s.field]; shown {
			if out.Seen == nil {
				out.Seen = make(map[int]record.Value, len(m.seen))
			}
			out.Seen[at] = s.value
		}
	}
	return out
}

// copyTexts copies a list; one without elements is nil.
func copyTexts(list []string) []string {
	return append([]string(nil), list...)
}

// placeOf gives a system's place in the scope, None for what it does not show.
func (n *names) placeOf(system int64) int {
	if at, shown := n.systemAt[system]; shown {
		return at
	}
	return reconcile.None
}
