package csv_test

import (
	stdcsv "encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/conformance"
	"github.com/syncline-dev/syncline/connectors/csv"
	"github.com/syncline-dev/syncline/internal/record"
)

// fixture is a file, read and written with the standard library.
type fixture struct {
	path  string
	table conformance.Table
}

func (f fixture) Open(tb testing.TB) connectors.Object {
	tb.Helper()
	o, err := csv.Connector{}.Open(tb.Context(), connectors.Config{
		System: "sheet", Options: map[string]string{"path": f.path}, Key: f.table.Key, Modified: f.table.Modified,
	})
	require.NoError(tb, err)
	return o
}

func (f fixture) Rows(tb testing.TB) [][]record.Value {
	tb.Helper()
	text, err := os.ReadFile(f.path)
	require.NoError(tb, err)
	all := plainly(string(text))
	rows := make([][]record.Value, 0, len(all))
	for _, line := range all[1:] {
		row := make([]record.Value, len(f.table.Schema.Fields))
		for i, field := range f.table.Schema.Fields {
			if text := line[slices.Index(all[0], field.Name)]; text != "" {
				row[i] = text
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// plainly takes CSV apart, a byte at a time. The standard library's reader would
// turn CRLF inside of a cell into LF.
func plainly(text string) [][]string {
	var rows [][]string
	var row []string
	var cell strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '"' && i+1 < len(text) && text[i+1] == '"':
			cell.WriteByte('"')
			i++
		case c == '"':
			quoted = !quoted
		case quoted, c != ',' && c != '\n':
			cell.WriteByte(c)
		default:
			row = append(row, cell.String())
			cell.Reset()
			if c == '\n' {
				rows, row = append(rows, row), nil
			}
		}
	}
	return rows
}

func (f fixture) Put(tb testing.TB, rows ...[]record.Value) {
	tb.Helper()
	all := f.without(tb, rows)
	f.write(tb, append(all, rows...))
}

func (f fixture) Delete(tb testing.TB, keys ...[]record.Value) {
	tb.Helper()
	f.write(tb, f.without(tb, f.atKey(keys)))
}

// atKey puts key values where they stand in rows.
func (f fixture) atKey(keys [][]record.Value) [][]record.Value {
	rows := make([][]record.Value, len(keys))
	for n, key := range keys {
		rows[n] = make([]record.Value, len(f.table.Schema.Fields))
		for i, name := range f.table.Key {
			rows[n][f.table.Schema.Index(name)] = key[i]
		}
	}
	return rows
}

func (f fixture) without(tb testing.TB, gone [][]record.Value) [][]record.Value {
	tb.Helper()
	return slices.DeleteFunc(f.Rows(tb), func(row []record.Value) bool {
		return slices.ContainsFunc(gone, func(other []record.Value) bool {
			for _, name := range f.table.Key {
				at := f.table.Schema.Index(name)
				if record.Text(row[at]) != record.Text(other[at]) {
					return false
				}
			}
			return true
		})
	})
}

func (f fixture) write(tb testing.TB, rows [][]record.Value) {
	tb.Helper()
	file, err := os.Create(f.path + ".new")
	require.NoError(tb, err)
	w := stdcsv.NewWriter(file)
	require.NoError(tb, w.Write(f.table.Schema.Names()))
	for _, row := range rows {
		line := make([]string, len(row))
		for i, v := range row {
			line[i] = record.Text(v)
		}
		require.NoError(tb, w.Write(line))
	}
	w.Flush()
	require.NoError(tb, w.Error())
	require.NoError(tb, file.Close())
	require.NoError(tb, os.Rename(f.path+".new", f.path))
}

func TestConformance(t *testing.T) { //nolint:paralleltest // the suite looks for leaked goroutines
	conformance.Run(t, conformance.Subject{
		Name: "csv", Kinds: []record.Kind{record.KindString}, EmptyIsNull: true,
		Cannot: []string{"where/*", "changes by cursor/*", "changes by trigger/*", "changes by log/*"},
		New: func(tb testing.TB, table conformance.Table) conformance.Fixture {
			tb.Helper()
			f := fixture{path: filepath.Join(tb.TempDir(), "people.csv"), table: table}
			if !table.Absent {
				f.write(tb, table.Rows)
			}
			return f
		},
		Refused: func(tb testing.TB) error {
			tb.Helper()
			path := filepath.Join(tb.TempDir(), "people.csv")
			require.NoError(tb, os.WriteFile(path, []byte("id,name\n1,Anna\n"), 0o600))
			return conformance.Denied(tb, path, func() error {
				_, err := csv.Connector{}.Open(tb.Context(), connectors.Config{Options: map[string]string{"path": path}, Key: []string{"id"}})
				return err
			})
		},
		NotFound: func(tb testing.TB) error {
			tb.Helper()
			o, err := csv.Connector{}.Open(tb.Context(), connectors.Config{
				Options: map[string]string{"path": filepath.Join(tb.TempDir(), "none.csv")}, Key: []string{"id"},
			})
			require.NoError(tb, err, "it can be made")
			_, err = o.(connectors.Source).Detect(tb.Context(), connectors.Ask{Mode: connectors.ModeSnapshot})
			return err
		},
	})
}
