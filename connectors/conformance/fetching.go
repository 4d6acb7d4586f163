package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

func fetching() []check {
	return []check{
		{"fetch/present and absent", needsSource, fetches},
		{"fetch/thousands", needsSource, fetchesMany},
		{"find/rows by value", needsFinder, finds},
		{"find/NULL and spelling", needsFinder, findsExactly},
		{"where/means the same as here", func(f features) string { return unless(f.where, "it translates no filters") }, translates},
	}
}

func (s *suite) fetch(tb testing.TB, t Table, o connectors.Object, keys ...record.Key) map[record.Key]seen {
	tb.Helper()
	batch, err := source(tb, o).Fetch(tb.Context(), t.Schema.Names(), keys)
	require.NoError(tb, err)
	found := map[record.Key]seen{}
	for _, r := range s.rowsOf(tb, t, batch) {
		found[r.key] = r
	}
	require.Equal(tb, batch.Rows(), len(found), "each key comes back once") //nolint:testifylint // Len would print them all
	for _, key := range keys {
		if _, there := found[key]; !there {
			require.Fail(tb, "a key does not come back", "%s", key)
		}
	}
	require.LessOrEqual(tb, len(found), len(keys))
	return found
}

func fetches(tb testing.TB, s *suite) {
	table := s.people(10)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	gone, there := table.key(s.person(77, 0)), table.key(table.Rows[4])
	found := s.fetch(tb, table, o, gone, there, there)
	require.Len(tb, found, 2)
	require.Equal(tb, record.Absent, found[gone].mark.Op)
	require.Equal(tb, make([]record.Value, 4), found[gone].values[1:], "of what is absent only the key is known")
	require.Equal(tb, record.Present, found[there].mark.Op)
	s.requireRows(tb, table, table.Rows[4:5], [][]record.Value{found[there].values}, "fetched")
	if s.can.Token {
		require.NotEmpty(tb, found[there].mark.Token)
	}
	fixture.Delete(tb, table.keyValues(table.Rows[4]))
	require.Equal(tb, record.Absent, s.fetch(tb, table, o, there)[there].mark.Op)
	require.Empty(tb, s.fetch(tb, table, o), "no keys, no rows")
}

func fetchesMany(tb testing.TB, s *suite) {
	table := s.people(8_000)
	o := s.open(tb, s.New(tb, table))
	keys := make([]record.Key, 0, 4_000)
	for i := range 4_000 {
		keys = append(keys, table.key(s.person(6_001+i, 0)))
	}
	absent := 0
	for _, r := range s.fetch(tb, table, o, keys...) {
		if r.mark.Op == record.Absent {
			absent++
		}
	}
	require.Equal(tb, 2_000, absent)
}

func (s *suite) find(tb testing.TB, t Table, o connectors.Object, by []string, tuples ...[]record.Value) map[record.Key]seen {
	tb.Helper()
	finder, _ := connectors.As[connectors.Finder](o)
	batch, err := finder.Find(tb.Context(), t.Schema.Names(), by, tuples)
	require.NoError(tb, err)
	found := map[record.Key]seen{}
	for _, r := range s.rowsOf(tb, t, batch) {
		require.Equal(tb, record.Present, r.mark.Op)
		found[r.key] = r
	}
	require.Equal(tb, batch.Rows(), len(found), "each row once") //nolint:testifylint // Len would print them all
	return found
}

func finds(tb testing.TB, s *suite) {
	table := s.people(50)
	table.Rows = append(table.Rows, with(s.person(51, 51), colEmail, "person7@example.com"))
	o := s.open(tb, s.New(tb, table))
	found := s.find(tb, table, o, []string{"email"},
		[]record.Value{"person7@example.com"}, []record.Value{"person7@example.com"}, []record.Value{"nobody@example.com"})
	require.Len(tb, found, 2, "all rows with that value, once")
	found = s.find(tb, table, o, []string{"name", "email"}, []record.Value{"Person 51", "person7@example.com"}, []record.Value{"Person 8", "person9@example.com"})
	require.Len(tb, found, 1)
	require.Contains(tb, found, table.key(table.Rows[50]))
	tuples := make([][]record.Value, 3_000)
	for i := range tuples {
		tuples[i] = []record.Value{s.person(i+41, 0)[colEmail]}
	}
	require.Len(tb, s.find(tb, table, o, []string{"email"}, tuples...), 10, "thousands of values at once")
	require.Empty(tb, s.find(tb, table, o, []string{"email"}))
}

func findsExactly(tb testing.TB, s *suite) {
	table := s.people(4)
	table.Rows[0][colEmail] = nil
	table.Rows[1][colEmail] = "Straße"
	table.Rows[2][colEmail] = "strasse"
	table.Rows[3][colEmail] = "x "
	o := s.open(tb, s.New(tb, table))
	require.Empty(tb, s.find(tb, table, o, []string{"email"}, []record.Value{nil}), "NULL equals nothing")
	require.Len(tb, s.find(tb, table, o, []string{"email"}, []record.Value{"Straße"}), 1)
	require.Empty(tb, s.find(tb, table, o, []string{"email"}, []record.Value{"STRASSE"}))
	require.Empty(tb, s.find(tb, table, o, []string{"email"}, []record.Value{"x"}))
	require.Empty(tb, s.find(tb, table, o, []string{"email"}, []record.Value{"'; drop table people; --"}))
}

// A filter that the connector accepts means what it means here, for NULL too:
// an operator with a NULL operand gives NULL, but != tells NULL from a value.
func translates(tb testing.TB, s *suite) {
	table := s.people(6)
	table.Rows[1][colEmail] = nil
	table.Rows[2][colAmount] = nil
	table.Rows[3][colEmail] = "it's 100% \\ odd"
	o := s.open(tb, s.New(tb, table))
	translator, _ := connectors.As[connectors.Translator](o)
	email := func(op string, values ...record.Value) connectors.Comparison {
		return connectors.Comparison{Op: op, Column: "email", Values: values}
	}
	terms := func(op string, terms ...connectors.Comparison) connectors.Comparison {
		return connectors.Comparison{Op: op, Terms: terms}
	}
	for _, c := range []struct {
		filter connectors.Comparison
		want   []int
	}{
		{email("==", "person1@example.com"), []int{1}},
		{email("!=", "person1@example.com"), []int{2, 3, 4, 5, 6}},
		{email("==", nil), []int{2}},
		{email("!=", nil), []int{1, 3, 4, 5, 6}},
		{email("==", "it's 100% \\ odd"), []int{4}},
		{email("in", "person1@example.com", "person5@example.com", "x"), []int{1, 5}},
		{terms("and", email("!=", "person1@example.com"), email("!=", "person5@example.com")), []int{2, 3, 4, 6}},
		{terms("or", email("==", "person1@example.com"), email("==", nil)), []int{1, 2}},
		{terms("not", email("!=", "person1@example.com")), []int{1}},
		{connectors.Comparison{Op: ">", Column: "amount", Values: []record.Value{s.value(record.KindDecimal, record.Decimal("4.2"))}}, []int{4, 5, 6}},
		{connectors.Comparison{Op: "<=", Column: "amount", Values: []record.Value{s.value(record.KindDecimal, record.Decimal("2.25"))}}, []int{1, 2}},
	} {
		where, ok := translator.Translate(c.filter)
		if !ok {
			tb.Logf("not pushed down: %v", c.filter)
			continue
		}
		w := detect(tb, table, source(tb, o), connectors.Ask{Mode: connectors.ModeSnapshot, Full: true, Where: where})
		require.True(tb, w.Complete, "all that the filter lets through")
		var want, got [][]record.Value
		for _, id := range c.want {
			want = append(want, table.Rows[id-1])
		}
		for _, r := range s.readAll(tb, table, source(tb, o), w) {
			got = append(got, r.values)
		}
		s.requireRows(tb, table, want, got, "filter "+where)
	}
}
