package mappings

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/syncline-dev/syncline/internal/record"
)

// expression checks one expression over a party's own record. It reports
// whether nothing was found.
func (c *checker) expression(p *party, text Text, want record.Kind) bool {
	if !c.sql(text) {
		return false
	}
	if p.schema == nil {
		return c.withoutSchema(text)
	}
	_, _, problems := CheckExpression(text, p.schema, want)
	return c.take(problems)
}

// withoutSchema checks an expression whose names may be anything.
func (c *checker) withoutSchema(text Text) bool {
	node, ok := c.parse(text)
	if !ok {
		return false
	}
	var fields []record.Field
	for _, name := range namesOf(node) {
		fields = append(fields, record.Field{Name: name.name, Nullable: true})
	}
	_, _, problems := CheckExpression(text, record.NewSchema(fields...), record.Any)
	return c.take(problems)
}

// overFields checks an expression over the canonical fields.
func (c *checker) overFields(text Text, want record.Kind) bool {
	if !c.sql(text) {
		return false
	}
	node, ok := c.parse(text)
	if !ok {
		return false
	}
	if c.open && !c.allKnown() {
		return c.withoutSchema(text)
	}
	fields := make([]record.Field, 0, len(c.rows))
	for _, r := range c.rows {
		fields = append(fields, record.Field{Name: r.Name.Value, Type: r.typ, Nullable: true})
	}
	unknown := false
	for _, name := range namesOf(node) {
		head, _, _ := strings.Cut(name.name, ".")
		if c.rowOf(head) == nil && c.rowOf(name.name) == nil {
			unknown = true
			c.fail(text.at(name.from), "there is no field %q", head).Hint = didYouMean(head, c.fieldNames())
		}
	}
	switch {
	case unknown:
		return false
	case !c.allKnown():
		return c.withoutSchema(text)
	}
	_, _, problems := CheckExpression(text, record.NewSchema(fields...), want)
	return c.take(problems)
}

// allKnown reports whether every system's columns are known.
func (c *checker) allKnown() bool {
	return !slices.ContainsFunc(c.parties, func(p *party) bool { return p.object == nil })
}

func (c *checker) rowOf(name string) *row {
	for _, r := range c.rows {
		if r.Name.Value == name {
			return r
		}
	}
	return nil
}

func (c *checker) fieldNames() []string {
	names := make([]string, len(c.rows))
	for i, r := range c.rows {
		names[i] = r.Name.Value
	}
	return names
}

// parse checks the syntax alone.
func (c *checker) parse(text Text) (ast.Node, bool) {
	tree, err := parser.ParseWithConfig(text.Value, parseConfig())
	if err != nil {
		fault := syntaxError(err)
		c.fail(text.at(fault.from), "%s", fault.message).Hint = fault.hint
		return nil, false
	}
	return tree.Node, true
}

// nameAt is a column or field that an expression names, and where.
type nameAt struct {
	name string
	from int
}

// namesOf lists the names in an expression: whole dotted paths, and what col()
// names. Functions and the expression's own variables are none.
func namesOf(node ast.Node) []nameAt {
	f := &nameFinder{}
	f.find(node)
	return f.names
}

type nameFinder struct {
	names []nameAt
	own   []string // variables of `let`
}

func (f *nameFinder) find(n ast.Node) {
	if dotted, from, ok := dottedNames(n); ok {
		if !slices.Contains(f.own, dotted[0]) {
			f.names = append(f.names, nameAt{strings.Join(dotted, "."), from})
		}
		return
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		f.find(n.Node)
	case *ast.BinaryNode:
		f.all(n.Left, n.Right)
	case *ast.ChainNode:
		f.find(n.Node)
	case *ast.MemberNode:
		f.all(n.Node, n.Property)
	case *ast.SliceNode:
		f.all(n.Node, n.From, n.To)
	case *ast.CallNode:
		f.call(n)
	case *ast.BuiltinNode:
		f.all(n.Arguments...)
	case *ast.PredicateNode:
		f.find(n.Node)
	case *ast.VariableDeclaratorNode:
		f.find(n.Value)
		f.own = append(f.own, n.Name)
		f.find(n.Expr)
	case *ast.SequenceNode:
		f.all(n.Nodes...)
	case *ast.ConditionalNode:
		f.all(n.Cond, n.Exp1, n.Exp2)
	case *ast.ArrayNode:
		f.all(n.Nodes...)
	case *ast.MapNode:
		f.all(n.Pairs...)
	case *ast.PairNode:
		f.find(n.Value)
	}
}

func (f *nameFinder) all(nodes ...ast.Node) {
	for _, n := range nodes {
		if n != nil {
			f.find(n)
		}
	}
}

func (f *nameFinder) call(n *ast.CallNode) {
	if callee, is := n.Callee.(*ast.IdentifierNode); !is {
		f.find(n.Callee)
	} else if callee.Value == "col" && len(n.Arguments) == 1 {
		if name, is := n.Arguments[0].(*ast.StringNode); is {
			f.names = append(f.names, nameAt{name.Value, callee.Location().From})
			return
		}
	}
	f.all(n.Arguments...)
}

// dottedNames gives the parts of a name such as address.city.
func dottedNames(n ast.Node) (names []string, from int, ok bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return []string{n.Value}, n.Location().From, true
	case *ast.ChainNode:
		return dottedNames(n.Node)
	case *ast.MemberNode:
		key, is := n.Property.(*ast.StringNode)
		if !is {
			return nil, 0, false
		}
		names, from, ok = dottedNames(n.Node)
		return append(names, key.Value), from, ok
	default:
		return nil, 0, false
	}
}
