package reconcile

import (
	"errors"
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// What a payment does.
const (
	OpCreate  = "create"
	OpUpdate  = "update"
	OpDelete  = "delete"
	OpSoft    = "soft"
	OpRestore = "restore"
)

// Owed derives what each system is owed for a link, in the order of the
// systems. Beside an error (an Accept that failed) the other systems' payments
// are still good.
func Owed(rules *Rules, link *Link) ([]Payment, error) {
	unlisted := slices.ContainsFunc(rules.Systems, func(s SystemRule) bool { return s.Unlisted })
	return owed(rules, link, unlisted)
}

func owed(rules *Rules, link *Link, unlisted bool) ([]Payment, error) {
	if held(rules, link) {
		return nil, nil
	}
	var payments []Payment
	var errs []error
	for s := range rules.Systems {
		if !rules.Systems[s].Receives {
			continue
		}
		var m *Member
		if s < len(link.Members) {
			m = link.Members[s]
		}
		if m != nil && m.State == Live && len(m.Seen) == 0 && !link.Tombstone {
			continue // nearly all of them
		}
		p, err := payment(rules, link, s, m, unlisted)
		if err != nil {
			errs = append(errs, fmt.Errorf("what %s is owed of link %s: %w", rules.Systems[s].Name, link.ID, err))
			continue
		}
		if p != nil {
			payments = append(payments, *p)
		}
	}
	return payments, errors.Join(errs...)
}

// held reports whether a conflict holds the whole record: one about identity
// or a delete, or one in a field where that was asked for.
func held(rules *Rules, link *Link) bool {
	return slices.ContainsFunc(link.Conflicts, func(c *Conflict) bool {
		return c.Field == None || rules.WholeRecord || rules.Fields[c.Field].WholeRecord
	})
}

func payment(rules *Rules, link *Link, s int, m *Member, unlisted bool) (*Payment, error) {
	if link.Tombstone {
		return deletion(rules, link, s, m), nil
	}
	system := &rules.Systems[s]
	p := &Payment{System: s, LinkID: link.ID, Values: link.Base, Rev: link.Rev}
	switch {
	case m == nil || m.State == Creating || changedSinceRefused(link, m) || changedSinceParked(link, m):
		if !system.Create || (unlisted && m == nil) {
			return nil, nil
		}
		p.Op, p.Uncertain, p.Fields = OpCreate, m != nil, created(rules, link, s)
	case !system.Update:
		return nil, nil
	case m.State == Live:
		p.Op, p.Fields = OpUpdate, behind(rules, link, m)
	case m.State == Detached && m.Why == whyRestore: // what a deleted row holds was not read
		p.Op, p.Fields = OpRestore, created(rules, link, s)
	default:
		return nil, nil
	}
	if len(p.Fields) == 0 && p.Op != OpRestore {
		return nil, nil
	}
	if p.Op != OpCreate {
		p.Key, p.Token, p.RawHash = m.Key, m.Token, m.RawHash
	}
	if system.Accept == nil {
		return p, nil
	}
	accepted, err := system.Accept(link.Base)
	if err != nil || !accepted {
		return nil, err
	}
	return p, nil
}

// changedSinceRefused: the system refused to create a row of what the link was
// then, and it is something else now.
func changedSinceRefused(link *Link, m *Member) bool {
	return m.State == Quarantined && m.Key == "" && link.Rev > m.Acked
}

// created are the fields that a new row gets: all that are known. Of a field
// in conflict that is the base; a new row has nothing that this could overrule.
func created(rules *Rules, link *Link, s int) []int {
	var fields []int
	for f, v := range link.Base {
		if rules.Systems[s].Has[f] && rules.Systems[s].Writes[f] && !record.IsMissing(v) {
			fields = append(fields, f)
		}
	}
	return fields
}

// behind are the fields in which a member is behind its link.
func behind(rules *Rules, link *Link, m *Member) []int {
	if len(m.Seen) == 0 {
		return nil
	}
	var fields []int
	for f := range link.Base {
		if owedField(rules, link, m, f) && !heldField(link, f) {
			fields = append(fields, f)
		}
	}
	return fields
}

func heldField(link *Link, f int) bool {
	return slices.ContainsFunc(link.Conflicts, func(c *Conflict) bool { return c.Field == f })
}

// owedField reports whether a member's field differs from the base and the
// base moved after what it acknowledged. A difference that is older stands on
// purpose: a violation of ownership that is ignored, or what a system makes of
// what is written to it.
func owedField(rules *Rules, link *Link, m *Member, f int) bool {
	v, differs := m.Seen[f]
	system := &rules.Systems[m.System]
	if !differs || !system.Receives || !system.Has[f] || !system.Writes[f] || link.Origins[f].Rev <= m.Acked ||
		record.IsMissing(link.Base[f]) || record.Equal(v, link.Base[f]) {
		return false
	}
	return !record.IsMissing(v) || !system.switches(f)
}

// deletion is what a tombstone owes: only to a member that is still there and
// was neither unlinked nor left the sync.
func deletion(rules *Rules, link *Link, s int, m *Member) *Payment {
	if m == nil || m.State != Live && m.State != Creating {
		return nil
	}
	p := &Payment{
		System: s, LinkID: link.ID, Op: OpDelete, Key: m.Key, Values: link.Base, Rev: link.Rev,
		Token: m.Token, RawHash: m.RawHash, Uncertain: m.State == Creating,
	}
	switch rules.effect(s) {
	case "ignore", "unlink":
		return nil
	case "soft":
		p.Op = OpSoft
	}
	return p
}

// effect is what a delete elsewhere does in a system. One that takes no deletes
// is left as it is.
func (r *Rules) effect(s int) string {
	system := &r.Systems[s]
	switch {
	case !system.Receives || !system.Delete:
		return "ignore"
	case system.Effect == "":
		return "hard"
	default:
		return system.Effect
	}
}

// Spent reports whether nothing of a tombstone has to be kept: no system has a
// row of it any more.
func (l *Link) Spent() bool {
	return l.Tombstone && !slices.ContainsFunc(l.Members, func(m *Member) bool {
		return m != nil && (m.State != Detached || m.Why != whyGone)
	})
}
