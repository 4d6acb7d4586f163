package sqlite_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
)

func byCursor(t *testing.T, script string) (path string, s system) {
	t.Helper()
	path = database(t, script)
	c := config(path, "t")
	c.Modified = "m"
	return path, open(t, c)
}

func ids(rows []row) []int64 {
	var out []int64
	for _, r := range rows {
		out = append(out, r.values[0].(int64))
	}
	return out
}

// A value of the future must not hide the changes until then.
func TestCursorDoesNotFollowAClockThatIsAhead(t *testing.T) {
	t.Parallel()
	path, s := byCursor(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, m DATETIME);
INSERT INTO t VALUES (1, '2020-01-01 00:00:00'), (2, '2999-01-01 00:00:00')`)
	w, _ := read(t, s, connectors.Ask{Mode: connectors.ModeCursor})
	require.Equal(t, `"s2020-01-01 00:00:00"`, w.To.Value)
	execute(t, path, `INSERT INTO t VALUES (3, '2020-01-01 00:00:01')`)
	_, rows := read(t, s, connectors.Ask{Mode: connectors.ModeCursor, Since: w.To})
	require.ElementsMatch(t, []int64{1, 2, 3}, ids(rows))
}

func TestCursorReadsRowsWithoutAValueEveryTime(t *testing.T) {
	t.Parallel()
	path, s := byCursor(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, m INT);
INSERT INTO t VALUES (1, 10), (2, NULL), (3, 5)`)
	w, _ := read(t, s, connectors.Ask{Mode: connectors.ModeCursor})
	execute(t, path, `INSERT INTO t VALUES (4, NULL)`)
	w, rows := read(t, s, connectors.Ask{Mode: connectors.ModeCursor, Since: w.To})
	require.ElementsMatch(t, []int64{1, 2, 4}, ids(rows))
	require.False(t, w.Complete)
	require.Equal(t, `"i10"`, w.To.Value)
}

// However the window is cut, rows of one value stay together and none is lost.
func TestCursorWindowsAreCutBetweenValues(t *testing.T) {
	t.Parallel()
	path, s := byCursor(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, m INT);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 300) INSERT INTO t SELECT i, i / 7 FROM c`)
	w, _ := read(t, s, connectors.Ask{Mode: connectors.ModeCursor})
	execute(t, path, `UPDATE t SET m = 1000 + id % 3`)
	for _, size := range []int64{1, 2, 50, 99, 100, 101, 299, 300, 301} {
		window, rows := read(t, s, connectors.Ask{Mode: connectors.ModeCursor, Since: w.To, PartitionRows: size})
		require.Len(t, rows, 300, size)
		require.EqualValues(t, 300, window.Rows)
		seen := map[int64]bool{}
		for _, id := range ids(rows) {
			require.False(t, seen[id], "row %d twice", id)
			seen[id] = true
		}
	}
}

func TestPartitionsCoverEveryKindOfTable(t *testing.T) {
	t.Parallel()
	const numbers = ` WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 200) INSERT INTO t SELECT `
	for name, script := range map[string]string{
		"dense":           `CREATE TABLE t (id INTEGER PRIMARY KEY);` + "\n" + numbers + `i FROM c`,
		"sparse":          `CREATE TABLE t (id INTEGER PRIMARY KEY);` + "\n" + numbers + `i * i * i * 1000 - 500 FROM c`,
		"extremes":        `CREATE TABLE t (id INTEGER PRIMARY KEY);` + "\n" + numbers + `CASE i WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 ELSE i END FROM c`,
		"text key":        `CREATE TABLE t (id TEXT PRIMARY KEY);` + "\n" + numbers + `'k' || i FROM c`,
		"without rowid":   `CREATE TABLE t (id TEXT PRIMARY KEY) WITHOUT ROWID;` + "\n" + numbers + `'k''' || i || 'ä' FROM c`,
		"composite":       `CREATE TABLE t (a INT, id TEXT, PRIMARY KEY (a, id)) WITHOUT ROWID;` + "\n" + numbers + `i % 3, 'k' || i FROM c`,
		"floats":          `CREATE TABLE t (id REAL PRIMARY KEY) WITHOUT ROWID;` + "\n" + numbers + `i / 3.0 FROM c`,
		"blobs":           `CREATE TABLE t (id BLOB PRIMARY KEY) WITHOUT ROWID;` + "\n" + numbers + `CAST('k' || i AS BLOB) FROM c`,
		"rowid is hidden": `CREATE TABLE t (id TEXT PRIMARY KEY, rowid TEXT, _rowid_ TEXT);` + "\n" + numbers + `'k' || i, 1, 1 FROM c`,
		"all are hidden":  `CREATE TABLE t (id TEXT PRIMARY KEY, rowid TEXT, _rowid_ TEXT, oid);` + "\n" + numbers + `'k' || i, 1, 1, 1 FROM c`,
		"view":            `CREATE TABLE base (id INTEGER PRIMARY KEY);` + "\n" + `CREATE VIEW t AS SELECT id FROM base;` + "\n" + ` WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 200) INSERT INTO base SELECT i FROM c`,
	} {
		c := config(database(t, script), "t")
		if name == "view" {
			c.Key = []string{"id"}
		}
		s := open(t, c)
		for _, size := range []int64{1, 7, 100, 199, 200} {
			w, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot, PartitionRows: size})
			require.NoError(t, err)
			if size == 7 && name != "view" {
				require.Greater(t, len(w.Partitions), 25, name)
			}
			_, rows := read(t, s, connectors.Ask{Mode: connectors.ModeSnapshot, PartitionRows: size})
			seen := map[string]bool{}
			for _, r := range rows {
				seen[fmt.Sprint(r.values)] = true
			}
			require.Len(t, rows, 200, "%s, %d a partition", name, size)
			require.Len(t, seen, 200, "%s, %d a partition", name, size)
		}
	}
}

func TestAWholeTableIsListedForTheFirstTimeAndOnRequest(t *testing.T) {
	t.Parallel()
	_, s := byCursor(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, m INT);\nINSERT INTO t VALUES (1, 1), (2, 2)")
	first, _ := read(t, s, connectors.Ask{Mode: connectors.ModeCursor})
	require.True(t, first.Complete)
	snapshot, _ := read(t, s, connectors.Ask{Mode: connectors.ModeSnapshot})
	other, rows := read(t, s, connectors.Ask{Mode: connectors.ModeCursor, Since: snapshot.To})
	require.True(t, other.Complete, "a position of another mode says nothing")
	require.Len(t, rows, 2)
	full, _ := read(t, s, connectors.Ask{Mode: connectors.ModeCursor, Since: first.To, Full: true})
	require.True(t, full.Complete)
	_, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeLog})
	require.Equal(t, connectors.Permanent, connectors.KindOf(err), "never silently another mode")
}
