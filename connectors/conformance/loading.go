package conformance

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

func loading() []check {
	return []check{
		{"load/creates, updates, deletes", needsLoader, loads},
		{"load/the same batches twice", needsLoader, loadsTwice},
		{"load/some of the columns", needsLoader, loadsSome},
		{"load/a bad row fails alone", needsLoader, loadsBadRow},
		{"load/fenced", needsLoader, loadsFenced},
		{"load/ends early", needsLoader, loadsPartly},
		{"load/thousands", needsLoader, loadsMany},
		{"load/a key more than once", needsLoader, loadsAgain},
	}
}

// batches makes batches of the table's columns, with that many rows each.
func (s *suite) batches(tb testing.TB, t Table, size int, rows [][]record.Value, deleted ...[]record.Value) func() (*record.Batch, error) {
	tb.Helper()
	b := record.NewBuilder(t.Schema)
	var list []*record.Batch
	add := func(row []record.Value, op record.Op) {
		require.NoError(tb, b.Append(row, record.Mark{Op: op}))
		if b.Rows() == size {
			list = append(list, b.Flush())
		}
	}
	for _, row := range rows {
		add(row, record.Present)
	}
	for _, row := range deleted {
		only := make([]record.Value, len(row))
		for _, at := range t.place(t.Key...) {
			only[at] = row[at]
		}
		add(only, record.Deleted)
	}
	list = append(list, b.Flush())
	return func() (*record.Batch, error) {
		if len(list) == 0 {
			return nil, nil //nolint:nilnil // the end, as Loader says
		}
		next := list[0]
		list = list[1:]
		return next, nil
	}
}

func (s *suite) load(tb testing.TB, t Table, o connectors.Object, next func() (*record.Batch, error)) (connectors.Loaded, []int) {
	tb.Helper()
	var rejected []int
	loader, _ := connectors.As[connectors.Loader](o)
	loaded, err := loader.Load(tb.Context(), connectors.Fence{Sync: "conformance", Epoch: 1}, t.Key, next,
		func(_ *record.Batch, row int, err error) error {
			requireKind(tb, connectors.BadRecord, err)
			rejected = append(rejected, row)
			return nil
		})
	require.NoError(tb, err)
	return loaded, rejected
}

func loads(tb testing.TB, s *suite) {
	table := s.people(5)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	changed := with(s.person(1, 50), colName, "Changed")
	loaded, rejected := s.load(tb, table, o, s.batches(tb, table, 2,
		[][]record.Value{changed, table.Rows[1], s.person(9, 9)}, table.Rows[2], s.person(77, 0)))
	require.Empty(tb, rejected)
	require.Equal(tb, connectors.Loaded{Created: 1, Updated: 1, Deleted: 1, Unchanged: 2}, loaded, "what is to be deleted and is not there is as it should be")
	want := [][]record.Value{changed, table.Rows[1], table.Rows[3], table.Rows[4], s.person(9, 9)}
	s.requireRows(tb, table, want, fixture.Rows(tb), "loaded")
}

func loadsTwice(tb testing.TB, s *suite) {
	table := s.people(0)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	rows := s.people(100).Rows
	loaded, _ := s.load(tb, table, o, s.batches(tb, table, 30, rows))
	require.Equal(tb, connectors.Loaded{Created: 100}, loaded)
	loaded, _ = s.load(tb, table, o, s.batches(tb, table, 30, rows))
	require.Equal(tb, connectors.Loaded{Unchanged: 100}, loaded)
	s.requireRows(tb, table, rows, fixture.Rows(tb), "loaded twice")
}

// Columns that are not loaded keep what they hold.
func loadsSome(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	some := Table{Name: table.Name, Schema: table.Schema.Select([]string{"name", "id"}), Key: table.Key}
	loaded, rejected := s.load(tb, some, o, s.batches(tb, some, 2, [][]record.Value{
		{"Changed", table.Rows[0][colID]}, {table.Rows[1][colName], table.Rows[1][colID]}, {"New", s.person(9, 9)[colID]},
	}))
	require.Empty(tb, rejected)
	require.Equal(tb, connectors.Loaded{Created: 1, Updated: 1, Unchanged: 1}, loaded)
	truth := s.truth(tb, table, fixture)
	want := s.byKey(tb, table, [][]record.Value{with(table.Rows[0], colName, "Changed"), table.Rows[1], table.Rows[2]})
	created := truth[table.key(s.person(9, 9))]
	require.Equal(tb, []record.Value{nil, "New", nil}, created[colEmail:colAmount+1])
	for key, row := range want {
		require.Equal(tb, row[:colChanged], truth[key][:colChanged], "row %s", key)
	}
}

func loadsBadRow(tb testing.TB, s *suite) {
	table := s.people(1)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	d, err := o.Describe(tb.Context())
	require.NoError(tb, err)
	bad := with(s.person(3, 3), colID, nil)
	if f, _ := d.Schema.Field("name"); !f.Nullable {
		bad = with(s.person(3, 3), colName, nil)
	}
	loaded, rejected := s.load(tb, table, o, s.batches(tb, table, 10, [][]record.Value{s.person(2, 2), bad, s.person(4, 4)}))
	require.Equal(tb, []int{1}, rejected)
	require.Equal(tb, connectors.Loaded{Created: 2}, loaded)
	s.requireRows(tb, table, [][]record.Value{table.Rows[0], s.person(2, 2), s.person(4, 4)}, fixture.Rows(tb), "the rest is loaded")
}

func loadsFenced(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	loader, _ := connectors.As[connectors.Loader](s.open(tb, fixture))
	_, err := loader.Load(tb.Context(), fenced(tb), table.Key,
		s.batches(tb, table, 10, [][]record.Value{with(table.Rows[0], colName, "Ours"), s.person(9, 9)}, table.Rows[1]),
		func(*record.Batch, int, error) error { return nil })
	requireKind(tb, connectors.Fenced, err)
	s.requireRows(tb, table, table.Rows, fixture.Rows(tb), "a zombie loads nothing")
}

func loadsPartly(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	loader, _ := connectors.As[connectors.Loader](o)
	broken := errors.New("the stage object is damaged")
	batches, given := s.batches(tb, table, 1, [][]record.Value{s.person(8, 8), s.person(9, 9)}), 0
	next := func() (*record.Batch, error) {
		if given++; given == 2 {
			return nil, broken
		}
		return batches()
	}
	_, err := loader.Load(tb.Context(), connectors.Fence{Sync: "conformance"}, table.Key, next,
		func(*record.Batch, int, error) error { return nil })
	require.ErrorIs(tb, err, broken)
	s.requireRows(tb, table, table.Rows, fixture.Rows(tb), "it commits once or not at all")
	loaded, _ := s.load(tb, table, o, s.batches(tb, table, 1, nil))
	require.Zero(tb, loaded, "nothing to load is no error")
}

func loadsMany(tb testing.TB, s *suite) {
	table := s.people(0)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	rows := s.people(20_000).Rows
	loaded, _ := s.load(tb, table, o, s.batches(tb, table, 6_000, rows))
	require.EqualValues(tb, 20_000, loaded.Created)
	s.requireRows(tb, table, rows, fixture.Rows(tb), "loaded")
}

// Of rows of one key the last one stays, and each of them is counted.
func loadsAgain(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	last := [][]record.Value{with(table.Rows[0], colName, "Third"), with(s.person(9, 9), colName, "Second")}
	rows := [][]record.Value{
		with(table.Rows[0], colName, "First"), with(s.person(9, 9), colName, "First"), table.Rows[1],
		with(table.Rows[0], colName, "Second"), last[0], last[1], s.person(20, 20), s.person(21, 21),
	}
	loaded, rejected := s.load(tb, table, o, s.batches(tb, table, 3, rows, s.person(20, 20), s.person(20, 20), table.Rows[2]))
	require.Empty(tb, rejected)
	require.EqualValues(tb, len(rows)+3, loaded.Created+loaded.Updated+loaded.Deleted+loaded.Unchanged, "%+v", loaded)
	s.requireRows(tb, table, [][]record.Value{last[0], table.Rows[1], last[1], s.person(21, 21)}, fixture.Rows(tb), "loaded")
}
