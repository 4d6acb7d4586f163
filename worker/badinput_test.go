package worker_test

import (
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/testenv"
	"github.com/syncline-dev/syncline/workflows"
)

const badDefinition = `
sync: people
systems:
  crm:     {connector: postgres, url: "${CRM_URL}", object: contacts}
  billing: {connector: sqlite, path: ./billing.db, object: customers}
match: email
same: [email, name, city]
fields:
  age: {type: int, crm: age, billing: age}
conflicts: {resolve: [{priority: [crm, billing]}]}
deletes: {effect: hard}
first_sync: {prefer: {system_wins: crm}, only_here: create}
`

const (
	seeContacts  = `SELECT email, name, city, age FROM contacts`
	seeCustomers = `SELECT email, name, city, age FROM customers`
	badContacts  = `CREATE TABLE contacts (id serial PRIMARY KEY, email text, name text, city text, age int)`
	badPeople    = `INSERT INTO contacts (email, name, city, age)
		SELECT 'p' || n || '@example.com', 'Person ' || n, 'Bonn', 40 FROM generate_series(1, 60) n`
)

// newBadSite is two systems that agree on sixty people.
func newBadSite(t *testing.T) (s *site, crm *pgx.Conn, billing any) {
	t.Helper()
	s = newSite(t, badDefinition)
	crm = s.postgresWith(testenv.Options{Password: "right"}, "CRM_URL", badContacts, badPeople)
	billing = s.sqlite("billing.db", `CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, city TEXT, age INTEGER)`)
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	require.Equal(t, rows(t, crm, seeContacts), rows(t, billing, seeCustomers))
	return s, crm, billing
}

// fails runs the sync, which must fail soon, with a kind, and without writing
// anything or moving a position.
func (s *site) fails(t *testing.T, kind connectors.Kind, billing any) string {
	t.Helper()
	before, records := s.systems(t), rows(t, billing, seeCustomers)
	began := time.Now()
	_, err := s.try("people", workflows.Ask{})
	require.Error(t, err)
	require.Less(t, time.Since(began), 20*time.Second)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, string(kind), app.Type(), app.Message())
	require.Equal(t, before, s.systems(t), "positions and identities stay")
	require.Equal(t, records, rows(t, billing, seeCustomers), "nothing is written")
	last, err := s.house.Ledger.LastRun(t.Context(), "people")
	require.NoError(t, err)
	require.Equal(t, activities.OutcomeFailed, last.Outcome)
	return app.Message()
}

func (s *site) systems(t *testing.T) map[string]ledger.SystemState {
	t.Helper()
	systems, err := s.house.Ledger.Systems(t.Context(), "people")
	require.NoError(t, err)
	return systems
}

// elsewhere changes the URL of the CRM for one subtest.
func elsewhere(t *testing.T, change func(*url.URL)) {
	t.Helper()
	u, err := url.Parse(os.Getenv("CRM_URL"))
	require.NoError(t, err)
	change(u)
	t.Setenv("CRM_URL", u.String())
}

func TestSystemThatCannotBeReachedOrIsAnother(t *testing.T) {
	s, crm, billing := newBadSite(t)
	t.Run("unreachable", func(t *testing.T) {
		elsewhere(t, func(u *url.URL) { u.Host = "127.0.0.1:1" })
		before := s.systems(t)["crm"]
		result := s.run("people")
		require.Equal(t, activities.OutcomeWaiting, result.Outcome)
		require.Contains(t, result.Reason, "crm is down")
		require.Equal(t, before, s.systems(t)["crm"], "its position stays")
	})
	t.Run("wrong password", func(t *testing.T) {
		elsewhere(t, func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "wrong") })
		require.Contains(t, s.fails(t, connectors.Unauthorized, billing), "crm")
	})
	t.Run("another database under a known name", func(t *testing.T) {
		before := os.Getenv("CRM_URL")
		t.Setenv("CRM_URL", before) // put back afterwards
		other := s.another(t)
		require.Contains(t, s.fails(t, connectors.Permanent, billing), "crm")
		require.Empty(t, rows(t, other, seeContacts), "nothing is written into the other database")
	})
	t.Run("dropped column", func(t *testing.T) {
		change(t, crm, `ALTER TABLE contacts RENAME COLUMN city TO town`)
		require.Contains(t, s.fails(t, connectors.SchemaChanged, billing), "city")
		change(t, crm, `ALTER TABLE contacts RENAME COLUMN town TO city`)
	})
	t.Run("missing table", func(t *testing.T) {
		change(t, crm, `ALTER TABLE contacts RENAME TO contacts_away`)
		require.Contains(t, s.fails(t, connectors.NotFound, billing), "contacts")
		change(t, crm, `ALTER TABLE contacts_away RENAME TO contacts`)
	})
	t.Run("mended", func(t *testing.T) {
		change(t, crm, `UPDATE contacts SET city = 'Ulm' WHERE email = 'p1@example.com'`)
		require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
		require.Contains(t, rows(t, billing, seeCustomers), "p1@example.com|Person 1|Ulm|40")
	})
}

// another points the CRM to a database that it was not before.
func (s *site) another(t *testing.T) *pgx.Conn {
	t.Helper()
	database := testenv.Postgres(t, testenv.Options{Password: "right"})
	t.Setenv("CRM_URL", database.URL)
	conn := s.dial("CRM_URL")
	change(t, conn, badContacts)
	return conn
}

func TestCellOfAWrongTypeHoldsOnlyItsRecord(t *testing.T) {
	s, crm, billing := newBadSite(t)
	change(t, billing, `UPDATE customers SET age = 'forty', city = 'Hof' WHERE email = 'p1@example.com'`)
	change(t, billing, `UPDATE customers SET age = 41 WHERE email = 'p2@example.com'`)
	require.Equal(t, int64(1), s.run("people").Counts.Quarantined, s.story())
	require.Contains(t, rows(t, crm, seeContacts), "p1@example.com|Person 1|Bonn|40", "it waits whole")
	require.Contains(t, rows(t, crm, seeContacts), "p2@example.com|Person 2|Bonn|41", "the rest goes on")
	held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.Equal(t, "billing", held[0].System)
	require.Contains(t, held[0].Field+held[0].Reason, "age")
	require.Contains(t, held[0].Reason, "int")

	change(t, billing, `UPDATE customers SET age = 42 WHERE email = 'p1@example.com'`)
	require.Zero(t, s.run("people").Counts.Quarantined)
	require.Contains(t, rows(t, crm, seeContacts), "p1@example.com|Person 1|Hof|42", "mended, it is released")
	held, err = s.house.Ledger.Quarantine(t.Context(), "people", 0)
	require.NoError(t, err)
	require.Empty(t, held)
}

func TestDuplicateMatchIsNeverGuessed(t *testing.T) {
	s, crm, billing := newBadSite(t)
	change(t, crm, `INSERT INTO contacts (email, name, city, age) VALUES ('twin@example.com', 'One', 'Bonn', 1), ('twin@example.com', 'Two', 'Bonn', 2)`)
	change(t, billing, `INSERT INTO customers (email, name, city, age) VALUES ('twin@example.com', 'Three', 'Bonn', 3)`)
	before := fmt.Sprint(rows(t, crm, seeContacts), rows(t, billing, seeCustomers))
	result := s.run("people")
	require.Equal(t, activities.OutcomeWaiting, result.Outcome)
	require.Zero(t, written(result))
	open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
	require.NoError(t, err)
	require.NotEmpty(t, open)
	require.Equal(t, "identity_ambiguous", string(open[0].Kind))
	require.Equal(t, before, fmt.Sprint(rows(t, crm, seeContacts), rows(t, billing, seeCustomers)))
}

func TestGuardStopsEmptiedTablesAndColumns(t *testing.T) {
	s, crm, billing := newBadSite(t)
	t.Run("a column that turned NULL everywhere", func(t *testing.T) {
		change(t, billing, `UPDATE customers SET city = NULL`)
		result := s.run("people")
		require.Equal(t, activities.OutcomeStopped, result.Outcome)
		require.Contains(t, result.Reason, "city")
		require.Contains(t, rows(t, crm, seeContacts), "p9@example.com|Person 9|Bonn|40")
		again := s.run("people")
		require.Equal(t, activities.OutcomeStopped, again.Outcome, "it stays stopped, however often it is tried")
		require.Equal(t, result.Hash, again.Hash)
		require.Contains(t, rows(t, crm, seeContacts), "p9@example.com|Person 9|Bonn|40")
		change(t, billing, `UPDATE customers SET city = 'Bonn'`)
		require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	})
	t.Run("an emptied source", func(t *testing.T) {
		change(t, crm, `CREATE TABLE kept AS SELECT * FROM contacts`)
		change(t, crm, `DELETE FROM contacts`)
		result := s.run("people")
		require.Equal(t, activities.OutcomeStopped, result.Outcome)
		require.Contains(t, result.Reason, "60 deletes in billing")
		require.Len(t, rows(t, billing, seeCustomers), 60)
		change(t, crm, `INSERT INTO contacts SELECT * FROM kept`)
		require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
		require.Len(t, rows(t, billing, seeCustomers), 60)
	})
}
