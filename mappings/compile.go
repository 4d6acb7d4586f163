package mappings

import (
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// Compile puts a definition and what its systems look like together. All that
// is wrong is told at once, with its place; the mapping is nil when any of it
// is an error. What the systems cannot promise is Check's to say.
func Compile(def *Definition, objects map[string]Object) (*Mapping, Problems) {
	c := &compilation{def: def, m: &Mapping{Definition: def}}
	c.systems(objects)
	if c.problems.Failed() {
		return nil, c.told()
	}
	c.rows()
	c.cells()
	c.types()
	if c.problems.Failed() {
		return nil, c.told()
	}
	c.converters()
	c.expressions()
	c.match()
	c.columns()
	c.rules()
	if c.problems.Failed() {
		return nil, c.told()
	}
	c.hashes()
	c.m.StatelessWhyNot = c.whyNotStateless()
	c.m.Stateless = c.m.StatelessWhyNot == ""
	return c.m, c.told()
}

// compilation is one call of Compile.
type compilation struct {
	def      *Definition
	m        *Mapping
	fields   []*compiledField
	problems Problems
}

// compiledField is a row of the definition on its way to a canonical field.
type compiledField struct {
	*Field
	typ   record.Type
	owner int // the declared one, or the one system that nobody can write
	// truncate: the systems have dates and timestamps, so the day counts.
	truncate bool
	cells    []*cell // one place per system, nil where it has none
}

func (c *compilation) told() Problems {
	for i := range c.problems {
		p := &c.problems[i]
		p.Sync = c.def.Sync.Value
		if p.Line == "" {
			p.Line = sourceLine(c.def, p.Pos)
		}
	}
	c.problems.sort()
	return c.problems
}

func (c *compilation) fail(pos Pos, field, message, hint string) {
	c.problems = append(c.problems, Problem{
		Pos: pos, Severity: SeverityError, Field: field, Message: message, Hint: hint,
	})
}

func (c *compilation) take(field string, problems Problems) bool {
	for _, p := range problems {
		p.Field = field
		c.problems = append(c.problems, p)
	}
	return !problems.Failed()
}

// systems sets up one side for each system.
func (c *compilation) systems(objects map[string]Object) {
	for i, s := range c.def.Systems {
		object, known := objects[s.Name.Value]
		if !known {
			c.fail(s.Pos, "", fmt.Sprintf("nobody said what %s looks like", s.Name.Value), "")
			continue
		}
		formats, err := record.NewFormats(s.Formats)
		if err != nil && !c.def.faulty { // else Parse told it
			c.fail(s.Pos, "", err.Error(), "")
		}
		side := &SystemMapping{
			Name: s.Name.Value, Index: i, mapping: c.m, system: s, object: object, formats: formats, schema: object.Schema,
			Key: object.Key, Reads: s.Role != "target", Receives: s.Role != "source" && (object.Writable || !object.Exists),
		}
		if side.schema == nil {
			side.schema = record.NewSchema()
		}
		if len(s.Key) > 0 {
			side.Key = make([]string, len(s.Key))
			for i, key := range s.Key {
				side.Key[i] = key.Value
			}
		}
		if object.Exists {
			for _, key := range side.Key {
				if side.schema.Index(key) < 0 {
					c.fail(s.Pos, "", fmt.Sprintf("%s has no column %q for its key", s.Name.Value, key), suggestion(key, side.schema.Names()))
				}
			}
		}
		side.textOnly = !slices.ContainsFunc(side.schema.Fields, func(f record.Field) bool { return f.Type.Kind != record.KindString })
		c.m.Systems = append(c.m.Systems, side)
	}
}

// rows gathers the fields: what `same` names, then the rows in their order.
func (c *compilation) rows() {
	for _, name := range c.sameNames() {
		if slices.ContainsFunc(c.def.Fields, func(f *Field) bool { return f.Name.Value == name.Value }) {
			continue
		}
		f := &Field{Name: name}
		for _, s := range c.m.Systems {
			if c.def.Same.All && s.object.Exists && !s.Reads && s.generated(name.Value) {
				continue
			}
			f.Cells = append(f.Cells, &Cell{System: Text{Value: s.Name}, Path: name, Pos: name.Pos})
		}
		c.fields = append(c.fields, &compiledField{Field: f, owner: -1})
	}
	for _, f := range c.def.Fields {
		c.fields = append(c.fields, &compiledField{Field: f, owner: -1})
	}
	if len(c.fields) == 0 {
		c.fail(c.def.Pos, "", "there are no fields", "say `same: all` or `fields:`")
	}
}

// generated tells a column that the system computes itself; it is no part of
// its key.
func (s *SystemMapping) generated(name string) bool {
	f, _ := s.schema.Field(name)
	return f.ReadOnly && !slices.Contains(s.Key, name)
}

// sameNames lists the fields of `same`. `all` are the columns of the systems
// that are read, less those that rows name; every system must have them.
func (c *compilation) sameNames() []Text {
	if !c.def.Same.All {
		return c.def.Same.Names
	}
	taken := map[string]bool{}
	for _, name := range c.def.Same.Except {
		taken[name.Value] = true
	}
	for _, f := range c.def.Fields {
		for _, cell := range f.Cells {
			taken[cell.reading().Value] = true
			for _, w := range cell.Write {
				taken[w.Column.Value] = true
			}
		}
	}
	var names []Text
	for _, s := range c.m.Systems {
		if !s.Reads || !s.object.Exists {
			continue
		}
		for _, name := range s.schema.Names() {
			if taken[name] || name == s.system.Deleted.Value {
				continue
			}
			taken[name] = true
			names = append(names, Text{Value: name, Pos: c.def.Same.Pos})
		}
	}
	return names
}

// cells finds out for each field and system what its cell is: a path, or an
// expression.
func (c *compilation) cells() {
	for _, f := range c.fields {
		f.cells = make([]*cell, len(c.m.Systems))
		for _, written := range f.Cells {
			s := c.m.system(written.System.Value)
			if s == nil {
				c.fail(written.Pos, f.Name.Value, fmt.Sprintf("there is no system %q", written.System.Value), "")
				continue
			}
			if f.cells[s.Index] != nil {
				c.fail(written.Pos, f.Name.Value, "has two cells for "+s.Name, "")
				continue
			}
			f.cells[s.Index] = c.cell(f, s, written)
		}
		c.owner(f)
	}
}

// cell reads one cell by rule 1: exactly a discovered path is that path,
// anything else is an expression that can only be read.
func (c *compilation) cell(f *compiledField, s *SystemMapping, written *Cell) *cell {
	made := &cell{written: written, place: -1}
	source := written.reading()
	switch place := s.schema.Index(source.Value); {
	case source.Value == "":
	case place >= 0:
		made.path, made.place = source.Value, place
		made.typ = s.schema.Fields[place].Type
		made.readOnly = s.schema.Fields[place].ReadOnly
	case !s.object.Exists:
		made.path, made.typ = source.Value, record.Type{Kind: record.KindString}
		made.place = s.grow(source.Value)
	default:
		p, problems := compileExpr(source, s.scope())
		for i := range problems {
			switch {
			case c.def.Same.All && written.Pos == c.def.Same.Pos:
				problems[i].Pos = written.Pos
				problems[i].Hint = fmt.Sprintf("same: {except: [%s]}, or give %s the column", source.Value, s.Name)
			case problems[i].Hint == "":
				problems[i].Hint = suggestion(source.Value, s.schema.Names())
			}
		}
		if !c.take(f.Name.Value, problems) {
			return made
		}
		made.read, made.typ, made.readOnly = p, p.typ, true
	}
	if len(written.Write) == 0 {
		if made.path != "" && written.Path.Value != "" && !made.readOnly {
			made.writes = []write{{column: made.path, typ: made.typ}}
		} else {
			made.readOnly = true
		}
		return made
	}
	made.readOnly = false
	for _, w := range written.Write {
		place := s.schema.Index(w.Column.Value)
		if place < 0 && !s.object.Exists {
			place = s.grow(w.Column.Value)
		}
		if place < 0 {
			c.fail(w.Column.Pos, f.Name.Value, fmt.Sprintf("%s has no column %q", s.Name, w.Column.Value), suggestion(w.Column.Value, s.schema.Names()))
			continue
		}
		if s.schema.Fields[place].ReadOnly && s.Receives {
			c.fail(w.Column.Pos, f.Name.Value, fmt.Sprintf("nobody may write %s in %s", w.Column.Value, s.Name), "")
		}
		made.writes = append(made.writes, write{column: w.Column.Value, typ: s.schema.Fields[place].Type, text: w.Expr})
	}
	return made
}

// grow adds a column to a target that does not exist yet; all are text.
func (s *SystemMapping) grow(name string) int {
	fields := append(slices.Clone(s.schema.Fields), record.Field{
		Name: name, Type: record.Type{Kind: record.KindString}, Nullable: true, Native: "text",
	})
	s.schema = record.NewSchema(fields...)
	return len(fields) - 1
}

func (s *SystemMapping) scope() scope {
	return scope{noun: "column", of: " of " + s.Name, schema: s.schema}
}

// owner finds who owns a field: a path that nobody can write belongs to its
// system, and the others are told.
func (c *compilation) owner(f *compiledField) {
	if f.Owner.Value != "" {
		if s := c.m.system(f.Owner.Value); s != nil && f.cells[s.Index] != nil {
			f.owner = s.Index
		} else {
			c.fail(f.Owner.Pos, f.Name.Value, fmt.Sprintf("%s owns it and has no cell for it", f.Owner.Value), "")
		}
	}
	var fixed, server []int
	for i, s := range c.m.Systems {
		cell := f.cells[i]
		if cell == nil || !cell.readOnly || !s.Reads {
			continue
		}
		fixed = append(fixed, i)
		if cell.place >= 0 && s.schema.Fields[cell.place].ReadOnly {
			server = append(server, i)
		}
	}
	if f.owner < 0 && len(server) == 1 {
		f.owner = server[0]
	}
	for _, i := range fixed {
		s, cell := c.m.Systems[i], f.cells[i]
		if i == f.owner || !s.Receives || !c.reached(f, i) {
			continue
		}
		if cell.read != nil || cell.written.Read.Value != "" {
			c.fail(cell.written.reading().Pos, f.Name.Value, fmt.Sprintf("must be written in %s, and an expression can only be read", s.Name),
				fmt.Sprintf("%s: {read: …, write: COLUMN}, or `owner: %s`", s.Name, s.Name))
		} else if s.schema.Fields[cell.place].ReadOnly {
			c.fail(cell.written.Pos, f.Name.Value, fmt.Sprintf("nobody may write %s in %s", cell.path, s.Name), "owner: "+s.Name)
		}
	}
}

// reached reports whether another system's word on a field reaches this one.
func (c *compilation) reached(f *compiledField, system int) bool {
	for i, s := range c.m.Systems {
		if i != system && s.Reads && f.cells[i] != nil && (f.owner < 0 || f.owner == i) {
			return true
		}
	}
	return false
}

func (m *Mapping) system(name string) *SystemMapping {
	for _, s := range m.Systems {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func suggestion(word string, candidates []string) string {
	if near := suggest(word, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}
