package worker_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

const terminatedDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people}
  billing: {connector: sqlite, path: ./billing.db, object: people}
match: email
same: [email, name, city]
conflicts: {resolve: [manual]}
first_sync: {prefer: {system_wins: crm}, only_here: create}
`

// A Sync that somebody terminates in the middle of a run, while the step that
// was at work goes on by itself for a while, loses nothing: the next request
// starts it again.
func TestSyncTerminatedAtEveryPointLosesNothing(t *testing.T) {
	s := newSite(t, terminatedDefinition)
	hook := &terminator{site: s}
	s.house.Sessions.At = hook.at
	const table = `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT, city TEXT)`
	crm := s.sqlite("crm.db", table, `INSERT INTO people VALUES (1, 'ann@x.org', 'Ann', 'Ulm'), (2, 'bob@x.org', 'Bob', 'Ulm')`)
	billing := s.sqlite("billing.db", table)
	s.run("people")
	const see = `SELECT email, name, city FROM people`
	for i, point := range activities.Points() {
		if point == activities.PointLooked {
			continue // only where a creation was refused
		}
		name, city := fmt.Sprintf("Ann %d", i), fmt.Sprintf("City %d", i)
		change(t, crm, fmt.Sprintf(`UPDATE people SET name = '%s' WHERE email = 'ann@x.org'`, name))
		change(t, billing, fmt.Sprintf(`UPDATE people SET city = '%s' WHERE email = 'ann@x.org'`, city))
		change(t, crm, fmt.Sprintf(`INSERT INTO people (email, name, city) VALUES ('p%d@x.org', 'New', 'Bonn')`, i))
		hook.arm(point)
		_, err := worker.Ask(t.Context(), s.engine.Client(), "people", workflows.Ask{Revision: 1, Trigger: "manual"})
		require.NoError(t, err)
		hook.wait(point)
		s.run("people")
		require.Equal(t, rows(t, crm, see), rows(t, billing, see), "terminated at %q", point)
		require.Contains(t, rows(t, billing, see), fmt.Sprintf("ann@x.org|%s|%s", name, city), "terminated at %q", point)
		require.Contains(t, rows(t, billing, see), fmt.Sprintf("p%d@x.org|New|Bonn", i), "terminated at %q", point)
		require.Zero(t, written(s.run("people")), "terminated at %q", point)
	}

	// A decision that was taken is applied, whoever is terminated before that.
	change(t, crm, `UPDATE people SET name = 'Anna' WHERE email = 'ann@x.org'`)
	change(t, billing, `UPDATE people SET name = 'Anne' WHERE email = 'ann@x.org'`)
	require.Equal(t, activities.OutcomeWaiting, s.run("people").Outcome)
	open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
	require.NoError(t, err)
	require.Len(t, open, 1)
	hook.arm(activities.PointBegun)
	require.NoError(t, s.engine.Client().SignalWorkflow(t.Context(), "people", "", workflows.SignalDecide, activities.Decision{
		Conflict: open[0].ID, Digest: open[0].Digest, Verb: "take", System: "billing", Who: "test", Why: "it is right",
	}))
	hook.wait(activities.PointBegun)
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	require.Equal(t, rows(t, crm, see), rows(t, billing, see))
	require.Contains(t, fmt.Sprint(rows(t, crm, see)), "ann@x.org|Anne|")
	require.Zero(t, written(s.run("people")))
}

// terminator terminates the Sync when a step comes to a point, once.
type terminator struct {
	*site
	target atomic.Pointer[activities.Point]
	done   chan error
}

func (h *terminator) arm(point activities.Point) {
	h.done = make(chan error, 1)
	h.target.Store(&point)
}

func (h *terminator) at(point activities.Point) {
	target := h.target.Load()
	if target != nil && *target == point && h.target.CompareAndSwap(target, nil) {
		h.done <- h.engine.Client().TerminateWorkflow(h.t.Context(), workflows.SyncID("people"), "", "test")
	}
}

func (h *terminator) wait(point activities.Point) {
	h.t.Helper()
	select {
	case err := <-h.done:
		require.NoError(h.t, err, "terminate at %q", point)
	case <-time.After(30 * time.Second):
		require.FailNow(h.t, "the run never came to", "%q", point)
	}
}
