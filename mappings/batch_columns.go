package mappings

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/syncline-dev/syncline/internal/record"
)

func both(a, b func(arrow.Array, int) error) func(arrow.Array, int) error {
	if a == nil {
		return b
	}
	return func(arr arrow.Array, row int) error {
		if err := a(arr, row); err != nil {
			return err
		}
		return b(arr, row)
	}
}

// boundCheck refuses what a type of the same kind has no room for.
func boundCheck(t record.Type) func(arrow.Array, int) error {
	return func(arr arrow.Array, row int) error {
		if arr.IsNull(row) {
			return nil
		}
		var v record.Value
		switch a := arr.(type) {
		case *array.String:
			text := a.Value(row)
			if t.Kind == record.KindString && len(text) <= t.Length {
				return nil
			}
			if v = text; t.Kind == record.KindDecimal {
				v = record.Decimal(text)
			}
		case *array.Int64:
			v = a.Value(row)
		default:
			return nil
		}
		_, err := record.Convert(t, v)
		return err
	}
}

// set gives a program of the source its columns of one row.
func (p *Pipe) set(program *program, row int) {
	for _, place := range program.columns {
		p.raw.set(place, p.batch.Value(row, p.at[place]))
	}
}

// column makes one column of the target.
func (p *Pipe) column(i int) (arrow.Array, error) {
	c := &p.columns[i]
	if c.pass >= 0 {
		arr := p.batch.Arrow().Column(c.pass)
		if c.check != nil {
			for row := range arr.Len() {
				if !p.drop[row] && !p.gone[row] {
					if err := c.check(arr, row); err != nil {
						p.reject(row, p.fieldName(c), err)
					}
				}
			}
		}
		arr.Retain()
		return arr, nil
	}
	if c.text != nil {
		if arr, is := p.batch.Arrow().Column(c.textAt).(*array.String); is {
			return p.textColumn(c, arr), nil
		}
	}
	return p.computed(i)
}

func (p *Pipe) fieldName(c *pipeColumn) string {
	return "field " + p.source.mapping.Schema.Fields[c.field].Name
}

func (p *Pipe) textColumn(c *pipeColumn, from *array.String) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(from.Len())
	b.ReserveData(len(from.ValueBytes()))
	var buf []byte // reused
	for row := range from.Len() {
		if from.IsNull(row) || p.drop[row] {
			b.AppendNull()
			continue
		}
		buf = c.text(buf[:0], from.Value(row))
		b.BinaryBuilder.Append(buf)
	}
	return b.NewArray()
}

func (p *Pipe) computed(i int) (arrow.Array, error) {
	c := &p.columns[i]
	b := array.NewBuilder(memory.DefaultAllocator, record.ArrowSchema(record.NewSchema(record.Field{Type: c.typ})).Field(0).Type)
	defer b.Release()
	rows := p.batch.Rows()
	b.Reserve(rows)
	short := p.short(c, b)
	for row := range rows {
		if p.drop[row] || p.gone[row] && !c.key {
			b.AppendNull()
			continue
		}
		if short != nil && short(row) {
			continue
		}
		v, err := p.value(c, row)
		if err == nil {
			if record.IsMissing(v) {
				p.void(i, row)
			}
			if err = record.AppendArrow(c.typ, b, v); err == nil {
				continue
			}
		}
		p.reject(row, p.fieldName(c), err)
		b.AppendNull()
	}
	return b.NewArray(), nil
}

// short gives a way to append the values of a column of text without values in
// between; it leaves rows that need a closer look to value. nil if there is none.
func (p *Pipe) short(c *pipeColumn, to array.Builder) func(row int) bool {
	if c.parse < 0 {
		return nil
	}
	cells, is := p.batch.Arrow().Column(c.parse).(*array.String)
	if !is {
		return nil
	}
	appendText := p.source.formats.AppendText(to, c.types[:]...)
	if appendText == nil {
		return nil
	}
	if b, is := to.(*array.StringBuilder); is {
		b.ReserveData(len(cells.ValueBytes()))
	}
	absent := p.batch.Arrow().Column(len(p.batch.Schema.Fields) + markMissing)
	return func(row int) bool {
		if !cells.IsNull(row) {
			return appendText(cells.Value(row))
		}
		if !absent.IsNull(row) {
			return false
		}
		to.AppendNull()
		return true
	}
}

// value is what one row holds in one column of the target.
func (p *Pipe) value(c *pipeColumn, row int) (record.Value, error) {
	target := p.target.cells[c.field]
	if c.write.expr != nil {
		for _, place := range c.write.expr.columns {
			v, err := p.field(place, row)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", p.source.mapping.Schema.Fields[place].Name, err)
			}
			p.fields.set(place, v)
		}
		v, err := p.fields.eval(c.write.expr)
		if err != nil || c.write.out == nil || nothing(v) {
			return v, err
		}
		return c.write.out(v)
	}
	v, err := p.field(c.field, row)
	if err != nil {
		return nil, err
	}
	if target.table != nil {
		raw, translated, err := target.table.toSystem(v)
		if err != nil {
			return nil, err
		}
		if translated {
			return record.Convert(c.typ, raw)
		}
		v = raw
	}
	if c.write.out == nil || nothing(v) {
		return v, nil
	}
	return c.write.out(v)
}

// field is the canonical value of one field of one row.
func (p *Pipe) field(i, row int) (record.Value, error) {
	cell := p.source.cells[i]
	if cell == nil {
		return record.Missing, nil
	}
	if cell.when != nil {
		for _, place := range cell.when.columns {
			if place == i {
				continue
			}
			v, err := p.field(place, row)
			if err != nil {
				return nil, err
			}
			p.fields.set(place, v)
		}
		if on, err := p.fields.truth(cell.when); err != nil || !on {
			return record.Missing, err
		}
	}
	var v record.Value
	var err error
	if cell.read != nil {
		p.set(cell.read, row)
		v, err = p.raw.eval(cell.read)
	} else {
		v = p.batch.Value(row, p.at[cell.place])
	}
	switch {
	case err != nil:
		return nil, err
	case cell.table != nil:
		return cell.table.fromSystem(v)
	case cell.in == nil || v == nil:
		return v, nil
	default:
		return cell.in(v)
	}
}
