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

func open(tb testing.TB, c connectors.Config) *handle {
	tb.Helper()
	o, err := postgres.Connector{}.Open(tb.Context(), c)
	require.NoError(tb, err)
	tb.Cleanup(o.Close)
	source, ok := connectors.As[connectors.Source](o)
	require.True(tb, ok)
	sink, ok := connectors.As[connectors.Sink](o)
	require.True(tb, ok)
	d, err := o.Describe(tb.Context())
	require.NoError(tb, err)
	return &handle{tb: tb, object: o, Source: source, sink: sink, description: d}
}

type handle struct {
	connectors.Source
	tb          testing.TB
	object      connectors.Object
	sink        connectors.Sink
	description connectors.Description
}

func (h *handle) apply(w connectors.Writes) []connectors.Result {
	h.tb.Helper()
	results, err := h.sink.Apply(context.WithoutCancel(h.tb.Context()), w)
	require.NoError(h.tb, err)
	require.Len(h.tb, results, len(w.Items))
	return results
}

// row is what a test sees of a row.
type row struct {
	mark   record.Mark
	values []record.Value
}

// readAll detects and reads everything that ask asks for.
func (h *handle) readAll(ask connectors.Ask) ([]row, connectors.Window) {
	h.tb.Helper()
	w, err := h.Detect(h.tb.Context(), ask)
	require.NoError(h.tb, err)
	return h.readWindow(w), w
}

func (h *handle) readWindow(w connectors.Window) []row {
	h.tb.Helper()
	var rows []row
	for _, part := range w.Partitions {
		rows = append(rows, h.readPart(part)...)
	}
	return rows
}

func (h *handle) readPart(part connectors.Partition) []row {
	h.tb.Helper()
	var rows []row
	require.NoError(h.tb, h.Read(h.tb.Context(), part, func(b *record.Batch) error {
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
