package mappings

import (
	"fmt"

	"github.com/expr-lang/expr/ast"

	"github.com/syncline-dev/syncline/internal/record"
)

// closures are the list functions of expr-lang whose argument is an expression
// over the elements.
var closures = map[string]bool{ //nolint:gochecknoglobals // a constant table
	"all": true, "any": true, "none": true, "one": true, "filter": true, "map": true, "count": true, "sum": true,
	"find": true, "findIndex": true, "findLast": true, "findLastIndex": true, "reduce": true, "sortBy": true,
}

// closure rewrites filter, map and the like: through NULL they give NULL, and
// a condition that is NULL is not true.
func (r *rewriter) closure(n *ast.BuiltinNode) typed {
	from := n.Location().From
	if !closures[n.Name] {
		return r.fail(n, fmt.Sprintf("there is no function %q", n.Name), notHere[n.Name])
	}
	if len(n.Arguments) == 0 {
		return r.fail(n, n.Name+" needs a list", "")
	}
	if len(r.elements) >= maxNesting {
		return r.fail(n, fmt.Sprintf("list functions stand more than %d deep", maxNesting), "")
	}
	if r.closures++; r.closures > maxClosures {
		return r.fail(n, fmt.Sprintf("there are more than %d list functions", maxClosures), "")
	}
	name, most := "\x00elements", opElements(maxElements)
	if len(r.elements) > 0 {
		name, most = "\x00inner", opElements(maxInner)
	}
	list := r.rewrite(n.Arguments[0])
	elem := record.Type{}
	switch list.typ.Kind {
	case record.KindList, record.KindSet:
		elem.Kind = list.typ.Elem
	case record.KindJSON, record.Any:
	default:
		return r.failAt(list.from, fmt.Sprintf("%s goes through a list, and this is %s", n.Name, kindWords(list.typ.Kind)), "")
	}
	r.elements = append(r.elements, elem)
	var body typed
	if len(n.Arguments) > 1 {
		if predicate, is := n.Arguments[1].(*ast.PredicateNode); is {
			body = r.rewrite(predicate.Node)
		} else {
			body = r.rewrite(n.Arguments[1])
		}
	}
	r.elements = r.elements[:len(r.elements)-1]
	var last typed
	if len(n.Arguments) > 2 {
		last = r.rewrite(n.Arguments[2])
	}
	c := closureCall{r: r, name: n.Name, elem: elem, body: body, last: last, from: from}
	typ := c.typ()
	node := r.hold(list.node, func(held func() ast.Node) ast.Node {
		elements := r.node(name, most, list.from, held())
		return choose(r.boolCall("\x00nothing", opNothing, held(), list.from), &ast.NilNode{}, c.node(elements))
	})
	return typed{node: node, typ: typ, column: -1, from: from}
}

// closureCall is one call of a list function.
type closureCall struct {
	r          *rewriter
	name       string
	elem       record.Type
	body, last typed
	from       int
}

func (c closureCall) typ() record.Type {
	switch c.name {
	case "all", "any", "none", "one":
		return record.Type{Kind: record.KindBool}
	case "count", "findIndex", "findLastIndex":
		return record.Type{Kind: record.KindInt}
	case "filter", "sortBy":
		return record.Type{Kind: record.KindList, Elem: c.elem.Kind}
	case "find", "findLast":
		return c.elem
	case "map":
		return record.Type{Kind: record.KindList, Elem: c.body.typ.Kind}
	case "sum":
		if c.body.node != nil {
			return record.Type{Kind: c.body.typ.Kind}
		}
		return c.elem
	default:
		return record.Type{}
	}
}

func (c closureCall) node(list ast.Node) ast.Node {
	r := c.r
	builtin := func(name string, args ...ast.Node) ast.Node { return &ast.BuiltinNode{Name: name, Arguments: args} }
	mapped := func() ast.Node {
		if c.body.node == nil {
			return list
		}
		return builtin("map", list, &ast.PredicateNode{Node: c.body.node})
	}
	switch c.name {
	case "map":
		return mapped()
	case "sum":
		return r.node("\x00sum", opSum, c.from, mapped())
	case "sortBy":
		internal := r.hold(list, func(held func() ast.Node) ast.Node {
			keys := builtin("map", held(), &ast.PredicateNode{Node: c.body.node})
			direction := ast.Node(&ast.StringNode{Value: "asc"})
			if c.last.node != nil {
				direction = c.last.node
			}
			return r.node("\x00sortBy", opSortBy, c.from, held(), keys, direction)
		})
		return internal
	case "reduce":
		args := []ast.Node{list, &ast.PredicateNode{Node: c.body.node}}
		if c.last.node != nil {
			args = append(args, c.last.node)
		}
		return builtin("reduce", args...)
	}
	body := c.body
	if body.node == nil { // count(list of bools)
		body = typed{node: &ast.PointerNode{}, typ: c.elem, from: c.from}
	}
	r.wantBool(body, "")
	call := builtin(c.name, list, &ast.PredicateNode{Node: r.truthNode(body.node, body.from)})
	if c.typ().Kind == record.KindInt {
		return r.node("\x00whole", opWhole, c.from, call)
	}
	return call
}
