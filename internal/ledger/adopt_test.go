package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
)

// What was open about a row is over when the row finds its link, from then on
// and not from when it was asked; what a person said about it meanwhile is
// answered, not forgotten.
func TestRowThatFindsItsLinkClosesWhatWasOpenAboutIt(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		ask := func(row string) *reconcile.Conflict {
			c := &reconcile.Conflict{System: 0, Key: key(row), Kind: reconcile.IdentityAmbiguous, Field: reconcile.None, Digest: "digest"}
			commit(t, s, f, scope, ledger.Change{
				Loose:  []*reconcile.Member{{System: 0, Key: key(row), State: reconcile.Unlinked, Why: "ambiguous"}},
				Opened: []*reconcile.Conflict{c}, At: noon,
			})
			return c
		}
		quiet, decided := ask("1"), ask("2")
		decision := ledger.DecisionRow{Decision: reconcile.Decision{ConflictID: decided.ID, Digest: "digest", Verb: "separate", System: reconcile.None}, Who: "eve"}
		id, err := s.Decide(t.Context(), decision) // after the run has read it
		require.NoError(t, err)

		found := noon.Add(48 * time.Hour)
		for _, row := range []string{"1", "2"} {
			l := person("link-"+row, row+"@example.org", "N", 1)
			l.Members[0].Key = key(row)
			commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}, At: found})
		}
		closed := conflicts(t, s, ledger.ConflictFilter{State: "closed"})
		require.Len(t, closed, 2)
		for _, c := range closed {
			require.Equal(t, found, c.Seen.UTC(), "when it was closed")
		}
		_, err = s.Decide(t.Context(), ledger.DecisionRow{Decision: reconcile.Decision{ConflictID: quiet.ID, Digest: "digest", Verb: "separate", System: reconcile.None}})
		require.ErrorIs(t, err, ledger.ErrStale)
		pending, err := s.Decisions(t.Context(), "people", "pending")
		require.NoError(t, err)
		require.Len(t, pending, 1)
		require.Equal(t, id, pending[0].ID, "the next run answers it")

		done, err := s.Prune(t.Context(), f, 1, noon.Add(24*time.Hour))
		require.NoError(t, err)
		require.Zero(t, done, "what has just ended is still shown")

		commit(t, s, f, scope, ledger.Change{Refused: []int64{id}, At: found})
		require.Empty(t, conflicts(t, s, ledger.ConflictFilter{State: "open"}), "it does not open again")
		refused, err := s.Decision(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "refused", refused.State)
		done, err = s.Prune(t.Context(), f, 1, found.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, ledger.Pruned{Decisions: 1, Conflicts: 2}, done)
	})
}
