package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/syncline-dev/syncline/internal/record"
)

// PostgreSQL counts days and microseconds from 2000-01-01.
const (
	epochDays   = 10_957
	epochMicros = epochDays * 86_400 * 1_000_000
)

// batchBytes is the size at which a batch ends before it has all of its rows.
const batchBytes = 16 << 20

// appendFunc appends one value, which is not NULL, to a vector. When it fails
// it has appended nothing.
type appendFunc func(raw []byte) error

// rowReader decodes rows in their binary form into batches. It is for one
// goroutine.
type rowReader struct {
	columns []*column
	schema  *record.Schema
	arrow   *arrow.Schema
	append  []appendFunc
	vectors []*vector
	rows    int
	bytes   int
	// hasToken: rows end with their xmin.
	hasToken       bool
	lastXmin       uint32
	lastText       string
	ops            []byte
	tokens, reason *vector
}

func newRowReader(columns []*column, token, checkText bool) *rowReader {
	fields := make([]record.Field, len(columns))
	for i, c := range columns {
		fields[i] = c.field
	}
	r := &rowReader{
		columns: columns, schema: record.NewSchema(fields...), hasToken: token,
		append: make([]appendFunc, len(columns)), vectors: make([]*vector, len(columns)),
		tokens: newVector(arrow.BinaryTypes.String), reason: newVector(arrow.BinaryTypes.String),
	}
	r.arrow = record.ArrowSchema(r.schema)
	for i, c := range columns {
		r.vectors[i] = newVector(r.arrow.Field(i).Type)
		r.append[i] = appender(c.form, r.vectors[i], checkText)
	}
	return r
}

// full tells when to flush.
func (r *rowReader) full() bool { return r.rows >= record.BatchRows || r.bytes >= batchBytes }

// flush gives the rows so far.
func (r *rowReader) flush() *record.Batch {
	n := len(r.vectors)
	columns := make([]arrow.Array, n, n+5)
	for i, v := range r.vectors {
		columns[i] = v.flush()
	}
	marks := r.arrow.Fields()[n:]
	columns = append(columns, r.flushOps(), nil, nothing(marks[2].Type, r.rows), nil, nothing(marks[4].Type, r.rows))
	columns[n+1] = r.optional(r.tokens)
	columns[n+3] = r.optional(r.reason)
	batch := array.NewRecordBatch(r.arrow, columns, int64(r.rows))
	for _, c := range columns {
		c.Release()
	}
	r.rows, r.bytes = 0, 0
	return record.WithSchema(r.schema, batch)
}

func (r *rowReader) flushOps() arrow.Array {
	data := array.NewData(arrow.PrimitiveTypes.Uint8, r.rows, []*memory.Buffer{nil, memory.NewBufferBytes(r.ops)}, nil, 0, 0)
	defer data.Release()
	r.ops = make([]byte, 0, cap(r.ops))
	return array.MakeFromData(data)
}

// optional gives a mark's column, which is filled up to its last text.
func (r *rowReader) optional(v *vector) arrow.Array {
	if v.rows == 0 {
		return nothing(v.dtype, r.rows)
	}
	for v.rows < r.rows {
		v.null()
	}
	return v.flush()
}

// end ends a row.
func (r *rowReader) end(op record.Op, token []byte, bad string) {
	r.ops = append(r.ops, byte(op))
	for _, mark := range []struct {
		column *vector
		text   string
	}{{r.tokens, r.tokenText(token)}, {r.reason, bad}} {
		if mark.text == "" {
			continue
		}
		for mark.column.rows < r.rows {
			mark.column.null()
		}
		mark.column.text(mark.text)
	}
	r.rows++
}

// copyRow appends a row in the form of binary COPY and gives what follows it.
func (r *rowReader) copyRow(data []byte) ([]byte, error) {
	if len(data) < 2 {
		return nil, errShort
	}
	want := len(r.columns)
	if r.hasToken {
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
			r.vectors[i].null()
			data = rest
			continue
		}
		if err := add(rest[:size]); err != nil {
			bad = r.bad(i, err)
		}
		data = rest[size:]
	}
	var token []byte
	if r.hasToken {
		size, rest, err := field(data)
		if err != nil || size != 4 {
			return nil, errShort
		}
		token, data = rest[:size], rest[size:]
	}
	r.end(record.Present, token, bad)
	return data, nil
}

// bad fills the place of a value that could not be decoded, and says why.
func (r *rowReader) bad(i int, err error) string {
	var half partial
	if !errors.As(err, &half) {
		r.vectors[i].null()
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
func (r *rowReader) row(values [][]byte, token []byte, op record.Op, why ...string) {
	bad := strings.Join(why, "; ")
	for i, raw := range values {
		if raw == nil {
			r.vectors[i].null()
			continue
		}
		r.bytes += len(raw)
		if err := r.append[i](raw); err != nil {
			bad = r.bad(i, err)
		}
	}
	r.end(op, token, bad)
}

// tokenText gives an xmin as text; neighbours often share it.
func (r *rowReader) tokenText(raw []byte) string {
	if len(raw) != 4 {
		return ""
	}
	xmin := binary.BigEndian.Uint32(raw)
	if xmin != r.lastXmin || r.lastText == "" {
		r.lastXmin, r.lastText = xmin, strconv.FormatUint(uint64(xmin), 10)
	}
	return r.lastText
}

// appender gives the decoder of one form into a vector.
func appender(f form, v *vector, checkText bool) appendFunc {
	switch f.wire {
	case wireInt2, wireInt4, wireInt8:
		return appendInt(v)
	case wireFloat4, wireFloat8:
		return appendFloat(v, f.wire)
	case wireBool:
		return sized(1, func(raw []byte) error { v.boolean(raw[0] != 0); return nil })
	case wireTimestamp, wireTimestampTZ:
		return sized(8, func(raw []byte) error {
			at, err := timestamp(raw)
			if err == nil {
				v.int64(at)
			}
			return err
		})
	case wireDate:
		return sized(4, func(raw []byte) error { v.int32(date(raw)); return nil })
	case wireTime:
		return sized(8, func(raw []byte) error { v.int64(int64(binary.BigEndian.Uint64(raw))); return nil })
	case wireUUID:
		return sized(16, func(raw []byte) error { v.fixed(raw); return nil })
	case wireBytea:
		return func(raw []byte) error { v.bytes(raw); return nil }
	case wireNumeric:
		return appendDecimal(v)
	case wireInterval:
		return sized(16, func(raw []byte) error {
			v.data = appendInterval(v.data, raw)
			v.bytes(nil)
			return nil
		})
	case wireJSON, wireJSONB, wireNested:
		return appendJSON(v, f.wire)
	case wireList:
		elem := f
		elem.wire = f.elem
		return appendList(v, appender(elem, v.elems, checkText))
	case wireText:
		return appendText(v, checkText)
	default:
		return func([]byte) error { return errors.New("a type that cannot be read") }
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

func appendInt(v *vector) appendFunc {
	return func(raw []byte) error {
		switch len(raw) {
		case 8:
			v.int64(int64(binary.BigEndian.Uint64(raw)))
		case 4:
			v.int64(int64(int32(binary.BigEndian.Uint32(raw))))
		case 2:
			v.int64(int64(int16(binary.BigEndian.Uint16(raw))))
		default:
			return errShort
		}
		return nil
	}
}

func appendFloat(v *vector, w wire) appendFunc {
	add := func(f float64) {
		if math.IsNaN(f) {
			f = math.NaN() // of all the NaNs, one
		}
		v.int64(int64(math.Float64bits(record.Float(f))))
	}
	if w == wireFloat4 {
		return sized(4, func(raw []byte) error {
			add(widen(math.Float32frombits(binary.BigEndian.Uint32(raw))))
			return nil
		})
	}
	return sized(8, func(raw []byte) error {
		add(math.Float64frombits(binary.BigEndian.Uint64(raw)))
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
	if math.IsInf(wide, 0) || math.Abs(wide) <= 1<<24 && wide == math.Trunc(wide) {
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

func appendDecimal(v *vector) appendFunc {
	return func(raw []byte) error {
		data, err := appendNumericText(v.data, raw)
		if err != nil {
			return err
		}
		v.data = data
		v.bytes(nil)
		return nil
	}
}

func appendText(v *vector, check bool) appendFunc {
	return func(raw []byte) error {
		if check && !utf8.Valid(raw) {
			return errNotUTF8
		}
		v.bytes(raw)
		return nil
	}
}

func appendJSON(v *vector, w wire) appendFunc {
	return func(raw []byte) error {
		if w == wireJSONB {
			if len(raw) == 0 || raw[0] != 1 {
				return errors.New("jsonb of an unknown version")
			}
			raw = raw[1:]
		}
		value, err := record.CanonicalJSON(raw)
		if err != nil {
			return err
		}
		v.text(record.Text(value))
		return nil
	}
}
