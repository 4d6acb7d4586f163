package conformance

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

func living() []check {
	return []check{
		{"life/used by many at once", needsSink, manyAtOnce},
		{"life/leaves no goroutines", needsSource, leavesNothing},
		{"life/writing stops when cancelled", needsSink, writingCancelled},
	}
}

func manyAtOnce(tb testing.TB, s *suite) {
	table := s.people(40)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	src, to := source(tb, o), sink(tb, o)
	group, ctx := errgroup.WithContext(tb.Context())
	for i := range 8 {
		key := table.key(table.Rows[i])
		group.Go(func() error {
			for n := range 3 {
				if err := round(ctx, src, to, key, n); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(tb, group.Wait())
	truth := s.truth(tb, table, fixture)
	for i := range 8 {
		require.Equal(tb, "round 2", truth[table.key(table.Rows[i])][colName])
	}
}

// round writes, fetches and describes once.
func round(ctx context.Context, src connectors.Source, to connectors.Sink, key record.Key, n int) error {
	results, err := to.Apply(ctx, connectors.Writes{
		Columns: []string{"name"}, Compare: []string{"name"}, Fence: connectors.Fence{Sync: "conformance"},
		Items: []connectors.Item{{Op: connectors.OpUpdate, Key: key, Set: []record.Value{fmt.Sprint("round ", n)}}},
	})
	if err != nil {
		return err
	}
	if results[0].Status != connectors.Done {
		return fmt.Errorf("%s: %w", results[0].Status, results[0].Err)
	}
	if _, err := src.Fetch(ctx, []string{"id", "name"}, []record.Key{key}); err != nil {
		return err
	}
	_, err = src.Describe(ctx)
	return err
}

func leavesNothing(tb testing.TB, s *suite) {
	table := s.people(5_000)
	fixture := s.New(tb, table)
	fixture.Rows(tb) // the fixture's own goroutines are there now
	before := goleak.IgnoreCurrent()
	o := fixture.Open(tb)
	src := source(tb, o)
	w := s.full(tb, table, src, 1_000)
	ctx, cancel := context.WithCancel(tb.Context())
	for _, part := range w.Partitions {
		_ = src.Read(ctx, part, func(*record.Batch) error { cancel(); return nil }) // the goroutines are what counts
	}
	cancel()
	s.list(tb, table, src)
	if s.sink {
		s.apply(tb, table, o, s.update(table, table.key(table.Rows[0]), map[string]record.Value{"name": "x"}))
	}
	o.Close()
	o.Close()
	require.NoError(tb, goleak.Find(before))
}

// Cancelling gives an error; whatever it leaves, it leaves whole rows.
func writingCancelled(tb testing.TB, s *suite) {
	table := s.people(10)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	w := s.creations(table, s.person(50, 50))
	_, err := sink(tb, o).Apply(ctx, w)
	require.Error(tb, err)
	require.Equal(tb, connectors.Transient, connectors.KindOf(err), "%v", err)
	require.Len(tb, fixture.Rows(tb), 10)
	require.Equal(tb, connectors.Done, s.applyWrites(tb, o, w)[0].Status, "and it works afterwards")
}
