package mappings

import (
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// Writer makes raw values of canonical records for one system. It is for one
// goroutine.
type Writer struct {
	side   *SystemMapping
	fields *machine
	// machine: an expression needs the fields set.
	needed []int
	// born evaluates `where` over what is written; nil without any.
	born *machine
}

// NewWriter makes a writer for a target of a schema, which must have the
// columns that are written, of the kinds they had.
func (s *SystemMapping) NewWriter(target *record.Schema) (*Writer, error) {
	for _, column := range s.Write {
		now, there := target.Field(column)
		if !there {
			return nil, fmt.Errorf("%s has no column %q any more", s.Name, column)
		}
		if was, known := s.schema.Field(column); known && bare(was.Type) != bare(now.Type) && s.object.Exists {
			return nil, fmt.Errorf("column %q of %s is %s now and was %s", column, s.Name, now.Type, was.Type)
		}
	}
	return s.newWriter(), nil
}

func (s *SystemMapping) newWriter() *Writer {
	w := &Writer{side: s, fields: newMachine(s.mapping.Schema)}
	need := map[int]bool{}
	for _, cell := range s.cells {
		if cell == nil {
			continue
		}
		for _, p := range cell.programs() {
			for _, place := range p.columns {
				need[place] = true
			}
		}
	}
	for place := range s.cells {
		if need[place] {
			w.needed = append(w.needed, place)
		}
	}
	if s.where != nil {
		w.born = newMachine(s.schema)
	}
	return w
}

// Belongs reports whether a new row of these values, as Write gave them, would
// match the system's `where`. What depends on a column that nobody writes is
// the system's to say, and so is what cannot be evaluated.
func (w *Writer) Belongs(out []record.Value) bool {
	if w.born == nil {
		return true
	}
	s := w.side
	for _, place := range s.where.columns {
		at := slices.Index(s.Write, s.schema.Fields[place].Name)
		if at < 0 || record.IsMissing(out[at]) {
			return true
		}
		w.born.set(place, out[at])
	}
	in, err := w.born.truth(s.where)
	return in || err != nil
}

// programs are the expressions that writing a cell evaluates.
func (c *cell) programs() []*program {
	var list []*program
	if c.when != nil {
		list = append(list, c.when)
	}
	for _, w := range c.writes {
		if w.expr != nil {
			list = append(list, w.expr)
		}
	}
	return list
}

// Write gives the raw values of the fields that are asked for, in the order of
// SystemMapping.Write; Missing leaves a column alone, and so do a false `when`
// and a value that is absent. With create, the literals of `on_create` stand
// where nothing else does. values is a whole canonical record. An error names
// the field and what was expected, never the value.
func (w *Writer) Write(values []record.Value, fields []bool, create bool, out []record.Value) error {
	s := w.side
	for i := range out {
		out[i] = record.Missing
	}
	for _, place := range w.needed {
		w.fields.set(place, values[place])
	}
	for i, cell := range s.cells {
		if cell == nil || !s.Writes[i] || !asked(cell, fields, i) {
			continue
		}
		if err := w.cell(cell, values[i], out); err != nil {
			return fmt.Errorf("field %s: %w", s.mapping.Schema.Fields[i].Name, err)
		}
	}
	if create {
		for _, literal := range s.onCreate {
			if nothing(out[literal.at]) {
				out[literal.at] = literal.value
			}
		}
	}
	return nil
}

// asked reports whether a cell takes part: its own field is asked for, or one
// that its expressions read.
func asked(c *cell, fields []bool, own int) bool {
	if fields[own] {
		return true
	}
	for _, w := range c.writes {
		if w.expr != nil && slices.ContainsFunc(w.expr.columns, func(place int) bool { return fields[place] }) {
			return true
		}
	}
	return false
}

func (w *Writer) cell(c *cell, v record.Value, out []record.Value) error {
	if c.when != nil {
		on, err := w.fields.truth(c.when)
		if err != nil {
			return fmt.Errorf("when: %w", err)
		}
		if !on {
			return nil
		}
	}
	for i := range c.writes {
		target := &c.writes[i]
		raw, err := w.raw(c, target, v)
		if err != nil {
			if target.column != c.path || target.expr != nil {
				return fmt.Errorf("column %s: %w", target.column, err)
			}
			return err
		}
		out[target.at] = raw
	}
	return nil
}

func (w *Writer) raw(c *cell, target *write, v record.Value) (record.Value, error) {
	switch {
	case target.expr != nil:
		out, err := w.fields.eval(target.expr)
		if err != nil {
			return nil, err
		}
		v = out
	case c.table != nil:
		raw, translated, err := c.table.toSystem(v)
		if err != nil {
			return nil, err
		}
		if translated {
			return record.Convert(target.typ, raw)
		}
		v = raw
	}
	if target.out == nil || nothing(v) {
		return v, nil
	}
	return target.out(v)
}

// predictor is a writer and what reads its result back.
type predictor struct {
	writer *Writer
	raw    *machine
	fields []bool
	out    []record.Value
}

// prediction gives what the system would read back after a write, or nil where
// it reads back what was written for every field.
func (s *SystemMapping) prediction() func([]record.Value) ([]record.Value, error) {
	var changing []int
	for i, cell := range s.cells {
		if cell != nil && s.Writes[i] && !s.readsBack(i) {
			changing = append(changing, i)
		}
	}
	if len(changing) == 0 {
		return nil
	}
	asked := s.writtenWith(changing)
	return func(fields []record.Value) ([]record.Value, error) {
		p, _ := s.writers.Get().(*predictor)
		if p == nil {
			p = &predictor{writer: s.newWriter(), raw: newMachine(s.schema), fields: asked, out: make([]record.Value, len(s.Write))}
		}
		defer s.writers.Put(p)
		return s.predict(p, changing, fields)
	}
}

// writtenWith gives the fields that must be written so that some can be read
// back: themselves, and those whose columns their expressions read.
func (s *SystemMapping) writtenWith(changing []int) []bool {
	fields := make([]bool, len(s.cells))
	read := map[string]bool{}
	for _, i := range changing {
		fields[i] = true
		if p := s.cells[i].read; p != nil {
			for _, place := range p.columns {
				read[s.schema.Fields[place].Name] = true
			}
		}
	}
	for i, c := range s.cells {
		if c == nil || !s.Writes[i] {
			continue
		}
		fields[i] = fields[i] || slices.ContainsFunc(c.writes, func(w write) bool { return read[w.column] })
	}
	return fields
}

// readsBack reports a field that this system reads back as it is written,
// whatever the value.
func (s *SystemMapping) readsBack(i int) bool {
	c := s.cells[i]
	if c.when != nil || c.read != nil || len(c.writes) != 1 || c.writes[0].expr != nil || c.writes[0].column != c.path {
		return false
	}
	if c.table != nil {
		return c.table.identity() && !c.table.keep && (!c.table.plain || c.writes[0].out == nil)
	}
	return c.in == nil && c.writes[0].out == nil
}

func (s *SystemMapping) predict(p *predictor, changing []int, fields []record.Value) ([]record.Value, error) {
	predicted := make([]record.Value, len(fields))
	for i := range fields {
		predicted[i] = fields[i]
		if s.cells[i] == nil {
			predicted[i] = record.Missing
		}
	}
	if err := p.writer.Write(fields, p.fields, false, p.out); err != nil {
		return nil, err
	}
	for at, column := range s.Write {
		p.raw.set(s.schema.Index(column), p.out[at])
	}
	for _, i := range changing {
		v, err := s.readBack(p.raw, s.cells[i])
		if err != nil {
			return nil, fmt.Errorf("field %s: %w", s.mapping.Schema.Fields[i].Name, err)
		}
		predicted[i] = v
	}
	return predicted, nil
}

// readBack reads one cell from what would be written; a column that is left
// alone says nothing.
func (s *SystemMapping) readBack(m *machine, c *cell) (record.Value, error) {
	var v record.Value = record.Missing
	var err error
	if c.read != nil {
		v, err = m.eval(c.read)
	} else if c.place >= 0 {
		v = m.value(c.place)
	}
	switch {
	case err != nil:
		return nil, err
	case c.table != nil:
		return c.table.fromSystem(v)
	case c.in == nil || v == nil:
		return v, nil
	default:
		return c.in(v)
	}
}
