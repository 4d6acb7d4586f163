package conformance

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

func reading() []check {
	return []check{
		{"read/every row once", needsSource, everyRowOnce},
		{"read/a partition twice", needsSource, partitionTwice},
		{"read/partitions at once", needsSource, partitionsAtOnce},
		{"read/rows come and go between pages", needsSource, pagesHold},
		{"read/columns in the order asked", needsSource, columnsAsked},
		{"read/column gone", needsSource, columnGone},
		{"read/empty table", needsSource, emptyTable},
		{"read/wide table", needsSource, wideTable},
		{"read/odd names", func(f features) string { return unless(f.source && f.names, "columns cannot have any name") }, oddNames},
		{"read/composite key", needsSource, compositeKey},
		{"read/emit fails", needsSource, emitFails},
		{"read/cancelled", needsSource, cancelled},
		{"read/listing shows what is gone", needsSource, listingShowsGone},
	}
}

// many is how many rows the large table has.
const many = 100_000

func (s *suite) full(tb testing.TB, t Table, src connectors.Source, partitionRows int64) connectors.Window {
	tb.Helper()
	return detect(tb, t, src, connectors.Ask{Mode: connectors.ModeSnapshot, Full: true, PartitionRows: partitionRows})
}

func everyRowOnce(tb testing.TB, s *suite) {
	table := s.people(many)
	src := source(tb, s.open(tb, s.New(tb, table)))
	w := s.full(tb, table, src, 9_999)
	require.True(tb, w.Complete)
	count := map[record.Key]int{}
	for _, r := range s.readAll(tb, table, src, w) {
		count[r.key]++
	}
	require.Equal(tb, many, len(count), "rows lost") //nolint:testifylint // Len would print them all
	for key, n := range count {
		if n != 1 {
			require.Fail(tb, "a row comes several times", "%s: %d", key, n)
		}
	}
}

// A step that runs twice must find the same, in an order to resume by.
func partitionTwice(tb testing.TB, s *suite) {
	table := s.people(500)
	fixture := s.New(tb, table)
	src := source(tb, s.open(tb, fixture))
	w := s.full(tb, table, src, 100)
	elsewhere := source(tb, s.open(tb, fixture)) // any process may read a partition
	for _, part := range w.Partitions {
		first := s.readPart(tb, table, src, part)
		require.Equal(tb, first, s.readPart(tb, table, elsewhere, part))
	}
}

func partitionsAtOnce(tb testing.TB, s *suite) {
	table := s.people(2_000)
	src := source(tb, s.open(tb, s.New(tb, table)))
	w := s.full(tb, table, src, 250)
	results := make([][]record.Value, 0, len(table.Rows))
	batches := make(chan *record.Batch, 1_000)
	group, ctx := errgroup.WithContext(tb.Context())
	for _, part := range w.Partitions {
		group.Go(func() error {
			return src.Read(ctx, part, func(b *record.Batch) error {
				select {
				case batches <- b:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		})
	}
	done := make(chan error, 1)
	go func() { done <- group.Wait(); close(batches) }()
	for b := range batches {
		for _, r := range s.rowsOf(tb, table, b) {
			results = append(results, r.values)
		}
	}
	require.NoError(tb, <-done)
	s.requireRows(tb, table, table.Rows, results, "partitions read at once")
}

// Rows that come or go while the pages are read do not shift the others: what
// nobody touched is listed exactly once.
func pagesHold(tb testing.TB, s *suite) {
	table := s.people(60)
	fixture := s.New(tb, table)
	src := source(tb, s.open(tb, fixture))
	w := s.full(tb, table, src, 7)
	count := map[record.Key]int{}
	touched := map[record.Key]bool{}
	for i, part := range w.Partitions {
		rows := s.readPart(tb, table, src, part)
		for _, r := range rows {
			count[r.key]++
		}
		if i < 2 && len(rows) > 1 {
			fixture.Delete(tb, table.keyValues(rows[0].values), table.keyValues(rows[1].values))
			touched[rows[0].key], touched[rows[1].key] = true, true
		} else {
			fixture.Put(tb, s.person(-i, 100))
		}
	}
	for _, row := range table.Rows {
		if key := table.key(row); !touched[key] {
			require.Equal(tb, 1, count[key], "row %s", key)
		}
	}
}

func columnsAsked(tb testing.TB, s *suite) {
	table := s.people(5)
	src := source(tb, s.open(tb, s.New(tb, table)))
	asked := []string{"amount", "id", "email"}
	w, err := src.Detect(tb.Context(), connectors.Ask{Mode: connectors.ModeSnapshot, Columns: asked, Full: true})
	require.NoError(tb, err)
	rows := 0
	for _, part := range w.Partitions {
		require.NoError(tb, src.Read(tb.Context(), part, func(b *record.Batch) error {
			require.Equal(tb, asked, b.Schema.Names())
			rows += b.Rows()
			return nil
		}))
	}
	require.Equal(tb, 5, rows)
	w, err = src.Detect(tb.Context(), connectors.Ask{Mode: connectors.ModeSnapshot, Full: true})
	require.NoError(tb, err)
	for _, part := range w.Partitions {
		require.NoError(tb, src.Read(tb.Context(), part, func(b *record.Batch) error {
			require.Equal(tb, table.Schema.Names(), b.Schema.Names(), "no columns asked for are all columns")
			return nil
		}))
	}
}

// A mapped column that is gone stops the system with a clear state.
func columnGone(tb testing.TB, s *suite) {
	src := source(tb, s.open(tb, s.New(tb, s.people(3))))
	w, err := src.Detect(tb.Context(), connectors.Ask{
		Mode: connectors.ModeSnapshot, Full: true, Columns: []string{"id", "no such column"},
	})
	for _, part := range w.Partitions {
		if err == nil {
			err = src.Read(tb.Context(), part, func(*record.Batch) error { return nil })
		}
	}
	requireKind(tb, connectors.SchemaChanged, err)
}

func emptyTable(tb testing.TB, s *suite) {
	table := s.people(0)
	src := source(tb, s.open(tb, s.New(tb, table)))
	w := s.full(tb, table, src, 10)
	require.True(tb, w.Complete, "an empty table is completely listed")
	require.Empty(tb, s.readAll(tb, table, src, w))
}

func wideTable(tb testing.TB, s *suite) {
	fields := []record.Field{{Name: "id", Type: s.kind(record.KindInt), ReadOnly: s.can.ServerKeys}}
	row := []record.Value{s.value(record.KindInt, int64(1))}
	for i := range 300 {
		fields = append(fields, s.column(fmt.Sprintf("column_%d", i), record.KindString))
		row = append(row, fmt.Sprintf("value %d", i))
	}
	table := Table{Name: "wide", Schema: record.NewSchema(fields...), Key: []string{"id"}, Rows: [][]record.Value{row}}
	src := source(tb, s.open(tb, s.New(tb, table)))
	s.requireRows(tb, table, table.Rows, s.list(tb, table, src), "a row of 300 columns")
}

func compositeKey(tb testing.TB, s *suite) {
	table := Table{
		Name: "composite",
		Schema: record.NewSchema(
			record.Field{Name: "a", Type: s.kind(record.KindString), ReadOnly: s.can.ServerKeys},
			s.column("v", record.KindString),
			record.Field{Name: "b", Type: s.kind(record.KindInt), ReadOnly: s.can.ServerKeys},
		),
		Key: []string{"b", "a"},
	}
	for i, a := range []string{"x", "x:1", "1:x", "x", "ä"} {
		table.Rows = append(table.Rows, []record.Value{a, fmt.Sprint("value ", i), s.value(record.KindInt, int64(i))})
	}
	src := source(tb, s.open(tb, s.New(tb, table)))
	w := s.full(tb, table, src, 2)
	var rows [][]record.Value
	for _, r := range s.readAll(tb, table, src, w) {
		rows = append(rows, r.values)
	}
	s.requireRows(tb, table, table.Rows, rows, "a composite key")
	absent, _ := record.NewKey("0", "y")
	batch, err := src.Fetch(tb.Context(), table.Schema.Names(), []record.Key{table.key(table.Rows[3]), absent})
	require.NoError(tb, err)
	for _, r := range s.rowsOf(tb, table, batch) {
		require.Equal(tb, r.key == absent, r.mark.Op == record.Absent)
	}
}

func emitFails(tb testing.TB, s *suite) {
	table := s.people(100)
	src := source(tb, s.open(tb, s.New(tb, table)))
	w := s.full(tb, table, src, 1_000)
	full := errors.New("the stage is full")
	require.NotEmpty(tb, w.Partitions)
	require.ErrorIs(tb, src.Read(tb.Context(), w.Partitions[0], func(*record.Batch) error { return full }), full)
	require.Len(tb, s.readPart(tb, table, src, w.Partitions[0]), len(s.readPart(tb, table, src, w.Partitions[0])), "and it can be read afterwards")
}

// The end of Read without an error is the promise that all was read.
func cancelled(tb testing.TB, s *suite) {
	table := s.people(20_000)
	src := source(tb, s.open(tb, s.New(tb, table)))
	w := s.full(tb, table, src, 1_000_000)
	for _, part := range w.Partitions {
		whole := len(s.readPart(tb, table, src, part))
		ctx, cancel := context.WithCancel(tb.Context())
		rows := 0
		err := src.Read(ctx, part, func(b *record.Batch) error {
			rows += b.Rows()
			cancel()
			return nil
		})
		cancel()
		if err == nil {
			require.Equal(tb, whole, rows, "a cancelled read that says it is complete")
			continue
		}
		require.Equal(tb, connectors.Transient, connectors.KindOf(err), "%v", err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	_, err := src.Detect(ctx, connectors.Ask{Mode: connectors.ModeSnapshot, Full: true})
	if err != nil {
		require.Equal(tb, connectors.Transient, connectors.KindOf(err), "%v", err)
	}
}

// Deletes that no mode reports are found by a full listing.
func listingShowsGone(tb testing.TB, s *suite) {
	table := s.people(20)
	fixture := s.New(tb, table)
	src := source(tb, s.open(tb, fixture))
	s.requireRows(tb, table, table.Rows, s.list(tb, table, src), "first listing")
	fixture.Delete(tb, table.keyValues(table.Rows[3]), table.keyValues(table.Rows[19]))
	fixture.Put(tb, s.person(100, 100))
	s.requireRows(tb, table, fixture.Rows(tb), s.list(tb, table, src), "second listing")
	require.Len(tb, fixture.Rows(tb), 19)
}
