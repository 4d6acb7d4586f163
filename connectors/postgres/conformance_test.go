package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/conformance"
	"github.com/syncline-dev/syncline/connectors/postgres"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

// fixture is a table that the suite looks at with psql's eyes: as text.
type fixture struct {
	db    *testenv.Database
	table conformance.Table
	conn  *pgx.Conn
}

func newFixture(tb testing.TB, table conformance.Table) conformance.Fixture {
	tb.Helper()
	f := &fixture{db: testenv.Postgres(tb), table: table}
	f.conn = f.db.Conn(tb)
	columns := make([]string, 0, len(table.Schema.Fields))
	for _, field := range table.Schema.Fields {
		column := ident(field.Name) + " " + nativeType(field.Type)
		if !field.Nullable {
			column += " not null"
		}
		if field.ReadOnly {
			column += " generated always as identity"
		}
		columns = append(columns, column)
	}
	keys := make([]string, len(table.Key))
	for i, k := range table.Key {
		keys[i] = ident(k)
	}
	f.db.Exec(tb, fmt.Sprintf("create table %s (%s, primary key (%s))", ident(table.Name), strings.Join(columns, ", "), strings.Join(keys, ", ")))
	f.Put(tb, table.Rows...)
	return f
}

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

func nativeType(t record.Type) string {
	if t.Kind == record.KindList {
		return nativeType(record.Type{Kind: t.Elem}) + "[]"
	}
	return map[record.Kind]string{
		record.KindString: "text", record.KindInt: "bigint", record.KindFloat: "float8", record.KindDecimal: "numeric",
		record.KindBool: "bool", record.KindTimestamp: "timestamptz", record.KindDate: "date", record.KindTime: "time",
		record.KindUUID: "uuid", record.KindBytes: "bytea", record.KindJSON: "json",
	}[t.Kind]
}

func (f *fixture) Open(tb testing.TB) connectors.Object {
	tb.Helper()
	c := config(f.db, f.table.Name)
	c.Key, c.Modified = f.table.Key, f.table.Modified
	o, err := postgres.Connector{}.Open(tb.Context(), c)
	require.NoError(tb, err)
	return o
}

// Rows asks for the rows as JSON, whose texts convert to every type.
func (f *fixture) Rows(tb testing.TB) [][]record.Value {
	tb.Helper()
	columns := make([]string, len(f.table.Schema.Fields))
	for i, field := range f.table.Schema.Fields {
		columns[i] = ident(field.Name) + "::text"
		switch field.Type.Kind { //nolint:exhaustive // the texts of the others are ours too
		case record.KindList:
			columns[i] = "array_to_json(" + ident(field.Name) + ")::text"
		case record.KindTimestamp:
			columns[i] = utc(ident(field.Name), `YYYY-MM-DD"T"HH24:MI:SS.US"Z"`)
		case record.KindDate:
			columns[i] = utc(ident(field.Name)+"::timestamp", "YYYY-MM-DD")
		}
	}
	rows, err := f.conn.Query(tb.Context(), "select "+strings.Join(columns, ", ")+" from "+ident(f.table.Name))
	require.NoError(tb, err)
	defer rows.Close()
	var list [][]record.Value
	for rows.Next() {
		texts := make([]*string, len(columns))
		into := make([]any, len(columns))
		for i := range texts {
			into[i] = &texts[i]
		}
		require.NoError(tb, rows.Scan(into...))
		row := make([]record.Value, len(columns))
		for i, text := range texts {
			if text == nil {
				continue
			}
			row[i], err = record.Parse(f.table.Schema.Fields[i].Type, *text)
			require.NoError(tb, err)
		}
		list = append(list, row)
	}
	require.NoError(tb, rows.Err())
	return list
}

// utc writes a moment with its year signed when it is before the year 1.
func utc(column, layout string) string {
	return fmt.Sprintf(`case when not isfinite(%[1]s) then %[1]s::text
		when extract(year from %[1]s) < 0 then to_char(%[1]s, '-' || lpad((-extract(year from %[1]s) - 1)::text, 4, '0') || '%[3]s')
		when extract(year from %[1]s) > 9999 then '+' || to_char(%[1]s, '%[2]s')
		else to_char(%[1]s, '%[2]s') end`, column, layout, strings.TrimPrefix(layout, "YYYY"))
}

func (f *fixture) Put(tb testing.TB, rows ...[]record.Value) {
	tb.Helper()
	if len(rows) == 0 {
		return
	}
	var columns, sets, exprs []string
	for i, field := range f.table.Schema.Fields {
		columns = append(columns, ident(field.Name))
		sets = append(sets, ident(field.Name)+" = excluded."+ident(field.Name))
		exprs = append(exprs, fmt.Sprintf("(r->%d)#>>'{}'", i))
		if field.Type.Kind == record.KindList {
			exprs[i] = fmt.Sprintf("case when r->>%d is not null then array(select json_array_elements_text(r->%d)) end", i, i)
		} else {
			exprs[i] = "(" + exprs[i] + ")::" + nativeType(field.Type)
		}
	}
	keys := make([]string, len(f.table.Key))
	for i, k := range f.table.Key {
		keys[i] = ident(k)
	}
	sql := fmt.Sprintf("insert into %s (%s) overriding system value select %s from unnest($1::json[]) with ordinality u(r, n) order by n on conflict (%s) do update set %s",
		ident(f.table.Name), strings.Join(columns, ", "), strings.Join(exprs, ", "), strings.Join(keys, ", "), strings.Join(sets, ", "))
	texts := make([]string, len(rows))
	for i, row := range rows {
		texts[i] = rowJSON(tb, row)
	}
	_, err := f.conn.Exec(tb.Context(), sql, texts)
	require.NoError(tb, err)
}

// rowJSON writes a row as a JSON array of texts that the server can cast.
func rowJSON(tb testing.TB, row []record.Value) string {
	tb.Helper()
	out := make([]any, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case nil, record.List:
			out[i] = v
		case string:
			out[i] = v
		default:
			out[i] = record.Text(v)
		}
	}
	text, err := record.EncodeJSON(out)
	require.NoError(tb, err)
	return string(text)
}

func (f *fixture) Delete(tb testing.TB, keys ...[]record.Value) {
	tb.Helper()
	for _, key := range keys {
		terms := make([]string, len(f.table.Key))
		values := make([]any, len(f.table.Key))
		for i, k := range f.table.Key {
			terms[i] = fmt.Sprintf("%s::text = $%d", ident(k), i+1)
			values[i] = record.Text(key[i])
		}
		_, err := f.conn.Exec(context.WithoutCancel(tb.Context()), "delete from "+ident(f.table.Name)+" where "+strings.Join(terms, " and "), values...)
		require.NoError(tb, err)
	}
}

func TestConformance(t *testing.T) { //nolint:paralleltest // the suite looks for leaked goroutines
	conformance.Run(t, conformance.Subject{
		Name:   "postgres",
		New:    newFixture,
		Cannot: []string{"describe/makes what is not there", "changes by trigger/*", "changes by log/*"},
		Refused: func(tb testing.TB) error {
			tb.Helper()
			c := config(testenv.Postgres(tb, testenv.Options{Password: "right"}), "t")
			c.Options["password"] = "wrong"
			_, err := postgres.Connector{}.Open(tb.Context(), c)
			return err
		},
		NotFound: func(tb testing.TB) error {
			tb.Helper()
			_, err := postgres.Connector{}.Open(tb.Context(), config(testenv.Postgres(tb), "nothing"))
			return err
		},
	})
}
