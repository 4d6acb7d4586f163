package conformance

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// SQL makes fixtures in a database that database/sql reaches: the dialect's
// few words are all that a Subject has to bring.
type SQL struct {
	DB *sql.DB
	// Open opens the table with the connector.
	Open func(tb testing.TB, table Table) connectors.Object
	// Declare gives the database's type for a column.
	Declare func(record.Type) string
	// Bind gives the nth placeholder, from 1, for a value of a type.
	Bind func(n int, t record.Type) string
	// Value gives what is bound for a value that is not NULL; nil binds its text.
	Value func(record.Value) any
	// Select gives an expression for a column, already quoted, as text that Parse
	// reads; nil Parse is record.Parse.
	Select func(column string, t record.Type) string
	Parse  func(t record.Type, text string) (record.Value, error)
}

// Make creates the table with its rows, and drops it at the end of the test.
func (s SQL) Make(tb testing.TB, table Table) Fixture {
	tb.Helper()
	f := sqlFixture{s, table}
	tb.Cleanup(func() {
		_, _ = s.DB.ExecContext(context.WithoutCancel(tb.Context()), "DROP TABLE IF EXISTS "+quoted(table.Name))
	})
	f.exec(tb, s.DB, "DROP TABLE IF EXISTS "+quoted(table.Name))
	if table.Absent {
		return f
	}
	columns := make([]string, len(table.Schema.Fields))
	for i, field := range table.Schema.Fields {
		columns[i] = quoted(field.Name) + " " + s.Declare(field.Type)
		if !field.Nullable {
			columns[i] += " NOT NULL"
		}
	}
	f.exec(tb, s.DB, "CREATE TABLE "+quoted(table.Name)+" ("+strings.Join(columns, ", ")+", PRIMARY KEY ("+list(table.Key)+"))")
	f.Put(tb, table.Rows...)
	return f
}

type sqlFixture struct {
	SQL
	table Table
}

// Open opens the table with the connector.
func (f sqlFixture) Open(tb testing.TB) connectors.Object {
	tb.Helper()
	return f.SQL.Open(tb, f.table)
}

// Rows reads all rows as texts.
func (f sqlFixture) Rows(tb testing.TB) [][]record.Value {
	tb.Helper()
	fields := f.table.Schema.Fields
	columns := make([]string, len(fields))
	for i, field := range fields {
		columns[i] = f.Select(quoted(field.Name), field.Type)
	}
	rows, err := f.DB.QueryContext(tb.Context(), "SELECT "+strings.Join(columns, ", ")+" FROM "+quoted(f.table.Name)) //nolint:gosec // quoted by us
	require.NoError(tb, err)
	defer func() { require.NoError(tb, rows.Close()) }()
	parse := f.Parse
	if parse == nil {
		parse = record.Parse
	}
	var all [][]record.Value
	texts := make([]sql.NullString, len(fields))
	into := make([]any, len(fields))
	for i := range texts {
		into[i] = &texts[i]
	}
	for rows.Next() {
		require.NoError(tb, rows.Scan(into...))
		row := make([]record.Value, len(fields))
		for i, text := range texts {
			if !text.Valid {
				continue
			}
			v, err := parse(fields[i].Type, text.String)
			require.NoError(tb, err, "column %q", fields[i].Name)
			row[i] = v
		}
		all = append(all, row)
	}
	require.NoError(tb, rows.Err())
	return all
}

// Put inserts rows, or updates those that are there.
func (f sqlFixture) Put(tb testing.TB, rows ...[]record.Value) {
	tb.Helper()
	if len(rows) == 0 {
		return
	}
	tx, err := f.DB.BeginTx(tb.Context(), nil)
	require.NoError(tb, err)
	fields := f.table.Schema.Fields
	var update []string
	for _, field := range fields {
		if !slices.Contains(f.table.Key, field.Name) {
			update = append(update, quoted(field.Name)+" = excluded."+quoted(field.Name))
		}
	}
	for chunk := range slices.Chunk(rows, max(1, 3_000/len(fields))) {
		tuples := make([]string, len(chunk))
		var args []any
		for i, row := range chunk {
			tuples[i] = "(" + f.bindAll(&args, fields, row, ", ", "") + ")"
		}
		f.exec(tb, tx, "INSERT INTO "+quoted(f.table.Name)+" ("+list(f.table.Schema.Names())+") VALUES "+strings.Join(tuples, ", ")+
			" ON CONFLICT ("+list(f.table.Key)+") DO UPDATE SET "+strings.Join(update, ", "), args...)
	}
	require.NoError(tb, tx.Commit())
}

// Delete deletes rows by key.
func (f sqlFixture) Delete(tb testing.TB, keys ...[]record.Value) {
	tb.Helper()
	var fields []record.Field
	for _, column := range f.table.Key {
		field, _ := f.table.Schema.Field(column)
		fields = append(fields, field)
	}
	for _, key := range keys {
		var args []any
		where := f.bindAll(&args, fields, key, " AND ", " = ")
		f.exec(tb, f.DB, "DELETE FROM "+quoted(f.table.Name)+" WHERE "+where, args...)
	}
}

// bindAll gives placeholders for a row, with the columns' names before them
// where equals is given.
func (f sqlFixture) bindAll(args *[]any, fields []record.Field, row []record.Value, between, equals string) string {
	parts := make([]string, len(row))
	for i, v := range row {
		*args = append(*args, f.bound(v))
		parts[i] = f.Bind(len(*args), fields[i].Type)
		if equals != "" {
			parts[i] = quoted(fields[i].Name) + equals + parts[i]
		}
	}
	return strings.Join(parts, between)
}

func (f sqlFixture) bound(v record.Value) any {
	switch {
	case v == nil:
		return nil
	case f.Value != nil:
		return f.Value(v)
	default:
		return record.Text(v)
	}
}

type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (f sqlFixture) exec(tb testing.TB, on executor, query string, args ...any) {
	tb.Helper()
	_, err := on.ExecContext(tb.Context(), query, args...)
	if err != nil {
		require.Fail(tb, "the fixture's own statement failed", "%v: %.200s", err, query)
	}
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func list(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = quoted(name)
	}
	return strings.Join(all, ", ")
}
