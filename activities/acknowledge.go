package activities

import (
	"context"
	"errors"
	"fmt"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// done notes that a write was carried out and what the system now holds.
func (a *acknowledgement) done(d due, item connectors.Item, result connectors.Result) {
	p := a.payer
	line := journalLine{due: d, item: item, key: result.Key, token: result.Token}
	if line.key == "" {
		line.key = d.payment.Key
	}
	switch d.payment.Op {
	case "create":
		p.loaded.Created++
	case "update":
		p.loaded.Updated++
	default:
		p.loaded.Deleted++
	}
	if d.payment.Op != "delete" {
		line.after = result.Compared
	}
	a.change = append(a.change, line)
}

// refuse notes that the system does not take this record; only it waits.
func (a *acknowledgement) refuse(d due, err error) {
	a.bad = append(a.bad, quarantineLine{due: d, err: err})
	a.payer.loaded.Quarantined++
}

// commit acknowledges everything in one fenced commit.
func (a *acknowledgement) commit(ctx context.Context) error {
	if len(a.change) == 0 && len(a.bad) == 0 {
		return nil
	}
	p := a.payer
	schema := p.opened().Description.Schema.Select(p.opened().Mapping.Compare)
	reader, err := p.opened().Mapping.NewReader(schema)
	if err != nil {
		return connectors.Wrap(connectors.SchemaChanged, "read "+p.name(), err)
	}
	a.reader = reader
	change := ledger.Change{
		Step: StepLoad, Part: fmt.Sprintf("%s/%d", p.part, p.try), Slots: map[string]uint16{},
		Owed: a.owed,
	}
	for _, line := range a.change {
		if err := a.acknowledge(line); err != nil {
			return err
		}
		change.Journal = append(change.Journal, a.entry(line))
	}
	for _, line := range a.bad {
		a.quarantine(line, &change)
	}
	for _, link := range a.links {
		payments, err := reconcile.Owed(p.session.Rules(p.pass), link)
		if err != nil {
			return connectors.Wrap(connectors.Permanent, "load", err)
		}
		a.owed[link.ID] = payments
		change.Slots[link.ID] = p.slot(link)
	}
	change.Links = a.links
	_, _, err = p.ledger.Commit(ctx, p.pass.fence(), p.session.Scope, change)
	return err
}

// acknowledge moves the member to the revision that it now holds.
func (a *acknowledgement) acknowledge(line journalLine) error {
	p := a.payer
	link := line.due.link
	a.links = append(a.links, link)
	if line.due.payment.Op == "delete" {
		link.Members[p.system] = nil
		return nil
	}
	m := link.Members[p.system]
	if m == nil {
		m = &reconcile.Member{System: p.system, LinkID: link.ID}
		link.Members[p.system] = m
	}
	m.Key = line.key
	m.State, m.Why = reconcile.Live, ""
	m.Acked = line.due.payment.Rev
	m.Order, m.Token = "", line.token
	m.MapHash = p.opened().Mapping.Hash
	m.SinceWrite = p.opened().Description.Can.Transactions
	if line.due.payment.Op == "soft" {
		m.State = reconcile.Detached
	}
	return a.remember(m, link, line)
}

// remember keeps what the system returned as what was last seen there.
func (a *acknowledgement) remember(m *reconcile.Member, link *reconcile.Link, line journalLine) error {
	p := a.payer
	if line.after == nil {
		return nil
	}
	var canonical mappings.Canonical
	a.reader.Read(line.after, &canonical)
	m.RawHash = record.HashRow(line.after...)
	if canonical.Bad != "" {
		return nil // it was written; the next read says what is wrong with it
	}
	m.Match = append([]string(nil), canonical.Match...)
	predicted, err := predict(p.session.Mapping.Rules, p.system, link.Base)
	if err != nil {
		return connectors.Wrap(connectors.Permanent, "predict "+p.name(), err)
	}
	m.Seen = nil
	for f, v := range canonical.Values {
		if record.IsMissing(v) || record.IsMissing(predicted[f]) || record.Equal(v, predicted[f]) {
			continue
		}
		if m.Seen == nil {
			m.Seen = map[int]record.Value{}
		}
		m.Seen[f] = v
	}
	return nil
}

func predict(rules *reconcile.Rules, system int, base []record.Value) ([]record.Value, error) {
	if rules.Systems[system].Predict == nil {
		return base, nil
	}
	return rules.Systems[system].Predict(base)
}

// entry is the journal's line of a write, with the fields before and after.
func (a *acknowledgement) entry(line journalLine) ledger.Entry {
	p := a.payer
	d := line.due
	entry := ledger.Entry{
		Sync: p.pass.Sync, Run: p.pass.Run, System: p.name(), LinkID: d.link.ID, Key: line.key, Op: d.payment.Op,
		At: p.pass.Now.Time(), Before: map[string]record.Value{}, After: map[string]record.Value{},
	}
	for _, f := range d.payment.Fields {
		name := p.session.Mapping.Schema.Fields[f].Name
		entry.After[name] = d.payment.Values[f]
		if before, known := d.before(p.system, f); known {
			entry.Before[name] = before
		}
		entry.Rule = d.link.Origins[f].Rule
	}
	if d.payment.Op == "delete" || d.payment.Op == "soft" {
		for f, field := range p.session.Mapping.Schema.Fields {
			if before, known := d.before(p.system, f); known {
				entry.Before[field.Name] = before
			}
		}
	}
	return entry
}

// before is what the system was last seen to hold in a field.
func (d due) before(system, field int) (record.Value, bool) {
	m := d.link.Members[system]
	if m == nil {
		return nil, false
	}
	if v, differs := d.seen[field]; differs {
		return v, true
	}
	v := d.link.Base[field]
	return v, !record.IsMissing(v)
}

// quarantine holds a member that the system refuses to take; later changes to
// it wait behind it.
func (a *acknowledgement) quarantine(line quarantineLine, change *ledger.Change) {
	p := a.payer
	link := line.due.link
	m := link.Members[p.system]
	if m == nil {
		m = &reconcile.Member{System: p.system, LinkID: link.ID}
		link.Members[p.system] = m
	}
	m.State, m.Why = reconcile.Quarantined, "refused"
	a.links = append(a.links, link)
	reason := line.err.Error()
	var known *connectors.Error
	if errors.As(line.err, &known) {
		reason = known.Error()
	}
	change.Quarantine = append(change.Quarantine, ledger.Quarantined{System: p.system, Key: m.Key, Reason: reason, LinkID: link.ID})
}
