package worker_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
)

const lostSideDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people}
  billing: {connector: sqlite, path: ./billing.db, object: people}
match: email
same: [email]
fields:
  name: {crm: name, billing: name, resolve: manual}
conflicts: {delete_vs_update: POLICY}
deletes: {effect: hard}
limits: {delete: {count: 1}}
first_sync: {prefer: {system_wins: crm}, only_here: create}
`

// A row is deleted while people are to decide about one of its fields, and is
// restored after the next run: what was said on the other side is either still
// asked about, or in the journal with the rule that it lost by.
func TestEditOfTheOtherSideOutlivesADelete(t *testing.T) {
	for _, policy := range []string{"update_wins", "delete_wins", "manual"} {
		t.Run(policy, func(t *testing.T) {
			s := newPassSite(t, strings.ReplaceAll(lostSideDefinition, "POLICY", policy))
			const table = `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT)`
			crm := s.sqlite("crm.db", table, `INSERT INTO people VALUES (1, 'ann@x.org', 'Ann'), (2, 'bob@x.org', 'Bob'), (3, 'cy@x.org', 'Cy')`)
			billing := s.sqlite("billing.db", table)
			s.passed()
			change(t, crm, `UPDATE people SET name = 'Anna' WHERE id = 1`)
			change(t, billing, `UPDATE people SET name = 'Anne' WHERE email = 'ann@x.org'`)
			s.passed()
			change(t, crm, `DELETE FROM people`)
			require.Equal(t, activities.OutcomeStopped, s.passed().Outcome, "the guard stops so many deletes")
			change(t, crm, `INSERT OR REPLACE INTO people VALUES (1, 'ann@x.org', 'Anna'), (2, 'bob@x.org', 'Bob'), (3, 'cy@x.org', 'Cy')`)
			s.passed()
			open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
			require.NoError(t, err)
			entries, err := s.house.Ledger.Journal(t.Context(), ledger.JournalFilter{Sync: "people", Limit: 100})
			require.NoError(t, err)
			for _, name := range []string{"Anna", "Anne"} {
				kept := len(open) > 0 || strings.Contains(strings.Join(rows(t, crm, `SELECT name FROM people`), ""), name)
				for _, e := range entries {
					kept = kept || e.Op == "overrule" && e.Before["name"] == name
				}
				require.True(t, kept, "%s is nowhere: %+v", name, entries)
			}
		})
	}
}
