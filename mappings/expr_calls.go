package mappings

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/expr-lang/expr/ast"

	"github.com/syncline-dev/syncline/internal/record"
)

func (r *rewriter) slice(n *ast.SliceNode) typed {
	base, from, to := r.rewrite(n.Node), literal(int64(0), 0), literal(nil, 0)
	if n.From != nil {
		from = r.rewrite(n.From)
	}
	if n.To != nil {
		to = r.rewrite(n.To)
	}
	return r.apply(base.from, base.typ, "\x00slice", opSlice, base, from, to)
}

func (r *rewriter) pointer(n *ast.PointerNode) typed {
	from := n.Location().From
	t := typed{node: &ast.PointerNode{Name: n.Name}, column: -1, from: from}
	switch n.Name {
	case "":
		if len(r.elements) > 0 {
			t.typ = r.elements[len(r.elements)-1]
		}
	case "index":
		return r.apply(from, record.Type{Kind: record.KindInt}, "\x00whole", opWhole, t)
	case "acc":
	default:
		return r.fail(n, "#"+n.Name+" means nothing here; there are #, #index and #acc", "")
	}
	return t
}

func (r *rewriter) let(n *ast.VariableDeclaratorNode) typed {
	value := r.rewrite(n.Value)
	internal := r.newVariable()
	r.vars = append(r.vars, variable{name: n.Name, internal: internal, typ: value.typ})
	body := r.rewrite(n.Expr)
	r.vars = r.vars[:len(r.vars)-1]
	node := &ast.VariableDeclaratorNode{Name: internal, Value: value.node, Expr: body.node}
	return typed{node: node, typ: body.typ, column: -1, from: value.from}
}

func (r *rewriter) newVariable() string {
	r.lets++
	return "\x00v" + strconv.Itoa(r.lets)
}

// hold evaluates a value once and gives it to body under a name.
func (r *rewriter) hold(value ast.Node, body func(held func() ast.Node) ast.Node) ast.Node {
	internal := r.newVariable()
	held := func() ast.Node { return &ast.IdentifierNode{Value: internal} }
	return &ast.VariableDeclaratorNode{Name: internal, Value: value, Expr: body(held)}
}

func (r *rewriter) conditional(n *ast.ConditionalNode) typed {
	cond, yes, no := r.rewrite(n.Cond), r.rewrite(n.Exp1), r.rewrite(n.Exp2)
	r.wantBool(cond, "CONDITION ? THEN : ELSE, and for a default: value ?? ELSE")
	typ, ok := commonType(yes, no)
	if !ok {
		return r.failAt(no.from, fmt.Sprintf("is %s, and the other way out is %s", kindWords(no.typ.Kind), kindWords(yes.typ.Kind)), "")
	}
	return typed{
		node: choose(r.truthNode(cond.node, cond.from), yes.node, no.node), typ: typ, column: -1, from: cond.from,
		direct: directChoice(cond.direct, yes.direct, no.direct),
	}
}

func choose(cond, yes, no ast.Node) ast.Node {
	return &ast.ConditionalNode{Cond: cond, Exp1: yes, Exp2: no}
}

func (r *rewriter) wantBool(t typed, hint string) {
	if k := t.typ.Kind; k != record.KindBool && k != record.Any {
		r.failAt(t.from, "must be true or false, and this is "+kindWords(k), hint)
	}
}

func (r *rewriter) truthNode(n ast.Node, from int) ast.Node {
	return r.boolCall("\x00truth", opTruth, n, from)
}

// boolCall is a call whose result is always a bool of Go, so that the virtual
// machine can jump on it.
func (r *rewriter) boolCall(name string, fn function, n ast.Node, from int) ast.Node {
	call := r.node(name, fn, from, n)
	call.SetType(reflect.TypeFor[bool]())
	return call
}

func (r *rewriter) array(n *ast.ArrayNode) typed {
	from := n.Location().From
	nodes := make([]ast.Node, len(n.Nodes))
	elems := make([]typed, len(n.Nodes))
	list := make(record.List, 0, len(n.Nodes))
	elem := record.Type{Kind: record.Any}
	for i, node := range n.Nodes {
		t := r.rewrite(node)
		nodes[i], elems[i] = t.node, t
		if i == 0 || elem.Kind == t.typ.Kind {
			elem = t.typ
		} else {
			elem = record.Type{}
		}
		if t.isLit {
			list = append(list, t.lit)
		}
	}
	typ := record.Type{Kind: record.KindList, Elem: elem.Kind}
	if len(list) == len(nodes) {
		return typed{
			node: &ast.ConstantNode{Value: list}, typ: typ, column: -1, lit: list, isLit: true, from: from, direct: directLiteral(list),
		}
	}
	return typed{node: &ast.ArrayNode{Nodes: nodes}, typ: typ, column: -1, from: from, direct: directList(elems)}
}

func (r *rewriter) object(n *ast.MapNode) typed {
	from := n.Location().From
	pairs := make([]ast.Node, len(n.Pairs))
	for i, node := range n.Pairs {
		pair, is := node.(*ast.PairNode)
		if !is {
			return r.fail(n, "is not an object", "")
		}
		key := r.rewrite(pair.Key)
		if k := key.typ.Kind; k != record.KindString && k != record.Any {
			r.failAt(key.from, "a key must be text", "")
		}
		pairs[i] = &ast.PairNode{Key: key.node, Value: r.rewrite(pair.Value).node}
	}
	return typed{node: &ast.MapNode{Pairs: pairs}, typ: record.Type{Kind: record.KindJSON}, column: -1, from: from}
}

// apply calls a function that is the same wherever it is called.
func (r *rewriter) apply(from int, typ record.Type, name string, fn function, args ...typed) typed {
	nodes := make([]ast.Node, len(args))
	for i, a := range args {
		nodes[i] = a.node
	}
	return typed{node: r.node(name, fn, from, nodes...), typ: typ, column: -1, from: from, direct: directCall(fn, args)}
}

// special calls a function that was made for this one place.
func (r *rewriter) special(from int, typ record.Type, fn function, args ...typed) typed {
	return r.apply(from, typ, "\x00s"+strconv.Itoa(len(r.functions)), fn, args...)
}
