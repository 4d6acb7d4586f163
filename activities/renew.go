package activities

import (
	"context"
	"slices"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// retries adds the rows that somebody asked to try again to those that are read
// again by key, whether or not this run lists them.
func (s *settler) retries(ctx context.Context, keys map[int][]record.Key) error {
	for i, name := range s.session.Scope.Systems {
		if slices.Contains(s.pass.Down, i) {
			continue // it is asked when it is back
		}
		again, err := s.ledger.Retries(ctx, s.pass.Sync, name)
		if err != nil {
			return err
		}
		if again = named(again); len(again) > 0 {
			keys[i] = append(keys[i], again...)
		}
	}
	return nil
}

// renew lets creations be owed again that a system refused, where somebody
// asked for it. There is no row to read: what the system says to the next
// attempt is all that can be known.
func (s *settler) renew(ctx context.Context, part string) error {
	ids, err := s.ledger.RetryLinks(ctx, s.pass.Sync)
	if err != nil || len(ids) == 0 {
		return err
	}
	links, _, err := s.ledger.Load(ctx, s.session.Scope, ledger.Select{Links: ids})
	if err != nil {
		return err
	}
	rules := s.session.Rules(s.pass)
	change := ledger.Change{
		Step: StepResolve, Part: part + "/renew", At: s.pass.Now.Time(),
		Slots: map[string]uint16{}, Owed: map[string][]reconcile.Payment{},
	}
	for _, link := range links {
		link = link.Clone()
		for i, m := range link.Members {
			if m != nil && m.State == reconcile.Quarantined && m.Key == "" {
				link.Members[i] = nil
			}
		}
		payments, err := reconcile.Owed(rules, link)
		if err != nil {
			return connectors.Wrap(connectors.Permanent, "resolve", err)
		}
		change.Links = append(change.Links, link)
		change.Owed[link.ID], change.Slots[link.ID] = payments, s.slot(link)
	}
	_, _, err = s.ledger.Commit(ctx, s.pass.fence(), s.session.Scope, change)
	return err
}

// lookAtRefused reads rows again that their system refused to change, where
// anything of their record was seen now: it may have become one that the system
// takes, and a cursor does not show a row that nobody wrote. What the row holds
// is the condition of the next attempt.
func (s *settler) lookAtRefused(ctx context.Context, m *matter, bucket *reconcile.Bucket) (*reconcile.Bucket, error) {
	keys := make([][]record.Key, len(s.session.Systems))
	for _, link := range bucket.Links {
		for i, member := range link.Members {
			if member != nil && member.State == reconcile.Quarantined && member.Why == whyRefused && member.Key != "" {
				keys[i] = append(keys[i], member.Key)
			}
		}
	}
	before := len(m.observations)
	for i := range keys {
		if len(keys[i]) == 0 || slices.Contains(s.pass.Down, i) {
			continue
		}
		seen := map[record.Key]bool{}
		for _, o := range m.observations {
			seen[o.Key] = seen[o.Key] || o.System == i
		}
		unseen := slices.DeleteFunc(keys[i], func(k record.Key) bool { return seen[k] })
		if len(unseen) == 0 {
			continue
		}
		found, err := s.fetch(ctx, i, unseen)
		if err != nil {
			return nil, err
		}
		m.observations = append(m.observations, found...)
		m.fetched += int64(len(found))
	}
	if len(m.observations) == before {
		return bucket, nil
	}
	return s.bucket(ctx, m.observations, m.links)
}

// whyRefused is why a row is held that its system does not take.
const whyRefused = "refused"
