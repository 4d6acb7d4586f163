package worker_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

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
	var small int
	for _, people := range []int{150, 6000} { // more conflicts than a page shows, also of few people
		t.Run(strconv.Itoa(people), func(t *testing.T) {
			size := historyOf(t, people)
			if small == 0 {
				small = size
			}
			require.Less(t, size, 2*small, "of 40 times the people") // how often a Sync looks differs a little from run to run
		})
	}
}

// historyOf is how long histories get of two runs over so many people, of whom
// every third is in conflict and every third cannot be read.
func historyOf(t *testing.T, people int) int {
	t.Helper()
	s := newSite(t, growingDefinition)
	const table = `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT, age INTEGER)`
	left, right := s.sqlite("left.db", table), s.sqlite("right.db", table)
	for _, db := range []any{left, right} {
		change(t, db, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO people (email, name, age) SELECT 'p' || i || '@example.com', 'Person ' || i, 1 FROM n`, people))
	}
	s.run("people")
	change(t, left, `UPDATE people SET name = 'left ' || id WHERE id % 3 = 0`)
	change(t, right, `UPDATE people SET name = 'right ' || id WHERE id % 3 = 0`)
	change(t, right, `UPDATE people SET age = 'old' WHERE id % 3 = 1`)
	s.run("people")
	open, _, err := s.house.Ledger.CountConflicts(t.Context(), "people")
	require.NoError(t, err)
	require.Equal(t, int64(people/3), open)
	held, err := s.house.Ledger.Quarantine(t.Context(), "people", 0)
	require.NoError(t, err)
	require.Len(t, held, people/3)
	require.Eventually(t, func() bool {
		return strings.Contains(s.details("people"), strconv.Itoa(people/3))
	}, 10*time.Second, 20*time.Millisecond, "the Sync has looked what is open")
	return largest(s.histories())
}

// largest is the size of the longest history, in bytes.
func largest(histories []*historypb.History) int {
	most := 0
	for _, h := range histories {
		most = max(most, proto.Size(h))
	}
	return most
}
