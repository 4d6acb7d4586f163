package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/syncline-dev/syncline/internal/record"
)

// PostgreSQL counts days and microseconds from 2000-01-01.
const (
	epochDays   = 10_957
	epochMicros = epochDays * 86_400 * 1_000_000
)

// batchBytes is the size at which a batch ends before it has all of its rows.
const batchBytes = 16 << 20

// appendFunc appends one value, which is not NULL, to an Arrow builder. When
// it fails it has appended nothing.
type appendFunc func(raw []byte) error

// rowReader decodes rows in their binary form into batches. It is for one
// goroutine.
type rowReader struct {
	columns []*column
	builder *record.Builder
	append  []appendFunc
	nulls   []array.Builder
	// token: rows end with their xmin.
	token    bool
	lastXmin uint32
	lastText string
	bytes    int
}

func newRowReader(columns []*column, token, checkText bool) *rowReader {
	fields := make([]record.Field, len(columns))
	for i, c := range columns {
		fields[i] = c.field
	}
	r := &rowReader{
		columns: columns, builder: record.NewBuilder(record.NewSchema(fields...)), token: token,
		append: make([]appendFunc, len(columns)), nulls: make([]array.Builder, len(columns)),
	}
	for i, c := range columns {
		r.nulls[i] = r.builder.Column(i)
		r.append[i] = appender(c.form, r.nulls[i], checkText)
	}
	return r
}

// full tells when to flush.
func (r *rowReader) full() bool { return r.builder.Full() || r.bytes >= batchBytes }

// flush gives the rows so far.
func (r *rowReader) flush() *record.Batch {
	r.bytes = 0
	return r.builder.Flush()
}

// copyRow appends a row in the form of binary COPY and gives what follows it.
func (r *rowReader) copyRow(data []byte) ([]byte, error) {
	if len(data) < 2 {
		return nil, errShort
	}
	want := len(r.columns)
	if r.token {
		want++
	}
	if n := int(binary.BigEndian.Uint16(data)); n != want {
		return nil, fmt.Errorf("row has %d columns for %d", n, want)
	}
	r.bytes += len(data)
	data = data[2:]
	var bad string
	for i, add := range r.append {
		size, rest, err := field(data)
		if err != nil {
			return nil, err
		}
		if size < 0 {
			r.nulls[i].AppendNull()
			data = rest
			continue
		}
		if err := add(rest[:size]); err != nil {
			bad = r.bad(i, err)
		}
		data = rest[size:]
	}
	mark := record.Mark{Bad: bad}
	if r.token {
		size, rest, err := field(data)
		if err != nil || size != 4 {
			return nil, errShort
		}
		mark.Token = r.tokenText(rest)
		data = rest[size:]
	}
	r.builder.Mark(mark)
	return data, nil
}

// bad fills the place of a value that could not be decoded, and says why.
func (r *rowReader) bad(i int, err error) string {
	var half partial
	if !errors.As(err, &half) {
		r.nulls[i].AppendNull()
	}
	return r.columns[i].field.Name + ": " + err.Error()
}

func field(data []byte) (size int, rest []byte, err error) {
	if len(data) < 4 {
		return 0, nil, errShort
	}
	size = int(int32(binary.BigEndian.Uint32(data)))
	if size > len(data)-4 {
		return 0, nil, errShort
	}
	return size, data[4:], nil
}

// row appends a row of a query's result; token is its xmin, if it has one.
func (r *rowReader) row(values [][]byte, token []byte, op record.Op) {
	mark := record.Mark{Op: op}
	for i, raw := range values {
		if raw == nil {
			r.nulls[i].AppendNull()
			continue
		}
		r.bytes += len(raw)
		if err := r.append[i](raw); err != nil {
			mark.Bad = r.bad(i, err)
		}
	}
	if len(token) == 4 {
		mark.Token = r.tokenText(token)
	}
	r.builder.Mark(mark)
}

// tokenText gives an xmin as text; neighbours often share it.
func (r *rowReader) tokenText(raw []byte) string {
	xmin := binary.BigEndian.Uint32(raw)
	if xmin != r.lastXmin || r.lastText == "" {
		r.lastXmin, r.lastText = xmin, strconv.FormatUint(uint64(xmin), 10)
	}
	return r.lastText
}

// appender gives the decoder of one form into a builder of its type.
func appender(f form, to array.Builder, checkText bool) appendFunc {
	switch b := to.(type) {
	case *array.Int64Builder:
		return appendInt(b)
	case *array.Float64Builder:
		return appendFloat(b, f.wire)
	case *array.BooleanBuilder:
		return sized(1, func(raw []byte) error { b.Append(raw[0] != 0); return nil })
	case *array.TimestampBuilder:
		return sized(8, func(raw []byte) error {
			at, err := timestamp(raw)
			if err == nil {
				b.Append(arrow.Timestamp(at))
			}
			return err
		})
	case *array.Date32Builder:
		return sized(4, func(raw []byte) error { b.Append(arrow.Date32(date(raw))); return nil })
	case *array.Time64Builder:
		return sized(8, func(raw []byte) error { b.Append(arrow.Time64(binary.BigEndian.Uint64(raw))); return nil })
	case *array.FixedSizeBinaryBuilder:
		return sized(16, func(raw []byte) error { b.Append(raw); return nil })
	case *array.BinaryBuilder:
		return func(raw []byte) error { b.Append(raw); return nil }
	case *array.StringBuilder:
		return appendString(f, b, checkText)
	case *array.ListBuilder:
		elem := f
		elem.wire = f.elem
		return appendList(b, appender(elem, b.ValueBuilder(), checkText))
	default:
		return func([]byte) error { return fmt.Errorf("no way to read into %T", to) }
	}
}

func sized(n int, add appendFunc) appendFunc {
	return func(raw []byte) error {
		if len(raw) != n {
			return errShort
		}
		return add(raw)
	}
}

func appendInt(b *array.Int64Builder) appendFunc {
	return func(raw []byte) error {
		switch len(raw) {
		case 2:
			b.Append(int64(int16(binary.BigEndian.Uint16(raw))))
		case 4:
			b.Append(int64(int32(binary.BigEndian.Uint32(raw))))
		case 8:
			b.Append(int64(binary.BigEndian.Uint64(raw)))
		default:
			return errShort
		}
		return nil
	}
}

func appendFloat(b *array.Float64Builder, w wire) appendFunc {
	if w == wireFloat4 {
		return sized(4, func(raw []byte) error {
			b.Append(widen(math.Float32frombits(binary.BigEndian.Uint32(raw))))
			return nil
		})
	}
	return sized(8, func(raw []byte) error {
		f := math.Float64frombits(binary.BigEndian.Uint64(raw))
		if math.IsNaN(f) {
			f = math.NaN()
		}
		b.Append(record.Float(f))
		return nil
	})
}

// widen gives the float64 with the same shortest decimal text, as the server
// shows it: 0.1, not 0.10000000149011612. Narrowing gives the same float4 back.
func widen(f float32) float64 {
	wide := float64(f)
	if math.IsNaN(wide) {
		return math.NaN()
	}
	if wide == math.Trunc(wide) || math.IsInf(wide, 0) {
		return record.Float(wide)
	}
	var buf [32]byte
	shortest, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], wide, 'g', -1, 32)), 64)
	if err != nil {
		return wide
	}
	return shortest
}

func timestamp(raw []byte) (int64, error) {
	us := int64(binary.BigEndian.Uint64(raw))
	switch {
	case us == math.MaxInt64 || us == math.MinInt64: // the infinities
		return us, nil
	case us > math.MaxInt64-epochMicros-1:
		return 0, errors.New("a timestamp after the year 294246")
	default:
		return us + epochMicros, nil
	}
}

func date(raw []byte) int32 {
	days := int32(binary.BigEndian.Uint32(raw))
	if days == math.MaxInt32 || days == math.MinInt32 {
		return days
	}
	return days + epochDays
}

func appendString(f form, b *array.StringBuilder, checkText bool) appendFunc {
	var buf []byte
	switch f.wire {
	case wireNumeric:
		return func(raw []byte) error {
			var err error
			if buf, err = appendNumericText(buf[:0], raw); err == nil {
				b.BinaryBuilder.Append(buf)
			}
			return err
		}
	case wireInterval:
		return sized(16, func(raw []byte) error {
			buf = appendInterval(buf[:0], raw)
			b.BinaryBuilder.Append(buf)
			return nil
		})
	case wireJSON, wireJSONB, wireNested:
		return appendJSON(b, f.wire)
	}
	if checkText {
		return func(raw []byte) error {
			if !utf8.Valid(raw) {
				return errors.New("not valid UTF-8")
			}
			b.BinaryBuilder.Append(raw)
			return nil
		}
	}
	return func(raw []byte) error { b.BinaryBuilder.Append(raw); return nil }
}

func appendJSON(b *array.StringBuilder, w wire) appendFunc {
	return func(raw []byte) error {
		if w == wireJSONB {
			if len(raw) == 0 || raw[0] != 1 {
				return errors.New("jsonb of an unknown version")
			}
			raw = raw[1:]
		}
		v, err := record.CanonicalJSON(raw)
		if err != nil {
			return err
		}
		b.BinaryBuilder.AppendString(record.Text(v))
		return nil
	}
}
