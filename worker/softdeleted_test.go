package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
)

const softDeletedDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people}
  billing: {connector: sqlite, path: ./billing.db, object: people, deleted: ended}
match: email
same: [email, name]
conflicts: {resolve: [manual]}
deletes: {effect: {crm: hard, billing: soft}}
`

// What somebody wrote into a row that is marked as deleted is in the journal
// when the record lives again and is written over it.
func TestEditOfADeletedRowIsInTheJournal(t *testing.T) {
	s := newPassSite(t, softDeletedDefinition)
	crm := s.sqlite("crm.db", `CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT, name TEXT)`,
		`INSERT INTO people (email, name) VALUES ('ann@x.org', 'Ann'), ('bob@x.org', 'Bob'), ('cy@x.org', 'Cy')`)
	billing := s.sqlite("billing.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT, ended TEXT)`)
	s.passed()
	change(t, crm, `DELETE FROM people WHERE email = 'ann@x.org'`)
	require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
	require.Len(t, rows(t, billing, `SELECT id FROM people WHERE ended IS NOT NULL`), 1)
	change(t, billing, `UPDATE people SET name = 'said late' WHERE email = 'ann@x.org'`)
	require.Zero(t, written(s.passed()))
	change(t, crm, `INSERT INTO people (email, name) VALUES ('ann@x.org', 'Anna')`)
	require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
	require.Equal(t, []string{"Anna|∅"}, rows(t, billing, `SELECT name, ended FROM people WHERE email = 'ann@x.org'`))
	entries, err := s.house.Ledger.Journal(t.Context(), ledger.JournalFilter{Sync: "people", System: "billing", Limit: 100})
	require.NoError(t, err)
	var before []any
	for _, e := range entries {
		before = append(before, e.Before["name"])
	}
	require.Contains(t, before, "said late")
}
