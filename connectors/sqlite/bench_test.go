package sqlite_test

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

const benchTable = `CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, first TEXT, last TEXT, city TEXT, age INTEGER,
	balance NUMERIC(12,2), score REAL, active BOOLEAN, updated_at TIMESTAMP)`

// filled makes a table of ten columns and about 110 bytes a row.
func filled(b testing.TB, rows int) string {
	b.Helper()
	return database(b, benchTable+`;
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<`+strconv.Itoa(rows)+`)
INSERT INTO t SELECT i, 'user'||i||'@example.com', 'First'||(i%1000), 'Lastname'||(i%5000), 'City number '||(i%300), i%90,
	(i%100000)/100.0, i*0.37, i%2, datetime(1700000000+i,'unixepoch') FROM c`)
}

func BenchmarkRead(b *testing.B) {
	const rows = 200_000
	s := open(b, config(filled(b, rows), "t"))
	for b.Loop() {
		n := 0
		w, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot, PartitionRows: 50_000})
		require.NoError(b, err)
		for _, p := range w.Partitions {
			require.NoError(b, s.Read(context.Background(), p, func(batch *record.Batch) error {
				n += batch.Rows()
				batch.Release()
				return nil
			}))
		}
		require.Equal(b, rows, n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

// Rows become columns without memory of their own: what is allocated is for
// batches.
//
//nolint:paralleltest // allocations of tests beside it would be counted
func TestAllocationsOfAReadRow(t *testing.T) {
	const rows = 50_000
	s := open(t, config(filled(t, rows), "t"))
	w, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot})
	require.NoError(t, err)
	perRow := testing.AllocsPerRun(1, func() {
		for _, p := range w.Partitions {
			require.NoError(t, s.Read(context.Background(), p, func(batch *record.Batch) error {
				batch.Release()
				return nil
			}))
		}
	}) / rows
	t.Logf("%.3f allocations a row", perRow)
	require.Less(t, perRow, 0.1)
}

func BenchmarkLoad(b *testing.B) {
	const rows = 200_000
	from := open(b, config(filled(b, rows), "t"))
	var batches []*record.Batch
	w, err := from.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot})
	require.NoError(b, err)
	for _, p := range w.Partitions {
		require.NoError(b, from.Read(context.Background(), p, func(batch *record.Batch) error {
			batches = append(batches, batch)
			return nil
		}))
	}
	for b.Loop() {
		b.StopTimer()
		path := filepath.Join(b.TempDir(), "to.db")
		createFile(b, path)
		execute(b, path, benchTable)
		to := open(b, config(path, "t"))
		b.StartTimer()
		next := 0
		loaded, err := to.Load(context.Background(), connectors.Fence{}, []string{"id"}, func() (*record.Batch, error) {
			if next++; next > len(batches) {
				return nil, nil //nolint:nilnil // the end
			}
			return batches[next-1], nil
		}, func(_ *record.Batch, _ int, err error) error { return err })
		require.NoError(b, err)
		require.EqualValues(b, rows, loaded.Created)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
