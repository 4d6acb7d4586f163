package record_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
)

func TestBatchKeepsEveryKind(t *testing.T) {
	t.Parallel()
	schema := record.NewSchema(
		record.Field{Name: "a", Type: record.Type{}},
		record.Field{Name: "s", Type: record.Type{Kind: record.KindString}, Nullable: true},
		record.Field{Name: "d", Type: record.Type{Kind: record.KindDecimal, Precision: 12, Scale: 2}},
		record.Field{Name: "t", Type: record.Type{Kind: record.KindTimestamp}, ReadOnly: true},
		record.Field{Name: "l", Type: record.Type{Kind: record.KindSet, Elem: record.KindString}},
		record.Field{Name: "u", Type: record.Type{Kind: record.KindUUID}},
	)
	b := record.NewBuilder(schema)
	rows := [][]record.Value{
		{int64(7), "ü", record.Decimal("1.5"), record.Timestamp(-1), record.List{"a", nil}, record.UUID{1}},
		{"7", nil, record.Missing, record.TimestampInfinity, record.List{}, nil},
	}
	require.NoError(t, b.Append(rows[0], record.Mark{Token: "17"}))
	require.NoError(t, b.Append(rows[1], record.Mark{Op: record.Deleted, Order: "2", Bad: "why"}))
	require.Error(t, b.Append([]record.Value{nil, int64(1), nil, nil, nil, nil}, record.Mark{}))
	batch := b.Flush()
	back, err := record.NewBatch(batch.Arrow())
	require.NoError(t, err)
	require.True(t, back.Schema.Equal(schema))
	require.Equal(t, schema.Fields, back.Schema.Fields)
	for i, want := range rows {
		require.Equal(t, want, back.Row(i, nil))
	}
	require.Equal(t, record.Mark{Op: record.Deleted, Order: "2", Bad: "why"}, back.Mark(1))
}

func TestDecimalCanonicalForm(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]record.Decimal{
		"1.50": "1.5", "-0": "0", "-0.00": "0", "+007": "7", ".5": "0.5", "5.": "5", "1e3": "1000", "12E-4": "0.0012",
		"NaN": "NaN", "-Infinity": "-Infinity", "-1.10": "-1.1", "100": "100", "-5": "-5",
		"9007199254740993": "9007199254740993",
	} {
		got, err := record.ParseDecimal(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", ".", "-", "1,5", "1 2", "0x10", "1e999999999"} {
		_, err := record.ParseDecimal(in)
		require.Error(t, err, in)
	}
}

func TestHashesAreStableAndByMeaning(t *testing.T) {
	t.Parallel()
	require.Equal(t, record.HashRow(int64(5)), record.HashRow(record.Decimal("5")))
	require.Equal(t, record.HashRow(5.0), record.HashRow(int64(5)))
	require.Equal(t, record.HashRow("e\u0301"), record.HashRow("é"))
	require.NotEqual(t, record.HashRow(nil), record.HashRow(record.Missing))
	require.NotEqual(t, record.HashRow("a", "bc"), record.HashRow("ab", "c"))
}

func TestTimesReadAndWriteBeyondFourDigitYears(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"2026-02-28T15:04:05.000001Z", "0001-01-01T00:00:00Z", "-0044-03-15T12:00:00Z", "+12345-12-31T23:59:59Z",
		"infinity", "-infinity", "0000-02-29T00:00:00Z",
	} {
		v, err := record.ParseTimestamp(s)
		require.NoError(t, err, s)
		require.Equal(t, s, record.Text(v))
	}
	d, err := record.ParseDate("2024-02-29")
	require.NoError(t, err)
	require.Equal(t, "2024-02-29", record.Text(d))
}

func TestKeysNeverRunIntoEachOther(t *testing.T) {
	t.Parallel()
	a, _ := record.NewKey("a", "b:1")
	b, _ := record.NewKey("a:b", "1")
	require.NotEqual(t, a, b)
	parts, err := a.Parts()
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b:1"}, parts)
	_, ok := record.NewKey("a", nil)
	require.False(t, ok)
}

func TestCanonicalJSONKeepsNumbersExact(t *testing.T) {
	t.Parallel()
	got, err := record.CanonicalJSON([]byte(`{"b": 9007199254740993, "a": [1.10, 1e2, "\u00e9\u0001"], "A": null}`))
	require.NoError(t, err)
	require.Equal(t, `{"A":null,"a":[1.1,100,"é\u0001"],"b":9007199254740993}`, record.Text(got)) //nolint:testifylint // byte for byte
	_, err = record.CanonicalJSON([]byte(`{"a":1} {}`))
	require.Error(t, err)
}
