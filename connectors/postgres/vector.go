package postgres

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/syncline-dev/syncline/internal/record"
)

// vector collects one column of a batch in the layout of Arrow, and hands its
// memory over when the batch is full. It does what Arrow's builders do at a
// third of their cost, which here is paid for each value of each row.
type vector struct {
	dtype arrow.DataType
	rows  int
	// data holds values of a fixed size, bits of booleans, or bytes.
	data []byte
	// offsets are where values of varying size end; nil for others.
	offsets []int32
	// valid has a bit for each row; nil while no row is NULL.
	valid []byte
	nulls int
	// elems are the elements of lists.
	elems *vector
	// width is a value's size in bytes; 0 for booleans and varying sizes.
	width int
	bool  bool
	// sizes that the last batch had.
	lastData, lastRows int
}

func newVector(dtype arrow.DataType) *vector {
	v := &vector{dtype: dtype}
	switch t := dtype.(type) {
	case *arrow.BooleanType:
		v.bool = true
	case *arrow.ListType:
		v.elems = newVector(t.Elem())
		v.offsets = []int32{0}
	case arrow.FixedWidthDataType:
		v.width = t.BitWidth() / 8
	default:
		v.offsets = []int32{0}
	}
	return v
}

// null appends NULL.
func (v *vector) null() {
	if v.valid == nil {
		v.valid = make([]byte, v.rows/8+1, max(v.rows, v.lastRows)/8+16)
		for i := range v.valid {
			v.valid[i] = 0xff
		}
	}
	v.grow()
	v.valid[v.rows/8] &^= 1 << (v.rows % 8)
	v.nulls++
	switch {
	case v.offsets != nil:
		v.offsets = append(v.offsets, v.offsets[v.rows])
	case v.bool:
		v.bit(false)
	default:
		v.data = append(v.data, zeros[:v.width]...)
	}
	v.rows++
}

var (
	zeros [16]byte //nolint:gochecknoglobals // a constant
	// emptiness is the offsets, or the bits, of columns without any value.
	emptiness [4 * (record.BatchRows + 2)]byte //nolint:gochecknoglobals // a constant, shared by all batches
)

// grow makes room for a row in the validity bits, if there are any.
func (v *vector) grow() {
	if v.rows/8 >= len(v.valid) {
		v.valid = append(v.valid, 0xff)
	}
}

// added ends a row that is not NULL.
func (v *vector) added() {
	if v.valid != nil {
		v.grow()
	}
	v.rows++
}

func (v *vector) bytes(raw []byte) {
	v.data = append(v.data, raw...)
	v.offsets = append(v.offsets, int32(len(v.data)))
	v.added()
}

func (v *vector) text(s string) {
	v.data = append(v.data, s...)
	v.offsets = append(v.offsets, int32(len(v.data)))
	v.added()
}

func (v *vector) int64(i int64) {
	v.data = binary.LittleEndian.AppendUint64(v.data, uint64(i))
	v.added()
}

func (v *vector) int32(i int32) {
	v.data = binary.LittleEndian.AppendUint32(v.data, uint32(i))
	v.added()
}

func (v *vector) fixed(raw []byte) {
	v.data = append(v.data, raw...)
	v.added()
}

func (v *vector) boolean(b bool) {
	v.bit(b)
	v.added()
}

func (v *vector) bit(b bool) {
	if v.rows%8 == 0 {
		v.data = append(v.data, 0)
	}
	if b {
		v.data[v.rows/8] |= 1 << (v.rows % 8)
	}
}

// list ends a list whose elements were appended to elems.
func (v *vector) list() {
	v.offsets = append(v.offsets, int32(v.elems.rows))
	v.added()
}

// flush gives the column and begins the next one.
func (v *vector) flush() arrow.Array {
	data := v.take()
	defer data.Release()
	return array.MakeFromData(data)
}

func (v *vector) take() arrow.ArrayData {
	buffers := []*memory.Buffer{nil}
	if v.nulls > 0 {
		buffers[0] = memory.NewBufferBytes(v.valid)
	}
	var children []arrow.ArrayData
	if v.offsets != nil {
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(v.offsets)))
	}
	if v.elems != nil {
		children = append(children, v.elems.take())
	} else {
		buffers = append(buffers, memory.NewBufferBytes(v.data))
	}
	data := array.NewData(v.dtype, v.rows, buffers, children, v.nulls, 0)
	for _, child := range children {
		child.Release()
	}
	v.reset()
	return data
}

// reset begins anew with memory as large as the last batch needed.
func (v *vector) reset() {
	v.lastData, v.lastRows = len(v.data), v.rows
	v.data = make([]byte, 0, v.lastData+v.lastData/16+64)
	if v.offsets != nil {
		v.offsets = make([]int32, 1, v.lastRows+2)
	}
	v.valid, v.nulls, v.rows = nil, 0, 0
}

// nothing is a column of n NULLs; its buffers are shared by all batches.
func nothing(dtype arrow.DataType, n int) arrow.Array {
	empty := emptiness[:]
	if 4*(n+1) > len(empty) {
		empty = make([]byte, 4*(n+1)) // a fetch may give more rows than a batch
	}
	buffers := []*memory.Buffer{
		memory.NewBufferBytes(empty[:(n+7)/8]),
		memory.NewBufferBytes(empty[:4*(n+1)]),
		memory.NewBufferBytes(nil),
	}
	data := array.NewData(dtype, n, buffers, nil, n, 0)
	defer data.Release()
	return array.MakeFromData(data)
}
