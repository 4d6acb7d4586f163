package mappings

import (
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// expressions compiles everything that is not the reading of a cell.
func (c *compilation) expressions() {
	overFields := scope{noun: "field", schema: c.m.Schema}
	for _, s := range c.m.Systems {
		s.cells = make([]*cell, len(c.fields))
		for i, f := range c.fields {
			s.cells[i] = f.cells[s.Index]
			if s.cells[i] != nil {
				c.cellExpressions(f, s, s.cells[i], overFields)
			}
		}
		c.conditions(s)
		s.modified = -1
		if name := s.system.Modified; name.Value != "" {
			if s.modified = s.schema.Index(name.Value); s.modified < 0 && s.object.Exists {
				c.fail(name.Pos, "", fmt.Sprintf("%s has no column %q", s.Name, name.Value), suggestion(name.Value, s.schema.Names()))
			}
		}
	}
}

func (c *compilation) cellExpressions(f *compiledField, s *SystemMapping, cell *cell, overFields scope) {
	if text := cell.written.When; text.Value != "" {
		p, problems := compileExpr(text, overFields)
		if c.take(f.Name.Value, problems) && c.take(f.Name.Value, p.promise(record.KindBool)) {
			cell.when = p
			for _, place := range p.columns {
				if name := c.fields[place]; name.cells[s.Index] == nil {
					c.fail(text.Pos, f.Name.Value, fmt.Sprintf("`when` depends on %s, and %s has no such field", name.Name.Value, s.Name),
						"give it a cell for "+s.Name)
				}
			}
		}
	}
	for i := range cell.writes {
		w := &cell.writes[i]
		if w.text.Value == "" || w.text.Value == f.Name.Value {
			w.text = Text{}
			w.out = s.writing(f.typ, w.typ)
			continue
		}
		p, problems := compileExpr(w.text, overFields)
		if !c.take(f.Name.Value, problems) {
			continue
		}
		w.expr = p
		w.out = s.writing(record.Type{}, w.typ)
		if p.typ.Kind == record.KindString || w.typ.Kind == record.KindString {
			w.out = s.writing(p.typ, w.typ)
		}
	}
}

// conditions compiles `where` and `deleted`, which see the system's own record.
func (c *compilation) conditions(s *SystemMapping) {
	compile := func(text Text, want record.Kind) *program {
		p, problems := compileExpr(text, s.scope())
		if !c.take("", problems) || !c.take("", p.promise(want)) {
			return nil
		}
		return p
	}
	if text := s.system.Where; text.Value != "" {
		s.where = compile(text, record.KindBool)
	}
	text := s.system.Deleted
	if text.Value == "" {
		return
	}
	place := s.schema.Index(text.Value)
	if place < 0 && !s.object.Exists {
		place = s.grow(text.Value)
	}
	if place < 0 {
		s.deleted = compile(text, record.KindBool)
		return
	}
	s.deleted = &program{text: text, column: place, typ: s.schema.Fields[place].Type, columns: []int{place}}
	if s.Receives && !s.schema.Fields[place].ReadOnly {
		s.SoftColumn = text.Value
	}
}

// match compiles what makes records of different systems one.
func (c *compilation) match() {
	overFields := scope{noun: "field", schema: c.m.Schema}
	if c.def.Match.Key {
		c.matchKey()
		return
	}
	for _, texts := range c.def.Match.Alternatives {
		var a alternative
		for _, text := range texts {
			if place := c.m.Schema.Index(text.Value); place >= 0 {
				a.parts = append(a.parts, c.m.fieldProgram(place))
				continue
			}
			p, problems := compileExpr(text, overFields)
			if c.take("", problems) {
				a.parts = append(a.parts, p)
			}
		}
		c.m.matches = append(c.m.matches, a)
	}
	if len(c.m.matches) == 0 {
		c.fail(c.def.Pos, "", "nothing says by what records are matched", "match: FIELD")
	}
}

func (m *Mapping) fieldProgram(place int) *program {
	f := m.Schema.Fields[place]
	return &program{text: Text{Value: f.Name}, column: place, typ: f.Type, columns: []int{place}}
}

// matchKey makes the fields that are the source's key columns the match. Where
// the key is no field, each system's own key stands for it; then nothing can
// be created anywhere, because nobody could write the key.
func (c *compilation) matchKey() {
	source := c.keySource()
	if source == nil {
		return
	}
	a := alternative{}
	for _, key := range source.Key {
		place := slices.IndexFunc(source.cells, func(cell *cell) bool { return cell != nil && cell.path == key && cell.table == nil })
		if place < 0 {
			for _, s := range c.m.Systems {
				if s != source && s.Receives && !s.system.Allow.NoCreate {
					c.fail(c.def.Match.Pos, "", fmt.Sprintf("`match: key` needs a field for %s of %s, so that it can be written in %s", key, source.Name, s.Name),
						fmt.Sprintf("same: [%s]", key))
				}
			}
			a.key = true
			continue
		}
		a.parts = append(a.parts, c.m.fieldProgram(place))
	}
	if a.key {
		a.parts = nil
	}
	c.m.matches = []alternative{a}
}

// keySource is the system whose key `match: key` means: the first that is only
// a source, else the first.
func (c *compilation) keySource() *SystemMapping {
	source := c.m.Systems[0]
	for _, s := range c.m.Systems {
		if s.Reads && !s.Receives {
			source = s
			break
		}
	}
	if len(source.Key) == 0 {
		c.fail(source.system.Pos, "", source.Name+" has no key", "key: COLUMN")
		return nil
	}
	return source
}

// columns works out which raw columns are read, compared and written.
func (c *compilation) columns() {
	for _, s := range c.m.Systems {
		read := map[int]bool{}
		add := func(p *program) {
			if p != nil {
				for _, place := range p.columns {
					read[place] = true
				}
			}
		}
		add(s.where)
		add(s.deleted)
		s.Has, s.Writes = make([]bool, len(c.fields)), make([]bool, len(c.fields))
		s.Passthrough = make([]string, len(c.fields))
		for i, cell := range s.cells {
			if cell == nil {
				continue
			}
			if cell.place >= 0 {
				read[cell.place] = true
			}
			add(cell.read)
			s.Has[i] = true
			s.Writes[i] = s.Receives && len(cell.writes) > 0 && !cell.readOnly
			if cell.passes() {
				s.Passthrough[i] = cell.path
			}
		}
		for _, a := range c.m.matches {
			if a.key {
				for _, key := range s.Key {
					if place := s.schema.Index(key); place >= 0 {
						read[place] = true
					}
				}
			}
		}
		c.defaultKey(s)
		s.Columns = slices.Clone(s.Key)
		for place, f := range s.schema.Fields {
			if read[place] {
				s.Compare = append(s.Compare, f.Name)
			}
			if (read[place] || place == s.modified) && !slices.Contains(s.Columns, f.Name) {
				s.Columns = append(s.Columns, f.Name)
			}
		}
		c.writeColumns(s)
		s.Unless = c.unless(s)
	}
}

// passes reports a cell that is its column as it stands, both ways.
func (cell *cell) passes() bool {
	if cell.path == "" || cell.in != nil || cell.when != nil || cell.table != nil {
		return false
	}
	return cell.readOnly || len(cell.writes) == 1 && cell.writes[0].column == cell.path && cell.writes[0].expr == nil && cell.writes[0].out == nil
}

// defaultKey gives a target that does not exist yet the columns of the match
// for its key.
func (c *compilation) defaultKey(s *SystemMapping) {
	if len(s.Key) > 0 {
		return
	}
	for _, a := range c.m.matches {
		key := make([]string, 0, len(a.parts))
		for _, p := range a.parts {
			if p.run == nil && s.cells[p.column] != nil && s.cells[p.column].path != "" {
				key = append(key, s.cells[p.column].path)
			}
		}
		if len(key) == len(a.parts) && len(key) > 0 {
			s.Key = key
			return
		}
	}
	c.fail(s.system.Pos, "", s.Name+" has no key, and no field of `match` is one of its columns", "key: COLUMN")
}

// writeColumns gives every column that may be written its place.
func (c *compilation) writeColumns(s *SystemMapping) {
	if !s.Receives {
		return
	}
	by := map[string]string{}
	place := func(column string) int {
		if at := slices.Index(s.Write, column); at >= 0 {
			return at
		}
		s.Write = append(s.Write, column)
		return len(s.Write) - 1
	}
	for i, cell := range s.cells {
		if cell == nil || !s.Writes[i] {
			continue
		}
		for w := range cell.writes {
			target := &cell.writes[w]
			if other, twice := by[target.column]; twice && other != c.fields[i].Name.Value && c.reached(c.fields[i], s.Index) {
				c.fail(cell.written.Pos, c.fields[i].Name.Value, fmt.Sprintf("%s is written in %s by %s too", target.column, s.Name, other), "")
			}
			by[target.column] = c.fields[i].Name.Value
			target.at = place(target.column)
		}
	}
	for _, literal := range s.system.OnCreate {
		column, known := s.schema.Field(literal.Column.Value)
		if !known && !s.object.Exists {
			s.grow(literal.Column.Value)
			column, known = record.Field{Type: record.Type{Kind: record.KindString}}, true
		}
		v, err := record.Parse(column.Type, literal.Value.Value)
		if err == nil {
			v, err = record.Convert(column.Type, v)
		}
		switch {
		case !known:
			c.fail(literal.Column.Pos, "", fmt.Sprintf("%s has no column %q", s.Name, literal.Column.Value), suggestion(literal.Column.Value, s.schema.Names()))
		case err != nil:
			c.fail(literal.Value.Pos, "", fmt.Sprintf("%s is %s: %v", literal.Column.Value, column.Type, err), "")
		default:
			s.onCreate = append(s.onCreate, created{at: place(literal.Column.Value), value: v})
		}
	}
	if s.SoftColumn != "" {
		place(s.SoftColumn)
	}
}

// unless gives the columns of the first way to match that this system has as
// columns and that are written with a creation.
func (c *compilation) unless(s *SystemMapping) []string {
	if !s.Receives {
		return nil
	}
	for _, a := range c.m.matches {
		var columns []string
		for _, p := range a.parts {
			if p.run != nil {
				break
			}
			cell := s.cells[p.column]
			if cell == nil || !s.Writes[p.column] || len(cell.writes) != 1 || cell.writes[0].expr != nil {
				break
			}
			columns = append(columns, cell.writes[0].column)
		}
		if len(columns) == len(a.parts) && len(columns) > 0 {
			return columns
		}
	}
	return nil
}
