package stage_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
)

func people() *record.Schema {
	return record.NewSchema(
		record.Field{Name: "id", Type: record.Type{Kind: record.KindInt}},
		record.Field{Name: "name", Type: record.Type{Kind: record.KindString}, Nullable: true, Native: "text"},
		record.Field{Name: "balance", Type: record.Type{Kind: record.KindDecimal}},
	)
}

func batch(tb testing.TB, rows, from int) *record.Batch {
	tb.Helper()
	b := record.NewBuilder(people())
	defer b.Release()
	for i := range rows {
		values := []record.Value{int64(from + i), strings.Repeat("é", i%7), record.Decimal("12.5")}
		if i%3 == 0 {
			values[1], values[2] = nil, record.Missing
		}
		require.NoError(tb, b.Append(values, record.Mark{Token: "v1", Order: "7"}))
	}
	return b.Flush()
}

// stages are the stores that a test can have without a network.
func stages(t *testing.T) map[string]*stage.Stage {
	t.Helper()
	open := map[string]*stage.Stage{}
	for name, address := range map[string]string{"file": "file://" + filepath.Join(t.TempDir(), "deep", "stage"), "mem": "mem://"} {
		s, err := stage.Open(t.Context(), address)
		require.NoError(t, err)
		require.False(t, s.Shared())
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		open[name] = s
	}
	return open
}

func put(t *testing.T, s *stage.Stage, name string, batches ...*record.Batch) stage.Object {
	t.Helper()
	w, err := s.Create(t.Context(), name)
	require.NoError(t, err)
	defer w.Abort()
	for _, b := range batches {
		require.NoError(t, w.Write(b))
	}
	object, err := w.Commit()
	require.NoError(t, err)
	return object
}

func get(t *testing.T, s *stage.Stage, ref string) ([]*record.Batch, error) {
	t.Helper()
	r, err := s.Open(t.Context(), ref)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var batches []*record.Batch
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return batches, nil
		}
		if err != nil {
			return batches, err
		}
		batches = append(batches, b)
	}
}

func TestObjectsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	for name, s := range stages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := batch(t, 1000, 0), batch(t, 3, 1000)
			object := put(t, s, "crm/run/1/extract/0.arrow", one, two)
			require.EqualValues(t, 1003, object.Rows)
			require.Positive(t, object.Bytes)
			back, err := get(t, s, object.Ref)
			require.NoError(t, err)
			require.Len(t, back, 2)
			for i, want := range []*record.Batch{one, two} {
				require.Equal(t, want.Schema.Fields, back[i].Schema.Fields)
				require.Equal(t, want.Rows(), back[i].Rows())
				for row := range want.Rows() {
					require.Equal(t, want.Row(row, nil), back[i].Row(row, nil))
					require.Equal(t, want.Mark(row), back[i].Mark(row))
				}
			}
		})
	}
}

func TestAnObjectWithoutBatchesIsWhole(t *testing.T) {
	t.Parallel()
	for _, s := range stages(t) {
		object := put(t, s, "empty")
		require.Zero(t, object.Rows)
		back, err := get(t, s, object.Ref)
		require.NoError(t, err)
		require.Empty(t, back)
	}
}

func TestWritingAgainReplaces(t *testing.T) {
	t.Parallel()
	for _, s := range stages(t) {
		put(t, s, "a", batch(t, 5, 0))
		object := put(t, s, "a", batch(t, 2, 0))
		back, err := get(t, s, object.Ref)
		require.NoError(t, err)
		require.Equal(t, 2, back[0].Rows())
	}
}

func TestAbortLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := stage.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	for _, name := range []string{"new", "old"} {
		if name == "old" {
			put(t, s, name, batch(t, 5, 0))
		}
		w, err := s.Create(t.Context(), name)
		require.NoError(t, err)
		require.NoError(t, w.Write(batch(t, 100_000, 0)))
		_, err = get(t, s, "new")
		require.ErrorIs(t, err, stage.ErrMissing, "nothing may show before the commit")
		w.Abort()
		w.Abort()
		require.Error(t, w.Write(batch(t, 1, 0)))
		_, err = w.Commit()
		require.Error(t, err)
	}
	_, err = get(t, s, "new")
	require.ErrorIs(t, err, stage.ErrMissing)
	back, err := get(t, s, "old")
	require.NoError(t, err)
	require.Equal(t, 5, back[0].Rows())
	left, err := filepath.Glob(dir + "/*")
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "old")}, left, "no remains, no metadata files")
}

func TestACancelledWriterCommitsNothing(t *testing.T) {
	t.Parallel()
	for _, s := range stages(t) {
		ctx, cancel := context.WithCancel(t.Context())
		w, err := s.Create(ctx, "a")
		require.NoError(t, err)
		require.NoError(t, w.Write(batch(t, 10, 0)))
		cancel()
		_, err = w.Commit()
		require.ErrorIs(t, err, context.Canceled)
		_, err = get(t, s, "a")
		require.ErrorIs(t, err, stage.ErrMissing)
	}
}

func TestACancelledReaderStops(t *testing.T) {
	t.Parallel()
	for _, s := range stages(t) {
		put(t, s, "a", batch(t, 10, 0), batch(t, 10, 0))
		ctx, cancel := context.WithCancel(t.Context())
		r, err := s.Open(ctx, "a")
		require.NoError(t, err)
		_, err = r.Next()
		require.NoError(t, err)
		cancel()
		_, err = r.Next()
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, stage.ErrMissing)
		r.Close()
	}
}

func TestBatchesOfAnotherSchemaAreRefused(t *testing.T) {
	t.Parallel()
	for _, s := range stages(t) {
		w, err := s.Create(t.Context(), "a")
		require.NoError(t, err)
		defer w.Abort()
		require.NoError(t, w.Write(batch(t, 1, 0)))
		other := record.NewBuilder(record.NewSchema(record.Field{Name: "x"}))
		require.NoError(t, other.Append([]record.Value{"1"}, record.Mark{}))
		require.ErrorContains(t, w.Write(other.Flush()), "another schema")
	}
}

// A file cut off anywhere, between two messages too, must never look whole.
func TestEveryTruncationIsFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := stage.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	put(t, s, "a", batch(t, 20, 0), batch(t, 20, 20))
	path := filepath.Join(dir, "a")
	whole, err := os.ReadFile(path) //nolint:gosec // a folder of this test
	require.NoError(t, err)
	for size := range whole {
		require.NoError(t, os.WriteFile(path, whole[:size], 0o600)) //nolint:gosec // a folder of this test
		_, err := get(t, s, "a")
		require.ErrorIs(t, err, stage.ErrMissing, "cut at %d of %d bytes", size, len(whole))
	}
}

func TestRemoveTakesAFolderAndNotItsNeighbours(t *testing.T) {
	t.Parallel()
	for _, s := range stages(t) {
		for _, name := range []string{"run/1/a", "run/1/b/c", "run/10/a", "run/2"} {
			put(t, s, name)
		}
		require.NoError(t, s.Remove(t.Context(), "run/1"))
		require.NoError(t, s.Remove(t.Context(), "run/1"), "twice is no error")
		require.NoError(t, s.Remove(t.Context(), "run/2"))
		for name, gone := range map[string]bool{"run/1/a": true, "run/1/b/c": true, "run/2": true, "run/10/a": false} {
			_, err := get(t, s, name)
			require.Equal(t, gone, errors.Is(err, stage.ErrMissing), name)
		}
	}
}

func TestSweepRemovesOrphansOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := stage.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	for _, name := range []string{"dead/1/a", "live/1/a", "young/1/a"} {
		put(t, s, name)
	}
	killed := filepath.Join(dir, "dead", "1", "b.17.tmp")
	require.NoError(t, os.WriteFile(killed, []byte("half"), 0o600))
	old := time.Now().Add(-48 * time.Hour)
	for _, path := range []string{"dead/1/a", "live/1/a", "dead/1/b.17.tmp"} {
		require.NoError(t, os.Chtimes(filepath.Join(dir, path), old, old))
	}
	removed, err := s.Sweep(t.Context(), 24*time.Hour, func(name string) bool { return strings.HasPrefix(name, "live/") })
	require.NoError(t, err)
	require.Equal(t, 2, removed)
	require.NoDirExists(t, filepath.Join(dir, "dead"))
	require.FileExists(t, filepath.Join(dir, "live", "1", "a"))
	require.FileExists(t, filepath.Join(dir, "young", "1", "a"))
}

func TestNamesStayInsideTheStage(t *testing.T) {
	t.Parallel()
	for _, s := range stages(t) {
		for _, name := range []string{"", ".", "../x", "/etc/x", "a/../../x", "a//b", "a/", "a\nb", `a\b`} {
			_, err := s.Create(t.Context(), name)
			require.Error(t, err, "%q", name)
			_, err = s.Open(t.Context(), name)
			require.Error(t, err, "%q", name)
			require.Error(t, s.Remove(t.Context(), name), "%q", name)
		}
	}
}

func TestAddressesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "file://relative/path", "nowhere://x", "://"} {
		_, err := stage.Open(t.Context(), address)
		require.Error(t, err, address)
	}
}

func BenchmarkWriteAndRead(b *testing.B) {
	s, err := stage.Open(b.Context(), "file://"+b.TempDir())
	require.NoError(b, err)
	one := batch(b, record.BatchRows, 0)
	const batches = 16
	b.ReportAllocs()
	for b.Loop() {
		w, err := s.Create(b.Context(), "a")
		require.NoError(b, err)
		for range batches {
			require.NoError(b, w.Write(one))
		}
		_, err = w.Commit()
		require.NoError(b, err)
		r, err := s.Open(b.Context(), "a")
		require.NoError(b, err)
		for {
			back, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(b, err)
			back.Release()
		}
		r.Close()
	}
	b.ReportMetric(float64(b.N*batches*record.BatchRows)/b.Elapsed().Seconds(), "rows/s")
}
