package mappings

import (
	"fmt"
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
