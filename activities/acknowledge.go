package activities

import (
	"context"
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// acknowledgement collects what a load step tells the ledger.
type acknowledgement struct {
	payer *payer
	paid  []paid
	bad   []refused
}

// paid is a payment that was carried out, and how.
type paid struct {
	due    due
	result connectors.Result
}

// refused is a payment that the system does not take.
type refused struct {
	due due
	err error
}

// done notes that a write was carried out and what the system now holds.
func (a *acknowledgement) done(d due, result connectors.Result) {
	switch d.payment.Op {
	case reconcile.OpCreate:
		a.payer.loaded.Created++
	case reconcile.OpDelete, reconcile.OpSoft:
		a.payer.loaded.Deleted++
	default:
		a.payer.loaded.Updated++
	}
	if result.Key == "" {
		result.Key = d.payment.Key
	}
	a.paid = append(a.paid, paid{due: d, result: result})
}

// refuse notes that the system does not take this record; only it waits.
func (a *acknowledgement) refuse(d due, err error) {
	a.bad = append(a.bad, refused{due: d, err: err})
	a.payer.loaded.Quarantined++
}

// commit acknowledges everything in one fenced commit.
func (a *acknowledgement) commit(ctx context.Context) error {
	if len(a.paid) == 0 && len(a.bad) == 0 {
		return nil
	}
	p := a.payer
	rules := p.session.Rules(p.pass)
	reader, err := p.opened().Mapping.NewReader(p.opened().Description.Schema.Select(p.opened().Mapping.Compare))
	if err != nil {
		return connectors.Wrap(connectors.SchemaChanged, "read "+p.name(), err)
	}
	change := ledger.Change{
		Step: StepLoad, Part: fmt.Sprintf("%s/%d/%d", p.part, p.try, p.pass.Epoch),
		Slots: map[string]uint16{}, Owed: map[string][]reconcile.Payment{}, At: p.pass.Now.Time(),
	}
	told := map[string]bool{} // links of which the system set something by itself
	for _, done := range a.paid {
		link := reconcile.Acknowledge(rules, done.due.link, a.receipt(reader, done))
		change.Links = append(change.Links, link)
		change.Journal = append(change.Journal, a.entry(done))
		if link.Rev > done.due.link.Rev {
			told[link.ID] = true
		}
	}
	for _, bad := range a.bad {
		change.Links = append(change.Links, a.quarantine(bad, &change))
	}
	for _, link := range change.Links {
		payments, err := reconcile.Owed(rules, link)
		if err != nil {
			return connectors.Wrap(connectors.Permanent, "load", err)
		}
		change.Owed[link.ID] = payments
		if told[link.ID] {
			p.loaded.Told += int64(len(payments))
		}
		change.Slots[link.ID] = p.slot(link)
	}
	_, _, err = p.ledger.Commit(ctx, p.pass.fence(), p.session.Scope, change)
	return err
}

// receipt is what the system did, with what it returned as it reads now.
func (a *acknowledgement) receipt(reader *mappings.Reader, done paid) reconcile.Receipt {
	p := a.payer
	receipt := reconcile.Receipt{
		Payment: done.due.payment, Key: done.result.Key, Token: done.result.Token,
		MapHash: p.opened().Mapping.Hash, Shown: p.opened().Description.Can.Transactions,
	}
	if done.result.Compared == nil {
		return receipt
	}
	receipt.RawHash = record.HashRow(done.result.Compared...)
	var canonical mappings.Canonical
	reader.Read(done.result.Compared, &canonical)
	if canonical.Bad == "" { // else the next read says what is wrong with it
		receipt.Values = slices.Clone(canonical.Values)
		receipt.Match = slices.Clone(canonical.Match)
	}
	return receipt
}

// entry is the journal's line of a write, with the fields before and after.
func (a *acknowledgement) entry(done paid) ledger.Entry {
	p, d := a.payer, done.due
	entry := ledger.Entry{
		Sync: p.pass.Sync, Run: p.pass.Run, System: p.name(), LinkID: d.link.ID, Key: done.result.Key, Op: d.payment.Op,
		At: p.pass.Now.Time(), Before: map[string]record.Value{}, After: map[string]record.Value{},
	}
	fields := d.payment.Fields
	deletes := d.payment.Op == reconcile.OpDelete || d.payment.Op == reconcile.OpSoft
	if deletes {
		fields = nil
		for f := range p.session.Mapping.Schema.Fields {
			fields = append(fields, f)
		}
	}
	for _, f := range fields {
		name := p.session.Mapping.Schema.Fields[f].Name
		if before, known := d.before(p.system, f); known {
			entry.Before[name] = before
		}
		if !deletes {
			entry.After[name] = d.payment.Values[f]
			entry.Rule = d.link.Origins[f].Rule
		}
	}
	return entry
}

// before is what the system was last seen to hold in a field.
func (d due) before(system, field int) (record.Value, bool) {
	m := d.link.Members[system]
	if m == nil || m.State == reconcile.Creating {
		return nil, false
	}
	if v, differs := m.Seen[field]; differs {
		return v, true
	}
	v := d.link.Base[field]
	return v, !record.IsMissing(v)
}

// quarantine holds a member that the system refuses to take; later changes to
// it wait behind it.
func (a *acknowledgement) quarantine(bad refused, change *ledger.Change) *reconcile.Link {
	p := a.payer
	link := bad.due.link.Clone()
	m := link.Members[p.system]
	if m == nil || m.State == reconcile.Creating {
		m = &reconcile.Member{System: p.system, LinkID: link.ID, Acked: link.Rev}
		link.Members[p.system] = m
	}
	m.State, m.Why = reconcile.Quarantined, whyRefused
	// The next listing looks at it again: by then the record may be one that the
	// system takes, or the system one that takes it.
	m.RawHash = record.Hash{}
	change.Quarantine = append(change.Quarantine, ledger.Quarantined{
		System: p.system, Key: m.Key, Reason: bad.err.Error(), LinkID: link.ID,
	})
	return link
}
