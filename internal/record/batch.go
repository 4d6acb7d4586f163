package record

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Op says what a row of a batch reports.
type Op uint8

// A row is there as shown; was deleted (only its key is set); or was asked for
// by key and is not there.
const (
	Present Op = iota
	Deleted
	Absent
)

// Mark is what a batch knows of a row beside its values.
type Mark struct {
	Op Op
	// Token is the system's condition token for the row, such as an ETag or a
	// row version; "" where the system has none.
	Token string
	// Order is the row's place in the source's own order of changes (LSN,
	// version, sequence), comparable as text within one system; "" if unknown.
	Order string
	// Bad says why the row's values could not be decoded; its key still is.
	Bad string
}

// The columns of the marks stand behind the fields.
const (
	opColumn      = "_op"
	tokenColumn   = "_token"
	orderColumn   = "_order"
	badColumn     = "_bad"
	missingColumn = "_missing"
	markColumns   = 5
)

// Batch is rows of one schema as an Arrow record batch: a column per field,
// then the marks. Batches are immutable and safe to read from many goroutines.
type Batch struct {
	Schema *Schema
	rec    arrow.RecordBatch
}

// NewBatch wraps an Arrow record batch that was built from a Builder's schema,
// such as one read back from a stage.
func NewBatch(rec arrow.RecordBatch) (*Batch, error) {
	schema, err := SchemaOf(rec.Schema())
	if err != nil {
		return nil, err
	}
	return &Batch{Schema: schema, rec: rec}, nil
}

// WithSchema wraps a record batch whose schema is already known.
func WithSchema(schema *Schema, rec arrow.RecordBatch) *Batch {
	return &Batch{Schema: schema, rec: rec}
}

// Arrow gives the record batch itself, marks included.
func (b *Batch) Arrow() arrow.RecordBatch { return b.rec }

// Rows counts the rows.
func (b *Batch) Rows() int { return int(b.rec.NumRows()) }

// Release lets go of the Arrow memory.
func (b *Batch) Release() { b.rec.Release() }

// Mark gives what is known of a row beside its values.
func (b *Batch) Mark(row int) Mark {
	n := len(b.Schema.Fields)
	return Mark{
		Op:    Op(b.rec.Column(n).(*array.Uint8).Value(row)),
		Token: stringAt(b.rec.Column(n+1), row),
		Order: stringAt(b.rec.Column(n+2), row),
		Bad:   stringAt(b.rec.Column(n+3), row),
	}
}

func stringAt(col arrow.Array, row int) string {
	if col.IsNull(row) {
		return ""
	}
	return col.(*array.String).Value(row)
}

// Row copies one row's values into dst, which is grown as needed.
func (b *Batch) Row(row int, dst []Value) []Value {
	n := len(b.Schema.Fields)
	if cap(dst) < n {
		dst = make([]Value, n)
	}
	dst = dst[:n]
	for i := range n {
		dst[i] = b.Value(row, i)
	}
	return dst
}

// Value gives one value.
func (b *Batch) Value(row, col int) Value {
	arr := b.rec.Column(col)
	if arr.IsNull(row) {
		if b.missing(row, col) {
			return Missing
		}
		return nil
	}
	return valueAt(b.Schema.Fields[col].Type, arr, row)
}

func (b *Batch) missing(row, col int) bool {
	m := b.rec.Column(len(b.Schema.Fields) + 4)
	if m.NullN() == m.Len() || m.IsNull(row) {
		return false
	}
	bits := m.(*array.Binary).Value(row)
	return col/8 < len(bits) && bits[col/8]&(1<<(col%8)) != 0
}

func valueAt(t Type, arr arrow.Array, row int) Value {
	switch a := arr.(type) {
	case *array.String:
		return textValue(t.Kind, a.Value(row))
	case *array.Int64:
		return a.Value(row)
	case *array.Float64:
		return a.Value(row)
	case *array.Boolean:
		return a.Value(row)
	case *array.Timestamp:
		return Timestamp(a.Value(row))
	case *array.Date32:
		return Date(a.Value(row))
	case *array.Time64:
		return TimeOfDay(a.Value(row))
	case *array.FixedSizeBinary:
		return UUID(a.Value(row))
	case *array.Binary:
		return Bytes(a.Value(row))
	case *array.List:
		start, end := a.ValueOffsets(row)
		list := make(List, 0, end-start)
		for i := start; i < end; i++ {
			if a.ListValues().IsNull(int(i)) {
				list = append(list, nil)
				continue
			}
			list = append(list, valueAt(Type{Kind: t.Elem}, a.ListValues(), int(i)))
		}
		return list
	default:
		return nil
	}
}

func textValue(k Kind, s string) Value {
	switch k {
	case KindDecimal:
		return Decimal(s)
	case KindJSON:
		return JSON(s)
	case Any, KindRef:
		return decodeAny(s)
	default:
		return s
	}
}

// Values without a declared type carry their kind in their first byte.
func encodeAny(v Value) string {
	switch v := v.(type) {
	case int64:
		return "i" + Text(v)
	case float64:
		return "f" + Text(v)
	case Decimal:
		return "n" + Text(v)
	case bool:
		return "b" + Text(v)
	case Bytes:
		return "x" + string(v)
	case JSON:
		return "j" + Text(v)
	case Timestamp:
		return "t" + Text(v)
	case Date:
		return "d" + Text(v)
	case UUID:
		return "u" + Text(v)
	case List:
		return "l" + Text(v)
	default:
		return "s" + Text(v)
	}
}

func decodeAny(s string) Value {
	if s == "" {
		return ""
	}
	rest := s[1:]
	kinds := map[byte]Type{
		'i': {Kind: KindInt}, 'f': {Kind: KindFloat}, 'b': {Kind: KindBool}, 't': {Kind: KindTimestamp},
		'd': {Kind: KindDate}, 'u': {Kind: KindUUID}, 'l': {Kind: KindList},
	}
	switch s[0] {
	case 's':
		return rest
	case 'n':
		return Decimal(rest)
	case 'x':
		return Bytes(rest)
	case 'j':
		return JSON(rest)
	}
	v, err := Parse(kinds[s[0]], rest)
	if err != nil {
		return rest
	}
	return v
}

// ArrowSchema gives the Arrow schema of batches of a schema: the fields with
// their types in the metadata, then the marks.
func ArrowSchema(s *Schema) *arrow.Schema {
	fields := make([]arrow.Field, 0, len(s.Fields)+markColumns)
	for _, f := range s.Fields {
		meta := arrow.NewMetadata(
			[]string{"type", "native", "flags"},
			[]string{f.Type.String(), f.Native, flagText(f)},
		)
		fields = append(fields, arrow.Field{Name: f.Name, Type: arrowType(f.Type), Nullable: true, Metadata: meta})
	}
	return arrow.NewSchema(append(fields,
		arrow.Field{Name: opColumn, Type: arrow.PrimitiveTypes.Uint8},
		arrow.Field{Name: tokenColumn, Type: arrow.BinaryTypes.String, Nullable: true},
		arrow.Field{Name: orderColumn, Type: arrow.BinaryTypes.String, Nullable: true},
		arrow.Field{Name: badColumn, Type: arrow.BinaryTypes.String, Nullable: true},
		arrow.Field{Name: missingColumn, Type: arrow.BinaryTypes.Binary, Nullable: true},
	), nil)
}

func flagText(f Field) string {
	var flags []byte
	for _, flag := range []struct {
		set  bool
		char byte
	}{{f.Nullable, 'n'}, {f.ReadOnly, 'r'}, {f.HasDefault, 'd'}} {
		if flag.set {
			flags = append(flags, flag.char)
		}
	}
	return string(flags)
}

// SchemaOf reads the schema back from an Arrow schema made by ArrowSchema.
func SchemaOf(s *arrow.Schema) (*Schema, error) {
	n := s.NumFields() - markColumns
	if n < 0 || s.Field(n).Name != opColumn {
		return nil, fmt.Errorf("not a batch of records: %d columns without marks", s.NumFields())
	}
	fields := make([]Field, n)
	for i := range n {
		af := s.Field(i)
		text, _ := af.Metadata.GetValue("type")
		t, err := parseStoredType(text)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", af.Name, err)
		}
		native, _ := af.Metadata.GetValue("native")
		flags, _ := af.Metadata.GetValue("flags")
		f := Field{Name: af.Name, Type: t, Native: native}
		for _, c := range flags {
			switch c {
			case 'n':
				f.Nullable = true
			case 'r':
				f.ReadOnly = true
			case 'd':
				f.HasDefault = true
			}
		}
		fields[i] = f
	}
	return NewSchema(fields...), nil
}

func parseStoredType(text string) (Type, error) {
	if text == Any.String() {
		return Type{}, nil
	}
	return ParseType(text)
}

func arrowType(t Type) arrow.DataType {
	switch t.Kind {
	case KindInt:
		return arrow.PrimitiveTypes.Int64
	case KindFloat:
		return arrow.PrimitiveTypes.Float64
	case KindBool:
		return arrow.FixedWidthTypes.Boolean
	case KindTimestamp:
		return arrow.FixedWidthTypes.Timestamp_us
	case KindDate:
		return arrow.FixedWidthTypes.Date32
	case KindTime:
		return arrow.FixedWidthTypes.Time64us
	case KindUUID:
		return &arrow.FixedSizeBinaryType{ByteWidth: 16}
	case KindBytes:
		return arrow.BinaryTypes.Binary
	case KindList, KindSet:
		return arrow.ListOf(arrowType(Type{Kind: t.Elem}))
	case Any, KindString, KindDecimal, KindJSON, KindRef:
		return arrow.BinaryTypes.String
	default:
		return arrow.BinaryTypes.String
	}
}
