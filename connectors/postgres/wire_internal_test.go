package postgres

import (
	"bytes"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/internal/record"
)

// forms are columns of every wire form that binary COPY takes both ways.
func forms() []*column {
	wires := []wire{
		wireInt2, wireInt4, wireInt8, wireFloat4, wireFloat8, wireNumeric, wireBool, wireDate, wireTime,
		wireTimestamp, wireTimestampTZ, wireUUID, wireBytea, wireJSON, wireJSONB, wireText,
	}
	var columns []*column
	for _, w := range wires {
		f := form{wire: w, typ: record.Type{Kind: w.kind()}, assigns: true}
		name := string(rune('a' + len(columns)))
		columns = append(columns, &column{form: f, field: record.Field{Name: name, Type: f.typ, Nullable: true}})
		if w == wireJSON || w == wireJSONB {
			continue
		}
		list := form{wire: wireList, elem: w, elemOID: w.stage().oid, typ: record.Type{Kind: record.KindList, Elem: w.kind()}}
		columns = append(columns, &column{form: list, field: record.Field{Name: name + "s", Type: list.typ, Nullable: true}})
	}
	return columns
}

// valueOf draws a value that a column can store.
func valueOf(t *rapid.T, w wire) record.Value {
	micros := func() int64 {
		return rapid.Int64Range(-211_813_488_000_000_000, 8_000_000_000_000_000_000).Draw(t, "µs")
	}
	switch w {
	case wireInt2:
		return int64(rapid.Int16().Draw(t, "int2"))
	case wireInt4:
		return int64(rapid.Int32().Draw(t, "int4"))
	case wireInt8:
		return rapid.Int64().Draw(t, "int8")
	case wireFloat4:
		return widen(rapid.Float32().Draw(t, "float4"))
	case wireFloat8:
		return record.Float(rapid.Float64().Draw(t, "float8"))
	case wireNumeric:
		return decimal(t)
	case wireBool:
		return rapid.Bool().Draw(t, "bool")
	case wireDate:
		return record.Date(rapid.OneOf(rapid.Int32Range(-2_451_545+epochDays, 2_145_031_948), rapid.SampledFrom([]int32{math.MinInt32, math.MaxInt32})).Draw(t, "day"))
	case wireTime:
		return record.TimeOfDay(rapid.Int64Range(0, 86_400_000_000).Draw(t, "time"))
	case wireTimestamp, wireTimestampTZ:
		if rapid.IntRange(0, 9).Draw(t, "infinite") == 0 {
			return record.TimestampInfinity
		}
		return record.Timestamp(micros())
	case wireUUID:
		return record.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
	case wireBytea:
		return record.Bytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case wireJSON, wireJSONB:
		v, err := record.EncodeJSON(map[string]any{rapid.String().Draw(t, "name"): decimal(t)})
		require.NoError(t, err)
		return v
	case wireText, wireInterval, wireList, wireNested:
		fallthrough
	default:
		return strings.ReplaceAll(rapid.String().Draw(t, "text"), "\x00", "")
	}
}

func decimal(t *rapid.T) record.Decimal {
	text := rapid.StringMatching(`-?[0-9]{1,60}(\.[0-9]{1,60})?|0\.0{0,20}[0-9]{1,9}|[1-9]0{0,40}|NaN|Infinity|-Infinity`).Draw(t, "decimal")
	d, err := record.ParseDecimal(text)
	require.NoError(t, err)
	return d
}

// What is encoded as binary COPY decodes to the same, however the stream is
// cut, with the number of NULLs and the marks that it had.
func TestWhatIsEncodedDecodesToTheSame(t *testing.T) {
	t.Parallel()
	columns := forms()
	rapid.Check(t, func(t *rapid.T) {
		fields := make([]record.Field, len(columns))
		for i, c := range columns {
			fields[i] = c.field
		}
		builder := record.NewBuilder(record.NewSchema(fields...))
		var want [][]record.Value
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			row := rowOfValues(t, columns)
			require.NoError(t, builder.Append(row, record.Mark{}))
			want = append(want, row)
		}
		stream := encoded(t, columns, builder.Flush())
		var got [][]record.Value
		reader := newCopyReader(newRowReader(columns, false, true), func(b *record.Batch) error {
			for i := range b.Rows() {
				require.Empty(t, b.Mark(i).Bad)
				got = append(got, b.Row(i, nil))
			}
			return nil
		})
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "piece")
			_, err := reader.Write(stream[:n])
			require.NoError(t, err)
			stream = stream[n:]
		}
		require.NoError(t, reader.end())
		require.Len(t, got, len(want))
		for i := range want {
			require.True(t, record.EqualRows(want[i], got[i]), "%#v\n%#v", want[i], got[i])
		}
	})
}

func rowOfValues(t *rapid.T, columns []*column) []record.Value {
	row := make([]record.Value, len(columns))
	for i, c := range columns {
		switch {
		case rapid.IntRange(0, 4).Draw(t, "null") == 0:
		case c.form.wire == wireList:
			list := record.List{}
			for range rapid.IntRange(0, 3).Draw(t, "elements") {
				list = append(list, valueOf(t, c.form.elem))
			}
			row[i] = append(list, nil)
		default:
			row[i] = valueOf(t, c.form.wire)
		}
	}
	return row
}

// encoded writes a batch as binary COPY.
func encoded(t require.TestingT, columns []*column, batch *record.Batch) []byte {
	l := &load{columns: columns, batches: []*record.Batch{batch}}
	for i := range columns {
		l.from = append(l.from, i)
	}
	for i := range batch.Rows() {
		l.present = append(l.present, place{0, int32(i)})
	}
	source := newChunkReader(l, false)
	stream, err := io.ReadAll(source)
	require.NoError(t, err)
	require.Empty(t, source.refused)
	return stream
}

// A stream without its end is no complete listing.
func TestAStreamThatIsCutShort(t *testing.T) {
	t.Parallel()
	columns := forms()[2:3]
	builder := record.NewBuilder(record.NewSchema(columns[0].field))
	require.NoError(t, builder.Append([]record.Value{int64(5)}, record.Mark{}))
	stream := encoded(t, columns, builder.Flush())
	for n := range stream {
		reader := newCopyReader(newRowReader(columns, false, false), func(*record.Batch) error { return nil })
		_, err := reader.Write(stream[:n])
		if err == nil {
			err = reader.end()
		}
		require.Error(t, err, n)
	}
}

// Reading and writing pay for batches, not for rows.
func TestRowsCostNoAllocations(t *testing.T) { //nolint:paralleltest // counts what is allocated
	var columns []*column
	for _, c := range forms() {
		if c.form.wire != wireList && c.form.wire != wireJSON && c.form.wire != wireJSONB && c.form.wire != wireFloat4 {
			columns = append(columns, c)
		}
	}
	fields := make([]record.Field, len(columns))
	row := make([]record.Value, len(columns))
	examples := map[record.Kind]record.Value{
		record.KindInt: int64(123), record.KindFloat: 1.5, record.KindDecimal: record.Decimal("12345.678"), record.KindBool: true,
		record.KindDate: record.Date(1), record.KindTime: record.TimeOfDay(1), record.KindTimestamp: record.Timestamp(1),
		record.KindUUID: record.UUID{1}, record.KindBytes: record.Bytes("bytes"), record.KindString: "näive text",
	}
	for i, c := range columns {
		fields[i] = c.field
		row[i] = examples[c.field.Type.Kind]
	}
	const rows = 10_000
	builder := record.NewBuilder(record.NewSchema(fields...))
	for range rows {
		require.NoError(t, builder.Append(row, record.Mark{}))
	}
	batch := builder.Flush()
	stream := encoded(t, columns, batch)
	reader := newRowReader(columns, false, false)
	decoding := testing.AllocsPerRun(5, func() {
		to := newCopyReader(reader, func(b *record.Batch) error { b.Release(); return nil })
		for data := stream; len(data) > 0; {
			n := min(len(data), 64<<10)
			_, err := to.Write(data[:n])
			require.NoError(t, err)
			data = data[n:]
		}
		require.NoError(t, to.end())
	})
	require.Less(t, decoding/rows, 0.05, "allocations for each row read")
	l := &load{columns: columns, batches: []*record.Batch{batch}}
	for i := range columns {
		l.from = append(l.from, i)
	}
	for i := range rows {
		l.present = append(l.present, place{0, int32(i)})
	}
	var out bytes.Buffer
	out.Grow(len(stream) * 2)
	encoding := testing.AllocsPerRun(5, func() {
		out.Reset()
		_, err := io.Copy(&out, struct{ io.Reader }{newChunkReader(l, false)})
		require.NoError(t, err)
	})
	require.Less(t, encoding/rows, 0.05, "allocations for each row written")
}
