package sqlite_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

const groupTable = `CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT UNIQUE, n INTEGER CHECK (n <> 3));
	WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c WHERE i < 90) INSERT INTO t SELECT i, 'mail' || i, i % 2 FROM c WHERE i % 3 = 0`

// outcome is what a load says of itself and leaves behind.
type outcome struct {
	loaded  connectors.Loaded
	rejects []string
	rows    map[int64]string
}

func loadGroups(t testing.TB, extra string, batches []*record.Batch) outcome {
	to := open(t, config(database(t, groupTable+extra), "t"))
	out := outcome{rows: map[int64]string{}}
	next := 0
	var err error
	out.loaded, err = to.Load(context.Background(), connectors.Fence{}, []string{"id"}, func() (*record.Batch, error) {
		if next++; next > len(batches) {
			return nil, nil //nolint:nilnil // the end
		}
		return batches[next-1], nil
	}, func(_ *record.Batch, row int, err error) error {
		out.rejects = append(out.rejects, fmt.Sprint(next, " ", row, " ", err))
		return nil
	})
	require.NoError(t, err)
	w, err := to.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot})
	require.NoError(t, err)
	for _, p := range w.Partitions {
		require.NoError(t, to.Read(context.Background(), p, func(b *record.Batch) error {
			for row := range b.Rows() {
				out.rows[b.Value(row, 0).(int64)] = fmt.Sprint(b.Value(row, 1), b.Value(row, 2))
			}
			return nil
		}))
	}
	return out
}

// Many rows with one statement leave what rows one by one leave, and count and
// reject the same: new rows, changed ones, those that are the same already,
// keys that come twice, deletes in between, and rows that a constraint refuses.
func TestRowsInGroupsAreRowsOneByOne(t *testing.T) {
	t.Parallel()
	schema := record.NewSchema(
		record.Field{Name: "id", Type: record.Type{Kind: record.KindInt}},
		record.Field{Name: "email", Type: record.Type{Kind: record.KindString}},
		record.Field{Name: "n", Type: record.Type{Kind: record.KindInt}},
	)
	// A trigger that a load does not know makes it write row by row.
	const alone = ";\nCREATE TRIGGER theirs AFTER INSERT ON t BEGIN SELECT 1; END"
	rapid.Check(t, func(r *rapid.T) {
		odd := rapid.IntRange(0, 40).Draw(r, "odd") // one row of how many
		var batches []*record.Batch
		for range rapid.IntRange(1, 2).Draw(r, "batches") {
			b := record.NewBuilder(schema)
			first := rapid.IntRange(0, 60).Draw(r, "first")
			for i := range rapid.IntRange(0, 200).Draw(r, "rows") {
				id := first + i
				row, mark := []record.Value{int64(id), fmt.Sprint("mail", id), int64(id % 2)}, record.Mark{}
				if odd > 0 && rapid.IntRange(0, odd).Draw(r, "which") == 0 {
					switch rapid.IntRange(0, 6).Draw(r, "how") {
					case 0:
						row[2] = int64(3) // refused
					case 1:
						row[1] = fmt.Sprint("mail", rapid.IntRange(0, 99).Draw(r, "email")) // maybe another row's
					case 2:
						row[0] = int64(rapid.IntRange(0, 99).Draw(r, "id")) // maybe twice
						row[1] = nil
					case 3:
						mark.Op = record.Deleted
					case 4:
						mark.Bad = "cannot be decoded"
					case 5:
						mark.Op = record.Absent
					case 6:
						row[1], row[2] = record.Missing, int64(7)
					}
				}
				require.NoError(t, b.Append(row, mark))
			}
			batches = append(batches, b.Flush())
		}
		require.Equal(t, loadGroups(t, alone, batches), loadGroups(t, "", batches))
	})
}

// Rows of a batch are written without memory of their own.
//
//nolint:paralleltest // allocations of tests beside it would be counted
func TestAllocationsOfALoadedRow(t *testing.T) {
	schema := record.NewSchema(
		record.Field{Name: "id", Type: record.Type{Kind: record.KindInt}},
		record.Field{Name: "email", Type: record.Type{Kind: record.KindString}},
		record.Field{Name: "n", Type: record.Type{Kind: record.KindInt}},
	)
	b := record.NewBuilder(schema)
	for i := range record.BatchRows {
		require.NoError(t, b.Append([]record.Value{int64(i), fmt.Sprint("mail", i), int64(i % 2)}, record.Mark{}))
	}
	batch := b.Flush()
	to := open(t, config(database(t, groupTable), "t"))
	load := func(batches ...*record.Batch) float64 {
		return testing.AllocsPerRun(2, func() {
			left := batches
			_, err := to.Load(context.Background(), connectors.Fence{}, []string{"id"}, func() (*record.Batch, error) {
				if len(left) == 0 {
					return nil, nil //nolint:nilnil // the end
				}
				next := left[0]
				left = left[1:]
				return next, nil
			}, func(_ *record.Batch, _ int, err error) error { return err })
			require.NoError(t, err)
		})
	}
	perRow := (load(batch) - load()) / float64(batch.Rows())
	t.Logf("%.3f allocations a row", perRow)
	require.Less(t, perRow, 0.1)
}
