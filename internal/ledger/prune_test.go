package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
)

// What is over is forgotten after a while; what waits for anybody never is.
func TestWhatIsOverIsPrunedAndWhatWaitsStays(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		var f ledger.Fence
		run := func(number int, outcome string, at time.Time) {
			r, err := s.BeginRun(t.Context(), ledger.Begin{
				Sync: scope.Sync, Run: fmt.Sprintf("run-%d", number), Trigger: "test", Fields: scope.Fields, Systems: scope.Systems, At: at,
			})
			require.NoError(t, err)
			f = ledger.Fence{Sync: scope.Sync, Run: r.ID, Epoch: r.Epoch}
			if outcome != "" {
				require.NoError(t, s.FinishRun(t.Context(), f, ledger.Finish{Outcome: outcome, At: at.Add(time.Minute)}))
			}
		}
		day := func(n int) time.Time { return noon.Add(time.Duration(n) * 24 * time.Hour) }
		ask := func(link string) *reconcile.Conflict {
			l := person(link, link+"@example.org", "N", 1)
			c := nameConflict("digest")
			c.LinkID = link
			commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}, Opened: []*reconcile.Conflict{c}, At: day(0)})
			return c
		}
		decide := func(c *reconcile.Conflict, at time.Time) int64 {
			id, err := s.Decide(t.Context(), ledger.DecisionRow{
				Decision: reconcile.Decision{ConflictID: c.ID, Digest: c.Digest, Verb: "take", System: 1}, Sync: "people", Who: "eve", At: at,
			})
			require.NoError(t, err)
			return id
		}
		run(1, "done", day(0))
		run(2, "", day(0)) // was killed, and never ended
		run(3, "done", day(1))
		run(4, "done", day(2))
		run(5, "failed", day(3))
		run(6, "done", day(20))
		run(7, "", day(21))
		over, decidedLate, closedLate, open, pending := ask("over"), ask("late"), ask("closed"), ask("open"), ask("pending")
		old, late := decide(over, day(0)), decide(decidedLate, day(15))
		skipped := decide(open, day(0))
		waiting := decide(pending, day(0))
		commit(t, s, f, scope, ledger.Change{
			Closed: []int64{over.ID, decidedLate.ID}, Applied: []int64{old, late}, Refused: []int64{skipped}, At: day(1),
		})
		commit(t, s, f, scope, ledger.Change{Closed: []int64{closedLate.ID}, At: day(15)})

		_, err := s.Prune(t.Context(), ledger.Fence{Sync: "people", Run: "run-6", Epoch: f.Epoch - 1}, 6, day(10))
		require.ErrorIs(t, err, ledger.ErrFenced)
		done, err := s.Prune(t.Context(), f, 6, day(10))
		require.NoError(t, err)
		require.Equal(t, ledger.Pruned{Runs: 3, Decisions: 1, Conflicts: 1}, done)

		runs, err := s.Runs(t.Context(), "people", 0)
		require.NoError(t, err)
		var left []string
		for _, r := range runs {
			left = append(left, r.ID)
		}
		require.Equal(t, []string{"run-7", "run-6", "run-5", "run-2"}, left, "run 5 is the newest from before")
		var ids []int64
		for _, c := range conflicts(t, s, ledger.ConflictFilter{}) {
			ids = append(ids, c.Conflict.ID)
		}
		require.Equal(t, []int64{decidedLate.ID, closedLate.ID, open.ID, pending.ID}, ids)
		decisions, err := s.Decisions(t.Context(), "people", "")
		require.NoError(t, err)
		ids = nil
		for _, d := range decisions {
			ids = append(ids, d.ID)
		}
		require.Equal(t, []int64{late, skipped, waiting}, ids)

		again, err := s.Prune(t.Context(), f, 6, day(10))
		require.NoError(t, err)
		require.Zero(t, again)
		done, err = s.Prune(t.Context(), f, 3, day(30))
		require.NoError(t, err)
		require.Equal(t, ledger.Pruned{Decisions: 1, Conflicts: 2}, done, "runs that the limits look back to stay")
	})
}
