package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// oddColumns are names that break whatever is put together from text.
var oddColumns = []string{ //nolint:gochecknoglobals // a constant table
	"select", `quo"te`, "dot.ted", "Grö ße", "semi;--", "it's", "UPPER", "a,b", "100%", "$1", "{x}", "?",
	"back`tick", "[bracket]", "ends ",
}

func oddNames(tb testing.TB, s *suite) {
	fields := []record.Field{{Name: "Order", Type: s.kind(record.KindInt), ReadOnly: s.can.ServerKeys}}
	row := []record.Value{s.value(record.KindInt, int64(1))}
	for _, name := range oddColumns {
		fields = append(fields, s.column(name, record.KindString))
		row = append(row, "in "+name)
	}
	table := Table{
		Name: `odd."table" of; --users`, Schema: record.NewSchema(fields...), Key: []string{"Order"},
		Rows: [][]record.Value{row},
	}
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	src := source(tb, o)
	s.requireRows(tb, table, table.Rows, s.list(tb, table, src), "odd names")
	if !s.sink {
		return
	}
	changed := append([]record.Value{row[0]}, make([]record.Value, len(oddColumns))...)
	set := make([]record.Value, len(oddColumns))
	for i, name := range oddColumns {
		set[i] = "new " + name
		changed[i+1] = set[i]
	}
	results, err := sink(tb, o).Apply(tb.Context(), connectors.Writes{
		Columns: oddColumns, Compare: oddColumns,
		Items: []connectors.Item{{Op: connectors.OpUpdate, Key: table.key(row), Set: set}},
	})
	require.NoError(tb, err)
	require.Equal(tb, connectors.Done, results[0].Status, "%v", results[0].Err)
	s.requireRows(tb, table, [][]record.Value{changed}, fixture.Rows(tb), "odd names written")
}
