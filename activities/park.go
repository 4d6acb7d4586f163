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
// another link and people said that the two are not one: nothing is created
// there while the match is taken. What else is in the way stays owed.
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
		change.Links = append(change.Links, parked)
		change.Owed[parked.ID], change.Slots[parked.ID] = payments, p.slot(parked)
	}
	if len(change.Links) == 0 {
		return nil
	}
	_, _, err = p.ledger.Commit(ctx, p.pass.fence(), p.session.Scope, change)
	return err
}

func creates(payments []reconcile.Payment, system int) bool {
	return slices.ContainsFunc(payments, func(p reconcile.Payment) bool { return p.System == system && p.Op == reconcile.OpCreate })
}

// leftMatches are the match texts, beside those in seen, of links that have a
// row which is gone.
func leftMatches(links []*reconcile.Link, observations []reconcile.Observation, seen map[ledger.MatchText]bool) []ledger.MatchText {
	gone := map[int]map[record.Key]bool{}
	for _, o := range observations {
		if o.Gone {
			if gone[o.System] == nil {
				gone[o.System] = map[record.Key]bool{}
			}
			gone[o.System][o.Key] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	var left []ledger.MatchText
	for _, link := range links {
		if !slices.ContainsFunc(link.Members, func(m *reconcile.Member) bool { return m != nil && gone[m.System][m.Key] }) {
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
