package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
)

const logAgainDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people, changes: trigger}
  billing: {connector: sqlite, path: ./billing.db, object: people}
match: email
same: [email, name]
deletes: {effect: hard}
`

// What changed while the triggers were away is found by a complete listing, as
// soon as there is a log again.
func TestChangesWhileTheTriggersWereAwayAreFound(t *testing.T) {
	s := newPassSite(t, logAgainDefinition)
	crm := s.sqlite("crm.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT)`,
		`INSERT INTO people (email, name) VALUES ('ann@x.org', 'Ann'), ('bob@x.org', 'Bob'), ('cy@x.org', 'Cy'), ('di@x.org', 'Di')`)
	billing := s.sqlite("billing.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT)`)
	s.install("people")
	s.passed()
	s.passed()
	s.uninstall("people")
	change(t, crm, `UPDATE people SET name = 'Anna' WHERE id = 1`)
	change(t, crm, `DELETE FROM people WHERE id = 2`)
	s.install("people")
	result := s.passed()
	require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
	require.Equal(t, []string{"ann@x.org|Anna", "cy@x.org|Cy", "di@x.org|Di"}, rows(t, billing, `SELECT email, name FROM people`))
	change(t, crm, `UPDATE people SET name = 'Annie' WHERE id = 1`)
	result = s.passed()
	require.Equal(t, int64(1), result.Systems["crm"].Read, "by the log again")
	require.Zero(t, written(s.passed()))
}
