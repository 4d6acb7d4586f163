package activities

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
)

// A record that was read and of which nobody says how it ended makes the run
// fail, and the next one reads it again.
func TestCountsThatDoNotBalanceFailTheRun(t *testing.T) {
	t.Parallel()
	store, err := ledger.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "ledger.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	staged, err := stage.Open(t.Context(), "mem://")
	require.NoError(t, err)
	finish := &Finish{Sessions: &Sessions{}, Ledger: store, Stage: staged, Logger: slog.New(slog.DiscardHandler)}
	run, err := store.BeginRun(t.Context(), ledger.Begin{Sync: "people", Run: "people/run/1", At: time.Unix(1, 0), Systems: []string{"crm"}})
	require.NoError(t, err)
	position := record.Position{Source: "here", Mode: "cursor", Value: "9"}
	closing := func(read int64, fetched int64, tally reconcile.Tally) error {
		_, err := finish.Run(t.Context(), FinishInput{
			Pass:    Pass{Sync: "people", Run: run.ID, Number: run.Number, Epoch: run.Epoch},
			Windows: []Window{{System: "crm", Mode: connectors.ModeCursor, To: position}},
			Tally:   tally, Resolved: Resolved{Tally: tally, Fetched: fetched}, Read: map[string]int64{"crm": read},
		})
		return err
	}
	for name, wrong := range map[string]func() error{
		"one read and not resolved":  func() error { return closing(10, 0, reconcile.Tally{Read: 9, Unchanged: 9}) },
		"one fetched and forgotten":  func() error { return closing(10, 1, reconcile.Tally{Read: 10, Unchanged: 10}) },
		"one resolved without end":   func() error { return closing(10, 0, reconcile.Tally{Read: 10, Applied: 4, Quarantined: 5}) },
		"one that ended in two ways": func() error { return closing(10, 0, reconcile.Tally{Read: 10, Conflicts: 1, Unchanged: 10}) },
	} {
		require.ErrorContains(t, wrong(), "do not balance", name)
		systems, err := store.Systems(t.Context(), "people")
		require.NoError(t, err)
		require.Empty(t, systems["crm"].Position, "%s: the position stays", name)
	}
	require.NoError(t, closing(10, 2, reconcile.Tally{Read: 12, Applied: 3, Unchanged: 6, Conflicts: 1, Quarantined: 1, Ignored: 1}))
	systems, err := store.Systems(t.Context(), "people")
	require.NoError(t, err)
	require.Equal(t, position, systems["crm"].Position)
}
