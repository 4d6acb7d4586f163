package postgres_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/postgres"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(db *testenv.Database, object string) connectors.Config {
	return connectors.Config{Sync: "test", System: "pg", Object: object, Options: map[string]string{"url": db.URL}}
}

func open(t testing.TB, c connectors.Config) *handle {
	t.Helper()
	o, err := postgres.Connector{}.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(o.Close)
	source, ok := connectors.As[connectors.Source](o)
	require.True(t, ok)
	sink, ok := connectors.As[connectors.Sink](o)
	require.True(t, ok)
	d, err := o.Describe(t.Context())
	require.NoError(t, err)
	return &handle{t: t, object: o, Source: source, sink: sink, description: d}
}

type handle struct {
	connectors.Source
	t           testing.TB
	object      connectors.Object
	sink        connectors.Sink
	description connectors.Description
}

func (h *handle) apply(w connectors.Writes) []connectors.Result {
	h.t.Helper()
	results, err := h.sink.Apply(context.WithoutCancel(h.t.Context()), w)
	require.NoError(h.t, err)
	require.Len(h.t, results, len(w.Items))
	return results
}

// row is what a test sees of a row.
type row struct {
	mark   record.Mark
	values []record.Value
}

// readAll detects and reads everything that ask asks for.
func (h *handle) readAll(ask connectors.Ask) ([]row, connectors.Window) {
	h.t.Helper()
	w, err := h.Detect(h.t.Context(), ask)
	require.NoError(h.t, err)
	return h.readWindow(w), w
}

func (h *handle) readWindow(w connectors.Window) []row {
	h.t.Helper()
	var rows []row
	for _, part := range w.Partitions {
		rows = append(rows, h.readPart(part)...)
	}
	return rows
}

func (h *handle) readPart(part connectors.Partition) []row {
	h.t.Helper()
	var rows []row
	require.NoError(h.t, h.Read(h.t.Context(), part, func(b *record.Batch) error {
		rows = append(rows, rowsOf(b)...)
		return nil
	}))
	return rows
}

func rowsOf(b *record.Batch) []row {
	rows := make([]row, b.Rows())
	for i := range rows {
		rows[i] = row{mark: b.Mark(i), values: b.Row(i, nil)}
	}
	return rows
}

// first gives the first values of rows.
func first(rows []row) []record.Value {
	values := make([]record.Value, len(rows))
	for i := range rows {
		values[i] = rows[i].values[0]
	}
	return values
}

func key(values ...record.Value) record.Key {
	k, _ := record.NewKey(values...)
	return k
}

func snapshot(columns ...string) connectors.Ask {
	return connectors.Ask{Mode: connectors.ModeSnapshot, Columns: columns}
}

func statuses(results []connectors.Result) []connectors.Status {
	list := make([]connectors.Status, len(results))
	for i, r := range results {
		list[i] = r.Status
	}
	return list
}
