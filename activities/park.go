package activities

import (
	"context"
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// park settles creations that met a row with their match, where that row is of
// another link with the same match: nothing is created there while the match is
// taken. Unless a person said that the two are not one, the record is
// quarantined for it. What else is in the way stays owed.
func (p *payer) park(ctx context.Context, ids []string, met []reconcile.Observation) error {
	keys := make([]record.Key, 0, len(met))
	for _, o := range met {
		if !o.Gone && o.Key != "" {
			keys = append(keys, o.Key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	links, _, err := p.ledger.Load(ctx, p.session.Scope, ledger.Select{Links: ids, Keys: map[int][]record.Key{p.system: keys}})
	if err != nil {
		return err
	}
	change := ledger.Change{
		Step: StepLoad, Part: fmt.Sprintf("%s/park/%d/%d", p.part, p.try, p.pass.Epoch), At: p.pass.Now.Time(),
		Slots: map[string]uint16{}, Owed: map[string][]reconcile.Payment{},
	}
	rules := p.session.Rules(p.pass)
	for _, link := range links {
		payments, err := reconcile.Owed(rules, link)
		if err != nil || !slices.Contains(ids, link.ID) || !creates(payments, p.system) {
			continue
		}
		parked, ok := reconcile.Park(link, p.system, links)
		if !ok {
			continue
		}
		if payments, err = reconcile.Owed(rules, parked); err != nil {
			continue
		}
		if parked.Members[p.system].State == reconcile.Quarantined {
			p.loaded.Quarantined++
			change.Quarantine = append(change.Quarantine, ledger.Quarantined{System: p.system, LinkID: parked.ID, Reason: reasonTaken})
		}
		change.Links = append(change.Links, parked)
		change.Owed[parked.ID], change.Slots[parked.ID] = payments, p.slot(parked)
	}
	if len(change.Links) == 0 {
		return nil
	}
	_, _, err = p.ledger.Commit(ctx, p.pass.fence(), p.session.Scope, change)
	return err
}

const reasonTaken = "another record has a row with the same match here, and none is made beside it; " +
	"it is made when that row has another match or is gone"

func creates(payments []reconcile.Payment, system int) bool {
	return slices.ContainsFunc(payments, func(p reconcile.Payment) bool { return p.System == system && p.Op == reconcile.OpCreate })
}

// leftMatches are the match texts, beside those in seen, of links that have a
// row which is gone or has another match now.
func leftMatches(links []*reconcile.Link, observations []reconcile.Observation, seen map[ledger.MatchText]bool) []ledger.MatchText {
	if len(links) == 0 {
		return nil
	}
	type rowName struct {
		system int
		key    record.Key
	}
	now := make(map[rowName][]string, len(observations)) // nil for one that is gone
	for _, o := range observations {
		if o.Gone {
			o.Match = nil
		}
		now[rowName{o.System, o.Key}] = o.Match
	}
	leaves := func(m *reconcile.Member) bool {
		if m == nil {
			return false
		}
		match, observed := now[rowName{m.System, m.Key}]
		return observed && !slices.Equal(match, m.Match)
	}
	var left []ledger.MatchText
	for _, link := range links {
		if !slices.ContainsFunc(link.Members, leaves) {
			continue
		}
		for i, text := range link.Match {
			if m := (ledger.MatchText{Alternative: i, Text: text}); text != "" && !seen[m] {
				seen[m] = true
				left = append(left, m)
			}
		}
	}
	return left
}
