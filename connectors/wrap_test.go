package connectors_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/memory"
	"github.com/syncline-dev/syncline/internal/record"
)

// system is a table of two rows and the object that the connector opens.
type system struct {
	*memory.Store
	table *memory.Table
	connectors.Object
}

func open(t *testing.T, personality memory.Personality) system {
	t.Helper()
	store := memory.Named(t.Name())
	t.Cleanup(func() { memory.Forget(t.Name()) })
	table := store.Create("people", memory.Shape{
		Schema: record.NewSchema(
			record.Field{Name: "id", Type: record.Type{Kind: record.KindInt}},
			record.Field{Name: "name", Type: record.Type{Kind: record.KindString}, Nullable: true},
		),
		Key: []string{"id"}, Personality: personality,
	})
	table.Put([]record.Value{int64(1), "Ann"}, []record.Value{int64(2), "Bo"})
	o, err := memory.New().Open(t.Context(), connectors.Config{Object: "people", Options: map[string]string{"store": t.Name()}})
	require.NoError(t, err)
	return system{store, table, o}
}

// wrappers are all of them, doing nothing much.
func wrappers() map[string]func(connectors.Object) connectors.Object {
	return map[string]func(connectors.Object) connectors.Object{
		"retry": func(o connectors.Object) connectors.Object { return connectors.WithRetry(o, connectors.DefaultRetry) },
		"limit": func(o connectors.Object) connectors.Object { return connectors.WithLimit(o, connectors.NewLimiter(0)) },
		"metrics": func(o connectors.Object) connectors.Object {
			return connectors.WithMetrics(o, "crm", &connectors.Metrics{})
		},
	}
}

func TestWrappersClaimWhatIsInside(t *testing.T) {
	t.Parallel()
	for name, wrap := range wrappers() {
		for _, personality := range []memory.Personality{{}, {ReadOnly: true}, {WriteOnly: true}, memory.API()} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				inside := open(t, personality).Object
				outside := wrap(inside)
				require.Equal(t, is[connectors.Source](inside), is[connectors.Source](outside))
				require.Equal(t, is[connectors.Sink](inside), is[connectors.Sink](outside))
				require.Equal(t, found[connectors.Finder](inside), found[connectors.Finder](outside))
				require.Equal(t, found[connectors.Loader](inside), found[connectors.Loader](outside))
				require.Equal(t, found[connectors.Creator](inside), found[connectors.Creator](outside))
				require.Equal(t, found[connectors.Translator](inside), found[connectors.Translator](outside))
				require.False(t, found[connectors.Triggers](outside))
			})
		}
	}
}

func is[T any](o connectors.Object) bool    { _, ok := o.(T); return ok }
func found[T any](o connectors.Object) bool { _, ok := connectors.As[T](o); return ok }

func fetch(ctx context.Context, o connectors.Object) error {
	src, _ := connectors.As[connectors.Source](o)
	_, err := src.Fetch(ctx, []string{"id"}, nil)
	return err
}

func TestRetry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault memory.Fault
		calls int
		kind  connectors.Kind // of the error in the end; "" for none
		took  [2]float64      // at least and at most, in milliseconds
	}{
		{"transient once", memory.Fault{Kind: connectors.Transient}, 2, "", [2]float64{100, 125}},
		{"transient twice", memory.Fault{Kind: connectors.Transient, Times: 2}, 3, "", [2]float64{300, 375}},
		{"transient always", memory.Fault{Kind: connectors.Transient, Times: -1}, 4, connectors.Transient, [2]float64{700, 875}},
		{"rate limited", memory.Fault{Kind: connectors.RateLimited, After: 3 * time.Second}, 2, "", [2]float64{3_000, 3_000}},
		{"rate limited for long", memory.Fault{Kind: connectors.RateLimited, After: time.Hour}, 1, connectors.RateLimited, [2]float64{}},
		{"refused login", memory.Fault{Kind: connectors.Unauthorized}, 1, connectors.Unauthorized, [2]float64{}},
		{"permanent", memory.Fault{Kind: connectors.Permanent}, 1, connectors.Permanent, [2]float64{}},
		{"incomplete", memory.Fault{Kind: connectors.Incomplete}, 1, connectors.Incomplete, [2]float64{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := open(t, memory.Database())
				s.Fail(c.fault)
				o := connectors.WithRetry(s.Object, connectors.RetryPolicy{First: 100 * time.Millisecond})
				began := time.Now()
				err := fetch(t.Context(), o)
				took := time.Since(began).Seconds() * 1_000
				require.Equal(t, c.calls, s.Calls("fetch"))
				require.GreaterOrEqual(t, took, c.took[0])
				require.LessOrEqual(t, took, c.took[1]+1)
				if c.kind == "" {
					require.NoError(t, err)
					return
				}
				require.Error(t, err)
				require.Equal(t, c.kind, connectors.KindOf(err))
			})
		})
	}
}

func TestRetryStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory.Database())
		s.Fail(memory.Fault{Kind: connectors.Transient, Times: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := fetch(ctx, connectors.WithRetry(s.Object, connectors.RetryPolicy{First: time.Hour, Most: time.Hour}))
		require.Equal(t, 10*time.Millisecond, time.Since(began))
		require.Equal(t, connectors.Transient, connectors.KindOf(err))
		require.Equal(t, 1, s.Calls("fetch"))
	})
}

// A read that gave rows away must not give them again.
func TestRetryNeverEmitsTwice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		fault memory.Fault
		rows  int
		fails bool
	}{
		{"before the first batch", memory.Fault{Method: "read", Kind: connectors.Transient}, 2, false},
		{"after the first batch", memory.Fault{Method: "read", Kind: connectors.Transient, Rows: 1}, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := open(t, memory.Database())
				s.Fail(c.fault)
				src, _ := connectors.As[connectors.Source](connectors.WithRetry(s.Object, connectors.DefaultRetry))
				w, err := src.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeSnapshot})
				require.NoError(t, err)
				rows := 0
				err = src.Read(t.Context(), w.Partitions[0], func(b *record.Batch) error { rows += b.Rows(); return nil })
				require.Equal(t, c.fails, err != nil)
				require.Equal(t, c.rows, rows)
			})
		})
	}
}

// The errors of emit are not the system's: they are not tried again.
func TestRetryLeavesTheErrorsOfOthersAlone(t *testing.T) {
	t.Parallel()
	s := open(t, memory.Database())
	src, _ := connectors.As[connectors.Source](connectors.WithRetry(s.Object, connectors.DefaultRetry))
	w, err := src.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeSnapshot})
	require.NoError(t, err)
	full := errors.New("disk full")
	require.ErrorIs(t, src.Read(t.Context(), w.Partitions[0], func(*record.Batch) error { return full }), full)
	require.Equal(t, 1, s.Calls("read"))
}

// A creation whose reply was lost may have been done.
func TestRetryNeverCreatesTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory.API())
		sink, _ := connectors.As[connectors.Sink](connectors.WithRetry(s.Object, connectors.DefaultRetry))
		lost := memory.Fault{Method: "apply", Kind: connectors.Transient, Late: true}
		s.Fail(lost)
		_, err := sink.Apply(t.Context(), connectors.Writes{
			Columns: []string{"name"}, Items: []connectors.Item{{Op: connectors.OpCreate, Set: []record.Value{"Cy"}}},
		})
		require.Error(t, err)
		require.Equal(t, 3, s.table.Len())
		s.Fail(lost)
		key, _ := record.NewKey(int64(1))
		results, err := sink.Apply(t.Context(), connectors.Writes{
			Columns: []string{"name"}, Items: []connectors.Item{{Op: connectors.OpUpdate, Key: key, Set: []record.Value{"Anna"}}},
		})
		require.NoError(t, err, "an update is safe to repeat")
		require.Equal(t, connectors.Done, results[0].Status)
	})
}

func TestLimitSpacesCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory.Database())
		o := connectors.WithLimit(s.Object, connectors.NewLimiter(2))
		began := time.Now()
		for range 10 {
			require.NoError(t, fetch(t.Context(), o))
		}
		require.InDelta(t, 4.0, time.Since(began).Seconds(), 0.01, "two at once, then two a second")
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		err := fetch(ctx, o)
		require.Error(t, err)
		require.Equal(t, connectors.Transient, connectors.KindOf(err))
	})
}

func TestLimitLearns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory.Database())
		limiter := connectors.NewLimiter(10)
		one, other := connectors.WithLimit(s.Object, limiter), connectors.WithLimit(s.Object, limiter)
		s.Fail(memory.Fault{Kind: connectors.RateLimited, After: time.Minute})
		began := time.Now()
		require.Error(t, fetch(t.Context(), one), "the refused call is not repeated here")
		require.Zero(t, time.Since(began))
		require.NoError(t, fetch(t.Context(), other))
		require.GreaterOrEqual(t, time.Since(began), time.Minute, "all objects of the system wait")
		began = time.Now()
		for range 60 {
			require.NoError(t, fetch(t.Context(), one))
		}
		require.Greater(t, time.Since(began).Seconds(), 6.0, "slower than ten a second after the burst")
		time.Sleep(time.Minute)
		began = time.Now()
		for range 20 {
			require.NoError(t, fetch(t.Context(), one))
		}
		require.InDelta(t, 1.0, time.Since(began).Seconds(), 0.05, "and back to ten a second in the end")
	})
}

func TestLimitAndRetryTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory.Database())
		s.Fail(memory.Fault{Method: "find", Kind: connectors.RateLimited, After: 5 * time.Second})
		o := connectors.WithRetry(connectors.WithLimit(s.Object, connectors.NewLimiter(0)), connectors.DefaultRetry)
		finder, ok := connectors.As[connectors.Finder](o)
		require.True(t, ok)
		began := time.Now()
		batch, err := finder.Find(t.Context(), []string{"id"}, []string{"name"}, [][]record.Value{{"Bo"}})
		require.NoError(t, err, "optional interfaces go through the wrappers too")
		require.Equal(t, 1, batch.Rows())
		require.Equal(t, 5*time.Second, time.Since(began))
	})
}

func TestMetricsCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory.Database())
		var metrics connectors.Metrics
		o := connectors.WithMetrics(s.Object, "crm", &metrics)
		src, _ := connectors.As[connectors.Source](o)
		s.Fail(memory.Fault{Method: "read", Delay: 2 * time.Second})
		w, err := src.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeSnapshot})
		require.NoError(t, err)
		require.NoError(t, src.Read(t.Context(), w.Partitions[0], func(*record.Batch) error { return nil }))
		s.Fail(memory.Fault{Method: "fetch", Kind: connectors.Transient})
		require.Error(t, fetch(t.Context(), o))
		require.NoError(t, fetch(t.Context(), o))
		counts := metrics.Counts()
		require.Equal(t, connectors.Count{Calls: 1, Rows: 2, Seconds: 2}, counts[connectors.Measured{System: "crm", Method: "read"}])
		require.Equal(t, connectors.Count{Calls: 2, Errors: 1, Kinds: map[connectors.Kind]int64{connectors.Transient: 1}},
			counts[connectors.Measured{System: "crm", Method: "fetch"}])
	})
}
