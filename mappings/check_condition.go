package mappings

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/syncline-dev/syncline/internal/record"
)

var deletedName = regexp.MustCompile(`(?i)(^|[_.])(is_?)?(delet|remov|archiv|trash|purg)`)

// conditions checks `where`, `accept` and `deleted`.
func (c *checker) conditions(p *party) {
	if p.Where.Value != "" {
		c.where(p)
	}
	if p.Deleted.Value != "" && (p.schema == nil || p.schema.Index(p.Deleted.Value) < 0) {
		c.deleted(p)
	}
	if p.Accept.Value != "" {
		at := len(c.problems)
		if c.overFields(p.Accept, record.KindBool) {
			c.accept(p)
		} else {
			c.label(at, "accept of "+p.Name.Value)
		}
	}
}

func (c *checker) where(p *party) {
	at := len(c.problems)
	defer func() { c.label(at, "where of "+p.Name.Value) }()
	if !c.sql(p.Where) {
		return
	}
	node, ok := c.parse(p.Where)
	if !ok || c.deletedInWhere(p, node) || !c.expression(p, p.Where, record.KindBool) {
		return
	}
	if !c.def.faulty { // else what writes it may only be misspelt
		c.newRecord(p, node)
	}
}

// label says what the problems since at are about.
func (c *checker) label(at int, what string) {
	for i := range c.problems[at:] {
		c.problems[at+i].Message = what + ": " + c.problems[at+i].Message
	}
}

// deleted checks one that is no column: a misspelt name or an expression.
func (c *checker) deleted(p *party) {
	if p.schema == nil {
		c.sql(p.Deleted)
		return
	}
	if identifier.MatchString(p.Deleted.Value) {
		c.unknownColumn(p, p.Deleted)
		return
	}
	at := len(c.problems)
	c.expression(p, p.Deleted, record.KindBool)
	c.label(at, "deleted of "+p.Name.Value)
}

// deletedInWhere finds a filter on what marks deleted records: by it they would
// leave the sync, and nothing would be deleted elsewhere.
func (c *checker) deletedInWhere(p *party, node ast.Node) (found bool) {
	if p.Leaving != "" || p.Deleted.Value != "" {
		return false // said on purpose
	}
	for _, term := range conjuncts(node) {
		name, is := saysNotDeleted(term)
		if !is || !deletedName.MatchString(name) {
			continue
		}
		c.fail(p.Where.at(term.Location().From), "a record with %s set would leave the sync, and not be deleted elsewhere", name).Hint = fmt.Sprintf("did you mean `deleted: %s`? If leaving is meant, say `leaving: unlink`", name)
		return true
	}
	return false
}

// conjuncts lists what is joined by `and`.
func conjuncts(node ast.Node) []ast.Node {
	if b, is := node.(*ast.BinaryNode); is && (b.Operator == "and" || b.Operator == "&&") {
		return append(conjuncts(b.Left), conjuncts(b.Right)...)
	}
	return []ast.Node{node}
}

// saysNotDeleted recognises `x == nil`, `x == false`, `not x` and `!x`.
func saysNotDeleted(node ast.Node) (name string, is bool) {
	switch n := node.(type) {
	case *ast.UnaryNode:
		if dotted, _, ok := dottedNames(n.Node); ok && (n.Operator == "!" || n.Operator == "not") {
			return strings.Join(dotted, "."), true
		}
	case *ast.BinaryNode:
		dotted, _, ok := dottedNames(n.Left)
		if !ok || n.Operator != "==" {
			return "", false
		}
		switch right := n.Right.(type) {
		case *ast.NilNode:
			return strings.Join(dotted, "."), true
		case *ast.BoolNode:
			return strings.Join(dotted, "."), !right.Value
		case *ast.IntegerNode:
			return strings.Join(dotted, "."), right.Value == 0
		}
	}
	return "", false
}

// accept must not depend on what the system itself decides: it would refuse the
// record that it alone could make acceptable.
func (c *checker) accept(p *party) {
	node, ok := c.parse(p.Accept)
	if !ok {
		return
	}
	for _, name := range namesOf(node) {
		r := c.rowOf(name.name)
		if r == nil || r.owner != p.Name.Value {
			continue
		}
		c.fail(p.Accept.at(name.from), "`accept` of %s depends on %s, which %s owns", p.Name.Value, name.name, p.Name.Value).Hint = "a record that is not there cannot say so itself: accept by a field that another system decides"
	}
}
