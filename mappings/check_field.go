package mappings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/syncline-dev/syncline/internal/record"
)

// writes lists the columns that a cell writes.
func (cell *Cell) writes() []Text {
	switch {
	case cell == nil:
		return nil
	case len(cell.Write) > 0:
		columns := make([]Text, len(cell.Write))
		for i, w := range cell.Write {
			columns[i] = w.Column
		}
		return columns
	case cell.Path.Value != "":
		return []Text{cell.Path}
	default:
		return nil
	}
}

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

// mustWrite reports whether another system's word on this field reaches this
// one.
func (c *checker) mustWrite(r *row, p *party) bool {
	if !p.receives || r.owner == p.Name.Value {
		return false
	}
	for _, other := range c.parties {
		if other != p && other.reads && r.cells[other.Name.Value] != nil && (r.owner == "" || r.owner == other.Name.Value) {
			return true
		}
	}
	return false
}

// readOnlyCell refuses an expression where something must be written, and
// shows the form that can.
func (c *checker) readOnlyCell(r *row, p *party, cell *Cell) {
	reading := cell.reading()
	target := "{COLUMN: EXPRESSION}"
	if node, err := parser.Parse(reading.Value); err == nil {
		target = inverse(node.Node, r.Name.Value)
	}
	c.fail(reading.Pos, "this must be written in %s, and an expression can only be read", p.title()).Hint = fmt.Sprintf("%s: {read: %s, write: %s}, or `owner: %s`, or `role: source`", p.Name.Value, plainOrQuoted(reading.Value), target, p.Name.Value)
}

// inverse proposes what to write for an expression over one column: itself for
// what only tidies it up, the contrary for a factor.
func inverse(node ast.Node, field string) string {
	names := namesOf(node)
	if len(names) != 1 {
		return "{COLUMN: EXPRESSION}"
	}
	column := names[0].name
	switch n := node.(type) {
	case *ast.CallNode, *ast.BuiltinNode, *ast.IdentifierNode, *ast.MemberNode:
		return column
	case *ast.BinaryNode:
		contrary := map[string]string{"/": "*", "*": "/", "+": "-", "-": "+"}[n.Operator]
		factor, whole := n.Right.(*ast.IntegerNode)
		if _, _, plain := dottedNames(n.Left); plain && whole && contrary != "" {
			return fmt.Sprintf("{%s: %s %s %d}", column, field, contrary, factor.Value)
		}
	}
	return "{" + column + ": EXPRESSION}"
}

// plainOrQuoted writes a text as it must stand inside of { }.
func plainOrQuoted(text string) string {
	line := []rune(text)
	if len(line) == 0 || flowPlainEnd(line, 0) < len(line) || strings.ContainsRune("\"'!&*%@`|>?-#", line[0]) {
		return quoteYAML(text)
	}
	return text
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

func (c *checker) writeCell(r *row, p *party, w WriteCell) {
	if p.schema != nil {
		column, is := p.schema.Field(w.Column.Value)
		switch {
		case !is:
			c.unknownColumn(p, w.Column)
		case column.ReadOnly && p.receives && r.owner != p.Name.Value:
			c.fail(w.Column.Pos, "nobody may write %s in %s", w.Column.Value, p.title()).Hint = "owner: " + p.Name.Value
		}
	}
	if w.Expr.Value != "" {
		c.overFields(w.Expr, record.Any)
	}
}

// unwritable finds a field that two systems keep and that neither lets anyone
// write: they can never agree.
func (c *checker) unwritable(r *row) {
	var fixed []string
	for _, p := range c.parties {
		cell := r.cells[p.Name.Value]
		column, is := p.column(cell)
		if !is || !column.ReadOnly || !p.receives || len(cell.Write) > 0 {
			continue
		}
		fixed = append(fixed, p.Name.Value)
		if r.Owner.Value != "" && r.Owner.Value != p.Name.Value {
			c.fail(cell.Pos, "nobody may write %s in %s, and %s owns the field", column.Name, p.title(), r.Owner.Value).Hint =
				"leave the cell out, or say `owner: " + p.Name.Value + "`"
			return
		}
	}
	if len(fixed) > 1 {
		c.fail(r.Name.Pos, "this can be written in none of %s: they can never agree", strings.Join(fixed, ", ")).Hint = "keep it in one system, and give the others a column of their own for it"
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

// writtenTwice finds a column into which two fields would write.
func (c *checker) writtenTwice() {
	for _, p := range c.parties {
		if !p.receives {
			continue
		}
		by := map[string]*row{}
		for _, r := range c.rows {
			if c.mustWrite(r, p) {
				c.writer(by, r, p)
			}
		}
	}
}

// writer notes which columns a field writes, and who did before.
func (c *checker) writer(by map[string]*row, r *row, p *party) {
	c.field = r.Name.Value
	defer func() { c.field = "" }()
	for _, column := range r.cells[p.Name.Value].writes() {
		if known, is := p.field(column.Value); is && known.ReadOnly {
			continue // told at its cell
		}
		other := by[column.Value]
		if other == nil {
			by[column.Value] = r
		} else if other != r {
			c.fail(column.Pos, "%s is written in %s by %s too", column.Value, p.title(), other.Name.Value).Hint =
				"one field writes a column; read it in the other one, and let " + p.Name.Value + " own that"
		}
	}
}
