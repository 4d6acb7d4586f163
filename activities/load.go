package activities

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/client"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
)

// Load is the fifth step: one system gets what it is owed, whoever changed
// since. Writes are conditional on what resolve saw; a row that is not that any
// more is read again and resolved again, three times at most. Run twice, it
// finds less owed: what was written before a crash is refused by its
// condition, read again, and found to agree.
type Load struct {
	Sessions *Sessions
	Ledger   *ledger.Store
	Stage    *stage.Stage
	// Client asks the engine what is reported; nil where there is none.
	Client   client.Client
	reported reported
}

// Run loads.
func (l *Load) Run(ctx context.Context, in LoadInput) (Loaded, error) {
	var (
		out Loaded
		err error
	)
	if in.Ref != "" {
		out, err = l.stream(ctx, in)
	} else {
		out, err = l.pay(ctx, in)
		if lastTry(ctx) && isDown(err) || isFull(err) {
			out.Down, err = downText(err), nil // it stays owed, and the others do not wait for it
		}
	}
	return out, asTemporal(err)
}

// errOccupied is why a row is not made that would meet another one again and
// again: by a unique column that is not the match.
var errOccupied = connectors.Errorf(connectors.Conflict,
	"a row with one of the values that must be unique is there already, and it is not this record's; change one of the two")

const (
	// loadLinks is how many links are loaded, written and acknowledged at once.
	loadLinks = 10_000
	// loadTries is how often a record is resolved again before it stays owed.
	loadTries = 3
)

func (l *Load) pay(ctx context.Context, in LoadInput) (Loaded, error) {
	session, err := l.Sessions.For(ctx, in.Pass, in.System)
	if err != nil {
		return Loaded{}, err
	}
	ctx, stop := beating(ctx)
	defer stop()
	var (
		total Loaded
		after string
	)
	for {
		refs, err := l.Ledger.OwedLinks(ctx, session.Scope, in.System, opsOf(in.Phase), after, loadLinks)
		if err != nil || len(refs) == 0 {
			return total, err
		}
		after = refs[len(refs)-1].LinkID
		ids := make([]string, len(refs))
		for i, ref := range refs {
			ids[i] = ref.LinkID
		}
		p := &payer{
			settler: settler{ledger: l.Ledger, session: session, pass: in.Pass, at: l.Sessions.at},
			system:  in.System, phase: in.Phase, part: partOf(in, after),
		}
		if err := p.payLinks(ctx, ids); err != nil {
			return total, err
		}
		total.Add(p.loaded)
		beat(ctx, total)
	}
}

// partOf names links up to one in the marks of what is committed about them.
func partOf(in LoadInput, last string) string {
	part := fmt.Sprintf("%d/%s/%s", in.System, in.Phase, last)
	if in.Round > 0 {
		part = fmt.Sprintf("round%d/%s", in.Round, part)
	}
	return part
}

func opsOf(phase string) []string {
	if phase == PhaseDelete {
		return []string{reconcile.OpDelete, reconcile.OpSoft}
	}
	return []string{reconcile.OpCreate, reconcile.OpUpdate, reconcile.OpRestore}
}

// payer pays one system for some links.
type payer struct {
	settler
	system int
	phase  string
	part   string
	try    int
	loaded Loaded
}

// due is one payment with its link.
type due struct {
	link    *reconcile.Link
	payment reconcile.Payment
}

func (p *payer) payLinks(ctx context.Context, ids []string) error {
	for p.try = range loadTries {
		dues, err := p.dues(ctx, ids)
		if err != nil || len(dues) == 0 {
			return err
		}
		again, err := p.write(ctx, dues)
		if err != nil {
			return err
		}
		if len(again) == 0 {
			return nil
		}
		ids = again
	}
	p.loaded.Left += int64(len(ids))
	return nil
}

// dues derives from the ledger what the links owe the system now.
func (p *payer) dues(ctx context.Context, ids []string) ([]due, error) {
	links, _, err := p.ledger.Load(ctx, p.session.Scope, ledger.Select{Links: ids})
	if err != nil {
		return nil, err
	}
	var dues []due
	for _, link := range links {
		payments, err := reconcile.Owed(p.session.Rules(p.pass), link)
		if err != nil {
			return nil, connectors.Wrap(connectors.Permanent, "load", err)
		}
		for _, payment := range payments {
			deletes := payment.Op == reconcile.OpDelete || payment.Op == reconcile.OpSoft
			if payment.System == p.system && deletes == (p.phase == PhaseDelete) && p.session.except(p.pass, &payment) {
				dues = append(dues, due{link: link, payment: payment})
			}
		}
	}
	return dues, nil
}

// write writes and acknowledges; it gives the links that must be tried again.
func (p *payer) write(ctx context.Context, dues []due) (again []string, err error) {
	dues, found, err := p.finishCreations(ctx, dues)
	if err != nil {
		return nil, err
	}
	ack := &acknowledgement{payer: p}
	again = append(again, found...)
	ready := make([]due, 0, len(dues))
	items := make([]connectors.Item, 0, len(dues))
	writer, err := p.opened().Mapping.NewWriter(p.opened().Description.Schema)
	if err != nil {
		return nil, connectors.Wrap(connectors.SchemaChanged, "write "+p.name(), err)
	}
	for _, d := range dues {
		item, err := p.item(writer, d)
		if err != nil {
			ack.refuse(d, err)
			continue
		}
		ready = append(ready, d)
		items = append(items, item)
	}
	if err := p.intend(ctx, ready); err != nil {
		return nil, err
	}
	p.at(PointIntended)
	results, err := p.apply(ctx, items)
	if err != nil {
		return nil, err
	}
	p.at(PointWritten)
	look, more, err := p.sort(ack, ready, items, results)
	if err != nil {
		return nil, err
	}
	again = append(again, more...)
	if err := ack.commit(ctx); err != nil {
		return nil, err
	}
	p.at(PointPaid)
	if err := p.lookAgain(ctx, look, again); err != nil {
		return nil, err
	}
	if len(again) > 0 {
		p.at(PointLooked)
	}
	return again, nil
}

// sort tells what was done from what was refused, and from what must be looked
// at again.
func (p *payer) sort(ack *acknowledgement, dues []due, items []connectors.Item, results []connectors.Result,
) (look lookup, again []string, err error) {
	for i, result := range results {
		d := dues[i]
		switch result.Status {
		case connectors.Done:
			ack.done(d, result)
		case connectors.Failed:
			ack.refuse(d, result.Err)
		case connectors.Gone:
			if p.phase == PhaseDelete {
				ack.done(d, result)
				continue
			}
			look.key(d.payment.Key)
			again = append(again, d.link.ID)
		case connectors.Refused:
			look.key(d.payment.Key)
			again = append(again, d.link.ID)
		case connectors.Exists:
			if p.try == loadTries-1 { // it was looked for twice, and is not this record's
				ack.refuse(d, errOccupied)
				continue
			}
			look.match(items[i].Set)
			look.key(result.Key)
			again = append(again, d.link.ID)
		default:
			return look, nil, connectors.Errorf(connectors.Permanent, "%s gave the unknown status %q", p.name(), result.Status)
		}
	}
	return look, again, nil
}

func (p *payer) opened() *OpenSystem { return p.session.Systems[p.system] }

func (p *payer) name() string { return p.session.Scope.Systems[p.system] }

// apply hands items to the connector, in the sizes that it likes.
func (p *payer) apply(ctx context.Context, items []connectors.Item) ([]connectors.Result, error) {
	if len(items) == 0 {
		return nil, nil
	}
	sink, err := p.opened().Sink()
	if err != nil {
		return nil, err
	}
	mapping := p.opened().Mapping
	fence := targetFence(p.ledger, p.pass)
	fence.Sync += "/" + p.name()
	results := make([]connectors.Result, 0, len(items))
	size := p.opened().Description.Can.BatchRows
	if size <= 0 {
		size = len(items)
	}
	for start := 0; start < len(items); start += size {
		part := items[start:min(start+size, len(items))]
		got, err := sink.Apply(ctx, connectors.Writes{
			Fence: fence, Columns: mapping.Write, Compare: mapping.Compare, Unless: mapping.Unless, Items: part,
		})
		if err != nil {
			return nil, connectors.Wrap(connectors.Transient, "write "+p.name(), err)
		}
		if len(got) != len(part) {
			return nil, connectors.Errorf(connectors.Permanent, "%s gave %d results for %d writes", p.name(), len(got), len(part))
		}
		results = append(results, got...)
		beat(ctx)
	}
	return results, nil
}

// intend records creations before they are tried, so that a crash in the
// middle of one is followed by a look-up and never by a second one.
func (p *payer) intend(ctx context.Context, dues []due) error {
	var intents []ledger.Intent
	for _, d := range dues {
		if d.payment.Op == reconcile.OpCreate {
			intents = append(intents, ledger.Intent{LinkID: d.link.ID, System: p.system, Intent: intentOf(p.pass.Sync, p.name(), d)})
		}
	}
	if len(intents) == 0 {
		return nil
	}
	return p.ledger.Intend(ctx, p.pass.fence(), p.session.Scope, intents)
}

func intentOf(sync, system string, d due) string {
	return record.HashText(sync, system, d.link.ID).String()
}
