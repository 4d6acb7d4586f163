package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/conformance"
	"github.com/syncline-dev/syncline/connectors/sqlite"
	"github.com/syncline-dev/syncline/internal/record"
)

// fixture is a database that database/sql looks at.
func fixture(tb testing.TB, table conformance.Table) conformance.Fixture {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "conformance.db")
	createFile(tb, path)
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)")
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return conformance.SQL{
		DB: db,
		Open: func(tb testing.TB, table conformance.Table) connectors.Object {
			tb.Helper()
			c := config(path, table.Name)
			c.Key, c.Modified = table.Key, table.Modified
			o, err := sqlite.Connector{}.Open(tb.Context(), c)
			require.NoError(tb, err)
			return o
		},
		Declare: declare,
		Bind:    func(int, record.Type) string { return "?" },
		Value:   bound,
		Select:  func(column string, _ record.Type) string { return "CAST(" + column + " AS TEXT)" },
		Parse: func(t record.Type, text string) (record.Value, error) {
			if t.Kind == record.KindBytes {
				return record.Bytes(text), nil
			}
			return record.Parse(t, text)
		},
	}.Make(tb, table)
}

func declare(t record.Type) string {
	return map[record.Kind]string{
		record.KindString: "TEXT", record.KindInt: "INTEGER", record.KindFloat: "REAL", record.KindDecimal: "NUMERIC",
		record.KindBool: "BOOLEAN", record.KindTimestamp: "TIMESTAMP", record.KindDate: "DATE", record.KindTime: "TIME",
		record.KindUUID: "UUID", record.KindBytes: "BLOB", record.KindJSON: "JSON",
	}[t.Kind]
}

func bound(v record.Value) any {
	switch x := v.(type) {
	case record.Bytes:
		return []byte(x)
	case int64, float64, bool:
		return x
	default:
		return record.Text(v)
	}
}

// triggered is a fixture whose table has its triggers from the beginning.
func triggered(tb testing.TB, table conformance.Table) conformance.Fixture {
	tb.Helper()
	f := fixture(tb, table)
	o := f.Open(tb)
	defer o.Close()
	require.NoError(tb, o.(connectors.Triggers).Install(tb.Context()))
	return f
}

func TestConformance(t *testing.T) { //nolint:paralleltest // the suite looks for leaked goroutines
	conformance.Run(t, subject(fixture, "changes by trigger/*"))
}

func TestConformanceWithTriggers(t *testing.T) { //nolint:paralleltest // the suite looks for leaked goroutines
	conformance.Run(t, subject(triggered))
}

func subject(newFixture func(testing.TB, conformance.Table) conformance.Fixture, cannot ...string) conformance.Subject {
	return conformance.Subject{
		Name: "sqlite", New: newFixture,
		Cannot: append(cannot, "describe/makes what is not there", "changes by log/*"),
		Kinds: []record.Kind{
			record.KindString, record.KindInt, record.KindFloat, record.KindDecimal, record.KindBool, record.KindTimestamp,
			record.KindDate, record.KindTime, record.KindUUID, record.KindBytes, record.KindJSON,
		},
		Narrow: []record.Kind{record.KindDecimal},
		Refused: func(tb testing.TB) error {
			tb.Helper()
			path := database(tb, people)
			return conformance.Denied(tb, path, func() error {
				_, err := sqlite.Connector{}.Open(tb.Context(), config(path, "people"))
				return err
			})
		},
		NotFound: func(tb testing.TB) error {
			tb.Helper()
			_, err := sqlite.Connector{}.Open(tb.Context(), config(database(tb, people), "poeple"))
			require.ErrorContains(tb, err, `did you mean "people"?`)
			_, missing := sqlite.Connector{}.Open(tb.Context(), config(filepath.Join(tb.TempDir(), "none.db"), "people"))
			require.Equal(tb, connectors.NotFound, connectors.KindOf(missing))
			return err
		},
	}
}
