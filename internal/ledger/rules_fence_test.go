package ledger_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
)

// Without a fence a worker that was thought dead writes over its successor.
func TestRule16AZombieCommitsNothing(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		zombie := begin(t, s, scope, "run-1")
		require.NoError(t, s.CheckFence(t.Context(), zombie))
		same := begin(t, s, scope, "run-1")
		require.Equal(t, zombie, same, "the same run again is no new one")
		commit(t, s, zombie, scope, ledger.Change{Step: "resolve", Part: "1", Links: []*reconcile.Link{anna()}})

		f := begin(t, s, scope, "run-2")
		require.Greater(t, f.Epoch, zombie.Epoch)
		require.ErrorIs(t, s.CheckFence(t.Context(), zombie), ledger.ErrFenced)
		late := anna()
		late.Base[1] = "Zombie"
		for _, part := range []string{"1", "2"} { // with its old mark or a new one
			_, _, err := s.Commit(t.Context(), zombie, scope, ledger.Change{Step: "resolve", Part: part, Links: []*reconcile.Link{late}})
			require.ErrorIs(t, err, ledger.ErrFenced)
		}
		require.ErrorIs(t, s.Intend(t.Context(), zombie, scope, []ledger.Intent{{LinkID: "x", System: 0}}), ledger.ErrFenced)
		_, err := s.Purge(t.Context(), zombie, noon)
		require.ErrorIs(t, err, ledger.ErrFenced)
		require.ErrorIs(t, s.CheckFence(t.Context(), ledger.Fence{Sync: "nobody", Run: "x", Epoch: 1}), ledger.ErrFenced)
		require.Equal(t, "Anna", load(t, s, scope, anna().ID)[0].Base[1])
		require.NoError(t, s.CheckFence(t.Context(), f))
	})
}

// A new run that begins while an old one commits waits for it, or the commit
// fails: never do both succeed in the wrong order.
func TestRule16ACommitAndANewRunTakeTurns(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-0")
		for i := range 20 {
			began := make(chan ledger.Fence)
			go func() {
				r, err := s.BeginRun(context.WithoutCancel(t.Context()), ledger.Begin{
					Sync: scope.Sync, Run: "run-" + string(rune('a'+i)), Fields: scope.Fields, Systems: scope.Systems, At: noon,
				})
				if err != nil {
					t.Error(err)
				}
				began <- ledger.Fence{Sync: scope.Sync, Run: r.ID, Epoch: r.Epoch}
			}()
			l := anna()
			l.Rev = f.Epoch
			_, _, err := s.Commit(t.Context(), f, scope, ledger.Change{Step: "s", Part: "p", Links: []*reconcile.Link{l}})
			next := <-began
			stored := load(t, s, scope, l.ID)
			if err == nil {
				require.Equal(t, f.Epoch, stored[0].Rev)
			} else {
				require.ErrorIs(t, err, ledger.ErrFenced)
			}
			f = next
		}
	})
}
