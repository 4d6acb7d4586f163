package mappings

import (
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// Check says everything there is to say about a parsed definition: faults,
// warnings and what is not built yet, in the order of the file. objects
// describe what the systems have, by the systems' names; a system that is not
// among them is checked as far as that needs no schema (`--offline`).
func Check(def *Definition, objects map[string]Object) Problems {
	c := newChecker(def, objects)
	c.putOff()
	c.systems()
	c.fields()
	c.match()
	c.policies()
	c.promises()
	c.compiled()
	for i := range c.problems {
		p := &c.problems[i]
		p.Sync = def.Sync.Value
		if p.Line == "" {
			p.Line = sourceLine(def, p.Pos)
		}
	}
	c.problems.sort()
	return c.problems
}

// checker gathers the problems of one definition.
type checker struct {
	def      *Definition
	parties  []*party
	byName   map[string]*party
	rows     []*row
	problems Problems
	field    string // of the row that is being checked
	// open: the fields are not all known, because `same: all` names none.
	open bool
}

// party is one system and what is known about its object.
type party struct {
	*System
	object *Object
	// schema is nil when the columns are not known: offline, or in a system
	// that does not exist yet.
	schema *record.Schema
	// reads and receives say whether records come from here and go there.
	reads, receives bool
}

// row is one field with the cell that each system has for it.
type row struct {
	*Field
	cells map[string]*Cell
	// typ is the declared type, or what the systems agree on; Any if unknown.
	typ record.Type
	// owner is the declared one, or the one system that nobody can write.
	owner string
}

func newChecker(def *Definition, objects map[string]Object) *checker {
	c := &checker{def: def, byName: map[string]*party{}}
	templated := slices.ContainsFunc(def.Later, func(t Text) bool { return t.Value == "each" })
	for _, s := range def.Systems {
		p := &party{System: s}
		object, known := objects[s.Name.Value]
		if known && !templated && !c.hasRows(s) {
			p.object = &object
			if object.Exists && object.Schema != nil {
				p.schema = object.Schema
			}
		}
		p.reads = s.Role != "target"
		takesNothing := s.Allow.NoCreate && s.Allow.NoUpdate && s.Allow.NoDelete
		p.receives = s.Role != "source" && !takesNothing
		c.parties = append(c.parties, p)
		c.byName[s.Name.Value] = p
	}
	c.open = def.Same.All
	c.rows = c.allRows()
	return c
}

// hasRows reports whether a system's records are elements of an array, whose
// columns the object's schema does not tell.
func (c *checker) hasRows(s *System) bool {
	next := Pos{Line: 1 << 30}
	for _, other := range c.def.Systems {
		if other.Pos.Line > s.Pos.Line && other.Pos.Line < next.Line {
			next = other.Pos
		}
	}
	return slices.ContainsFunc(c.def.Later, func(t Text) bool {
		return t.Value == "rows" && t.Pos.Line >= s.Pos.Line && t.Pos.Line < next.Line
	})
}

func (c *checker) fail(pos Pos, format string, args ...any) *Problem {
	return c.note(SeverityError, pos, fmt.Sprintf(format, args...))
}

func (c *checker) warn(pos Pos, format string, args ...any) *Problem {
	return c.note(SeverityWarning, pos, fmt.Sprintf(format, args...))
}

func (c *checker) note(severity Severity, pos Pos, message string) *Problem {
	c.problems = append(c.problems, Problem{Pos: pos, Severity: severity, Field: c.field, Message: message})
	return &c.problems[len(c.problems)-1]
}

func (c *checker) take(problems Problems) bool {
	for _, p := range problems {
		if p.Field == "" {
			p.Field = c.field
		}
		c.problems = append(c.problems, p)
	}
	return len(problems) == 0
}

// putOff tells what is parsed and not built yet, at exactly its places.
func (c *checker) putOff() {
	about := map[string]string{
		"live":            "leave it out: the sync runs on its schedule",
		"ref":             "leave the field out, or give it the type of the systems' own ids",
		"rows":            "a record per element of an array cannot be read yet",
		"changes: {with}": "say `modified:` or `changes: snapshot`",
		"each":            "write a definition for each table, separated by ---",
		"drift":           "leave it out: a change of the systems' columns stops the run",
	}
	for _, later := range c.def.Later {
		c.note(SeverityNotYet, later.Pos, "`"+later.Value+"` is understood and not built yet").Hint = about[later.Value]
	}
}

// compiled lets the compiler say the rest, where everything is known and
// nothing was found before.
func (c *checker) compiled() {
	if len(c.def.Later) > 0 || c.def.faulty || c.problems.Failed() {
		return
	}
	objects := map[string]Object{}
	for _, p := range c.parties {
		if p.object == nil {
			return
		}
		objects[p.Name.Value] = *p.object
	}
	mapping, problems := Compile(c.def, objects)
	c.take(problems)
	if mapping != nil && mapping.Stateless && !problems.Failed() {
		c.warn(c.def.Pos, "this sync needs no links: it keeps positions and counts only, and no journal of what it wrote")
	}
}

// allRows joins the fields with what `same` names.
func (c *checker) allRows() []*row {
	var rows []*row
	for _, name := range c.sameNames() {
		f := &Field{Name: name}
		for _, p := range c.parties {
			if p.schema == nil || p.schema.Index(name.Value) >= 0 || !c.def.Same.All {
				f.Cells = append(f.Cells, &Cell{System: p.Name, Path: Text{Value: name.Value, Pos: name.Pos}, Pos: name.Pos})
			}
		}
		rows = append(rows, c.row(f))
	}
	for _, f := range c.def.Fields {
		rows = append(rows, c.row(f))
	}
	return rows
}

// sameNames lists the fields of `same`; with `all` those that the systems that
// are read have in common, as far as they are known.
func (c *checker) sameNames() []Text {
	var names []Text
	taken := func(name string) bool {
		return slices.ContainsFunc(c.def.Same.Except, func(t Text) bool { return t.Value == name }) ||
			slices.ContainsFunc(c.def.Fields, func(f *Field) bool { return f.Name.Value == name })
	}
	listed := func(name string) bool {
		return slices.ContainsFunc(names, func(t Text) bool { return t.Value == name })
	}
	for _, name := range c.def.Same.Names {
		if !taken(name.Value) && !listed(name.Value) {
			names = append(names, name)
		}
	}
	for _, p := range c.parties {
		if p.schema == nil || !p.reads || !c.def.Same.All {
			continue
		}
		for _, name := range p.schema.Names() {
			if !taken(name) && !listed(name) {
				names = append(names, Text{Value: name, Pos: c.def.Same.Pos})
			}
		}
	}
	return names
}

func (c *checker) row(f *Field) *row {
	r := &row{Field: f, cells: map[string]*Cell{}, owner: f.Owner.Value}
	for _, cell := range f.Cells {
		r.cells[cell.System.Value] = cell
	}
	if f.Type.Value != "" {
		r.typ, _ = record.ParseType(f.Type.Value)
	} else {
		r.typ = c.agreed(r)
	}
	if r.owner == "" {
		for _, p := range c.parties {
			if column, is := p.column(r.cells[p.Name.Value]); is && column.ReadOnly && p.reads {
				r.owner = p.Name.Value
			}
		}
	}
	return r
}

// agreed gives the type that all systems with a bare path have; Any if they
// differ or if one is not known.
func (c *checker) agreed(r *row) record.Type {
	var typ record.Type
	for _, p := range c.parties {
		cell := r.cells[p.Name.Value]
		if cell == nil {
			continue
		}
		column, is := p.column(cell)
		if !is || (typ.Kind != record.Any && typ.Kind != column.Type.Kind) {
			return record.Type{}
		}
		typ = column.Type
	}
	return typ
}

// column gives the column that a cell is, as it stands.
func (p *party) column(cell *Cell) (record.Field, bool) {
	if cell == nil || p.schema == nil {
		return record.Field{}, false
	}
	return p.schema.Field(cell.reading().Value)
}

// field gives a column by its name.
func (p *party) field(name string) (record.Field, bool) {
	if p.schema == nil {
		return record.Field{}, false
	}
	return p.schema.Field(name)
}

// reading is the text that a cell is read by.
func (cell *Cell) reading() Text {
	if cell.Read.Value != "" {
		return cell.Read
	}
	return cell.Path
}

// title names a party with its object, for messages.
func (p *party) title() string {
	if p.Object.Value == "" {
		return p.Name.Value
	}
	return p.Name.Value + " (" + p.Object.Value + ")"
}
