package conformance

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// seen is a row as a read reported it, brought to the table's types.
type seen struct {
	key    record.Key
	values []record.Value
	mark   record.Mark
}

// rowsOf takes a batch of the table's columns apart.
func (s *suite) rowsOf(tb testing.TB, t Table, batch *record.Batch) []seen {
	tb.Helper()
	require.Equal(tb, t.Schema.Names(), batch.Schema.Names(), "the columns asked for, in the order asked")
	rows := make([]seen, batch.Rows())
	for i := range rows {
		mark := batch.Mark(i)
		if mark.Bad != "" {
			require.Fail(tb, "a row could not be decoded", "%s", mark.Bad)
		}
		values := s.plain(tb, t, batch.Row(i, nil))
		rows[i] = seen{key: t.key(values), values: values, mark: mark}
		if rows[i].key == "" {
			require.Fail(tb, "a row without its key")
		}
	}
	return rows
}

// detect asks for the table's columns.
func detect(tb testing.TB, t Table, src connectors.Source, ask connectors.Ask) connectors.Window {
	tb.Helper()
	ask.Columns = t.Schema.Names()
	w, err := src.Detect(tb.Context(), ask)
	require.NoError(tb, err)
	require.Equal(tb, ask.Mode, w.Mode, "never silently another mode")
	for _, p := range w.Partitions {
		require.NotEmpty(tb, p.ID)
		require.Less(tb, len(p.Spec), 8<<10, "a partition travels through histories: it is small")
	}
	return w
}

// readPart reads one partition.
func (s *suite) readPart(tb testing.TB, t Table, src connectors.Source, part connectors.Partition) []seen {
	tb.Helper()
	var rows []seen
	err := src.Read(tb.Context(), part, func(b *record.Batch) error {
		require.Positive(tb, b.Rows(), "no empty batches")
		require.LessOrEqual(tb, b.Rows(), record.BatchRows, "batches of a bounded size")
		rows = append(rows, s.rowsOf(tb, t, b)...)
		b.Release()
		return nil
	})
	require.NoError(tb, err)
	return rows
}

// readAll reads all partitions of a window, the last one first.
func (s *suite) readAll(tb testing.TB, t Table, src connectors.Source, w connectors.Window) []seen {
	tb.Helper()
	var rows []seen
	for _, part := range slices.Backward(w.Partitions) {
		rows = append(rows, s.readPart(tb, t, src, part)...)
	}
	return rows
}

// list reads everything there is and gives the rows.
func (s *suite) list(tb testing.TB, t Table, src connectors.Source) [][]record.Value {
	tb.Helper()
	w := detect(tb, t, src, connectors.Ask{Mode: connectors.ModeSnapshot, Full: true})
	require.True(tb, w.Complete, "a full read is complete")
	var rows [][]record.Value
	for _, r := range s.readAll(tb, t, src, w) {
		if r.mark.Op != record.Present {
			require.Fail(tb, "a listing of what is not there", "%s", r.key)
		}
		rows = append(rows, r.values)
	}
	return rows
}

// follower keeps a copy of an object by following its changes, as a run does.
type follower struct {
	*suite
	table  Table
	source connectors.Source
	mode   connectors.Mode
	since  record.Position
	rows   map[record.Key][]record.Value
	orders map[record.Key]string
}

func (s *suite) follow(tb testing.TB, t Table, o connectors.Object, mode connectors.Mode) *follower {
	tb.Helper()
	return &follower{
		suite: s, table: t, source: source(tb, o), mode: mode,
		rows: map[record.Key][]record.Value{}, orders: map[record.Key]string{},
	}
}

// pass detects and reads one window. between runs when the window is known
// and not yet read, and again when one partition was read; what it changes
// must not be lost.
func (f *follower) pass(tb testing.TB, full bool, between func()) connectors.Window {
	tb.Helper()
	w := detect(tb, f.table, f.source, connectors.Ask{Mode: f.mode, Since: f.since, Full: full, PartitionRows: 7})
	require.False(tb, w.To.Zero(), "a window has a position to go on from")
	require.NotEmpty(tb, w.To.Source, "a position carries the identity of what was read")
	require.Less(tb, len(w.To.Value), 8<<10, "a position travels through histories: it is small")
	listed := map[record.Key]bool{}
	for i, part := range w.Partitions {
		if between != nil && i < 2 {
			between()
		}
		for _, r := range f.readPart(tb, f.table, f.source, part) {
			listed[r.key] = true
			f.take(r)
		}
	}
	if between != nil && len(w.Partitions) == 0 {
		between()
	}
	if full {
		require.True(tb, w.Complete, "a full read is complete")
		for key := range f.rows {
			if !listed[key] {
				delete(f.rows, key)
			}
		}
	}
	f.since = w.To
	return w
}

// take folds one reported row into the copy; what is older than what is known
// is dropped, where rows have an order.
func (f *follower) take(r seen) {
	if old := f.orders[r.key]; old != "" && r.mark.Order != "" && r.mark.Order < old {
		return
	}
	f.orders[r.key] = r.mark.Order
	if r.mark.Op == record.Deleted {
		delete(f.rows, r.key)
		return
	}
	f.rows[r.key] = r.values
}

// requireTruth compares the copy with what is really there.
func (f *follower) requireTruth(tb testing.TB, fixture Fixture, what string) {
	tb.Helper()
	f.requireSame(tb, f.table, f.byKey(tb, f.table, fixture.Rows(tb)), f.rows, what)
}

// requireKind fails unless the error is of the kind.
func requireKind(tb testing.TB, kind connectors.Kind, err error) {
	tb.Helper()
	require.Error(tb, err)
	var known *connectors.Error
	require.ErrorAs(tb, err, &known, "the connector gives the kind")
	require.Equal(tb, kind, connectors.KindOf(err), "%v", err)
}
