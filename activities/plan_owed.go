package activities

import (
	"context"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// earlier adds what is owed from runs before: what a limit stopped, and what a
// system that was down has not got yet. The next run writes it too.
func (d *draft) earlier(ctx context.Context, store *ledger.Store) error {
	for system := range d.session.Scope.Systems {
		after := ""
		for {
			refs, err := store.OwedLinks(ctx, d.session.Scope, system, nil, after, loadLinks)
			if err != nil {
				return err
			}
			if len(refs) == 0 {
				break
			}
			after = refs[len(refs)-1].LinkID
			ids := make([]string, 0, len(refs))
			for _, ref := range refs {
				if !d.seen[ref.LinkID] {
					ids = append(ids, ref.LinkID)
				}
			}
			if err := d.earlierOf(ctx, store, system, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// owe counts the records whose changes must wait for a system that is away.
func (d *draft) owe() {
	c := &d.plan.Counts
	c.Owed = min(int64(len(d.waiting)), c.Applied)
	c.Applied -= c.Owed
}

func (d *draft) earlierOf(ctx context.Context, store *ledger.Store, system int, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	links, _, err := store.Load(ctx, d.session.Scope, ledger.Select{Links: ids})
	if err != nil {
		return err
	}
	for _, link := range links {
		payments, err := reconcile.Owed(d.session.Rules(d.detected.Pass), link)
		if err != nil {
			return connectors.Wrap(connectors.Permanent, "plan", err)
		}
		for _, payment := range payments {
			if payment.System == system {
				d.change(link, payment)
			}
		}
	}
	return nil
}

// guard asks what the limits would say to all of it.
func (d *draft) guard(ctx context.Context, store *ledger.Store) error {
	g := &Guard{Ledger: store}
	found, err := g.exceeded(ctx, d.session, GuardInput{Pass: d.detected.Pass, Resolved: d.sum}, d.ops)
	d.plan.Stops = strings.Join(found, "; ")
	return err
}

// question shows a conflict that the run would open.
func (d *draft) question(done *settled, c *reconcile.Conflict) {
	if c.ID != 0 || len(d.plan.Questions) >= d.limit {
		return // it is open already, and `conflicts list` shows it
	}
	q := Question{Kind: string(c.Kind), Match: c.Key.String(), Values: map[string]*string{}}
	if c.Field >= 0 {
		q.Field = d.session.Mapping.Schema.Fields[c.Field].Name
	}
	identity := c.Kind == reconcile.IdentityAmbiguous || c.Kind == reconcile.MultipleUniqueConflicts
	for _, link := range done.outcome.Links {
		if link.ID == c.LinkID && !identity {
			q.Match = showMatch(link.Match, c.Key)
		}
	}
	for i, candidate := range c.Candidates {
		name, value := "base", textOf(candidate.Value)
		if candidate.System >= 0 {
			name = d.session.Scope.Systems[candidate.System]
		}
		if candidate.Deleted {
			value = new(string)
			*value = "(deleted)"
		}
		if identity {
			text := matchOf(candidate.Value)
			name, value = name+" "+candidate.Key.String(), &text
			if candidate.Link != "" {
				name = "link " + candidate.Link
			}
			if i == 0 {
				q.Match = text
			}
		}
		q.Values[name] = value
	}
	d.plan.Questions = append(d.plan.Questions, q)
}

// matchOf shows the match texts of a candidate.
func matchOf(v record.Value) string {
	list, _ := v.(record.List)
	match := make([]string, 0, len(list))
	for _, way := range list {
		if text, ok := way.(string); ok {
			match = append(match, text)
		}
	}
	return showMatch(match, "")
}
