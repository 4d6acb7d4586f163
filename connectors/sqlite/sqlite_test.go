package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// database makes a database file with the given statements, separated by ";\n".
func database(tb testing.TB, script string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "test.db")
	createFile(tb, path)
	execute(tb, path, script)
	return path
}

func execute(tb testing.TB, path, script string) {
	tb.Helper()
	conn, err := bare.Open(path, false, 5*time.Second)
	require.NoError(tb, err)
	defer conn.Close()
	for sql := range strings.SplitSeq(script, ";\n") {
		if strings.TrimSpace(sql) != "" {
			require.NoError(tb, conn.Exec(sql), sql)
		}
	}
}

func config(path, object string) connectors.Config {
	return connectors.Config{Sync: "test", System: "db", Options: map[string]string{"path": path}, Object: object}
}

type system interface { //nolint:interfacebloat // all that an object of this connector is
	connectors.Source
	connectors.Sink
	connectors.Finder
	connectors.Loader
	connectors.Triggers
	connectors.Translator
}

func open(tb testing.TB, c connectors.Config) system {
	tb.Helper()
	o, err := sqlite.Connector{}.Open(context.Background(), c)
	require.NoError(tb, err)
	tb.Cleanup(o.Close)
	return o.(system)
}

type row struct {
	values []record.Value
	mark   record.Mark
}

// read gives all rows of a window.
func read(tb testing.TB, s connectors.Source, ask connectors.Ask) (connectors.Window, []row) {
	tb.Helper()
	w, err := s.Detect(context.Background(), ask)
	require.NoError(tb, err)
	var rows []row
	for _, p := range w.Partitions {
		require.NoError(tb, s.Read(context.Background(), p, func(b *record.Batch) error {
			defer b.Release()
			rows = append(rows, rowsOf(b)...)
			return nil
		}))
	}
	return w, rows
}

func rowsOf(b *record.Batch) []row {
	var rows []row
	for i := range b.Rows() {
		rows = append(rows, row{values: b.Row(i, nil), mark: b.Mark(i)})
	}
	return rows
}

func values(rows []row) [][]record.Value {
	var out [][]record.Value
	for _, r := range rows {
		out = append(out, r.values)
	}
	return out
}

func key(tb testing.TB, values ...record.Value) record.Key {
	tb.Helper()
	k, ok := record.NewKey(values...)
	require.True(tb, ok)
	return k
}

const people = `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT NOT NULL, age INT,
	fee DECIMAL(8,2), active BOOLEAN DEFAULT 1, joined DATE, changed DATETIME);
INSERT INTO people VALUES (1, 'a@x', 'Ann', 30, 12.50, 1, '2020-02-29', '2026-01-01 10:00:00');
INSERT INTO people VALUES (2, 'b@x', 'Bob', NULL, 0.1, 0, NULL, '2026-01-01 10:00:01');
INSERT INTO people VALUES (3, NULL, 'Cyd', 9007199254740993, -3, NULL, '1999-12-31', '2026-01-01 10:00:01.5')`

func TestDescribeAndSnapshot(t *testing.T) {
	t.Parallel()
	s := open(t, config(database(t, people), "PEOPLE"))
	d, err := s.Describe(context.Background())
	require.NoError(t, err)
	require.Equal(t, []string{"id"}, d.Key)
	require.EqualValues(t, 3, d.Rows)
	require.True(t, d.Can.ServerKeys && d.Can.KeysReusable && d.Can.Upsert && d.Can.Writable && d.Can.Transactions)
	require.Equal(t, []connectors.Mode{connectors.ModeSnapshot}, d.Can.Modes)
	require.Equal(t, "int string string int decimal(8,2) bool date timestamp", kinds(d.Schema))

	w, rows := read(t, s, connectors.Ask{Mode: connectors.ModeSnapshot})
	require.True(t, w.Complete)
	require.EqualValues(t, 3, w.Rows)
	at, _ := record.ParseTimestamp("2026-01-01T10:00:00Z")
	require.Equal(t, [][]record.Value{
		{int64(1), "a@x", "Ann", int64(30), record.Decimal("12.5"), true, record.Date(18321), at},
		{int64(2), "b@x", "Bob", nil, record.Decimal("0.1"), false, nil, at.(record.Timestamp) + 1_000_000},
		{int64(3), nil, "Cyd", int64(9007199254740993), record.Decimal("-3"), nil, record.Date(10956), at.(record.Timestamp) + 1_500_000},
	}, values(rows))
}

func kinds(s *record.Schema) string {
	var out []string
	for _, f := range s.Fields {
		out = append(out, f.Type.String())
	}
	return strings.Join(out, " ")
}

func TestApply(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := database(t, people)
	s := open(t, config(path, "people"))
	w := connectors.Writes{Columns: []string{"email", "name", "age"}, Compare: []string{"name", "age"}}
	w.Items = []connectors.Item{
		{Op: connectors.OpUpdate, Key: key(t, int64(1)), Set: []record.Value{record.Missing, "Anna", int64(31)}, Seen: record.HashRow("Ann", int64(30))},
		{Op: connectors.OpUpdate, Key: key(t, int64(2)), Set: []record.Value{"z@x", "Bo", nil}, Seen: record.HashRow("Bobby", nil)},
		{Op: connectors.OpUpdate, Key: key(t, int64(9)), Set: []record.Value{"z@x", "Bo", nil}},
		{Op: connectors.OpDelete, Key: key(t, int64(3)), Seen: record.HashRow("Cyd", int64(9007199254740993))},
		{Op: connectors.OpCreate, Set: []record.Value{"d@x", "Dan", int64(1)}},
		{Op: connectors.OpCreate, Set: []record.Value{"a@x", "Eve", int64(1)}},
		{Op: connectors.OpCreate, Set: []record.Value{"f@x", nil, int64(1)}},
		{Op: connectors.OpCreate, Key: key(t, int64(77)), Set: []record.Value{"g@x", "Gil", record.Missing}},
		{Op: connectors.OpCreate, Set: []record.Value{"h@x", "Hal", "many"}},
	}
	results, err := s.Apply(ctx, w)
	require.NoError(t, err)
	var got []connectors.Status
	for _, r := range results {
		got = append(got, r.Status)
	}
	require.Equal(t, []connectors.Status{
		connectors.Done, connectors.Refused, connectors.Gone, connectors.Done, connectors.Done, connectors.Exists,
		connectors.Failed, connectors.Done, connectors.Failed,
	}, got)
	require.Equal(t, []record.Value{"a@x", "Anna", int64(31)}, results[0].Stored)
	require.Equal(t, []record.Value{"Anna", int64(31)}, results[0].Compared)
	require.Equal(t, key(t, int64(3)), results[4].Key, "SQLite gives the number of a deleted last row again")
	require.Equal(t, key(t, int64(1)), results[5].Key)
	require.Equal(t, key(t, int64(77)), results[7].Key)
	for i, column := range map[int]string{6: "people.name", 8: "age"} {
		require.Equal(t, connectors.BadRecord, connectors.KindOf(results[i].Err))
		require.Contains(t, results[i].Err.Error(), column)
		require.NotContains(t, results[i].Err.Error(), "many")
	}
	batch, err := s.Fetch(ctx, []string{"id", "name"}, []record.Key{key(t, int64(77)), key(t, int64(99)), key(t, int64(1))})
	require.NoError(t, err)
	rows := rowsOf(batch)
	require.Equal(t, [][]record.Value{{int64(77), "Gil"}, {int64(99), nil}, {int64(1), "Anna"}}, values(rows))
	require.Equal(t, record.Absent, rows[1].mark.Op)
}

func TestLoad(t *testing.T) {
	t.Parallel()
	s := open(t, config(database(t, people), "people"))
	schema := record.NewSchema(
		record.Field{Name: "id", Type: record.Type{Kind: record.KindInt}},
		record.Field{Name: "name", Type: record.Type{Kind: record.KindString}},
	)
	b := record.NewBuilder(schema)
	for _, r := range []row{
		{values: []record.Value{int64(1), "Ann"}},
		{values: []record.Value{int64(2), "Rob"}},
		{values: []record.Value{int64(3), nil}, mark: record.Mark{Op: record.Deleted}},
		{values: []record.Value{int64(4), "New"}},
		{values: []record.Value{int64(5), nil}},
	} {
		require.NoError(t, b.Append(r.values, r.mark))
	}
	batches := []*record.Batch{b.Flush()}
	var rejected []int
	loaded, err := s.Load(context.Background(), connectors.Fence{}, []string{"id"}, func() (*record.Batch, error) {
		if len(batches) == 0 {
			return nil, nil
		}
		next := batches[0]
		batches = nil
		return next, nil
	}, func(_ *record.Batch, row int, err error) error {
		require.Equal(t, connectors.BadRecord, connectors.KindOf(err))
		rejected = append(rejected, row)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, connectors.Loaded{Created: 1, Updated: 1, Deleted: 1, Unchanged: 1}, loaded)
	require.Equal(t, []int{4}, rejected)
}

func createFile(tb testing.TB, path string) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(path, nil, 0o600))
}
