package conformance

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// corpus is the values that a kind of column is tried with: every system must
// hold the common ones exactly; the extreme ones exactly or not at all. The
// long ones are common, but extreme for systems that are Narrow in the kind.
type corpus struct {
	name                  string
	kind                  record.Kind
	common, extreme, long []record.Value
}

// of gives the corpus as the subject has to hold it.
func (c corpus) of(s Subject) corpus {
	if slices.Contains(s.Narrow, c.kind) {
		c.extreme = slices.Concat(c.extreme, c.long)
	} else {
		c.common = slices.Concat(c.common, c.long)
	}
	return c
}

//nolint:gochecknoglobals // a constant table
var corpora = []corpus{
	{
		name: "texts", kind: record.KindString,
		common: []record.Value{
			nil, "", "a", " leading and trailing ", "trailing \t", "ß", "İstanbul ı", "e\u0301 and é", "日本語", "🧑‍🚀👩🏽‍🔬", "\u202eright to left",
			"line\nbreak", "carriage\r\nreturn", "\r", "tab\t", `quo"te`, "apos'trophe", `back\slash`, `\N`, `\.`, "NULL", "null", "a,b;c|d",
			"=1+1", "'; drop table people; --", "\u00a0", "\ufeffmark", "0", "007", "1.10", "true", "\u2028", strings.Repeat("long ", 20_000),
		},
		extreme: []record.Value{"a\x00b", "\x01\x1f\x7f", "bad \xff\xfe utf-8", "\ufffe"},
	},
	{
		name: "whole numbers", kind: record.KindInt,
		common: []record.Value{nil, int64(0), int64(1), int64(-1), int64(1<<53 + 1), int64(-(1<<53 + 1)), int64(math.MaxInt64), int64(math.MinInt64)},
	},
	{
		name: "decimals", kind: record.KindDecimal,
		common: []record.Value{
			nil, record.Decimal("0"), record.Decimal("0.1"), record.Decimal("-0.01"), record.Decimal("9007199254740993"),
			record.Decimal("1234567890.12"),
		},
		extreme: []record.Value{
			record.Decimal("NaN"), record.Decimal("Infinity"), record.Decimal("-Infinity"),
			record.Decimal(strings.Repeat("9", 1_000) + "." + strings.Repeat("1", 500)),
		},
		long: []record.Value{
			record.Decimal("12345678901234567890.123456789012345678"), record.Decimal("1" + strings.Repeat("0", 37)),
			record.Decimal("0.000000000000000000000000000000000001"), record.Decimal("9007199254740993.1"),
		},
	},
	{
		name: "floats", kind: record.KindFloat,
		common:  []record.Value{nil, 0.0, 0.1, -1.5, 1e308, 5e-324, math.MaxFloat64, 1.0 / 3},
		extreme: []record.Value{math.NaN(), math.Inf(1), math.Inf(-1)},
	},
	{name: "truths", kind: record.KindBool, common: []record.Value{nil, true, false}},
	{
		name: "instants", kind: record.KindTimestamp,
		common: []record.Value{
			nil, at("1970-01-01T00:00:00Z"), at("2026-02-28T15:04:05.000001Z"), at("2024-02-29T23:59:59.999999Z"),
			at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z"), // the same local time in Berlin, twice
			at("2026-03-29T01:30:00Z"), at("1969-12-31T23:59:59.999999Z"), at("0001-01-01T00:00:00Z"), at("9999-12-31T23:59:59.999999Z"),
			at("1893-03-31T23:00:00Z"),
		},
		extreme: []record.Value{at("-0044-03-15T12:00:00Z"), at("+12345-12-31T23:59:59Z"), record.TimestampInfinity, record.TimestampNegInfinity},
	},
	{
		name: "days", kind: record.KindDate,
		common:  []record.Value{nil, day("1970-01-01"), day("2024-02-29"), day("0001-01-01"), day("9999-12-31"), day("1582-10-10")},
		extreme: []record.Value{day("-0044-03-15"), day("+12345-12-31"), record.DateInfinity, record.DateNegInfinity},
	},
	{
		name: "times of day", kind: record.KindTime,
		common:  []record.Value{nil, record.TimeOfDay(0), record.TimeOfDay(1), record.TimeOfDay(86_399_999_999)},
		extreme: []record.Value{record.TimeOfDay(86_400_000_000)},
	},
	{name: "uuids", kind: record.KindUUID, common: []record.Value{nil, record.UUID{}, record.UUID{0: 0xff, 15: 0x01}}},
	{
		name: "bytes", kind: record.KindBytes,
		common: []record.Value{nil, record.Bytes(""), record.Bytes("a"), record.Bytes("\x00\xff\xfe\n"), record.Bytes(`\x41`), record.Bytes(strings.Repeat("\x00", 70_000))},
	},
	{
		name: "json", kind: record.KindJSON,
		common:  []record.Value{nil, json(`{}`), json(`[]`), json(`null`), json(`"text"`), json(`""`), json(`{"b":9007199254740993,"a":[1.10,true,null,"é\n"]}`)},
		extreme: []record.Value{json(`"\u0000"`), json(`1e400`)},
	},
	{
		name: "lists", kind: record.KindList,
		common: []record.Value{nil, record.List{}, record.List{"a"}, record.List{"a", nil, "", "NULL", `q"u,o{t}e\`, "b"}},
	},
}

func at(text string) record.Value {
	v, err := record.ParseTimestamp(text)
	if err != nil {
		panic(err)
	}
	return v
}

func day(text string) record.Value {
	v, err := record.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return v
}

func json(text string) record.Value {
	v, err := record.CanonicalJSON([]byte(text))
	if err != nil {
		panic(err)
	}
	return v
}

func values() []check {
	var list []check
	for _, c := range corpora {
		list = append(list,
			check{"values/" + c.name + " are read", needsSource, func(tb testing.TB, s *suite) { valuesRead(tb, s, c) }},
			check{"values/" + c.name + " are written", needsSink, func(tb testing.TB, s *suite) { valuesWritten(tb, s, c) }},
		)
	}
	return list
}

// valuesTable has a row for each value, with a label to tell them apart.
func (s *suite) valuesTable(c corpus, list []record.Value) Table {
	t := Table{
		Name: "corpus",
		Schema: record.NewSchema(
			record.Field{Name: "id", Type: s.kind(record.KindInt), ReadOnly: s.can.ServerKeys},
			s.column("label", record.KindString),
			s.column("v", c.kind),
		),
		Key: []string{"id"},
	}
	for i, v := range list {
		t.Rows = append(t.Rows, []record.Value{
			s.value(record.KindInt, int64(i+1)), fmt.Sprintf("value %d", i), s.value(c.kind, v),
		})
	}
	return t
}

func valuesRead(tb testing.TB, s *suite, c corpus) {
	c = c.of(s.Subject)
	table := s.valuesTable(c, c.common)
	src := source(tb, s.open(tb, s.New(tb, table)))
	s.requireRows(tb, table, table.Rows, s.list(tb, table, src), "listed")
	keys := make([]record.Key, len(table.Rows))
	for i, row := range table.Rows {
		keys[i] = table.key(row)
	}
	batch, err := src.Fetch(tb.Context(), table.Schema.Names(), keys)
	require.NoError(tb, err)
	var fetched [][]record.Value
	for _, r := range s.rowsOf(tb, table, batch) {
		fetched = append(fetched, r.values)
	}
	s.requireRows(tb, table, table.Rows, fetched, "fetched by key")
}

// valuesWritten writes each value into a row of its own. An extreme value may
// be refused, alone.
func valuesWritten(tb testing.TB, s *suite, c corpus) {
	c = c.of(s.Subject)
	all := append(append([]record.Value(nil), c.common...), c.extreme...)
	table := s.valuesTable(c, all)
	rows := table.Rows
	table.Rows = nil
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	writes := s.creations(table, rows...)
	results, err := sink(tb, o).Apply(tb.Context(), writes)
	require.NoError(tb, err)
	require.Len(tb, results, len(rows))
	var want [][]record.Value
	for i, r := range results {
		if i >= len(c.common) && r.Status == connectors.Failed {
			requireKind(tb, connectors.BadRecord, r.Err)
			continue
		}
		require.Equal(tb, connectors.Done, r.Status, "%s: %v", rows[i][1], r.Err)
		row := rows[i]
		if s.can.ServerKeys {
			row = with(row, 0, keyValue(tb, r.Key))
		}
		want = append(want, row)
		stored := s.plain(tb, table, s.whole(table, writes.Columns, row, r.Stored))
		require.Equal(tb, s.plain(tb, table, row)[1:2], stored[1:2])
		require.True(tb, record.Equal(s.plain(tb, table, row)[2], stored[2]), "%s: the result tells what is stored: %#v", rows[i][1], stored[2])
	}
	s.requireRows(tb, table, want, fixture.Rows(tb), "written")
	s.requireRows(tb, table, want, s.list(tb, table, source(tb, o)), "written and read back")
}

// whole puts the values of some columns into a copy of a row.
func (s *suite) whole(t Table, columns []string, row, values []record.Value) []record.Value {
	whole := append([]record.Value(nil), row...)
	for i, at := range t.place(columns...) {
		whole[at] = values[i]
	}
	return whole
}

// keyValue gives the value of a key of one column, as text.
func keyValue(tb testing.TB, key record.Key) record.Value {
	tb.Helper()
	parts, err := key.Parts()
	require.NoError(tb, err)
	require.Len(tb, parts, 1)
	return parts[0]
}
