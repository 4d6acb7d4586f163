package activities

import (
	"context"
	"maps"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// What a run resolves is in the ledger, so that the next run does not see it as
// a change again. If the guard stopped the first, or something cut it off
// before, the second must not get past the limits by that.

// unguarded adds to what this run found what the runs since the last one that
// was let through had found: fields that would turn empty are counted in what
// is owed, and conflicts by when they were opened.
func (g *Guard) unguarded(ctx context.Context, session *Session, in *GuardInput) error {
	runs, err := g.Ledger.Runs(ctx, in.Pass.Sync, UnguardedRuns)
	if err != nil {
		return err
	}
	var first *ledger.Run
	for i := range runs {
		if runs[i].ID == in.Pass.Run {
			continue
		}
		if runs[i].Outcome == OutcomeDone || runs[i].Outcome == OutcomeWaiting {
			break
		}
		first = &runs[i]
	}
	if first == nil {
		return nil
	}
	blanked, err := g.blankedOwed(ctx, session, in.Pass)
	if err != nil {
		return err
	}
	in.Resolved.Blanked = maps.Clone(in.Resolved.Blanked)
	for field, n := range blanked {
		if in.Resolved.Blanked == nil {
			in.Resolved.Blanked = map[string]int64{}
		}
		in.Resolved.Blanked[field] = max(in.Resolved.Blanked[field], n)
	}
	if !session.Definition.Limits.Conflict.Set {
		return nil
	}
	open, err := g.Ledger.Conflicts(ctx, ledger.ConflictFilter{Sync: in.Pass.Sync, State: "open"})
	if err != nil {
		return err
	}
	recent := int64(0)
	for _, c := range open {
		if c.Opened.Time().Before(first.Started) {
			continue
		}
		recent++
	}
	in.Resolved.Opened = max(in.Resolved.Opened, recent)
	return nil
}

// UnguardedRuns is how many runs in a row may have been stopped; all of them
// found the same, so that further ones add nothing.
const UnguardedRuns = 100

// blankedOwed counts by field in how many records a system is owed nothing
// where it has something.
func (g *Guard) blankedOwed(ctx context.Context, session *Session, pass Pass) (map[string]int64, error) {
	most := map[string]int64{}
	rules := session.Rules(pass)
	for system := range session.Scope.Systems {
		counts := map[string]int64{}
		after := ""
		for {
			refs, err := g.Ledger.OwedLinks(ctx, session.Scope, system, []string{reconcile.OpUpdate}, after, loadLinks)
			if err != nil {
				return nil, err
			}
			if len(refs) == 0 {
				break
			}
			after = refs[len(refs)-1].LinkID
			ids := make([]string, len(refs))
			for i, ref := range refs {
				ids[i] = ref.LinkID
			}
			links, _, err := g.Ledger.Load(ctx, session.Scope, ledger.Select{Links: ids})
			if err != nil {
				return nil, err
			}
			for _, link := range links {
				if err := countBlanks(session, rules, link, system, counts); err != nil {
					return nil, err
				}
			}
			beat(ctx)
		}
		for field, n := range counts {
			most[field] = max(most[field], n)
		}
	}
	return most, nil
}

func countBlanks(session *Session, rules *reconcile.Rules, link *reconcile.Link, system int, counts map[string]int64) error {
	payments, err := reconcile.Owed(rules, link)
	if err != nil {
		return connectors.Wrap(connectors.Permanent, "guard", err)
	}
	for _, payment := range payments {
		if payment.System != system || payment.Op != reconcile.OpUpdate {
			continue
		}
		for _, f := range payment.Fields {
			before, known := due{link: link, payment: payment}.before(system, f)
			if known && before != nil && !record.IsMissing(before) && payment.Values[f] == nil {
				counts[session.Mapping.Schema.Fields[f].Name]++
			}
		}
	}
	return nil
}
