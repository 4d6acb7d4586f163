package conformance

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

func describing() []check {
	return []check{
		{"describe/columns and keys", nil, describeColumns},
		{"describe/two objects are told apart", nil, toldApart},
		{"describe/refused", nil, refused},
		{"describe/not found", nil, notFound},
		{"describe/makes what is not there", func(f features) string { return unless(f.create, "it makes no objects") }, creates},
	}
}

func describeColumns(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	d, err := s.open(tb, fixture).Describe(tb.Context())
	require.NoError(tb, err)
	require.Equal(tb, table.Schema.Names(), d.Schema.Names(), "the columns in the system's own order")
	require.Equal(tb, table.Key, d.Key)
	require.NotEmpty(tb, d.Identity)
	require.NotEmpty(tb, d.Can.Modes, "at least one way of detecting changes")
	require.Contains(tb, d.Can.Modes, connectors.ModeSnapshot, "everything can be listed")
	for _, mode := range d.Can.SeesDeletes {
		require.Contains(tb, d.Can.Modes, mode)
	}
	if d.Can.Writable {
		require.Positive(tb, d.Can.BatchRows)
	}
	require.Equal(tb, s.sink, d.Can.Writable, "a sink says that it can be written")
	require.Equal(tb, d.Can.Writable, d.Can.ReadOnlyBecause == "", "what cannot be written says why")
	for i, f := range d.Schema.Fields {
		want := table.Schema.Fields[i].Type.Kind
		if f.Type.Kind != record.Any && f.Type.Kind != want {
			require.Contains(tb, lossless[want], f.Type.Kind, "column %q is a %s", f.Name, f.Type)
		}
	}
	again, err := s.open(tb, fixture).Describe(tb.Context())
	require.NoError(tb, err)
	require.Equal(tb, d.Identity, again.Identity, "the same object is recognised")
}

// lossless are the kinds that can stand for another without loss, in systems
// that do not have it.
var lossless = map[record.Kind][]record.Kind{ //nolint:gochecknoglobals // a constant table
	record.KindInt:       {record.KindDecimal, record.KindString},
	record.KindDecimal:   {record.KindString},
	record.KindTimestamp: {record.KindString},
}

// A position or a ledger must never be used on another object, such as a test
// database under the name of the real one.
func toldApart(tb testing.TB, s *suite) {
	one, err := s.open(tb, s.New(tb, s.people(1))).Describe(tb.Context())
	require.NoError(tb, err)
	other, err := s.open(tb, s.New(tb, s.people(1))).Describe(tb.Context())
	require.NoError(tb, err)
	require.NotEqual(tb, one.Identity, other.Identity)
}

func refused(tb testing.TB, s *suite) {
	requireKind(tb, connectors.Unauthorized, s.Refused(tb))
}

func notFound(tb testing.TB, s *suite) {
	requireKind(tb, connectors.NotFound, s.NotFound(tb))
}

func creates(tb testing.TB, s *suite) {
	table := s.people(0)
	table.Absent = true
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	d, err := o.Describe(tb.Context())
	require.NoError(tb, err)
	require.Empty(tb, d.Schema.Fields, "what is not there has no columns")
	creator, _ := connectors.As[connectors.Creator](o)
	for range 2 {
		require.NoError(tb, creator.Create(tb.Context(), table.Schema, table.Key))
	}
	d, err = o.Describe(tb.Context())
	require.NoError(tb, err)
	require.Equal(tb, slices.Sorted(slices.Values(table.Schema.Names())), slices.Sorted(slices.Values(d.Schema.Names())))
	writes := s.creations(table, s.person(1, 1))
	results, err := sink(tb, o).Apply(tb.Context(), writes)
	require.NoError(tb, err)
	require.Equal(tb, connectors.Done, results[0].Status)
	require.NoError(tb, creator.Create(tb.Context(), table.Schema, table.Key), "making it again changes nothing")
	require.Len(tb, fixture.Rows(tb), 1)
}
