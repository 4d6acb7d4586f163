package csv_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/csv"
	"github.com/syncline-dev/syncline/internal/record"
)

const benchRows = 200_000

func filled(b testing.TB) string {
	b.Helper()
	var text strings.Builder
	text.WriteString("id,email,first,last,city,age,balance,score,active,updated_at\n")
	for i := range benchRows {
		fmt.Fprintf(&text, "%d,user%d@example.com,First%d,Lastname%d,\"City number %d\",%d,%d.%02d,%g,%d,2026-01-01 10:%02d:%02d\n",
			i, i, i%1000, i%5000, i%300, i%90, i%100000, i%100, float64(i)*0.37, i%2, i/60%60, i%60)
	}
	return write(b, text.String())
}

func all(b testing.TB, s connectors.Source) []*record.Batch {
	b.Helper()
	w, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot, PartitionRows: 50_000})
	require.NoError(b, err)
	var batches []*record.Batch
	for _, p := range w.Partitions {
		require.NoError(b, s.Read(context.Background(), p, func(batch *record.Batch) error {
			batches = append(batches, batch)
			return nil
		}))
	}
	return batches
}

func BenchmarkRead(b *testing.B) {
	s := open(b, config(filled(b), "id"))
	for b.Loop() {
		n := 0
		for _, batch := range all(b, s) {
			n += batch.Rows()
			batch.Release()
		}
		require.Equal(b, benchRows, n)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

// Rows become columns without memory of their own: what is allocated is for
// batches.
//
//nolint:paralleltest // allocations of tests beside it would be counted
func TestAllocationsOfAReadRow(t *testing.T) {
	s := open(t, config(filled(t), "id"))
	perRow := testing.AllocsPerRun(1, func() {
		for _, batch := range all(t, s) {
			batch.Release()
		}
	}) / benchRows
	t.Logf("%.3f allocations a row", perRow)
	require.Less(t, perRow, 0.1)
}

func BenchmarkLoad(b *testing.B) {
	path := filled(b)
	batches := all(b, open(b, config(path, "id")))
	header, _, _ := strings.Cut(string(must(os.ReadFile(path))), "\n") //nolint:gosec // a file of this test
	for b.Loop() {
		to := filepath.Join(b.TempDir(), "to.csv")
		require.NoError(b, os.WriteFile(to, []byte(header+"\n"), 0o600)) //nolint:gosec // a file of this test
		next := 0
		loaded, err := must(csv.Connector{}.Open(context.Background(), config(to, "id"))).(connectors.Loader).Load(
			context.Background(), connectors.Fence{}, []string{"id"}, func() (*record.Batch, error) {
				if next++; next > len(batches) {
					return nil, nil //nolint:nilnil // the end
				}
				return batches[next-1], nil
			}, func(_ *record.Batch, _ int, err error) error { return err })
		require.NoError(b, err)
		require.EqualValues(b, benchRows, loaded.Created)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
