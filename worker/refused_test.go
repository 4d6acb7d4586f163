package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
)

const refusedDefinition = `
sync: people
systems:
  crm:     {connector: postgres, url: "${CRM_URL}", object: contacts}
  billing: {connector: sqlite, path: ./billing.db, object: customers, modified: touched, changes: cursor, sweep: 1000h}
match: email
same: [email, name]
first_sync: {prefer: {system_wins: billing}, only_here: create}
`

// newRefused is a system that does not take every name.
func newRefused(t *testing.T) (s *site, crm, billing any) {
	t.Helper()
	s = newSite(t, refusedDefinition)
	crm = s.postgres("CRM_URL", `CREATE TABLE contacts (id serial PRIMARY KEY, email text, name text CHECK (length(name) < 10))`)
	billing = s.sqlite("billing.db", `CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, touched INTEGER NOT NULL DEFAULT 1)`,
		`INSERT INTO customers (email, name) VALUES ('a@example.com', 'Ann'), ('b@example.com', 'Bob')`)
	return s, crm, billing
}

// What a system refuses holds only that record, says so, and gives way to the
// next change that the system takes.
func TestRefusedWriteIsTriedAgainWhenTheRecordChanged(t *testing.T) {
	for name, first := range map[string]bool{"creation": true, "update": false} {
		t.Run(name, func(t *testing.T) {
			s, crm, billing := newRefused(t)
			if !first {
				require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
			}
			change(t, billing, `UPDATE customers SET name = 'Ann Longname of Somewhere', touched = 2 WHERE id = 1`)
			change(t, billing, `UPDATE customers SET name = 'Bobby', touched = 2 WHERE id = 2`)
			result := s.run("people")
			require.Equal(t, activities.OutcomeWaiting, result.Outcome)
			require.Contains(t, result.Reason, "1 record refused by crm")
			require.Equal(t, int64(1), result.Counts.Quarantined, "%+v", result.Counts)
			require.Contains(t, rows(t, crm, `SELECT email, name FROM contacts`), "b@example.com|Bobby", "the others go on")
			held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
			require.NoError(t, err)
			require.Len(t, held, 1)
			require.Equal(t, "crm", held[0].System)

			again := s.run("people")
			require.Equal(t, activities.OutcomeWaiting, again.Outcome, "it is not forgotten")
			require.Contains(t, again.Reason, "1 quarantined record")
			require.Zero(t, written(again))

			change(t, billing, `UPDATE customers SET name = 'Anna', touched = 3 WHERE id = 1`)
			require.Equal(t, activities.OutcomeDone, s.run("people").Outcome, s.story())
			require.Contains(t, rows(t, crm, `SELECT email, name FROM contacts`), "a@example.com|Anna")
			require.Empty(t, s.held(t))
		})
	}
}

// A system that takes now what it refused is asked when somebody says so.
func TestRefusedWriteIsTriedAgainOnRequest(t *testing.T) {
	for name, first := range map[string]bool{"creation": true, "update": false} {
		t.Run(name, func(t *testing.T) {
			s, crm, billing := newRefused(t)
			if !first {
				require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
			}
			change(t, billing, `UPDATE customers SET name = 'Ann Longname of Somewhere', touched = 2 WHERE id = 1`)
			s.run("people")
			held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
			require.NoError(t, err)
			require.Len(t, held, 1)
			change(t, crm, `ALTER TABLE contacts DROP CONSTRAINT contacts_name_check`)
			require.NoError(t, s.house.Ledger.Retry(t.Context(), []int64{held[0].ID}))
			require.Equal(t, activities.OutcomeDone, s.run("people").Outcome, s.story())
			require.Contains(t, rows(t, crm, `SELECT email, name FROM contacts`), "a@example.com|Ann Longname of Somewhere")
			require.Empty(t, s.held(t))
		})
	}
}

// A row that would have another one's unique value is refused with a reason,
// and made when there is room.
func TestRowWithATakenValueIsRefused(t *testing.T) {
	s := newPassSite(t, `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people}
  billing: {connector: sqlite, path: ./billing.db, object: people}
match: nr
same: [nr, email]
`)
	crm := s.sqlite("crm.db", `CREATE TABLE people (nr TEXT PRIMARY KEY, email TEXT)`,
		`INSERT INTO people VALUES ('1', 'a@x.org'), ('2', 'a@x.org'), ('3', 'c@x.org')`)
	billing := s.sqlite("billing.db", `CREATE TABLE people (nr TEXT PRIMARY KEY, email TEXT UNIQUE)`)
	for range 2 {
		require.Equal(t, activities.OutcomeWaiting, s.passed().Outcome)
		require.Len(t, rows(t, billing, `SELECT nr FROM people`), 2)
		held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
		require.NoError(t, err)
		require.Len(t, held, 1)
		require.Equal(t, "billing", held[0].System)
		require.Contains(t, held[0].Reason, "must be unique")
	}
	change(t, crm, `UPDATE people SET email = 'b@x.org' WHERE nr = '2'`)
	change(t, crm, `UPDATE people SET email = 'aa@x.org' WHERE nr = '1'`)
	s.passed()
	require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
	require.Equal(t, rows(t, crm, `SELECT nr, email FROM people`), rows(t, billing, `SELECT nr, email FROM people`))
}
