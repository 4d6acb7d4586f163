package worker_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/testenv"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

// Two workers, each with connections of its own to a ledger on PostgreSQL, share
// the runs of one sync: a step of a run is done by whichever is free.
func TestTwoWorkersShareALedgerOnPostgres(t *testing.T) {
	dir := t.TempDir()
	config := worker.Config{
		Ledger: testenv.Postgres(t).URL,
		Stage:  (&url.URL{Scheme: "file", Path: filepath.Join(dir, "stage")}).String(),
	}
	s := newSiteOn(t, dir, threeWay, config, engine.Options{})
	other := s.second(config)
	var here, there atomic.Int64
	s.house.Sessions.At = func(activities.Point) { here.Add(1) }
	other.Sessions.At = func(activities.Point) { there.Add(1) }
	crm, billing := s.messy()

	first := s.run("people")
	require.Equal(t, activities.OutcomeDone, first.Outcome, "%+v\n%s", first, s.story())
	require.Len(t, rows(t, crm, seeCRM), 300)
	s.requireAgreement(crm, billing)
	require.Zero(t, written(s.run("people")))

	change(t, crm, `UPDATE contacts SET city = 'Wien', plan = 'pro' WHERE email = 'p5@example.com'`)
	change(t, billing, `UPDATE customers SET full_name = 'Bob Meier', plan = 'team' WHERE email_address = 'p5@example.com'`)
	change(t, billing, `DELETE FROM customers WHERE email_address = 'p7@example.com'`)
	s.rewrite("news.csv", func(text string) string {
		return strings.Replace(text, `p20@example.com,"Anna Müller 20"`, `p20@example.com,"Carla Müller"`, 1)
	})
	waiting := s.run("people")
	require.Equal(t, activities.OutcomeWaiting, waiting.Outcome, waiting.Reason)
	require.Equal(t, int64(1), waiting.Open)
	require.Contains(t, rows(t, crm, seeCRM), "p5@example.com|Bob Meier|Wien|pro")
	require.Contains(t, rows(t, billing, seeBilling), "p5@example.com|Bob Meier|Wien|team", "all but the conflict flows on")

	open, err := other.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
	require.NoError(t, err)
	require.Len(t, open, 1)
	handle, err := s.engine.Client().UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: workflows.SyncID("people"), UpdateName: workflows.UpdateDecide,
		WaitForStage: client.WorkflowUpdateStageCompleted, Args: []any{take(open[0], "billing")},
	})
	require.NoError(t, err)
	require.NoError(t, handle.Get(t.Context(), nil))
	require.NoError(t, s.engine.Client().GetWorkflow(t.Context(), "people", "").Get(t.Context(), nil), "the Sync ends when nothing is open")
	s.requireAgreement(crm, billing)
	all := rows(t, crm, seeCRM)
	require.Contains(t, all, "p5@example.com|Bob Meier|Wien|team")
	require.Contains(t, strings.Join(all, "\n"), "p20@example.com|Carla Müller|")
	require.Len(t, all, 299)

	for again := range 20 {
		if again > 0 && here.Load() > 0 && there.Load() > 0 {
			break
		}
		result := s.run("people")
		require.Equal(t, activities.OutcomeDone, result.Outcome, result.Reason)
		require.Zero(t, written(result), "re-running writes nothing: %+v", result)
	}
	require.Positive(t, here.Load(), "both do steps")
	require.Positive(t, there.Load(), "both do steps")
	t.Logf("the one was at %d points, the other at %d", here.Load(), there.Load())
	require.NoFileExists(t, filepath.Join(s.house.Config.State, "ledger.db"))
}

// second is another worker of the site's engine, with a house of its own.
func (s *site) second(config worker.Config) *worker.House {
	t := s.t
	t.Helper()
	config.State, config.Definitions, config.Logger = filepath.Join(s.dir, "second"), s.house.Config.Definitions, s.house.Config.Logger
	house, err := worker.Open(t.Context(), config)
	require.NoError(t, err)
	w := worker.New(s.engine.Client(), house)
	require.NoError(t, w.Start())
	t.Cleanup(func() {
		w.Stop()
		require.NoError(t, house.Close())
	})
	return house
}
