package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/internal/record"
)

// copyBuffer is how much is encoded at once.
const copyBuffer = 256 << 10

// encodeFunc appends the length and the binary form of a row's value.
type encodeFunc func(dst []byte, row int) ([]byte, error)

// chunkReader encodes the present rows of a chunk as binary COPY. A row that
// cannot be encoded is left out and noted.
type chunkReader struct {
	load *load
	// stage: values are sent as their stage types, behind the row's number.
	stage   bool
	batch   int32
	columns []encodeFunc
	keys    []arrow.Array
	at      int
	buf     []byte
	pending []byte
	ended   bool

	sent    int64
	refused []refusal

	// mu and stopped keep a reader that was left behind, when the connection
	// broke, from touching batches that are released.
	mu      sync.Mutex
	stopped bool
}

func newChunkReader(l *load, stage bool) *chunkReader {
	r := &chunkReader{load: l, stage: stage, batch: -1, buf: make([]byte, 0, copyBuffer+copyBuffer/4)}
	r.buf = append(r.buf, copyHeader...)
	r.buf = append(r.buf, 0, 0, 0, 0, 0, 0, 0, 0)
	return r
}

// copy runs the COPY and gives the number of rows that the server took.
func (r *chunkReader) copy(ctx context.Context, conn *pgconn.PgConn, sql string) (int64, error) {
	tag, err := conn.CopyFrom(ctx, r, sql)
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	return tag.RowsAffected(), err
}

// Read gives the next bytes of the stream.
func (r *chunkReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return 0, io.ErrClosedPipe
	}
	if len(r.pending) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		r.fill()
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	return n, nil
}

func (r *chunkReader) fill() {
	rows := r.load.present
	for len(r.buf) < copyBuffer && r.at < len(rows) {
		at := rows[r.at]
		if at.batch != r.batch {
			r.open(at.batch)
		}
		start := len(r.buf)
		if err := r.row(int(at.row)); err != nil {
			r.buf = r.buf[:start]
			r.refused = append(r.refused, refusal{at: at, err: err})
		} else {
			r.sent++
		}
		r.at++
	}
	if r.at == len(rows) {
		r.buf = append(r.buf, 0xff, 0xff)
		r.ended = true
	}
	r.pending = r.buf
	r.buf = r.buf[:0]
}

func (r *chunkReader) row(row int) error {
	for _, key := range r.keys {
		if key.IsNull(row) {
			return errNullKey
		}
	}
	count := len(r.columns)
	if r.stage {
		count++
	}
	r.buf = binary.BigEndian.AppendUint16(r.buf, uint16(count))
	if r.stage {
		r.buf = append(r.buf, 0, 0, 0, 4)
		r.buf = binary.BigEndian.AppendUint32(r.buf, uint32(r.at))
	}
	for i, encode := range r.columns {
		var err error
		if r.buf, err = encode(r.buf, row); err != nil {
			return &columnError{column: r.load.columns[i].field.Name, err: err}
		}
	}
	return nil
}

// columnError names the column whose value cannot be written.
type columnError struct {
	column string
	err    error
}

// Error gives the column and the reason.
func (e *columnError) Error() string { return "column " + e.column + ": " + e.err.Error() }

// Unwrap gives the reason.
func (e *columnError) Unwrap() error { return e.err }

// open begins another batch of the chunk.
func (r *chunkReader) open(batch int32) {
	r.batch = batch
	b := r.load.batches[batch]
	r.columns = r.columns[:0]
	for i, c := range r.load.columns {
		r.columns = append(r.columns, c.encoder(b, r.load.from[i], r.stage))
	}
	r.keys = r.keys[:0]
	for _, c := range r.load.key {
		r.keys = append(r.keys, b.Arrow().Column(r.load.from[position(r.load.columns, c)]))
	}
}

// copies tells whether binary COPY takes the column's values as they are.
func (c *column) copies() bool {
	switch c.form.wire {
	case wireInterval, wireNested:
		return false
	case wireText, wireList:
		return (!c.form.cast || c.form.base == oidBPChar) && c.form.elem != wireInterval
	case wireTimestamp:
		return c.zone == ""
	default:
		return true
	}
}

// encoder gives the fast encoder of a column whose Arrow type is the column's
// own, or one that converts each value.
func (c *column) encoder(b *record.Batch, i int, stage bool) encodeFunc {
	arr := b.Arrow().Column(i)
	slow := func(dst []byte, row int) ([]byte, error) {
		v, err := c.convert(b.Value(row, i))
		if err != nil {
			return dst, err
		}
		if stage {
			return c.appendStaged(dst, v)
		}
		return c.appendOwn(dst, v)
	}
	from := b.Schema.Fields[i].Type
	if from.Kind != c.field.Type.Kind || stage && c.stage() == textStage && c.form.wire != wireText {
		return slow
	}
	fast := c.fastEncoder(arr, from)
	if fast == nil {
		return slow
	}
	if arr.NullN() == 0 {
		return fast
	}
	return func(dst []byte, row int) ([]byte, error) {
		if arr.IsNull(row) {
			return append(dst, 0xff, 0xff, 0xff, 0xff), nil
		}
		return fast(dst, row)
	}
}

// fastEncoder encodes values that are not NULL without making any Go value;
// nil if there is no such way.
func (c *column) fastEncoder(arr arrow.Array, from record.Type) encodeFunc {
	w := c.form.wire
	switch a := arr.(type) {
	case *array.Int64:
		return encodeInts(a.Int64Values(), w)
	case *array.Float64:
		if w != wireFloat8 {
			return nil
		}
		return func(dst []byte, row int) ([]byte, error) {
			at := len(dst)
			dst, err := appendBinary(append(dst, 0, 0, 0, 0), w, a.Value(row))
			return sealed(dst, at), err
		}
	case *array.Boolean:
		return func(dst []byte, row int) ([]byte, error) {
			if a.Value(row) {
				return append(dst, 0, 0, 0, 1, 1), nil
			}
			return append(dst, 0, 0, 0, 1, 0), nil
		}
	case *array.Timestamp:
		return func(dst []byte, row int) ([]byte, error) {
			return appendTimestamp(append(dst, 0, 0, 0, 8), int64(a.Value(row)))
		}
	case *array.Date32:
		return func(dst []byte, row int) ([]byte, error) {
			return appendDate(append(dst, 0, 0, 0, 4), int32(a.Value(row))), nil
		}
	case *array.Time64:
		return func(dst []byte, row int) ([]byte, error) {
			return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(a.Value(row))), nil
		}
	case *array.FixedSizeBinary:
		return func(dst []byte, row int) ([]byte, error) {
			return append(append(dst, 0, 0, 0, 16), a.Value(row)...), nil
		}
	case *array.Binary:
		return func(dst []byte, row int) ([]byte, error) {
			v := a.Value(row)
			return append(binary.BigEndian.AppendUint32(dst, uint32(len(v))), v...), nil
		}
	case *array.String:
		return c.encodeStrings(a, from)
	default:
		return nil
	}
}

func encodeInts(values []int64, w wire) encodeFunc {
	switch w {
	case wireInt2, wireInt4:
		width := byte(4)
		if w == wireInt2 {
			width = 2
		}
		return func(dst []byte, row int) ([]byte, error) {
			return appendIntBinary(append(dst, 0, 0, 0, width), w, values[row])
		}
	default:
		return func(dst []byte, row int) ([]byte, error) {
			return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(values[row])), nil
		}
	}
}

func (c *column) encodeStrings(a *array.String, from record.Type) encodeFunc {
	to := c.field.Type
	if c.form.wire == wireNumeric {
		bounded := to.Precision > 0
		if from.Precision > 0 && from.Scale <= to.Scale && from.Precision-from.Scale <= to.Precision-to.Scale {
			bounded = false // what fits there fits here
		}
		return func(dst []byte, row int) ([]byte, error) {
			text := a.Value(row)
			if bounded {
				d := record.Decimal(text)
				whole, frac := d.Digits()
				if d != "NaN" && (!d.Finite() || whole > to.Precision-to.Scale || frac > to.Scale) {
					return dst, errWide
				}
			}
			at := len(dst)
			dst, err := appendNumeric(append(dst, 0, 0, 0, 0), text)
			return sealed(dst, at), err
		}
	}
	if c.form.wire != wireText && c.form.wire != wireJSON && c.form.wire != wireJSONB {
		return nil
	}
	version := c.form.wire == wireJSONB
	clean := cleanText(a)
	return func(dst []byte, row int) ([]byte, error) {
		text := a.Value(row)
		if !clean || len(text) > 0 && !utf8.RuneStart(text[0]) {
			if err := storable(text); err != nil {
				return dst, err
			}
		}
		if to.Length > 0 && len(text) > to.Length && utf8.RuneCountInString(text) > to.Length {
			return dst, errLong
		}
		size := len(text)
		if version {
			size++
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(size))
		if version {
			dst = append(dst, 1)
		}
		return append(dst, text...), nil
	}
}

var (
	errLong = errors.New("longer than its column")
	errWide = errors.New("more digits than its column has")
)

// cleanText checks all values at once: with no U+0000 and valid UTF-8 as a
// whole, a value that begins with a character is valid itself.
func cleanText(a *array.String) bool {
	all := a.ValueBytes()
	return bytes.IndexByte(all, 0) < 0 && utf8.Valid(all)
}

// appendOwn appends the length and the column's own binary form.
func (c *column) appendOwn(dst []byte, v record.Value) ([]byte, error) {
	if v == nil || record.IsMissing(v) {
		return append(dst, 0xff, 0xff, 0xff, 0xff), nil
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	list, is := v.(record.List)
	if !is {
		dst, err := appendBinary(dst, c.form.wire, v)
		return sealed(dst, at), err
	}
	dst = appendArrayHeader(dst, c.form.elemOID, len(list))
	for _, elem := range list {
		if elem == nil {
			dst = append(dst, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		start := len(dst)
		var err error
		if dst, err = appendBinary(append(dst, 0, 0, 0, 0), c.form.elem, elem); err != nil {
			return dst, err
		}
		sealed(dst, start)
	}
	return sealed(dst, at), nil
}
