package mappings

import (
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/syncline-dev/syncline/internal/record"
)

// Filter is a part of a condition that a database may evaluate: Op is one of
// == != < <= > >= in over a column and literals, or and, or, not over Terms.
// It means what the expression means, for NULL too: an operator with a NULL
// gives NULL, != tells NULL from a value, and a literal nil asks for NULL.
type Filter struct {
	Op     string
	Column string
	Values []record.Value
	Terms  []Filter
}

// Filters gives the parts of `where`, joined by `and`, that a database may
// evaluate. It stops at the first that it may not: a part can be a fault of the
// record, and what stands before a fault decides whether it comes to it. whole
// says that the parts are all of `where`.
func (s *SystemMapping) Filters() (filters []Filter, whole bool) {
	if s.where == nil {
		return nil, false
	}
	tree, err := parser.ParseWithConfig(s.system.Where.Value, parseConfig())
	if err != nil {
		return nil, false
	}
	t := filterer{schema: s.schema}
	for _, term := range conjuncts(tree.Node) {
		f, ok := t.filter(term)
		if !ok {
			return filters, false
		}
		filters = append(filters, f)
	}
	return filters, true
}

// OrNull is a filter that also lets through the rows for which it is NULL: where
// more of the condition follows, those rows may still be faults, and faults are
// seen.
func (f Filter) OrNull() Filter {
	terms := []Filter{f}
	for _, column := range f.columns(nil) {
		terms = append(terms, Filter{Op: "==", Column: column, Values: []record.Value{nil}})
	}
	return Filter{Op: "or", Terms: terms}
}

func (f Filter) columns(names []string) []string {
	if f.Column != "" {
		return append(names, f.Column)
	}
	for _, term := range f.Terms {
		names = term.columns(names)
	}
	return names
}

// filterer makes filters of syntax trees over one schema.
type filterer struct{ schema *record.Schema }

func (t filterer) filter(node ast.Node) (Filter, bool) {
	if column, kind, ok := t.column(node); ok {
		return Filter{Op: "==", Column: column, Values: []record.Value{true}}, kind == record.KindBool
	}
	switch n := node.(type) {
	case *ast.UnaryNode:
		if n.Operator != "not" && n.Operator != "!" {
			return Filter{}, false
		}
		term, ok := t.filter(n.Node)
		return Filter{Op: "not", Terms: []Filter{term}}, ok
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&":
			return t.both("and", n)
		case "or", "||":
			return t.both("or", n)
		case "in":
			return t.in(n)
		case "==", "!=", "<", "<=", ">", ">=":
			return t.compare(n)
		}
	}
	return Filter{}, false
}

func (t filterer) both(op string, n *ast.BinaryNode) (Filter, bool) {
	left, ok := t.filter(n.Left)
	if !ok {
		return Filter{}, false
	}
	right, ok := t.filter(n.Right)
	return Filter{Op: op, Terms: []Filter{left, right}}, ok
}

func (t filterer) compare(n *ast.BinaryNode) (Filter, bool) {
	op, left, right := n.Operator, n.Left, n.Right
	column, kind, ok := t.column(left)
	if !ok {
		if column, kind, ok = t.column(right); !ok {
			return Filter{}, false
		}
		right = left
		switch op[0] {
		case '<':
			op = ">" + op[1:]
		case '>':
			op = "<" + op[1:]
		}
	}
	v, ok := literalOf(right, kind)
	if v == nil && op != "==" && op != "!=" {
		return Filter{}, false
	}
	return Filter{Op: op, Column: column, Values: []record.Value{v}}, ok
}

func (t filterer) in(n *ast.BinaryNode) (Filter, bool) {
	column, kind, ok := t.column(n.Left)
	list, is := n.Right.(*ast.ArrayNode)
	if !ok || !is || len(list.Nodes) == 0 {
		return Filter{}, false
	}
	f := Filter{Op: "in", Column: column}
	for _, node := range list.Nodes {
		v, ok := literalOf(node, kind)
		if !ok || v == nil {
			return Filter{}, false
		}
		f.Values = append(f.Values, v)
	}
	return f, true
}

// column gives the column that a node is, and its kind.
func (t filterer) column(node ast.Node) (name string, kind record.Kind, ok bool) {
	names, _, ok := dottedNames(node)
	if !ok {
		return "", 0, false
	}
	field, ok := t.schema.Field(strings.Join(names, "."))
	return field.Name, field.Type.Kind, ok
}

// literalOf gives the value of a literal that a column of this kind is compared
// with as it stands, without one being read as the other's kind.
func literalOf(node ast.Node, kind record.Kind) (record.Value, bool) {
	switch n := node.(type) {
	case *ast.NilNode:
		return nil, true
	case *ast.StringNode:
		return n.Value, kind == record.KindString
	case *ast.BoolNode:
		return n.Value, kind == record.KindBool
	case *ast.IntegerNode:
		return int64(n.Value), kind == record.KindInt || kind == record.KindDecimal
	case *ast.UnaryNode:
		whole, is := n.Node.(*ast.IntegerNode)
		if is && n.Operator == "-" {
			return -int64(whole.Value), kind == record.KindInt || kind == record.KindDecimal
		}
	}
	return nil, false
}
