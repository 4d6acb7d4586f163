package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
)

const targetsDefinition = `
sync: people
systems:
  app:  {connector: sqlite, path: ./app.db, object: people, role: source}
  dwh:  {connector: sqlite, path: ./dwh.db, object: people, role: target}
  mart: {connector: sqlite, path: ./mart.db, object: people, role: target}
match: id
same: [id, name]
fields:
  age: {type: int, app: age, mart: age}
`

// The counts of a run balance over all of its targets, whichever comes first:
// here one has a row already, one refuses a row, and one cannot be given a row.
func TestCountsOfAStreamAddUpOverItsTargets(t *testing.T) {
	s := newSite(t, targetsDefinition)
	app := s.sqlite("app.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age)`,
		`INSERT INTO people VALUES (1, 'Ann', 41), (2, 'Bob', 42), (3, 'Cy the very long', 43), (4, 'Di', 'forty')`)
	dwh := s.sqlite("dwh.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT CHECK (length(name) < 10))`, `INSERT INTO people VALUES (1, 'Ann')`)
	mart := s.sqlite("mart.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)`)

	result := s.run("people")
	require.Equal(t, 2, result.Targets)
	require.Equal(t, activities.Counts{Read: 8, Applied: 5, Unchanged: 1, Quarantined: 2}, result.Counts)
	require.Equal(t, int64(4), result.Systems["app"].Read)
	require.Equal(t, []string{"1|Ann", "2|Bob", "4|Di"}, rows(t, dwh, `SELECT id, name FROM people`))
	require.Equal(t, []string{"1|Ann|41", "2|Bob|42", "3|Cy the very long|43"}, rows(t, mart, `SELECT * FROM people`))
	require.ElementsMatch(t, []string{"app 4", "dwh 3"}, s.held(t))

	change(t, mart, `DELETE FROM people WHERE id = 1`) // of which the first target knows nothing
	change(t, app, `UPDATE people SET name = 'Cy', age = 43 WHERE id IN (3, 4)`)
	result = s.run("people")
	require.Equal(t, activities.Counts{Read: 8, Applied: 5, Unchanged: 3}, result.Counts)
	require.Empty(t, s.held(t))
}
