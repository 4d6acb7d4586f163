package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/syncline-dev/syncline/internal/record"
)

// batchBytes is the size at which a batch ends before it has all of its rows.
const batchBytes = 16 << 20

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
	values  [][]byte
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
	r.mark(r.tokens, r.tokenText(token))
	r.mark(r.reason, bad)
	r.rows++
}

func (r *rowReader) mark(column *vector, text string) {
	if text == "" {
		return
	}
	for column.rows < r.rows {
		column.null()
	}
	column.text(text)
}

// copyRow appends a row in the form of binary COPY and gives its size; 0 says
// that data does not hold all of it yet, and nothing was appended.
func (r *rowReader) copyRow(data []byte) (size int, err error) {
	want := len(r.columns)
	if r.hasToken {
		want++
	}
	if n := int(binary.BigEndian.Uint16(data)); n != want {
		return 0, fmt.Errorf("row has %d columns for %d", n, want)
	}
	values := r.values[:0]
	at := 2
	for range want {
		if len(data) < at+4 {
			return 0, nil
		}
		n := int(int32(binary.BigEndian.Uint32(data[at:])))
		at += 4
		if n < 0 {
			values = append(values, nil)
			continue
		}
		if len(data) < at+n {
			return 0, nil
		}
		values = append(values, data[at:at+n:at+n])
		at += n
	}
	r.values = values
	var token []byte
	if r.hasToken {
		token = values[want-1]
	}
	r.row(values[:len(r.columns)], token, record.Present)
	return at, nil
}

// bad fills the place of a value that could not be decoded, and says why.
func (r *rowReader) bad(i int, err error) string {
	if _, half := errors.AsType[partial](err); !half {
		r.vectors[i].null()
	}
	return r.columns[i].field.Name + ": " + err.Error()
}

// row appends a row of a query's result; token is its xmin, if it has one.
func (r *rowReader) row(values [][]byte, token []byte, op record.Op, why ...string) {
	var bad string
	if len(why) > 0 {
		bad = why[0]
	}
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
