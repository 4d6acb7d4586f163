package record

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// BatchRows is how many rows a full batch has.
const BatchRows = 16_384

// Builder collects rows into batches. It is for one goroutine. Connectors that
// decode a wire format append straight to Column(i) and end the row with Mark;
// everyone else uses Append.
type Builder struct {
	schema *Schema
	arrow  *array.RecordBuilder
	op     *array.Uint8Builder
	token  *array.StringBuilder
	order  *array.StringBuilder
	bad    *array.StringBuilder
	absent *array.BinaryBuilder
	rows   int
	bytes  int
	bits   []byte
	// plain is how many of the last rows have no mark and are not yet in the
	// builders of the marks; while all are, those stay empty.
	plain int
	// before is how large the last batch was, and each of its columns.
	before struct {
		rows  int
		bytes []int
	}
}

// NewBuilder makes a builder of batches of a schema.
func NewBuilder(schema *Schema) *Builder {
	rb := array.NewRecordBuilder(memory.DefaultAllocator, ArrowSchema(schema))
	n := len(schema.Fields)
	return &Builder{
		schema: schema,
		arrow:  rb,
		op:     rb.Field(n).(*array.Uint8Builder),
		token:  rb.Field(n + 1).(*array.StringBuilder),
		order:  rb.Field(n + 2).(*array.StringBuilder),
		bad:    rb.Field(n + 3).(*array.StringBuilder),
		absent: rb.Field(n + 4).(*array.BinaryBuilder),
	}
}

// Column gives the Arrow builder of one field.
func (b *Builder) Column(i int) array.Builder { return b.arrow.Field(i) }

// Rows counts the rows since the last Flush.
func (b *Builder) Rows() int { return b.rows }

// Bytes estimates the size of what Append collected since the last Flush.
func (b *Builder) Bytes() int { return b.bytes }

// Full tells when to flush: at BatchRows rows or about 32 MB.
func (b *Builder) Full() bool { return b.rows >= BatchRows || b.bytes >= 32<<20 }

// Append adds a row. Each value is nil, Missing or of its field's kind; on an
// error nothing was added.
func (b *Builder) Append(values []Value, m Mark) error {
	if len(values) != len(b.schema.Fields) {
		return fmt.Errorf("row has %d values for %d fields", len(values), len(b.schema.Fields))
	}
	for i, v := range values {
		if f := b.schema.Fields[i]; !fits(f.Type, v) {
			return fmt.Errorf("field %q: %w", f.Name, mismatch(f.Type, v))
		}
	}
	b.bits = b.bits[:0]
	for i, v := range values {
		if v == nil || IsMissing(v) {
			b.arrow.Field(i).AppendNull()
			if v != nil {
				b.setMissing(i)
			}
			continue
		}
		b.bytes += appendValue(b.schema.Fields[i].Type, b.arrow.Field(i), v)
	}
	b.endRow(m)
	return nil
}

// Mark ends a row whose columns were appended one by one.
func (b *Builder) Mark(m Mark) {
	b.bits = b.bits[:0]
	b.endRow(m)
}

func (b *Builder) endRow(m Mark) {
	if b.rows++; b.rows == 1 {
		b.reserve()
	}
	if m == (Mark{}) && len(b.bits) == 0 {
		b.plain++
		return
	}
	b.catchUp()
	b.op.Append(uint8(m.Op))
	appendOptional(b.token, m.Token)
	appendOptional(b.order, m.Order)
	appendOptional(b.bad, m.Bad)
	if len(b.bits) == 0 {
		b.absent.AppendNull()
	} else {
		b.absent.Append(b.bits)
	}
}

// catchUp writes the marks of the rows that had none.
func (b *Builder) catchUp() {
	for range b.plain {
		b.op.Append(uint8(Present))
	}
	for _, mark := range []array.Builder{b.token, b.order, b.bad, b.absent} {
		mark.AppendNulls(b.plain)
	}
	b.plain = 0
}

// reserve makes room for as much as the batch before had, once a batch has a
// row at all: growing step by step would copy everything several times.
func (b *Builder) reserve() {
	for i, bytes := range b.before.bytes {
		to := b.arrow.Field(i)
		to.Reserve(b.before.rows)
		if to, is := to.(dataBuilder); is {
			to.ReserveData(bytes + bytes/16)
		}
	}
}

// remember notes how large the columns have become.
func (b *Builder) remember() {
	b.before.rows, b.before.bytes = b.rows, b.before.bytes[:0]
	for i := range b.schema.Fields {
		bytes := 0
		if from, is := b.arrow.Field(i).(dataBuilder); is {
			bytes = from.DataLen()
		}
		b.before.bytes = append(b.before.bytes, bytes)
	}
}

// dataBuilder builds a column of values of different sizes.
type dataBuilder interface {
	DataLen() int
	ReserveData(n int)
}

func (b *Builder) setMissing(i int) {
	for len(b.bits) <= i/8 {
		b.bits = append(b.bits, 0)
	}
	b.bits[i/8] |= 1 << (i % 8)
}

func appendOptional(sb *array.StringBuilder, s string) {
	if s == "" {
		sb.AppendNull()
		return
	}
	sb.Append(s)
}

// Flush gives the rows collected so far as a batch and starts the next one.
func (b *Builder) Flush() *Batch {
	rows := b.rows
	b.remember()
	b.rows, b.bytes = 0, 0
	if b.plain < rows || rows == 0 {
		b.catchUp()
		return &Batch{Schema: b.schema, rec: b.arrow.NewRecordBatch()}
	}
	b.plain = 0
	columns := make([]arrow.Array, 0, len(b.schema.Fields)+markColumns)
	for i := range b.schema.Fields {
		columns = append(columns, b.arrow.Field(i).NewArray())
	}
	columns = append(columns, noMarks(rows)...)
	rec := array.NewRecordBatch(b.arrow.Schema(), columns, int64(rows))
	for _, column := range columns {
		column.Release()
	}
	return &Batch{Schema: b.schema, rec: rec}
}

// noMarks gives the columns of the marks for rows that are there and nothing
// else.
func noMarks(rows int) []arrow.Array {
	data := array.NewData(arrow.PrimitiveTypes.Uint8, rows, []*memory.Buffer{nil, memory.NewBufferBytes(make([]byte, rows))}, nil, 0, 0)
	defer data.Release()
	marks := []arrow.Array{array.NewUint8Data(data)}
	for range 3 {
		marks = append(marks, array.MakeArrayOfNull(memory.DefaultAllocator, arrow.BinaryTypes.String, rows))
	}
	return append(marks, array.MakeArrayOfNull(memory.DefaultAllocator, arrow.BinaryTypes.Binary, rows))
}

// Release lets go of the builder's memory.
func (b *Builder) Release() { b.arrow.Release() }

func fits(t Type, v Value) bool {
	if v == nil || IsMissing(v) {
		return true
	}
	switch t.Kind {
	case Any, KindRef:
		return true
	case KindList, KindSet:
		list, is := v.(List)
		if !is {
			return false
		}
		for _, elem := range list {
			if !fits(Type{Kind: t.Elem}, elem) {
				return false
			}
		}
		return true
	default:
		return KindOf(v) == t.Kind
	}
}

// AppendArrow appends one value to the Arrow builder of a field of a type, for
// batches that are built column by column. NULL and Missing are null there.
func AppendArrow(t Type, to array.Builder, v Value) error {
	if !fits(t, v) {
		return mismatch(t, v)
	}
	if v == nil || IsMissing(v) {
		to.AppendNull()
		return nil
	}
	appendValue(t, to, v)
	return nil
}

func appendValue(t Type, to array.Builder, v Value) int {
	switch b := to.(type) {
	case *array.StringBuilder:
		text := Text(v)
		if t.Kind == Any || t.Kind == KindRef {
			text = encodeAny(v)
		}
		b.Append(text)
		return len(text)
	case *array.Int64Builder:
		b.Append(v.(int64))
	case *array.Float64Builder:
		b.Append(v.(float64))
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.(Timestamp)))
	case *array.Date32Builder:
		b.Append(arrow.Date32(v.(Date)))
	case *array.Time64Builder:
		b.Append(arrow.Time64(v.(TimeOfDay)))
	case *array.FixedSizeBinaryBuilder:
		u := v.(UUID)
		b.Append(u[:])
	case *array.BinaryBuilder:
		b.Append([]byte(v.(Bytes)))
		return len(v.(Bytes))
	case *array.ListBuilder:
		b.Append(true)
		size := 0
		for _, elem := range v.(List) {
			if elem == nil {
				b.ValueBuilder().AppendNull()
				continue
			}
			size += appendValue(Type{Kind: t.Elem}, b.ValueBuilder(), elem)
		}
		return size
	}
	return 8
}
