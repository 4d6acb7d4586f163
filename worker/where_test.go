package worker_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
)

const whereDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people, where: 'WHERE'}
  billing: {connector: sqlite, path: ./billing.db, object: people}
match: email
same: [email, kind]
`

// A row that would not match the system's own `where` is not made there: it
// would be outside of the sync from its birth.
func TestNothingIsMadeThatWouldNotBelong(t *testing.T) {
	s := newPassSite(t, strings.Replace(whereDefinition, "WHERE", `kind == "customer"`, 1))
	crm := s.sqlite("crm.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, kind TEXT, active TEXT)`)
	billing := s.sqlite("billing.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, kind TEXT)`,
		`INSERT INTO people (email, kind) VALUES ('ann@x.org', 'customer'), ('bob@x.org', 'test')`)
	result := s.passed()
	require.Equal(t, []string{"ann@x.org"}, rows(t, crm, `SELECT email FROM people`), "bob does not belong there")
	require.Equal(t, activities.OutcomeWaiting, result.Outcome, "%+v", result)
	held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.Contains(t, held[0].Reason, "`where`")
	change(t, billing, `UPDATE people SET kind = 'customer'`)
	require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
	require.Len(t, rows(t, crm, `SELECT email FROM people`), 2)
	require.Zero(t, written(s.passed()))
}

// What depends on a column that the system fills by itself is not held against
// a new row.
func TestWhatASystemFillsMayMatchItsWhere(t *testing.T) {
	s := newPassSite(t, strings.Replace(whereDefinition, "WHERE", `kind == "customer" and active == 1`, 1))
	crm := s.sqlite("crm.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, kind TEXT, active INTEGER NOT NULL DEFAULT 1)`)
	s.sqlite("billing.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, kind TEXT)`,
		`INSERT INTO people (email, kind) VALUES ('ann@x.org', 'customer')`)
	require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
	require.Len(t, rows(t, crm, `SELECT email FROM people`), 1)
}
