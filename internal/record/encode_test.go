package record_test

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/internal/record"
)

// everyKind is one row with each kind of value, and its edges.
func everyKind() []record.Value {
	return []record.Value{
		nil, record.Missing, "", "Zoë \x00", "e\u0301", int64(0), int64(math.MinInt64), int64(math.MaxInt64),
		1.5, math.Inf(-1), record.Decimal("-0.000001"), record.Decimal("NaN"), true, false,
		record.TimestampInfinity, record.TimestampNegInfinity, record.Date(-1), record.DateInfinity, record.TimeOfDay(1),
		record.UUID{0xff, 15: 1},
		record.Bytes("\xff\xfe"), record.JSON(`{"a":[1]}`),
		record.List{},
		record.List{"a", nil, record.List{int64(7)}},
	}
}

func TestEncodedRowsComeBackToTheByte(t *testing.T) {
	t.Parallel()
	row := everyKind()
	data, err := record.AppendRow([]byte("before"), row)
	require.NoError(t, err)
	back, err := record.DecodeRow(data[len("before"):])
	require.NoError(t, err)
	require.Equal(t, row, back)

	data, err = record.AppendRow(nil, []record.Value{math.NaN()})
	require.NoError(t, err)
	back, err = record.DecodeRow(data)
	require.NoError(t, err)
	require.True(t, record.Equal(math.NaN(), back[0]))
}

// What is stored today must be read by every later version.
func TestEncodedRowsStayReadable(t *testing.T) {
	t.Parallel()
	const stored = "010c00010203416e6e03d1040503312e3507088080b4ccd4dfc60309040a060c01000d027b7d0e02020178043fe0000000000000"
	row, err := hex.DecodeString(stored)
	require.NoError(t, err)
	got, err := record.DecodeRow(row)
	require.NoError(t, err)
	require.Equal(t, []record.Value{
		nil, record.Missing, "Ann", int64(-297), record.Decimal("1.5"), true, record.Timestamp(1e15), record.Date(2),
		record.TimeOfDay(3), record.Bytes("\x00"), record.JSON("{}"),
		record.List{"x", 0.5},
	}, got)
	again, err := record.AppendRow(nil, got)
	require.NoError(t, err)
	require.Equal(t, stored, hex.EncodeToString(again))
}

func TestEncodedRowsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var row []record.Value
		for range rapid.IntRange(0, 8).Draw(rt, "fields") {
			_, v := anyTyped(rt)
			row = append(row, v)
		}
		data, err := record.AppendRow(nil, row)
		require.NoError(rt, err)
		back, err := record.DecodeRow(data)
		require.NoError(rt, err)
		require.Len(rt, back, len(row))
		require.True(rt, record.EqualRows(row, back))
		cut := rapid.IntRange(0, len(data)-1).Draw(rt, "cut")
		_, err = record.DecodeRow(data[:cut])
		require.Error(rt, err, "a row that was cut off must not be taken for a shorter one")
	})
}

func TestOnlyValuesAreEncoded(t *testing.T) {
	t.Parallel()
	_, err := record.AppendRow(nil, []record.Value{int32(5)})
	require.ErrorContains(t, err, "int32")
	_, err = record.AppendRow(nil, []record.Value{record.List{struct{ secret string }{"canary"}}})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "canary")
}

// Damaged bytes give an error or some row, never a panic or endless memory; and
// a row that is read is written as it was.
func FuzzDecodeRow(f *testing.F) {
	whole, err := record.AppendRow(nil, everyKind())
	require.NoError(f, err)
	f.Add(whole)
	for _, v := range everyKind() {
		one, err := record.AppendRow(nil, []record.Value{v})
		require.NoError(f, err)
		f.Add(one)
	}
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		row, err := record.DecodeRow(data)
		if err != nil {
			return
		}
		again, err := record.AppendRow(nil, row)
		require.NoError(t, err)
		back, err := record.DecodeRow(again)
		require.NoError(t, err)
		require.True(t, record.EqualRows(row, back))
	})
}
