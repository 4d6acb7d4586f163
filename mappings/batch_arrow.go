package mappings

import (
	"bytes"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/syncline-dev/syncline/internal/record"
)

// The marks of a batch stand behind its fields, in this order.
const (
	markOp = iota
	markToken
	markOrder
	markBad
	markMissing
	markCount
)

// opsArePresent reports a batch in which no row is deleted, absent or bad.
func opsArePresent(batch *record.Batch) bool {
	n := len(batch.Schema.Fields)
	ops, is := batch.Arrow().Column(n + markOp).(*array.Uint8)
	if !is {
		return false
	}
	for _, op := range ops.Uint8Values() {
		if record.Op(op) != record.Present {
			return false
		}
	}
	bad := batch.Arrow().Column(n + markBad)
	return bad.NullN() == bad.Len()
}

// marks gives the marks of the target's batch: whether rows are deleted, and
// which values are absent. Tokens and orders are the source's own.
func (p *Pipe) marks() []arrow.Array {
	rows, n := p.batch.Rows(), len(p.schema.Fields)
	ops := array.NewUint8Builder(memory.DefaultAllocator)
	defer ops.Release()
	ops.Reserve(rows)
	for row := range rows {
		op := record.Present
		if p.gone[row] {
			op = record.Deleted
		}
		ops.UnsafeAppend(uint8(op))
	}
	marks := make([]arrow.Array, markCount)
	marks[markOp] = ops.NewArray()
	for _, i := range []int{markToken, markOrder, markBad} {
		marks[i] = array.MakeArrayOfNull(memory.DefaultAllocator, p.arrow.Field(n+i).Type, rows)
	}
	marks[markMissing] = p.missing()
	return marks
}

// missing gives the bits of absent values: those of the raw columns that are
// handed on, and those that expressions gave.
func (p *Pipe) missing() arrow.Array {
	rows := p.batch.Rows()
	raw := p.batch.Arrow().Column(len(p.batch.Schema.Fields) + markMissing)
	if raw.NullN() < raw.Len() {
		for row := range rows {
			for i := range p.columns {
				if c := &p.columns[i]; !raw.IsNull(row) && c.pass >= 0 && record.IsMissing(p.batch.Value(row, c.pass)) {
					p.void(i, row)
				}
			}
		}
	}
	if p.voids == nil {
		return array.MakeArrayOfNull(memory.DefaultAllocator, arrow.BinaryTypes.Binary, rows)
	}
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	defer b.Release()
	size := p.voidBytes()
	for row := range rows {
		bits := p.voids[row*size : (row+1)*size]
		if bytes.Count(bits, []byte{0}) == size {
			b.AppendNull()
		} else {
			b.Append(bits)
		}
	}
	return b.NewArray()
}

// void notes that a value is absent.
func (p *Pipe) void(column, row int) {
	size := p.voidBytes()
	if p.voids == nil {
		p.voids = make([]byte, p.batch.Rows()*size)
	}
	p.voids[row*size+column/8] |= 1 << (column % 8)
}

func (p *Pipe) voidBytes() int { return (len(p.columns) + 7) / 8 }

// keep copies the rows that are not dropped.
func keep(arr arrow.Array, drop []bool) (arrow.Array, error) {
	b := array.NewBuilder(memory.DefaultAllocator, arr.DataType())
	defer b.Release()
	switch a := arr.(type) {
	case *array.String:
		to := b.(*array.StringBuilder)
		each(a, drop, to, func(row int) { to.Append(a.Value(row)) })
	case *array.Binary:
		to := b.(*array.BinaryBuilder)
		each(a, drop, to, func(row int) { to.Append(a.Value(row)) })
	case *array.Uint8:
		to := b.(*array.Uint8Builder)
		each(a, drop, to, func(row int) { to.Append(a.Value(row)) })
	case *array.Int64:
		to := b.(*array.Int64Builder)
		each(a, drop, to, func(row int) { to.Append(a.Value(row)) })
	case *array.Float64:
		to := b.(*array.Float64Builder)
		each(a, drop, to, func(row int) { to.Append(a.Value(row)) })
	case *array.Boolean:
		to := b.(*array.BooleanBuilder)
		each(a, drop, to, func(row int) { to.Append(a.Value(row)) })
	case *array.Timestamp:
		to := b.(*array.TimestampBuilder)
		each(a, drop, to, func(row int) { to.Append(a.Value(row)) })
	case *array.Date32:
		to := b.(*array.Date32Builder)
		each(a, drop, to, func(row int) { to.Append(a.Value(row)) })
	case *array.Time64:
		to := b.(*array.Time64Builder)
		each(a, drop, to, func(row int) { to.Append(a.Value(row)) })
	case *array.FixedSizeBinary:
		to := b.(*array.FixedSizeBinaryBuilder)
		each(a, drop, to, func(row int) { to.Append(a.Value(row)) })
	default:
		return keepRuns(arr, drop)
	}
	return b.NewArray(), nil
}

func each(arr arrow.Array, drop []bool, to array.Builder, add func(row int)) {
	for row := range arr.Len() {
		switch {
		case drop[row]:
		case arr.IsNull(row):
			to.AppendNull()
		default:
			add(row)
		}
	}
}

// keepRuns joins the slices between the dropped rows, for lists.
func keepRuns(arr arrow.Array, drop []bool) (arrow.Array, error) {
	var runs []arrow.Array
	defer func() {
		for _, run := range runs {
			run.Release()
		}
	}()
	for row := 0; row < arr.Len(); row++ {
		if drop[row] {
			continue
		}
		start := row
		for row < arr.Len() && !drop[row] {
			row++
		}
		runs = append(runs, array.NewSlice(arr, int64(start), int64(row)))
	}
	if len(runs) == 0 {
		return array.NewSlice(arr, 0, 0), nil
	}
	joined, err := array.Concatenate(runs, memory.DefaultAllocator)
	if err != nil {
		return nil, errors.New("cannot join the rows that are kept")
	}
	return joined, nil
}
