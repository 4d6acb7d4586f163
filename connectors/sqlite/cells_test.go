package sqlite_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// A cell that does not fit its declared type makes its row bad, with the key;
// it is never converted in silence.
func TestCells(t *testing.T) {
	t.Parallel()
	uuid := record.UUID{0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11}
	for _, c := range []struct {
		declared, literal string
		want              record.Value
		bad               string
	}{
		{"INTEGER", `'12x'`, nil, "expected int, found text"},
		{"INTEGER", `1.5`, nil, "expected int, found a float"},
		{"INTEGER", `'12'`, int64(12), ""}, // SQLite itself made it a number
		{"UNSIGNED BIG INT", `9223372036854775807`, int64(1<<63 - 1), ""},
		{"TEXT", `12`, "12", ""},
		{"TEXT", `x'00'`, nil, "expected string, found a blob"},
		{"VARCHAR(3)", `'longer'`, "longer", ""}, // SQLite does not enforce it
		{"TEXT", `CAST(x'ff' AS TEXT)`, nil, "not valid UTF-8"},
		{"REAL", `1`, 1.0, ""},
		{"REAL", `'x'`, nil, "expected float, found text"},
		{"DECIMAL(8,2)", `0.1 + 0.2`, record.Decimal("0.3"), ""},
		{"DECIMAL(8,2)", `1.234`, nil, "has more than 2 digits after the point; round() it or widen decimal(8,2)"},
		{"NUMERIC", `0.1 + 0.2`, record.Decimal("0.30000000000000004"), ""},
		{"NUMERIC", `'1,5'`, nil, "not a decimal number (3 characters)"},
		{"BOOLEAN", `2`, nil, "expected 0 or 1"},
		{"BOOLEAN", `'true'`, nil, "expected bool, found text"},
		{"DATE", `'2024-02-29'`, record.Date(19782), ""},
		{"DATE", `'2023-02-29'`, nil, "not a date such as 2026-02-28"},
		{"DATE", `'2024-02-29 10:00'`, nil, "a date with a time of day; declare it a timestamp"},
		{"DATETIME", `'2026-01-02 03:04:05.25'`, record.Timestamp(1767323045_250_000), ""},
		{"TIMESTAMP", `'2026-01-02T03:04:05+01:00'`, record.Timestamp(1767319445_000_000), ""},
		{"DATETIME", `1767323045`, nil, "expected timestamp, found an integer"},
		{"TIME", `'24:30'`, nil, "not a time such as 15:04:05"},
		{"BLOB", `'text'`, nil, "expected bytes, found text"},
		{"JSON", `'{"b":1,"a":1.10}'`, record.JSON(`{"a":1.1,"b":1}`), ""},
		{"JSON", `'{'`, nil, "not valid JSON"},
		{"UUID", `'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'`, uuid, ""},
		{"UUID", `x'a0eebc999c0b4ef8bb6d6bb9bd380a11'`, uuid, ""},
		{"UUID", `x'a0'`, nil, "expected a UUID of 16 bytes"},
		{"", `7`, int64(7), ""},
		{"", `'7'`, "7", ""},
		{"STRING", `'007'`, int64(7), ""}, // numeric affinity: SQLite itself made it a number
		{"", `x'01'`, record.Bytes("\x01"), ""},
	} {
		name := c.declared + " " + c.literal
		s := open(t, config(database(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, v "+c.declared+");\nINSERT INTO t VALUES (5, "+c.literal+")"), "t"))
		_, rows := read(t, s, connectors.Ask{Mode: connectors.ModeSnapshot})
		require.Len(t, rows, 1)
		require.Equal(t, []record.Value{int64(5), c.want}, rows[0].values, name)
		bad := ""
		if c.bad != "" {
			bad = "column v: " + c.bad
		}
		require.Equal(t, bad, rows[0].mark.Bad, name)
	}
}

func TestBadCellsAreRefusedNotOverwritten(t *testing.T) {
	t.Parallel()
	s := open(t, config(database(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT);\nINSERT INTO t VALUES (1, 'x')"), "t"))
	results, err := s.Apply(context.Background(), connectors.Writes{
		Columns: []string{"v"}, Compare: []string{"v"},
		Items: []connectors.Item{{Op: connectors.OpUpdate, Key: key(t, int64(1)), Set: []record.Value{int64(2)}, Seen: record.HashRow(nil)}},
	})
	require.NoError(t, err)
	require.Equal(t, connectors.Refused, results[0].Status)
}

func TestIntegerTimestampsCountInTheUnitGiven(t *testing.T) {
	t.Parallel()
	path := database(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME, day DATE);\nINSERT INTO t VALUES (1, 1767323045, 1767312000), (2, 1, 1)")
	c := config(path, "t")
	c.Options["timestamps"] = "unix"
	s := open(t, c)
	_, rows := read(t, s, connectors.Ask{Mode: connectors.ModeSnapshot})
	require.Equal(t, []record.Value{int64(1), record.Timestamp(1767323045_000_000), record.Date(20455)}, rows[0].values)
	require.Contains(t, rows[1].mark.Bad, "column day")
	results, err := s.Apply(context.Background(), connectors.Writes{Columns: []string{"at"}, Items: []connectors.Item{
		{Op: connectors.OpUpdate, Key: key(t, int64(1)), Set: []record.Value{record.Timestamp(5_000_000)}},
		{Op: connectors.OpUpdate, Key: key(t, int64(2)), Set: []record.Value{record.Timestamp(5_000_001)}},
	}})
	require.NoError(t, err)
	require.Equal(t, connectors.Done, results[0].Status)
	require.Equal(t, connectors.BadRecord, connectors.KindOf(results[1].Err))
	require.Equal(t, "5", scalar(t, path, `SELECT at FROM t WHERE id = 1`))
}

func TestFormatsOfDeclaredColumns(t *testing.T) {
	t.Parallel()
	path := database(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, day DATE, fee DECIMAL, ok BOOLEAN, at DATETIME, note TEXT);
INSERT INTO t VALUES (1, '29.02.2024', '1,5', 'ja', '29.02.2024 10:30', 'a;b')`)
	c := config(path, "t")
	c.Formats = map[string]string{"date": "DD.MM.YYYY", "timestamp": "DD.MM.YYYY HH:mm", "decimal": ",", "true": "ja", "false": "nein", "list": ";"}
	s := open(t, c)
	_, rows := read(t, s, connectors.Ask{Mode: connectors.ModeSnapshot})
	want := []record.Value{int64(1), record.Date(19782), record.Decimal("1.5"), true, record.Timestamp(1709202600_000_000), "a;b"}
	require.Equal(t, want, rows[0].values)
	_, err := s.Apply(context.Background(), connectors.Writes{
		Columns: []string{"day", "ok", "at", "note"},
		Items: []connectors.Item{{
			Op: connectors.OpUpdate, Key: key(t, int64(1)),
			Set: []record.Value{record.Date(0), false, record.Timestamp(0), "x;y"},
		}},
	})
	require.NoError(t, err)
	require.Equal(t, "01.01.1970|nein|01.01.1970 00:00|x;y", scalar(t, path, `SELECT day||'|'||ok||'|'||at||'|'||note FROM t`))
}

// New cells look like the ones that are there, so that they sort together.
func TestTheTablesOwnStyleIsKept(t *testing.T) {
	t.Parallel()
	path := database(t, `CREATE TABLE t (id UUID PRIMARY KEY, at DATETIME);
INSERT INTO t VALUES ('A0EEBC999C0B4EF8BB6D6BB9BD380A11', '2026-01-02T03:04:05Z')`)
	s := open(t, config(path, "t"))
	_, rows := read(t, s, connectors.Ask{Mode: connectors.ModeSnapshot})
	k := key(t, rows[0].values[0])
	results, err := s.Apply(context.Background(), connectors.Writes{Columns: []string{"id", "at"}, Items: []connectors.Item{
		{Op: connectors.OpUpdate, Key: k, Set: []record.Value{record.Missing, record.Timestamp(1_500_000)}},
		{Op: connectors.OpCreate, Set: []record.Value{record.UUID{0xab}, record.Timestamp(0)}},
	}})
	require.NoError(t, err)
	require.Equal(t, connectors.Done, results[0].Status)
	require.Equal(t, connectors.Done, results[1].Status)
	require.Equal(t, "1970-01-01T00:00:01.5Z", scalar(t, path, `SELECT at FROM t WHERE id = 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'`))
	require.Equal(t, "1970-01-01T00:00:00Z", scalar(t, path, `SELECT at FROM t WHERE id = 'AB000000000000000000000000000000'`))
	batch, err := s.Fetch(context.Background(), []string{"at"}, []record.Key{k, key(t, record.UUID{1})})
	require.NoError(t, err)
	require.Equal(t, record.Present, batch.Mark(0).Op)
	require.Equal(t, record.Absent, batch.Mark(1).Op)
}

// Keys that a table writes in several forms are all found.
func TestKeysInEveryForm(t *testing.T) {
	t.Parallel()
	path := database(t, `CREATE TABLE t (id UUID PRIMARY KEY, v);
INSERT INTO t VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1), ('{B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}', 2),
	(x'c0eebc999c0b4ef8bb6d6bb9bd380a11', 3)`)
	s := open(t, config(path, "t"))
	_, rows := read(t, s, connectors.Ask{Mode: connectors.ModeSnapshot})
	var keys []record.Key
	var items []connectors.Item
	for _, r := range rows {
		k := key(t, r.values[0])
		keys = append(keys, k)
		items = append(items, connectors.Item{Op: connectors.OpDelete, Key: k})
	}
	batch, err := s.Fetch(context.Background(), []string{"v"}, keys)
	require.NoError(t, err)
	require.Equal(t, [][]record.Value{{int64(1)}, {int64(2)}, {int64(3)}}, values(rowsOf(batch)))
	results, err := s.Apply(context.Background(), connectors.Writes{Items: items})
	require.NoError(t, err)
	for _, r := range results {
		require.Equal(t, connectors.Done, r.Status)
	}
	require.Equal(t, "0", scalar(t, path, `SELECT count(*) FROM t`))
}

// What SQLite would change on the way in is refused.
func TestWritesThatWouldNotComeBack(t *testing.T) {
	t.Parallel()
	s := open(t, config(database(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, s STRING, d DECIMAL, f REAL, j JSON, g GENERATED ALWAYS AS (id) STORED)`), "t"))
	for _, c := range []struct {
		column string
		value  record.Value
		done   bool
	}{
		{"s", "007", false},
		{"s", " 1e3 ", false},
		{"s", "7 up", true},
		{"d", record.Decimal("0.12345678901234567890"), false},
		{"d", record.Decimal("NaN"), false},
		{"d", record.Decimal("123456789.012345"), true},
		{"f", "nan", false},
		{"j", record.JSON("0.12345678901234567890"), false},
		{"j", record.JSON("5"), true},
		{"g", int64(1), false},
	} {
		results, err := s.Apply(context.Background(), connectors.Writes{
			Columns: []string{c.column}, Items: []connectors.Item{{Op: connectors.OpCreate, Set: []record.Value{c.value}}},
		})
		require.NoError(t, err)
		if !c.done {
			require.Equal(t, connectors.BadRecord, connectors.KindOf(results[0].Err), "%s %v", c.column, c.value)
			require.Contains(t, results[0].Err.Error(), "column "+c.column)
			continue
		}
		require.Equal(t, connectors.Done, results[0].Status, "%s %v: %v", c.column, c.value, results[0].Err)
		require.True(t, record.Equal(c.value, results[0].Stored[0]))
	}
}
