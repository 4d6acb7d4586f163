package mappings

import (
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/syncline-dev/syncline/internal/record"
)

// newRecord finds a `where` that a record which we create there would not
// satisfy: it would leave the sync with its birth, and be created again.
func (c *checker) newRecord(p *party, where ast.Node) {
	if !p.receives || p.Allow.NoCreate {
		return
	}
	w := &birth{c: c, p: p}
	if truth := w.truth(where); truth != no {
		return
	}
	severity, hint := SeverityError, "on_create: {COLUMN: VALUE} writes what makes it true"
	if p.schema == nil {
		severity = SeverityWarning // a column may have a default
	}
	if len(w.absent) > 0 {
		hint = "nothing writes " + strings.Join(w.absent, ", ") + ": on_create: {" + w.absent[0] + ": VALUE}"
	}
	c.note(severity, p.Where.Pos, "a record that is created in "+p.title()+" would not satisfy its own `where`").Hint = hint
}

// verdict is a truth of three values: NULL and false are both no.
type verdict uint8

const (
	unsure verdict = iota
	yes
	no
)

func truthOf(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// birth judges a condition over a record that is just created: of its columns
// we know what on_create writes, and that the rest is NULL where nothing writes
// it; what the fields write is not known.
type birth struct {
	c      *checker
	p      *party
	absent []string
}

func (w *birth) truth(node ast.Node) verdict {
	switch n := node.(type) {
	case *ast.BoolNode:
		return truthOf(n.Value)
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return w.not(n.Node)
		}
	case *ast.BinaryNode:
		return w.binary(n)
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ChainNode:
		value := w.value(node)
		if !value.known {
			return unsure
		}
		return truthOf(!value.null && record.Text(parsedBool(value.text)) == "true")
	}
	return unsure
}

func parsedBool(text string) record.Value {
	v, err := record.Parse(record.Type{Kind: record.KindBool}, text)
	if err != nil {
		return nil
	}
	return v
}

// not of NULL is NULL: no.
func (w *birth) not(node ast.Node) verdict {
	if value := w.value(node); value.known && value.null {
		return no
	}
	switch w.truth(node) {
	case yes:
		return no
	case no:
		if b, is := node.(*ast.BinaryNode); is && w.hasNull(b) {
			return no
		}
		return yes
	default:
		return unsure
	}
}

func (w *birth) hasNull(b *ast.BinaryNode) bool {
	left, right := w.value(b.Left), w.value(b.Right)
	return left.known && left.null || right.known && right.null
}

func (w *birth) binary(n *ast.BinaryNode) verdict {
	switch n.Operator {
	case "and", "&&":
		left, right := w.truth(n.Left), w.truth(n.Right)
		switch {
		case left == no || right == no:
			return no
		case left == yes && right == yes:
			return yes
		}
	case "or", "||":
		left, right := w.truth(n.Left), w.truth(n.Right)
		switch {
		case left == yes || right == yes:
			return yes
		case left == no && right == no:
			return no
		}
	case "==":
		return w.equal(n.Left, n.Right)
	case "!=":
		switch w.equal(n.Left, n.Right) { //nolint:exhaustive // unsure stays unsure
		case yes:
			return no
		case no:
			return yes // `!=` keeps NULLs
		}
	case "in":
		return w.in(n)
	}
	return unsure
}

func (w *birth) equal(left, right ast.Node) verdict {
	a, b := w.value(left), w.value(right)
	if !a.known || !b.known {
		return unsure
	}
	if a.null || b.null {
		return truthOf(a.null && b.null)
	}
	return truthOf(sameToken(a.text, b.text))
}

func (w *birth) in(n *ast.BinaryNode) verdict {
	elements, is := n.Right.(*ast.ArrayNode)
	if !is {
		return unsure
	}
	result := no
	for _, element := range elements.Nodes {
		switch w.equal(n.Left, element) { //nolint:exhaustive // no goes on
		case yes:
			return yes
		case unsure:
			result = unsure
		}
	}
	return result
}

// knownValue is a value by its token, as far as it is known.
type knownValue struct {
	known, null bool
	text        string
}

func (w *birth) value(node ast.Node) knownValue {
	switch n := node.(type) {
	case *ast.NilNode:
		return knownValue{known: true, null: true}
	case *ast.StringNode:
		return knownValue{known: true, text: n.Value}
	case *ast.BoolNode:
		return knownValue{known: true, text: strconv.FormatBool(n.Value)}
	case *ast.IntegerNode:
		return knownValue{known: true, text: strconv.Itoa(n.Value)}
	}
	if dotted, _, ok := dottedNames(node); ok {
		return w.column(strings.Join(dotted, "."))
	}
	return knownValue{}
}

func (w *birth) column(name string) knownValue {
	for _, literal := range w.p.OnCreate {
		if literal.Column.Value == name && !w.written(name) {
			return knownValue{known: true, text: literal.Value.Value}
		}
	}
	for _, own := range append([]Text{w.p.Modified, w.p.Deleted}, w.p.Key...) {
		if own.Value == name {
			return knownValue{} // the system's own
		}
	}
	if w.written(name) || (w.p.object != nil && w.p.schema == nil) {
		return knownValue{}
	}
	if w.p.schema != nil {
		column, is := w.p.schema.Field(name)
		if !is || column.HasDefault || column.ReadOnly {
			return knownValue{}
		}
		if slices.Contains(w.p.keys(), name) {
			return knownValue{}
		}
	}
	w.absent = append(w.absent, name)
	return knownValue{known: true, null: true}
}

// written reports whether a field writes a column there.
func (w *birth) written(name string) bool {
	for _, r := range w.c.rows {
		for _, column := range r.cells[w.p.Name.Value].writes() {
			if column.Value == name {
				return true
			}
		}
	}
	return w.c.open && w.p.schema == nil
}

// sameToken compares raw tokens: as numbers where both are, else as text.
func sameToken(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := record.ParseDecimal(a)
	y, errY := record.ParseDecimal(b)
	if errX == nil && errY == nil && record.Equal(x, y) {
		return true
	}
	v, u := parsedBool(a), parsedBool(b)
	return v != nil && u != nil && v == u && (a == "true" || a == "false" || b == "true" || b == "false")
}
