package worker_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

const largeSync = `
sync: large
systems:
  left:  {connector: postgres, url: "${LEFT_URL}", object: people}
  right: {connector: sqlite, path: ./right.db, object: people}
match: email
same: {except: [id]}
conflicts: {resolve: [{priority: [left, right]}]}
deletes: {effect: hard}
limits: {delete: {count: 1000, percent: 50}}
first_sync: {prefer: {system_wins: left}, only_here: create}
`

// Records enough for several groups, and several slices of each: what belongs
// together is still decided together, also where a match moves from one group
// to another.
func TestManyRecordsAgreeGroupByGroup(t *testing.T) {
	s := newSite(t, largeSync)
	const n = 30_000
	left := s.postgres("LEFT_URL", `CREATE TABLE people (id serial PRIMARY KEY, email text UNIQUE, name text, city text)`,
		fmt.Sprintf(`INSERT INTO people (email, name, city) SELECT 'p' || i || '@example.com', 'name ' || i, 'Köln' FROM generate_series(1, %d) i; ANALYZE people`, n))
	right := s.sqlite("right.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, city TEXT)`,
		fmt.Sprintf(`INSERT INTO people (email, name, city) WITH RECURSIVE i(n) AS (VALUES (5000) UNION ALL SELECT n + 1 FROM i WHERE n < %d)
			SELECT 'p' || n || '@example.com', 'name ' || n, 'Köln' FROM i ORDER BY n DESC`, n+5000))
	const see = `SELECT email, name, city FROM people`
	agree := func() {
		t.Helper()
		want := rows(t, left, see)
		require.Equal(t, want, rows(t, right, see))
		require.Len(t, want, len(distinctLines(want)))
	}

	first := s.run("large")
	require.Equal(t, "done", first.Outcome, first.Reason)
	require.EqualValues(t, 4999, first.Systems["right"].Created)
	require.EqualValues(t, 5000, first.Systems["left"].Created)
	agree()

	require.EqualValues(t, 0, written(s.run("large")))

	for _, statement := range []string{
		`UPDATE people SET name = name || '!' WHERE id % 10 = 3`,
		`UPDATE people SET email = 'moved' || email WHERE id % 100 = 7`,
		`DELETE FROM people WHERE email LIKE 'p%' AND id % 1000 = 9`,
	} {
		_, err := left.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	_, err := right.ExecContext(t.Context(), `UPDATE people SET city = 'Ulm' WHERE rowid % 10 = 4`)
	require.NoError(t, err)
	second := s.run("large")
	require.Equal(t, "done", second.Outcome, second.Reason)
	require.EqualValues(t, 35, second.Systems["right"].Deleted)
	agree()
	require.NotEmpty(t, rows(t, right, `SELECT email FROM people WHERE email LIKE 'moved%' AND city = 'Ulm'`))
	require.EqualValues(t, 0, written(s.run("large")))
}

func distinctLines(lines []string) map[string]bool {
	seen := map[string]bool{}
	for _, l := range lines {
		seen[l] = true
	}
	return seen
}
