package postgres_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

// benchRows is how many rows the benchmarks move; BENCH_ROWS sets it.
func benchRows(tb testing.TB) int {
	tb.Helper()
	text := os.Getenv("BENCH_ROWS")
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(tb, err)
	return n
}

const benchTable = `create table %s (id bigint primary key, email text not null, name text, city text, age int,
	balance numeric(12,2), active bool, score float8, born date, updated_at timestamptz)`

func benchSource(tb testing.TB, rows int) *testenv.Database {
	tb.Helper()
	db := testenv.Postgres(tb, testenv.Options{Durable: true, Settings: map[string]string{"max_wal_size": "8GB"}})
	db.Exec(tb, fmt.Sprintf(benchTable, "source"))
	db.Exec(tb, fmt.Sprintf(`insert into source select i, 'person' || i || '@example.com', 'Person Number ' || i, 'City ' || i %% 1000, i %% 90,
		(i %% 1000000) / 100.0, i %% 2 = 0, i / 3.0, date '1970-01-01' + i %% 20000, timestamptz '2026-01-01' + i * interval '1 second'
		from generate_series(1, %d) i`, rows))
	db.Exec(tb, fmt.Sprintf(benchTable, "target"))
	for _, sql := range []string{"vacuum analyze source", "checkpoint"} {
		db.Exec(tb, sql)
	}
	return db
}

// pipe copies by psql, in binary, as the yardstick.
func pipe(tb testing.TB, db *testenv.Database) time.Duration {
	tb.Helper()
	psql := filepath.Join(db.Server.Bin, "psql")
	script := fmt.Sprintf(`"%[1]s" -X -q "%[2]s" -c "copy source to stdout (format binary)" | "%[1]s" -X -q "%[2]s" -c "copy target from stdin (format binary)"`, psql, db.URL)
	start := time.Now()
	out, err := exec.CommandContext(tb.Context(), "sh", "-c", script).CombinedOutput()
	require.NoError(tb, err, string(out))
	return time.Since(start)
}

// move reads all partitions and loads each, two at a time.
func move(tb testing.TB, db *testenv.Database, partitionRows int64, flight int) (time.Duration, connectors.Loaded) {
	tb.Helper()
	from := open(tb, config(db, "source"))
	to := open(tb, config(db, "target"))
	loader, _ := connectors.As[connectors.Loader](to.object)
	start := time.Now()
	w, err := from.Detect(tb.Context(), connectors.Ask{Mode: connectors.ModeSnapshot, PartitionRows: partitionRows})
	require.NoError(tb, err)
	group, ctx := errgroup.WithContext(tb.Context())
	group.SetLimit(flight)
	loaded := make([]connectors.Loaded, len(w.Partitions))
	for i, part := range w.Partitions {
		group.Go(func() error {
			var err error
			loaded[i], err = movePart(ctx, from, loader, part)
			return err
		})
	}
	require.NoError(tb, group.Wait())
	var total connectors.Loaded
	for _, l := range loaded {
		total.Created += l.Created
		total.Updated += l.Updated
		total.Unchanged += l.Unchanged
	}
	return time.Since(start), total
}

func movePart(ctx context.Context, from connectors.Source, loader connectors.Loader, part connectors.Partition) (connectors.Loaded, error) {
	batches := make(chan *record.Batch, 4)
	var loaded connectors.Loaded
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(batches)
		return from.Read(ctx, part, func(b *record.Batch) error {
			select {
			case batches <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	group.Go(func() error {
		var err error
		loaded, err = loader.Load(ctx, connectors.Fence{Sync: "bench"}, []string{"id"}, func() (*record.Batch, error) {
			select {
			case b, ok := <-batches:
				if !ok {
					return nil, nil //nolint:nilnil // the end
				}
				return b, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}, func(_ *record.Batch, _ int, err error) error { return err })
		return err
	})
	return loaded, group.Wait()
}

func empty(tb testing.TB, db *testenv.Database) {
	tb.Helper()
	db.Exec(tb, "truncate target")
	db.Exec(tb, "checkpoint")
}

// BenchmarkCopy moves a table into an empty one, in turns with psql's pipe: in
// one stream, and in partitions two at a time.
func BenchmarkCopy(b *testing.B) {
	rows := benchRows(b)
	db := benchSource(b, rows)
	for _, shape := range []struct {
		part   int64
		flight int
	}{{1 << 40, 1}, {200_000, 1}, {200_000, 2}, {50_000, 2}} {
		b.Run(fmt.Sprintf("part=%d/flight=%d", min(shape.part, int64(rows)), shape.flight), func(b *testing.B) {
			var ours, theirs time.Duration
			for b.Loop() {
				empty(b, db)
				theirs += pipe(b, db)
				empty(b, db)
				took, loaded := move(b, db, shape.part, shape.flight)
				ours += took
				require.EqualValues(b, rows, loaded.Created)
			}
			b.ReportMetric(float64(theirs)/float64(ours), "x-psql")
			b.ReportMetric(ours.Seconds()/float64(b.N), "s/ours")
			b.ReportMetric(theirs.Seconds()/float64(b.N), "s/psql")
		})
	}
}

// BenchmarkRead decodes a table and throws the batches away.
func BenchmarkRead(b *testing.B) {
	rows := benchRows(b)
	db := benchSource(b, rows)
	h := open(b, config(db, "source"))
	w, err := h.Detect(b.Context(), connectors.Ask{Mode: connectors.ModeSnapshot, PartitionRows: int64(rows) * 2})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, p := range w.Partitions {
			require.NoError(b, h.Read(b.Context(), p, func(batch *record.Batch) error {
				n += batch.Rows()
				batch.Release()
				return nil
			}))
		}
		require.Equal(b, rows, n)
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkUpsert loads rows into a table of twice as many, all of them there:
// changed ones in turns with psql, which copies them to a temporary table and
// merges that with one statement, and then unchanged ones.
func BenchmarkUpsert(b *testing.B) {
	rows := benchRows(b) / 2
	db := benchSource(b, rows)
	db.Exec(b, fmt.Sprintf("insert into target select * from source; insert into target select id + %d, email, name, city, age, balance, active, score, born, updated_at from source", rows))
	for _, sql := range []string{"vacuum analyze target", "checkpoint"} {
		db.Exec(b, sql)
	}
	var ours, theirs, same time.Duration
	for b.Loop() {
		change(b, db)
		theirs += merge(b, db)
		change(b, db)
		took, loaded := move(b, db, 200_000, 2)
		ours += took
		require.EqualValues(b, rows, loaded.Updated)
		took, loaded = move(b, db, 200_000, 2)
		same += took
		require.EqualValues(b, rows, loaded.Unchanged)
	}
	b.ReportMetric(float64(theirs)/float64(ours), "x-psql")
	b.ReportMetric(ours.Seconds()/float64(b.N), "s/ours")
	b.ReportMetric(theirs.Seconds()/float64(b.N), "s/psql")
	b.ReportMetric(same.Seconds()/float64(b.N), "s/unchanged")
}

func change(tb testing.TB, db *testenv.Database) {
	tb.Helper()
	db.Exec(tb, "update source set balance = balance + 1")
	for _, sql := range []string{"vacuum source", "vacuum target", "checkpoint"} {
		db.Exec(tb, sql)
	}
}

// merge is what psql does.
func merge(tb testing.TB, db *testenv.Database) time.Duration {
	tb.Helper()
	psql := filepath.Join(db.Server.Bin, "psql")
	file := filepath.Join(tb.TempDir(), "merge.sql")
	columns := []string{"email", "name", "city", "age", "balance", "active", "score", "born", "updated_at"}
	sets := ""
	for i, c := range columns {
		if i > 0 {
			sets += ", "
		}
		sets += c + " = excluded." + c
	}
	sql := fmt.Sprintf("begin;\ncreate temp table s (like target);\n\\copy s from pstdin with (format binary)\ninsert into target select * from s on conflict (id) do update set %s;\ncommit;\n", sets)
	require.NoError(tb, os.WriteFile(file, []byte(sql), 0o600))
	script := fmt.Sprintf(`"%[1]s" -X -q "%[2]s" -c "copy source to stdout (format binary)" | "%[1]s" -X -q "%[2]s" -f "%[3]s"`, psql, db.URL, file)
	start := time.Now()
	out, err := exec.CommandContext(tb.Context(), "sh", "-c", script).CombinedOutput()
	require.NoError(tb, err, string(out))
	return time.Since(start)
}
