package memory_test

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

// people is a table with the given rows, and its connector's object.
type people struct {
	*memory.Store
	table  *memory.Table
	source connectors.Source
	sink   connectors.Sink
}

func open(t *testing.T, personality memory.Personality, rows int) people {
	t.Helper()
	store := memory.Named(t.Name())
	t.Cleanup(func() { memory.Forget(t.Name()) })
	p := people{Store: store, table: store.Create("people", memory.Shape{
		Schema: record.NewSchema(
			record.Field{Name: "id", Type: record.Type{Kind: record.KindInt}, ReadOnly: personality.ServerKeys},
			record.Field{Name: "name", Type: record.Type{Kind: record.KindString}, Nullable: true},
		),
		Key: []string{"id"}, Personality: personality,
	})}
	for i := range rows {
		p.table.Put([]record.Value{int64(i + 1), "somebody"})
	}
	o, err := memory.New().Open(t.Context(), connectors.Config{Object: "people", Options: map[string]string{"store": t.Name()}})
	require.NoError(t, err)
	p.source, _ = connectors.As[connectors.Source](o)
	p.sink, _ = connectors.As[connectors.Sink](o)
	return p
}

func (p people) list(t *testing.T) (rows int, err error) {
	t.Helper()
	w, err := p.source.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeSnapshot})
	require.NoError(t, err)
	for _, part := range w.Partitions {
		err = errors.Join(err, p.source.Read(t.Context(), part, func(b *record.Batch) error { rows += b.Rows(); return nil }))
	}
	return rows, err
}

func (p people) create(t *testing.T, names ...string) ([]connectors.Result, error) {
	t.Helper()
	w := connectors.Writes{Columns: []string{"name"}}
	for _, name := range names {
		w.Items = append(w.Items, connectors.Item{Op: connectors.OpCreate, Set: []record.Value{name}, Intent: "create " + name})
	}
	return p.sink.Apply(t.Context(), w)
}

func TestFaultsHitTheCallsTheyName(t *testing.T) {
	t.Parallel()
	p := open(t, memory.Database(), 3)
	p.Fail(memory.Fault{Method: "read", Object: "people", Skip: 1, Every: 2, Times: 2, Kind: connectors.Transient})
	var failed []int
	for i := range 8 {
		if _, err := p.list(t); err != nil {
			require.Equal(t, connectors.Transient, connectors.KindOf(err))
			failed = append(failed, i)
		}
	}
	require.Equal(t, []int{2, 4}, failed, "after the first, every second, twice")
	require.Equal(t, 8, p.Calls("read"))
	p.Fail(memory.Fault{Times: -1, Kind: connectors.Permanent})
	p.Heal()
	_, err := p.list(t)
	require.NoError(t, err)
}

func TestListingsCutShort(t *testing.T) {
	t.Parallel()
	p := open(t, memory.Database(), 10)
	p.Fail(memory.Fault{Method: "read", Rows: 4})
	rows, err := p.list(t)
	require.Equal(t, 4, rows)
	require.Equal(t, connectors.Incomplete, connectors.KindOf(err))
	p.Fail(memory.Fault{Method: "read", Rows: 4, Silent: true})
	rows, err = p.list(t)
	require.NoError(t, err, "the worst of all")
	require.Equal(t, 4, rows)
}

func TestALostReplyHasWritten(t *testing.T) {
	t.Parallel()
	for name, method := range map[string]string{"of the whole call": "apply", "of one request": "request"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, memory.API(), 0)
			p.Fail(memory.Fault{Method: method, Late: true, Kind: connectors.Transient})
			_, err := p.create(t, "Ann", "Bo")
			require.Equal(t, connectors.Transient, connectors.KindOf(err))
			require.Equal(t, 2, p.table.Len())
		})
	}
}

// Where there are no transactions, what was sent before a failure stays.
func TestRequestsBeforeAFailureStay(t *testing.T) {
	t.Parallel()
	personality := memory.API()
	personality.RequestItems = 2
	p := open(t, personality, 0)
	p.Fail(memory.Fault{Method: "request", Skip: 1, Kind: connectors.RateLimited, After: time.Minute})
	_, err := p.create(t, "Ann", "Bo", "Cy", "Di", "Ed")
	e, ok := errors.AsType[*connectors.Error](err)
	require.True(t, ok)
	require.Equal(t, time.Minute, e.After)
	require.Equal(t, 2, p.table.Len())
}

// The fence is asked before each request, and no request outlives its bound.
func TestRequestsAskTheFence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		personality := memory.API()
		personality.RequestItems = 1
		p := open(t, personality, 0)
		asked := 0
		w := connectors.Writes{Columns: []string{"name"}, Fence: connectors.Fence{Check: func(context.Context) error {
			if asked++; asked == 3 {
				return connectors.Errorf(connectors.Fenced, "a newer run")
			}
			return nil
		}}}
		for _, name := range []string{"Ann", "Bo", "Cy", "Di"} {
			w.Items = append(w.Items, connectors.Item{Op: connectors.OpCreate, Set: []record.Value{name}})
		}
		_, err := p.sink.Apply(t.Context(), w)
		require.Equal(t, connectors.Fenced, connectors.KindOf(err))
		require.Equal(t, 2, p.table.Len())
		w.Fence = connectors.Fence{Until: time.Now().Add(90 * time.Millisecond)}
		p.Fail(memory.Fault{Method: "request", Delay: 60 * time.Millisecond, Times: -1})
		_, err = p.sink.Apply(t.Context(), w)
		require.Equal(t, connectors.Transient, connectors.KindOf(err))
		require.Equal(t, 3, p.table.Len(), "one more request fitted in")
	})
}

func TestIdempotencyKeysGiveTheFirstOutcomeAgain(t *testing.T) {
	t.Parallel()
	personality := memory.API()
	personality.Idempotent = true
	p := open(t, personality, 0)
	first, err := p.create(t, "Ann")
	require.NoError(t, err)
	again, err := p.create(t, "Ann")
	require.NoError(t, err)
	require.Equal(t, first[0].Key, again[0].Key)
	require.Equal(t, 1, p.table.Len())
	other := open(t, memory.API(), 0)
	for range 2 {
		_, err := other.create(t, "Ann")
		require.NoError(t, err)
	}
	require.Equal(t, 2, other.table.Len(), "without them there are doubles")
}

func TestStaleReadsCatchUp(t *testing.T) {
	t.Parallel()
	p := open(t, memory.Database(), 1)
	key, _ := record.NewKey(int64(1))
	p.table.Stale(2)
	p.table.Put([]record.Value{int64(1), "renamed"})
	var names []record.Value
	for range 3 {
		batch, err := p.source.Fetch(t.Context(), []string{"name"}, []record.Key{key})
		require.NoError(t, err)
		names = append(names, batch.Value(0, 0))
	}
	require.Equal(t, []record.Value{"somebody", "somebody", "renamed"}, names)
}

func TestShuffledResults(t *testing.T) {
	t.Parallel()
	p := open(t, memory.Database(), 0)
	w := connectors.Writes{Columns: []string{"id"}}
	for i := range 100 {
		w.Items = append(w.Items, connectors.Item{Op: connectors.OpCreate, Set: []record.Value{int64(i)}})
	}
	p.Fail(memory.Fault{Method: "apply", Shuffle: true})
	results, err := p.sink.Apply(t.Context(), w)
	require.NoError(t, err)
	inOrder := true
	for i, r := range results {
		key, _ := record.NewKey(int64(i))
		inOrder = inOrder && r.Key == key
	}
	require.False(t, inOrder)
}

func TestAForgottenLogIsSaid(t *testing.T) {
	t.Parallel()
	p := open(t, memory.Database(), 3)
	w, err := p.source.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeLog})
	require.NoError(t, err)
	p.table.Put([]record.Value{int64(4), "late"})
	p.table.TrimLog()
	_, err = p.source.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeLog, Since: w.To})
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
}

func TestATableMadeAnewIsAnother(t *testing.T) {
	t.Parallel()
	p := open(t, memory.Database(), 3)
	w, err := p.source.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeLog})
	require.NoError(t, err)
	p.Create("people", memory.Shape{Schema: record.NewSchema(record.Field{Name: "id"}), Key: []string{"id"}})
	_, err = p.source.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeLog, Since: w.To})
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
	err = p.source.Read(t.Context(), w.Partitions[0], func(*record.Batch) error { return nil })
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
}

func TestColumnsComeAndGo(t *testing.T) {
	t.Parallel()
	p := open(t, memory.Database(), 1)
	p.table.Alter(record.NewSchema(
		record.Field{Name: "id", Type: record.Type{Kind: record.KindInt}},
		record.Field{Name: "city", Type: record.Type{Kind: record.KindString}, Nullable: true},
	), "Bonn")
	key, _ := record.NewKey(int64(1))
	batch, err := p.source.Fetch(t.Context(), []string{"city"}, []record.Key{key})
	require.NoError(t, err)
	require.Equal(t, "Bonn", batch.Value(0, 0))
	_, err = p.source.Fetch(t.Context(), []string{"name"}, []record.Key{key})
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
}

func TestConfigsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	_, err := memory.New().Open(t.Context(), connectors.Config{Object: "people"})
	require.Equal(t, connectors.Permanent, connectors.KindOf(err))
	memory.Named(t.Name()).Create("b", memory.Shape{Schema: record.NewSchema()})
	memory.Named(t.Name()).Create("a", memory.Shape{Schema: record.NewSchema()})
	t.Cleanup(func() { memory.Forget(t.Name()) })
	names, err := memory.New().Discover(t.Context(), connectors.Config{Options: map[string]string{"store": t.Name()}})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, names)
}
