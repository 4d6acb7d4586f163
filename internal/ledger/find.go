package ledger

import (
	"context"
	"strings"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// FindLinks gives the links that a person means by a text: a link's id, a
// row's key in any system, or a match value. Commas separate the parts of a
// composite one.
func (s *Store) FindLinks(ctx context.Context, scope Scope, text string) ([]*reconcile.Link, error) {
	sel := Select{Links: []string{text}, Keys: map[int][]record.Key{}}
	for _, parts := range [][]string{{text}, strings.Split(text, ",")} {
		values := make([]record.Value, len(parts))
		for i, p := range parts {
			values[i] = strings.TrimSpace(p)
		}
		if key, ok := record.NewKey(values...); ok {
			for i := range scope.Systems {
				sel.Keys[i] = append(sel.Keys[i], key)
			}
		}
		if folded, ok := record.FoldMatch(values...); ok {
			for alternative := range findAlternatives {
				sel.Matches = append(sel.Matches, MatchText{alternative, folded})
			}
		}
	}
	links, _, err := s.Load(ctx, scope, sel)
	return links, err
}

// findAlternatives is how many alternatives of a match a search tries.
const findAlternatives = 8
