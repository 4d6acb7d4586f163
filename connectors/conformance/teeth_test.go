package conformance

import (
	"context"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/memory"
	"github.com/syncline-dev/syncline/internal/record"
)

// probe runs a case and only notes that it failed.
type probe struct {
	testing.TB
	failed bool
}

func (p *probe) Helper()               {}
func (p *probe) Errorf(string, ...any) { p.failed = true }
func (p *probe) Error(...any)          { p.failed = true }
func (p *probe) Fail()                 { p.failed = true }
func (p *probe) FailNow()              { p.failed = true; runtime.Goexit() }
func (p *probe) Logf(string, ...any)   {}

func fails(t *testing.T, s Subject, name string) bool {
	t.Helper()
	whole := &suite{Subject: s, features: look(t, s)}
	list := checks()
	at := slices.IndexFunc(list, func(c check) bool { return c.name == name })
	require.GreaterOrEqual(t, at, 0, "no case %q", name)
	if needs := list[at].needs; needs != nil {
		require.Empty(t, needs(whole.features))
	}
	p := &probe{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		list[at].run(p, whole)
	}()
	<-done
	return p.failed
}

// broken is an object with something wrong in one of its methods.
type broken struct {
	connectors.Source
	connectors.Sink
	defect defect
}

type defect struct {
	personality memory.Personality
	fault       memory.Fault
	detect      func(*connectors.Window)
	emit        func(func(*record.Batch) error) func(*record.Batch) error
	value       func(record.Value) record.Value
	fetch       func([]record.Key) []record.Key
	close       func()
}

func (b broken) Unwrap() connectors.Object { return b.Source }
func (b broken) Describe(ctx context.Context) (connectors.Description, error) {
	return b.Source.Describe(ctx)
}

func (b broken) Close() {
	if b.defect.close != nil {
		b.defect.close()
	}
}

func (b broken) Detect(ctx context.Context, ask connectors.Ask) (connectors.Window, error) {
	w, err := b.Source.Detect(ctx, ask)
	if b.defect.detect != nil {
		b.defect.detect(&w)
	}
	return w, err
}

func (b broken) Read(ctx context.Context, part connectors.Partition, emit func(*record.Batch) error) error {
	if b.defect.emit != nil {
		emit = b.defect.emit(emit)
	}
	if b.defect.value != nil {
		whole := emit
		emit = func(batch *record.Batch) error { return whole(mangled(batch, b.defect.value)) }
	}
	return b.Source.Read(ctx, part, emit)
}

func (b broken) Fetch(ctx context.Context, columns []string, keys []record.Key) (*record.Batch, error) {
	if b.defect.fetch != nil {
		keys = b.defect.fetch(keys)
	}
	return b.Source.Fetch(ctx, columns, keys)
}

func mangled(batch *record.Batch, change func(record.Value) record.Value) *record.Batch {
	b := record.NewBuilder(batch.Schema)
	for i := range batch.Rows() {
		row := batch.Row(i, nil)
		for at := range row {
			row[at] = change(row[at])
		}
		if err := b.Append(row, batch.Mark(i)); err != nil {
			panic(err)
		}
	}
	return b.Flush()
}

type brokenFixture struct {
	*memory.Table
	open func(tb testing.TB) connectors.Object
}

func (f brokenFixture) Open(tb testing.TB) connectors.Object        { tb.Helper(); return f.open(tb) }
func (f brokenFixture) Rows(testing.TB) [][]record.Value            { return f.Table.Rows() }
func (f brokenFixture) Put(_ testing.TB, rows ...[]record.Value)    { f.Table.Put(rows...) }
func (f brokenFixture) Delete(_ testing.TB, keys ...[]record.Value) { f.Table.Delete(keys...) }

func brokenSubject(d defect) Subject {
	return Subject{Name: "broken", New: func(tb testing.TB, table Table) Fixture {
		tb.Helper()
		store := memory.Named(tb.Name())
		tb.Cleanup(func() { memory.Forget(tb.Name()) })
		made := store.Create(table.Name, memory.Shape{
			Schema: table.Schema, Key: table.Key, Modified: table.Modified, Personality: d.personality,
		})
		made.Put(table.Rows...)
		return brokenFixture{made, func(tb testing.TB) connectors.Object {
			tb.Helper()
			o, err := memory.New().Open(tb.Context(), connectors.Config{Object: table.Name, Options: map[string]string{"store": tb.Name()}})
			require.NoError(tb, err)
			if d.fault.Times != 0 {
				store.Heal()
				store.Fail(d.fault)
			}
			src, _ := connectors.As[connectors.Source](o)
			to, _ := connectors.As[connectors.Sink](o)
			return broken{src, to, d}
		}}
	}}
}

// later pushes a cursor's position past its own value: the bare > of so many
// tools.
func later(w *connectors.Window) {
	if v, err := record.ParseTimestamp(w.To.Value); err == nil && w.Mode == connectors.ModeCursor {
		w.To.Value = record.Text(v.(record.Timestamp) + 1)
	}
}

// A case that is left out is known beforehand, or the suite fails.
func TestSkipsAreListed(t *testing.T) { //nolint:paralleltest // looks for leaked goroutines
	whole := &suite{Subject: brokenSubject(defect{})}
	whole.features = look(t, whole.Subject)
	can := check{name: "load/thousands", needs: needsLoader}
	why, wrong := whole.lacks(can)
	require.Empty(t, why+wrong)
	whole.Cannot = []string{"load/*"}
	_, wrong = whole.lacks(can)
	require.Contains(t, wrong, "that it can run")
	whole.loader = false
	why, wrong = whole.lacks(can)
	require.NotEmpty(t, why)
	require.Empty(t, wrong)
	whole.Cannot = []string{"write/*"}
	_, wrong = whole.lacks(can)
	require.Contains(t, wrong, "does not list")
	for _, c := range checks() {
		require.False(t, matches("load/*", c.name) && c.needs == nil, c.name)
	}
}

// A suite that a broken connector passes proves nothing: each defect is found
// by the case that is there for it.
func TestDefectsAreFound(t *testing.T) { //nolint:paralleltest // looks for leaked goroutines
	careless := func(c memory.Careless) defect { return defect{personality: memory.Personality{Careless: c}} }
	mangle := func(change func(record.Value) record.Value) defect { return defect{value: change} }
	for name, c := range map[string]struct { //nolint:paralleltest // as above
		defect defect
		found  string
	}{
		"no fence":                {careless(memory.Careless{Fence: true}), "write/fenced"},
		"no conditions":           {careless(memory.Careless{Conditions: true}), "write/refused when the row changed"},
		"doubles":                 {careless(memory.Careless{Unless: true}), "write/creation unless matched"},
		"shuffled results":        {defect{fault: memory.Fault{Method: "apply", Shuffle: true, Times: -1}}, "write/thousands, in order"},
		"listing cut in silence":  {defect{fault: memory.Fault{Method: "read", Rows: 5, Silent: true, Times: -1}}, "read/every row once"},
		"pages drift":             {defect{personality: memory.Personality{Drifting: true}}, "read/rows come and go between pages"},
		"bare > on the cursor":    {defect{detect: later}, "changes by cursor/equal times of change"},
		"no deletes":              {defect{detect: func(w *connectors.Window) { w.Complete = true }, emit: withoutDeleted}, "changes by log/deletes"},
		"partition forgotten":     {defect{detect: func(w *connectors.Window) { w.Partitions = w.Partitions[:len(w.Partitions)/2] }}, "read/every row once"},
		"incomplete full listing": {defect{detect: func(w *connectors.Window) { w.Complete = false }}, "read/empty table"},
		"errors of emit ignored":  {defect{emit: ignoringErrors}, "read/emit fails"},
		"absent rows left out":    {defect{fetch: func(k []record.Key) []record.Key { return k[:len(k)/2] }}, "fetch/present and absent"},
		"NULL for empty":          {mangle(nullForEmpty), "values/texts are read"},
		"decimals as floats":      {mangle(throughFloat), "values/decimals are read"},
		"whole seconds":           {mangle(wholeSeconds), "values/instants are read"},
		"goroutine left":          {defect{close: func() { go func() { select {} }() }}, "life/leaves no goroutines"},
	} {
		t.Run(name, func(t *testing.T) {
			require.False(t, fails(t, brokenSubject(defect{}), c.found), "without the defect it passes")
			require.True(t, fails(t, brokenSubject(c.defect), c.found))
		})
	}
}

func withoutDeleted(emit func(*record.Batch) error) func(*record.Batch) error {
	return func(batch *record.Batch) error {
		for i := range batch.Rows() {
			if batch.Mark(i).Op == record.Deleted {
				return nil
			}
		}
		return emit(batch)
	}
}

func ignoringErrors(emit func(*record.Batch) error) func(*record.Batch) error {
	return func(batch *record.Batch) error { _ = emit(batch); return nil }
}

func nullForEmpty(v record.Value) record.Value {
	if v == "" {
		return nil
	}
	return v
}

func throughFloat(v record.Value) record.Value {
	d, is := v.(record.Decimal)
	if !is || !d.Finite() {
		return v
	}
	f, err := record.Parse(record.Type{Kind: record.KindFloat}, string(d))
	if err != nil {
		return v
	}
	return record.Decimal(record.Text(f))
}

func wholeSeconds(v record.Value) record.Value {
	if ts, is := v.(record.Timestamp); is {
		return ts - ts%1_000_000
	}
	return v
}
