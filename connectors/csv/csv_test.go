package csv_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/csv"
	"github.com/syncline-dev/syncline/internal/record"
)

func write(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "people.csv")
	require.NoError(tb, os.WriteFile(path, []byte(text), 0o640)) //nolint:gosec // a mode to be kept
	return path
}

func config(path string, key ...string) connectors.Config {
	return connectors.Config{Sync: "test", System: "sheet", Options: map[string]string{"path": path}, Key: key}
}

type system interface {
	connectors.Source
	connectors.Sink
	connectors.Finder
	connectors.Creator
}

func open(tb testing.TB, c connectors.Config) system {
	tb.Helper()
	o, err := csv.Connector{}.Open(context.Background(), c)
	require.NoError(tb, err)
	tb.Cleanup(o.Close)
	return o.(system)
}

type row struct {
	values []record.Value
	mark   record.Mark
}

func read(tb testing.TB, s connectors.Source, ask connectors.Ask) (connectors.Window, []row) {
	tb.Helper()
	ask.Mode = connectors.ModeSnapshot
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

func TestReads(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain":           "Nr,Name,Note\n1,Ann,x\n2,Bob,\n",
		"no last newline": "Nr,Name,Note\n1,Ann,x\n2,Bob,",
		"semicolons":      "Nr;Name;Note\n1;Ann;x\n2;Bob;\n",
		"tabs":            "Nr\tName\tNote\n1\tAnn\tx\n2\tBob\t\n",
		"bom and crlf":    "\xef\xbb\xbfNr,Name,Note\r\n1,Ann,x\r\n2,Bob,\r\n",
		"quoted":          "\"Nr\",\"Name\",\"Note\"\n\"1\",\"Ann\",\"x\"\n\"2\",\"Bob\",\"\"\n",
		"blank lines":     "Nr,Name,Note\n\n1,Ann,x\n\r\n2,Bob,\n\n",
	} {
		s := open(t, config(write(t, text), "Nr"))
		d, err := s.Describe(context.Background())
		require.NoError(t, err, name)
		require.Equal(t, []string{"Nr", "Name", "Note"}, d.Schema.Names(), name)
		w, rows := read(t, s, connectors.Ask{})
		require.True(t, w.Complete)
		require.Equal(t, [][]record.Value{{"1", "Ann", "x"}, {"2", "Bob", nil}}, values(rows), name)
	}
}

func TestApplyKeepsEverythingElse(t *testing.T) {
	t.Parallel()
	path := write(t, "\xef\xbb\xbfNr;Name;\"Odd; column\";Note\r\n1;\"Ann\";\"a \"\"b\"\"\";x\r\n2;Bob;;\"two\r\nlines\"\r\n3;Cyd;;\r\n")
	s := open(t, config(path, "Nr"))
	results, err := s.Apply(context.Background(), connectors.Writes{
		Columns: []string{"Name", "Note", "Nr"}, Compare: []string{"Name"},
		Items: []connectors.Item{
			{Op: connectors.OpUpdate, Key: key(t, "1"), Set: []record.Value{"Anna", record.Missing, record.Missing}, Seen: record.HashRow("Ann")},
			{Op: connectors.OpUpdate, Key: key(t, "2"), Set: []record.Value{"Rob", nil, record.Missing}, Seen: record.HashRow("Bobby")},
			{Op: connectors.OpDelete, Key: key(t, "3")},
			{Op: connectors.OpCreate, Set: []record.Value{"Dan; the man", nil, "4"}},
			{Op: connectors.OpCreate, Key: key(t, "2"), Set: []record.Value{"x", nil, record.Missing}},
			{Op: connectors.OpDelete, Key: key(t, "9")},
		},
	})
	require.NoError(t, err)
	var statuses []connectors.Status
	for _, r := range results {
		statuses = append(statuses, r.Status)
	}
	require.Equal(t, []connectors.Status{
		connectors.Done, connectors.Refused, connectors.Done, connectors.Done, connectors.Exists, connectors.Gone,
	}, statuses)
	require.Equal(t, []record.Value{"Anna", "x", "1"}, results[0].Stored)
	got, err := os.ReadFile(path) //nolint:gosec // a file of this test
	require.NoError(t, err)
	require.Equal(t, "\xef\xbb\xbfNr;Name;\"Odd; column\";Note\r\n1;\"Anna\";\"a \"\"b\"\"\";x\r\n2;Bob;;\"two\r\nlines\"\r\n4;\"Dan; the man\";;\r\n", string(got))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	backup, err := os.ReadFile(path + ".syncline-backup") //nolint:gosec // a file of this test
	require.NoError(t, err)
	require.Contains(t, string(backup), "3;Cyd;;")
}

// What cannot be written says why, so that nobody has to guess.
func TestReadOnlyFilesSayWhy(t *testing.T) {
	t.Parallel()
	path := write(t, "Nr,Name\n1,Ann\n")
	because := func(change func(*connectors.Config)) string {
		c := config(path, "Nr")
		change(&c)
		d, err := open(t, c).Describe(t.Context())
		require.NoError(t, err)
		require.Equal(t, d.Can.ReadOnlyBecause == "", d.Can.Writable)
		require.Equal(t, d.Can.Writable, d.Can.Upsert)
		return d.Can.ReadOnlyBecause
	}
	require.Empty(t, because(func(*connectors.Config) {}))
	require.Equal(t, "the definition says read_only", because(func(c *connectors.Config) { c.Options["read_only"] = "true" }))
	require.Equal(t, "its rows have no key (name the columns with key:)", because(func(c *connectors.Config) { c.Key = nil }))
	if os.Geteuid() == 0 {
		return // who may do everything
	}
	require.NoError(t, os.Chmod(path, 0o400))
	require.Equal(t, "this user may not write the file (permission denied)", because(func(*connectors.Config) {}))
}
