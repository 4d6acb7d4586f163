package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// columns are what creations and updates of a table set: all but keys that
// the system assigns, and the time of change, which systems keep themselves.
func (s *suite) columns(t Table) []string {
	var names []string
	for _, f := range t.Schema.Fields {
		if !f.ReadOnly && f.Name != t.Modified {
			names = append(names, f.Name)
		}
	}
	return names
}

// creations makes a write that creates the rows.
func (s *suite) creations(t Table, rows ...[]record.Value) connectors.Writes {
	w := connectors.Writes{Columns: s.columns(t), Compare: t.Schema.Names(), Fence: connectors.Fence{Sync: "conformance", Epoch: 1}}
	for _, row := range rows {
		w.Items = append(w.Items, connectors.Item{
			Op: connectors.OpCreate, Set: pick(row, t.place(w.Columns...)), Intent: "create " + record.Text(row[1]) + string(t.key(row)),
		})
	}
	return w
}

// set gives the values of an update that changes some columns.
func (s *suite) set(t Table, changes map[string]record.Value) []record.Value {
	columns := s.columns(t)
	set := make([]record.Value, len(columns))
	for i, name := range columns {
		set[i] = record.Missing
		if v, ok := changes[name]; ok {
			set[i] = v
		}
	}
	return set
}

// condition gives an item its condition: what the row is now.
func (s *suite) condition(tb testing.TB, t Table, o connectors.Object, item connectors.Item) connectors.Item {
	tb.Helper()
	batch, err := source(tb, o).Fetch(tb.Context(), t.Schema.Names(), []record.Key{item.Key})
	require.NoError(tb, err)
	require.Equal(tb, 1, batch.Rows())
	if s.can.Token {
		item.Token = batch.Mark(0).Token
		require.NotEmpty(tb, item.Token)
	} else {
		item.Seen = record.HashRow(batch.Row(0, nil)...)
	}
	return item
}

func (s *suite) update(t Table, key record.Key, changes map[string]record.Value) connectors.Item {
	return connectors.Item{Op: connectors.OpUpdate, Key: key, Set: s.set(t, changes)}
}

func (s *suite) remove(t Table, key record.Key) connectors.Item {
	return connectors.Item{Op: connectors.OpDelete, Key: key, Set: s.set(t, nil)}
}

// apply applies items and checks the form of the results.
func (s *suite) apply(tb testing.TB, t Table, o connectors.Object, items ...connectors.Item) []connectors.Result {
	tb.Helper()
	w := s.creations(t)
	w.Items = items
	return s.applyWrites(tb, o, w)
}

func (s *suite) applyWrites(tb testing.TB, o connectors.Object, w connectors.Writes) []connectors.Result {
	tb.Helper()
	results, err := sink(tb, o).Apply(tb.Context(), w)
	require.NoError(tb, err)
	require.Equal(tb, len(w.Items), len(results), "one result for each item") //nolint:testifylint // Len would print thousands of results
	for i, r := range results {
		item := w.Items[i]
		switch r.Status {
		case connectors.Done:
			require.NoError(tb, r.Err)
			require.NotEmpty(tb, r.Key)
			if item.Op == connectors.OpDelete {
				continue
			}
			require.Len(tb, r.Stored, len(w.Columns))
			require.Len(tb, r.Compared, len(w.Compare))
			if s.can.Token {
				require.NotEmpty(tb, r.Token, "the condition token after the write")
			}
		case connectors.Failed:
			require.Error(tb, r.Err)
		case connectors.Refused, connectors.Gone, connectors.Exists:
		default:
			require.Fail(tb, "unknown status", "%q", r.Status)
		}
		if item.Key != "" && r.Key != "" && r.Status != connectors.Done {
			require.Equal(tb, item.Key, r.Key)
		}
	}
	return results
}

func statuses(results []connectors.Result) []connectors.Status {
	list := make([]connectors.Status, len(results))
	for i, r := range results {
		list[i] = r.Status
	}
	return list
}

// truth gives the rows by key, read without the connector.
func (s *suite) truth(tb testing.TB, t Table, f Fixture) map[record.Key][]record.Value {
	tb.Helper()
	return s.byKey(tb, t, f.Rows(tb))
}
