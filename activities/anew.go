package activities

import (
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/reconcile"
)

// newcomers adds to an outcome the links that did not change, and of which a
// system that is listed for the first time is owed a row: nobody else's change
// would ever tell.
func (s *settler) newcomers(rules *reconcile.Rules, bucket *reconcile.Bucket, outcome *reconcile.Outcome) error {
	if !s.pass.Anew {
		return nil
	}
	changed := make(map[string]bool, len(outcome.Links))
	for _, link := range outcome.Links {
		changed[link.ID] = true
	}
	for _, link := range bucket.Links {
		if changed[link.ID] {
			continue
		}
		payments, err := reconcile.Owed(rules, link)
		if err != nil {
			return connectors.Wrap(connectors.Permanent, "resolve", err)
		}
		if len(payments) > 0 {
			outcome.Links = append(outcome.Links, link)
		}
	}
	return nil
}
