package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
)

const separateDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people}
  billing: {connector: sqlite, path: ./billing.db, object: people}
match: email
same: [email, name]
deletes: {effect: hard}
first_sync: {prefer: {system_wins: crm}, only_here: create}
`

// Two rows with one match that a person told apart: where the match is taken,
// the second one is not made, and the run is done all the same. When the first
// one goes, there is room.
func TestRecordToldApartIsNotMadeWhereItsMatchIsTaken(t *testing.T) {
	s := newPassSite(t, separateDefinition)
	const table = `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT)`
	crm := s.sqlite("crm.db", table, `INSERT INTO people VALUES (1, 'ann@x.org', 'Ann')`)
	billing := s.sqlite("billing.db", table)
	s.passed()
	change(t, billing, `INSERT INTO people VALUES (7, 'ann@x.org', 'Another Ann')`)
	require.Equal(t, activities.OutcomeWaiting, s.passed().Outcome)
	open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
	require.NoError(t, err)
	require.Len(t, open, 1)
	_, err = s.house.Ledger.Decide(t.Context(), ledger.DecisionRow{
		Decision: reconcile.Decision{ConflictID: open[0].ID, Digest: open[0].Digest, Verb: "separate"},
		Sync:     "people", Who: "test", At: time.Now(),
	})
	require.NoError(t, err)
	for range 2 {
		result := s.passed()
		require.Equal(t, activities.OutcomeDone, result.Outcome, result.Reason)
	}
	require.Len(t, rows(t, crm, `SELECT id FROM people`), 1)
	require.Len(t, rows(t, billing, `SELECT id FROM people`), 2)

	change(t, crm, `DELETE FROM people`)
	result := s.passed()
	require.Equal(t, activities.OutcomeDone, result.Outcome, result.Reason)
	require.Equal(t, []string{"ann@x.org|Another Ann"}, rows(t, crm, `SELECT email, name FROM people`))
	require.Equal(t, []string{"ann@x.org|Another Ann"}, rows(t, billing, `SELECT email, name FROM people`))
}

// Two records that edits made alike, and nobody told apart: where only one of
// them has a row, the other one's is not made, and people see it.
func TestRecordThatBecameLikeAnotherIsHeld(t *testing.T) {
	s := newPassSite(t, separateDefinition)
	const table = `CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT, name TEXT)`
	crm := s.sqlite("crm.db", table, `INSERT INTO people VALUES (1, 'ann@x.org', 'Ann'), (2, 'bob@x.org', 'Bob'), (3, 'cy@x.org', 'Cy')`)
	billing := s.sqlite("billing.db", table)
	s.passed()
	change(t, billing, `DELETE FROM people WHERE email = 'bob@x.org'`)
	change(t, billing, `UPDATE people SET email = 'bob@x.org' WHERE email = 'ann@x.org'`)
	change(t, crm, `UPDATE people SET name = 'Bobby' WHERE id = 2`) // the delete loses against it
	for range 2 {
		result := s.passed()
		require.Equal(t, activities.OutcomeWaiting, result.Outcome, "%+v", result)
		require.Equal(t, []string{"bob@x.org|Ann", "cy@x.org|Cy"}, rows(t, billing, `SELECT email, name FROM people`))
	}
	held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.Equal(t, "billing", held[0].System)
	require.Contains(t, held[0].Reason, "another record has a row with the same match")

	change(t, crm, `UPDATE people SET email = 'ann@x.org' WHERE id = 1`)
	result := s.passed()
	require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
	require.Equal(t, []string{"ann@x.org|Ann", "bob@x.org|Bobby", "cy@x.org|Cy"}, rows(t, billing, `SELECT email, name FROM people`))
	require.Empty(t, s.held(t))
}
