package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

func writing() []check {
	return []check{
		{"write/create, update, delete", needsSink, writesAll},
		{"write/the same batch twice", needsSink, writesTwice},
		{"write/missing values are left alone", needsSink, leavesMissing},
		{"write/NULL is written", needsSink, writesNull},
		{"write/the values that are there already", needsSink, writesSame},
		{"write/thousands, in order", needsSink, writesMany},
		{"write/rows with odd text keys", func(f features) string {
			return needsSink(f) + unless(!f.can.ServerKeys, "the system chooses keys")
		}, writesTextKeys},
		{"write/a row of eight megabytes", needsSink, writesLarge},
		{"write/column gone", needsSink, writesColumnGone},
		{"write/nothing", needsSink, writesNothing},
	}
}

func writesAll(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	one, two := table.key(table.Rows[0]), table.key(table.Rows[1])
	items := []connectors.Item{
		s.creations(table, s.person(9, 9)).Items[0],
		s.condition(tb, table, o, s.update(table, one, map[string]record.Value{"name": "Renamed"})),
		s.condition(tb, table, o, s.remove(table, two)),
	}
	results := s.apply(tb, table, o, items...)
	require.Equal(tb, []connectors.Status{connectors.Done, connectors.Done, connectors.Done}, statuses(results), "%v", results)
	require.Equal(tb, one, results[1].Key)
	truth := s.truth(tb, table, fixture)
	require.Len(tb, truth, 3)
	require.NotContains(tb, truth, two)
	require.Equal(tb, "Renamed", truth[one][colName])
	require.Equal(tb, s.plain(tb, table, table.Rows[0])[colEmail], truth[one][colEmail])
	require.Contains(tb, truth, results[0].Key, "the result of a creation has the new key")
	require.Equal(tb, "person9@example.com", truth[results[0].Key][colEmail])
	for _, r := range results[:2] {
		s.requireStored(tb, table, truth[r.Key], r)
	}
}

// requireStored compares what a result says with the truth.
func (s *suite) requireStored(tb testing.TB, t Table, truth []record.Value, r connectors.Result) {
	tb.Helper()
	stored := s.plain(tb, t, s.whole(t, s.columns(t), truth, r.Stored))
	require.True(tb, record.EqualRows(truth, stored), "stored: %v, the truth is %v", stored, truth)
	compared := s.plain(tb, t, r.Compared)
	require.True(tb, record.EqualRows(truth, compared), "compared: %v, the truth is %v", compared, truth)
}

func writesTwice(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	w := s.creations(table, s.person(9, 9))
	w.Unless = []string{"email"}
	w.Items = append(w.Items,
		s.condition(tb, table, o, s.update(table, table.key(table.Rows[0]), map[string]record.Value{"name": "Renamed"})),
		s.condition(tb, table, o, s.remove(table, table.key(table.Rows[1]))))
	first := s.applyWrites(tb, o, w)
	require.Equal(tb, []connectors.Status{connectors.Done, connectors.Done, connectors.Done}, statuses(first))
	truth := s.truth(tb, table, fixture)
	second := s.applyWrites(tb, o, w)
	require.Equal(tb, []connectors.Status{connectors.Refused, connectors.Gone}, statuses(second)[1:])
	if second[0].Status != connectors.Done || second[0].Key != first[0].Key { // the answer to an idempotency key
		require.Equal(tb, connectors.Exists, second[0].Status)
	}
	s.requireSame(tb, table, truth, s.truth(tb, table, fixture), "the second time changes nothing")
}

func leavesMissing(tb testing.TB, s *suite) {
	table := s.people(1)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	key := table.key(table.Rows[0])
	r := s.apply(tb, table, o, s.update(table, key, map[string]record.Value{"email": "new@example.com"}))[0]
	require.Equal(tb, connectors.Done, r.Status, "%v", r.Err)
	truth := s.truth(tb, table, fixture)[key]
	require.Equal(tb, "new@example.com", truth[colEmail])
	before := s.plain(tb, table, table.Rows[0])
	require.Equal(tb, before[colName], truth[colName])
	require.Equal(tb, before[colAmount], truth[colAmount])
	s.requireStored(tb, table, truth, r)
}

func writesNull(tb testing.TB, s *suite) {
	table := s.people(1)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	key := table.key(table.Rows[0])
	r := s.apply(tb, table, o, s.update(table, key, map[string]record.Value{"email": nil, "amount": nil}))[0]
	require.Equal(tb, connectors.Done, r.Status, "%v", r.Err)
	truth := s.truth(tb, table, fixture)[key]
	require.Nil(tb, truth[colEmail])
	require.Nil(tb, truth[colAmount])
	s.requireStored(tb, table, truth, r)
}

func writesMany(tb testing.TB, s *suite) {
	const n = 2_500
	table := s.people(n)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	w := s.creations(table)
	for i := range n {
		if i%2 == 0 {
			w.Items = append(w.Items, s.update(table, table.key(table.Rows[i]), map[string]record.Value{"name": fmt.Sprint("new ", i)}))
		} else {
			w.Items = append(w.Items, s.creations(table, s.person(n+i, i)).Items[0])
		}
	}
	results := s.applyWrites(tb, o, w)
	truth := s.truth(tb, table, fixture)
	require.Equal(tb, n+n/2, len(truth)) //nolint:testifylint // Len would print thousands of rows
	for i, r := range results {
		require.Equal(tb, connectors.Done, r.Status, "%v", r.Err)
		want := fmt.Sprint("new ", i)
		if i%2 == 1 {
			want = fmt.Sprint("Person ", n+i)
		}
		require.Equal(tb, want, truth[r.Key][colName], "result %d belongs to item %d", i, i)
	}
}

func writesColumnGone(tb testing.TB, s *suite) {
	table := s.people(1)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	_, err := sink(tb, o).Apply(tb.Context(), connectors.Writes{
		Columns: []string{"name", "no such column"},
		Items:   []connectors.Item{{Op: connectors.OpUpdate, Key: table.key(table.Rows[0]), Set: []record.Value{"x", "y"}}},
	})
	requireKind(tb, connectors.SchemaChanged, err)
	s.requireRows(tb, table, table.Rows, fixture.Rows(tb), "nothing was written")
}

func writesSame(tb testing.TB, s *suite) {
	table := s.people(1)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	key := table.key(table.Rows[0])
	item := s.condition(tb, table, o, s.update(table, key, map[string]record.Value{"name": table.Rows[0][colName]}))
	r := s.apply(tb, table, o, item)[0]
	require.Equal(tb, connectors.Done, r.Status, "%v", r.Err)
	s.requireStored(tb, table, s.truth(tb, table, fixture)[key], r)
}

func writesNothing(tb testing.TB, s *suite) {
	table := s.people(1)
	fixture := s.New(tb, table)
	require.Empty(tb, s.apply(tb, table, s.open(tb, fixture)))
	s.requireRows(tb, table, table.Rows, fixture.Rows(tb), "no items, no writes")
}

// textKeys are keys that only an exact comparison tells apart.
var textKeys = []string{ //nolint:gochecknoglobals // a constant table
	"a", "A", "a ", " a", "ä", "a\u0308", "ß", "ss", "I", "ı", "İ", "i", "0", "00", "1e0", "1", "a:b", "1:a", `quo"te`, "apos'trophe",
	`back\slash`, "per%cent", "under_score", "日本", "line\nbreak", "NULL", "null", "$1", "{x}",
}

// Rows are addressed by their keys' own bytes: no collation, no trimming, no
// number.
func writesTextKeys(tb testing.TB, s *suite) {
	table := Table{
		Name:   "words",
		Schema: record.NewSchema(record.Field{Name: "word", Type: s.kind(record.KindString)}, s.column("v", record.KindString)),
		Key:    []string{"word"},
	}
	for _, word := range textKeys {
		table.Rows = append(table.Rows, []record.Value{word, "of " + word})
	}
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	var rows [][]record.Value
	for _, r := range s.readAll(tb, table, source(tb, o), s.full(tb, table, source(tb, o), 3)) {
		rows = append(rows, r.values)
	}
	s.requireRows(tb, table, table.Rows, rows, "listed in small partitions")
	keys := make([]record.Key, len(table.Rows))
	items := make([]connectors.Item, len(table.Rows))
	want := make([][]record.Value, 0, len(table.Rows))
	for i, row := range table.Rows {
		keys[i] = table.key(row)
		if i%3 == 0 {
			items[i] = s.condition(tb, table, o, s.remove(table, keys[i]))
			continue
		}
		items[i] = s.condition(tb, table, o, s.update(table, keys[i], map[string]record.Value{"v": "new " + textKeys[i]}))
		want = append(want, with(row, 1, "new "+textKeys[i]))
	}
	for key, r := range s.fetch(tb, table, o, keys...) {
		require.Equal(tb, record.Present, r.mark.Op, "%s", key)
		require.Equal(tb, "of "+record.Text(r.values[0]), r.values[1])
	}
	for i, r := range s.apply(tb, table, o, items...) {
		require.Equal(tb, connectors.Done, r.Status, "%q: %v", textKeys[i], r.Err)
	}
	s.requireRows(tb, table, want, fixture.Rows(tb), "written by key")
}

func writesLarge(tb testing.TB, s *suite) {
	table := s.people(2)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	large := strings.Repeat("0123456789abcdé\n", 500_000)
	key := table.key(table.Rows[0])
	r := s.apply(tb, table, o, s.update(table, key, map[string]record.Value{"email": large}))[0]
	require.Equal(tb, connectors.Done, r.Status, "%v", r.Err)
	want := [][]record.Value{with(s.truth(tb, table, fixture)[key], colEmail, large), table.Rows[1]}
	s.requireRows(tb, table, want, fixture.Rows(tb), "written")
	s.requireRows(tb, table, want, s.list(tb, table, source(tb, o)), "read back")
}
