package worker_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"
)

const growingDefinition = `
sync: people
systems:
  left:  {connector: sqlite, path: ./left.db, object: people}
  right: {connector: sqlite, path: ./right.db, object: people}
match: email
same: [email, name]
fields:
  age: {type: int, left: age, right: age}
conflicts: {resolve: manual}
limits: {conflict: {count: 100000, percent: 100}}
first_sync: {prefer: {system_wins: left}, only_here: create}
`

// History has counts and references: neither records, nor conflicts, nor what
// is wrong with thousands of rows makes it longer.
func TestHistoryDoesNotGrowWithTheTable(t *testing.T) {
	s := newSite(t, growingDefinition)
	const table = `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT, age INTEGER)`
	left, right := s.sqlite("left.db", table), s.sqlite("right.db", table)
	fill := func(from, to int) {
		for _, db := range []any{left, right} {
			change(t, db, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d)
				INSERT INTO people (email, name, age) SELECT 'p' || i || '@example.com', 'Person ' || i, 1 FROM n`, from, to))
		}
		s.run("people")
		// Every third is edited on both sides, and every third cannot be read.
		change(t, left, `UPDATE people SET name = 'left ' || id WHERE id % 3 = 0`)
		change(t, right, `UPDATE people SET name = 'right ' || id WHERE id % 3 = 0`)
		change(t, right, `UPDATE people SET age = 'old' WHERE id % 3 = 1`)
		s.run("people")
	}
	fill(1, 30)
	small := largest(s.histories())
	fill(31, 6000)
	open, _, err := s.house.Ledger.CountConflicts(t.Context(), "people")
	require.NoError(t, err)
	require.Equal(t, int64(2000), open)
	held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(held), 1000, "%d", len(held))
	require.Less(t, largest(s.histories()), small+small/4)
}

// largest is the size of the longest history, in bytes.
func largest(histories []*historypb.History) int {
	most := 0
	for _, h := range histories {
		most = max(most, proto.Size(h))
	}
	return most
}
