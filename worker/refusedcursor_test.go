package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
)

const refusedCursorDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: contacts, modified: touched, changes: cursor, sweep: 1000h}
  billing: {connector: sqlite, path: ./billing.db, object: customers, modified: touched, changes: cursor, sweep: 1000h}
match: email
same: [email, name, city]
first_sync: {prefer: {system_wins: billing}, only_here: create}
`

// A table that is too large to be listed often shows only the rows that change.
// What it refused is tried again all the same: when the record changes on the
// other side, when the row itself does, and when somebody asks for it; and not
// without any of them.
func TestRefusedUpdateOfARowThatIsNotListedIsTriedAgain(t *testing.T) {
	const seeContacts, long = `SELECT name, city FROM contacts WHERE email = 'a@example.com'`, "Ann Longname of Somewhere"
	lift := func(t *testing.T, crm any) {
		t.Helper()
		change(t, crm, `DROP TRIGGER short`)
	}
	for name, c := range map[string]struct {
		then func(t *testing.T, s *site, crm, billing any)
		want string
	}{
		"the record changes into one that is taken": {func(t *testing.T, _ *site, _, billing any) {
			t.Helper()
			change(t, billing, `UPDATE customers SET name = 'Anna', touched = 30 WHERE id = 1`)
		}, "Anna|Bonn"},
		"another field of the record changes": {func(t *testing.T, _ *site, crm, billing any) {
			t.Helper()
			lift(t, crm)
			change(t, billing, `UPDATE customers SET city = 'Ulm', touched = 30 WHERE id = 1`)
		}, long + "|Ulm"},
		"the row changes": {func(t *testing.T, _ *site, crm, _ any) {
			t.Helper()
			lift(t, crm)
			change(t, crm, `UPDATE contacts SET city = 'Hof', touched = 30 WHERE email = 'a@example.com'`)
		}, long + "|Hof"},
		"both change": {func(t *testing.T, _ *site, crm, billing any) {
			t.Helper()
			change(t, crm, `UPDATE contacts SET city = 'Hof', touched = 30 WHERE email = 'a@example.com'`)
			change(t, billing, `UPDATE customers SET name = 'Anna', touched = 30 WHERE id = 1`)
		}, "Anna|Hof"},
		"the row changed unseen": {func(t *testing.T, _ *site, crm, billing any) {
			t.Helper()
			change(t, crm, `UPDATE contacts SET city = 'Hof' WHERE email = 'a@example.com'`) // the cursor does not show it
			change(t, billing, `UPDATE customers SET name = 'Anna', touched = 30 WHERE id = 1`)
		}, "Anna|Hof"},
		"somebody asks": {func(t *testing.T, s *site, crm, _ any) {
			t.Helper()
			lift(t, crm)
			held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
			require.NoError(t, err)
			require.NoError(t, s.house.Ledger.Retry(t.Context(), []int64{held[0].ID}))
		}, long + "|Bonn"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPassSite(t, refusedCursorDefinition)
			const columns = ` (id INTEGER PRIMARY KEY, email TEXT, name TEXT, city TEXT, touched INTEGER NOT NULL DEFAULT 10)`
			crm := s.sqlite("crm.db", `CREATE TABLE contacts`+columns,
				`CREATE TRIGGER short BEFORE UPDATE ON contacts WHEN length(NEW.name) > 10 BEGIN SELECT RAISE(ABORT, 'too long'); END`)
			billing := s.sqlite("billing.db", `CREATE TABLE customers`+columns,
				`INSERT INTO customers (email, name, city) VALUES ('a@example.com', 'Ann', 'Bonn'), ('b@example.com', 'Bob', 'Bonn')`)
			require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
			change(t, crm, `UPDATE contacts SET touched = 15 WHERE email = 'b@example.com'`) // the other row is shown no more
			s.passed()
			change(t, billing, `UPDATE customers SET name = '`+long+`', touched = 20 WHERE id = 1`)
			require.Equal(t, int64(1), s.passed().Counts.Quarantined)
			require.Len(t, s.held(t), 1)

			change(t, billing, `UPDATE customers SET name = 'Bobby', touched = 20 WHERE id = 2`)
			require.Equal(t, int64(1), written(s.passed()), "the other record does not wait")
			held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
			require.NoError(t, err)
			require.Len(t, held, 1)
			require.Equal(t, 1, held[0].Tries, "nothing asked for another try")

			c.then(t, s, crm, billing)
			result := s.passed()
			require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
			require.Equal(t, []string{c.want}, rows(t, crm, seeContacts))
			require.Equal(t, []string{c.want}, rows(t, billing, `SELECT name, city FROM customers WHERE id = 1`))
			require.Empty(t, s.held(t))
			require.Zero(t, written(s.passed()))
		})
	}
}
