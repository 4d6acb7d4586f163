package mappings

import (
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// fields checks every row of the table.
func (c *checker) fields() {
	c.same()
	for _, r := range c.rows {
		if !slices.Contains(c.def.Fields, r.Field) {
			continue // of `same`
		}
		c.field = r.Name.Value
		c.owner(r)
		for _, p := range c.parties {
			if cell := r.cells[p.Name.Value]; cell != nil {
				c.cell(r, p, cell)
			}
		}
		c.unwritable(r)
		c.values(r)
		if r.Missing != "" && r.typ.Kind != record.KindRef {
			c.warn(r.Name.Pos, "`missing` says something about a ref only")
		}
		c.field = ""
	}
	c.writtenTwice()
}

// same checks the names of `same` against each system that is known.
func (c *checker) same() {
	for _, name := range c.def.Same.Names {
		if slices.ContainsFunc(c.def.Fields, func(f *Field) bool { return f.Name.Value == name.Value }) {
			c.fail(name.Pos, "%q stands in `same` and in `fields`", name.Value)
		}
		for _, p := range c.parties {
			c.field = name.Value
			c.isColumn(p, name)
			c.field = ""
		}
	}
	for _, name := range c.def.Same.Except {
		known, names := false, []string(nil)
		for _, p := range c.parties {
			if p.schema == nil {
				known = true
				break
			}
			known = known || p.schema.Index(name.Value) >= 0
			names = append(names, p.schema.Names()...)
		}
		if !known {
			c.fail(name.Pos, "no system has a column %q", name.Value).Hint = didYouMean(name.Value, names)
		}
	}
}

func (c *checker) owner(r *row) {
	if r.OnViolation != "" && r.Owner.Value == "" && r.owner == "" {
		c.fail(r.Name.Pos, "`on_violation` without `owner`").Hint = "owner: SYSTEM"
	}
	if r.Owner.Value == "" {
		return
	}
	p := c.byName[r.Owner.Value]
	switch {
	case p == nil:
	case r.cells[r.Owner.Value] == nil:
		c.fail(r.Owner.Pos, "%s owns this field and has no cell for it", r.Owner.Value).Hint = r.Owner.Value + ": COLUMN"
	case !p.reads:
		c.fail(r.Owner.Pos, "%s is a target: nothing is read there, so it owns nothing", r.Owner.Value)
	}
}

// cell checks one cell: its paths and expressions, and whether what must be
// written can be.
func (c *checker) cell(r *row, p *party, cell *Cell) {
	if cell.When.Value != "" {
		c.when(p, cell)
	}
	reading := cell.reading()
	if reading.Value == "" {
		return // told by Parse
	}
	column, isColumn := p.column(cell)
	switch {
	case isColumn:
		c.columnType(r, p, reading, column)
	case p.schema != nil && c.meantColumn(p, reading.Value):
		c.unknownColumn(p, reading)
		return
	case p.schema != nil:
		if !c.expression(p, reading, record.Any) {
			return
		}
	case cell.Read.Value != "":
		if !c.expression(p, reading, record.Any) {
			return
		}
	}
	for _, w := range cell.Write {
		c.writeCell(r, p, w)
	}
	if !c.mustWrite(r, p) || len(cell.Write) > 0 || p.object == nil && cell.Read.Value == "" {
		return
	}
	if p.schema != nil && !isColumn || cell.Read.Value != "" {
		c.readOnlyCell(r, p, cell)
	}
}

// meantColumn tells a misspelt column from an expression.
func (c *checker) meantColumn(p *party, text string) bool {
	if strings.ContainsAny(text, "[\"'") || p.schema.Index(text) >= 0 {
		return false
	}
	if identifier.MatchString(text) {
		head, _, dotted := strings.Cut(text, ".")
		return !dotted || p.schema.Index(head) < 0 // else a path into JSON
	}
	near := suggest(text, p.schema.Names())
	return near != "" && editDistance(foldWord(text), foldWord(near)) <= 2 && strings.Contains(near, "(") == strings.Contains(text, "(")
}

func (c *checker) when(p *party, cell *Cell) {
	if !c.sql(cell.When) {
		return
	}
	node, ok := c.parse(cell.When)
	if !ok || p.schema == nil || (c.open && !c.allKnown()) {
		return
	}
	for _, name := range namesOf(node) {
		head, _, _ := strings.Cut(name.name, ".")
		if c.rowOf(head) == nil && p.schema.Index(name.name) < 0 && p.schema.Index(head) < 0 {
			c.fail(cell.When.at(name.from), "there is no field and no column %q", name.name).Hint = didYouMean(head, append(c.fieldNames(), p.schema.Names()...))
		}
	}
}

// columnType refuses a column whose type cannot hold the declared one.
func (c *checker) columnType(r *row, p *party, at Text, column record.Field) {
	if r.Type.Value == "" || len(r.Values) > 0 || convertible(r.typ, column.Type) {
		return
	}
	c.fail(at.Pos, "%s is %s in %s, which is never %s", column.Name, column.Type, p.title(), r.Type.Value).Hint = "change the `type`, or convert it with an expression"
}

// convertible reports whether values can go between two types at all; whether
// each one can is found out record by record.
func convertible(a, b record.Type) bool {
	group := func(t record.Type) string {
		switch t.Kind {
		case record.Any, record.KindString, record.KindRef, record.KindJSON:
			return "any"
		case record.KindInt, record.KindFloat, record.KindDecimal, record.KindBool:
			return "number"
		case record.KindTimestamp, record.KindDate:
			return "time"
		case record.KindList, record.KindSet:
			return "list"
		default:
			return t.Kind.String()
		}
	}
	x, y := group(a), group(b)
	return x == "any" || y == "any" || x == y
}
