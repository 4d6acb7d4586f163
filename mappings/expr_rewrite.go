package mappings

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"

	"github.com/syncline-dev/syncline/internal/record"
)

// rewriter turns the parser's tree into one in which every operator, member
// and call is a call of ours, so that NULL, exact numbers and messages are the
// same everywhere, and finds out the types on the way. The result needs
// neither expr-lang's checker nor its optimizer.
type rewriter struct {
	scope     scope
	source    []rune
	functions conf.FunctionsTable
	used      map[int]bool
	errors    []exprError
	lets      int
	closures  int
	vars      []variable    // of `let`, innermost last
	elements  []record.Type // of the lists whose closures we are in
}

type variable struct {
	name, internal string
	typ            record.Type
}

// typed is a rewritten node and what is known about it.
type typed struct {
	node ast.Node
	typ  record.Type
	// column is the name's place if the node is nothing but a name, else -1.
	column int
	// lit is the value of a literal.
	lit   record.Value
	isLit bool
	from  int
	// textFn is what a chain of functions makes of the text of one column.
	textFn textMap
	// direct evaluates the node without the virtual machine; nil if it cannot.
	direct direct
}

func (t typed) isNil() bool { return t.isLit && t.lit == nil }

func (r *rewriter) fail(n ast.Node, message, hint string) typed {
	return r.failAt(n.Location().From, message, hint)
}

func (r *rewriter) failAt(from int, message, hint string) typed {
	r.errors = append(r.errors, exprError{from: from, message: message, hint: hint})
	return typed{node: &ast.NilNode{}, column: -1, from: from}
}

func literal(v record.Value, from int) typed {
	t := typed{
		lit: v, isLit: true, column: -1, from: from, typ: record.Type{Kind: record.KindOf(v)}, direct: directLiteral(v),
	}
	switch b := v.(type) {
	case nil:
		t.node = &ast.NilNode{}
	case bool:
		t.node = &ast.BoolNode{Value: b}
	case string:
		t.node = &ast.StringNode{Value: b}
	default:
		t.node = &ast.ConstantNode{Value: v}
	}
	return t
}

// rewrite gives the node in our terms; its type is Any where it is not known.
func (r *rewriter) rewrite(n ast.Node) typed {
	from := n.Location().From
	switch n := n.(type) {
	case *ast.NilNode:
		return literal(nil, from)
	case *ast.BoolNode:
		return literal(n.Value, from)
	case *ast.StringNode:
		return literal(n.Value, from)
	case *ast.IntegerNode:
		return literal(int64(n.Value), from)
	case *ast.FloatNode:
		return r.decimalLiteral(n)
	case *ast.BytesNode:
		return literal(record.Bytes(n.Value), from)
	case *ast.IdentifierNode:
		return r.name(n)
	case *ast.UnaryNode:
		return r.unary(n)
	case *ast.BinaryNode:
		return r.binary(n)
	case *ast.ChainNode:
		return r.rewrite(n.Node)
	case *ast.MemberNode:
		return r.member(n)
	case *ast.SliceNode:
		return r.slice(n)
	case *ast.CallNode:
		return r.call(n)
	case *ast.BuiltinNode:
		return r.closure(n)
	case *ast.PointerNode:
		return r.pointer(n)
	case *ast.VariableDeclaratorNode:
		return r.let(n)
	case *ast.ConditionalNode:
		return r.conditional(n)
	case *ast.ArrayNode:
		return r.array(n)
	case *ast.MapNode:
		return r.object(n)
	case *ast.SequenceNode:
		return r.fail(n, "is more than one value: only `let x = …;` may stand before the last", "")
	default:
		return r.fail(n, "cannot be used here", "")
	}
}

// decimalLiteral reads a number with a point from the source itself, because
// the parser has made a float of it: 0.1 is the decimal 0.1.
func (r *rewriter) decimalLiteral(n *ast.FloatNode) typed {
	loc := n.Location()
	text := strconv.FormatFloat(n.Value, 'f', -1, 64)
	if loc.From >= 0 && loc.From < loc.To && loc.To <= len(r.source) {
		text = strings.ReplaceAll(string(r.source[loc.From:loc.To]), "_", "")
	}
	d, err := record.ParseDecimal(text)
	if err != nil {
		return r.fail(n, "is not a number", "")
	}
	return literal(d, loc.From)
}

// name finds what an identifier stands for: a variable of `let`, or a column.
func (r *rewriter) name(n *ast.IdentifierNode) typed {
	from := n.Location().From
	for i := len(r.vars) - 1; i >= 0; i-- {
		if v := r.vars[i]; v.name == n.Value {
			return typed{node: &ast.IdentifierNode{Value: v.internal}, typ: v.typ, column: -1, from: from}
		}
	}
	if place := r.scope.schema.Index(n.Value); place >= 0 {
		return r.columnAt(place, from)
	}
	return r.unknown(n.Value, from)
}

func (r *rewriter) columnAt(place, from int) typed {
	r.used[place] = true
	return typed{
		node: &ast.IdentifierNode{Value: columnName(place)}, column: place, from: from,
		typ: r.scope.schema.Fields[place].Type, direct: directColumn(place),
	}
}

func (r *rewriter) unknown(name string, from int) typed {
	hint := ""
	if _, is := functionTable()[name]; is {
		hint = fmt.Sprintf("%s is a function: %s", name, functionTable()[name].Signature())
	} else if near := suggest(name, r.scope.schema.Names()); near != "" {
		hint = "did you mean " + quoteName(near) + "?"
	}
	return r.failAt(from, fmt.Sprintf("there is no %s %q%s", r.scope.noun, name, r.scope.of), hint)
}

// quoteName writes a column's name as an expression can use it.
func quoteName(name string) string {
	for i, c := range name {
		if c != '_' && c != '.' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return "col(" + strconv.Quote(name) + ")"
		}
	}
	return name
}

// member reads `a.b`, `a?.b` and `a["b"]`: the longest dotted name that is a
// column, then members of JSON. A part that is absent makes all absent.
func (r *rewriter) member(n *ast.MemberNode) typed {
	if dotted, from, ok := dottedName(n); ok && !r.isVariable(dotted) {
		for end := len(dotted); end > 0; end-- {
			if place := r.scope.schema.Index(strings.Join(dotted[:end], ".")); place >= 0 {
				return r.path(r.columnAt(place, from), dotted[end:])
			}
		}
		return r.unknown(strings.Join(dotted, "."), from)
	}
	base := r.rewrite(n.Node)
	if key, is := n.Property.(*ast.StringNode); is {
		return r.path(base, []string{key.Value})
	}
	index := r.rewrite(n.Property)
	typ := record.Type{}
	if k := base.typ.Kind; k == record.KindList || k == record.KindSet {
		typ.Kind = base.typ.Elem
	}
	return r.apply(base.from, typ, "\x00at", opAt, base, index)
}

// path reads names one after the other out of JSON, in one call.
func (r *rewriter) path(base typed, keys []string) typed {
	if len(keys) == 0 {
		return base
	}
	switch base.typ.Kind {
	case record.Any, record.KindJSON, record.KindList, record.KindSet:
	default:
		return r.failAt(base.from, fmt.Sprintf("is %s and has no part %q", kindWords(base.typ.Kind), keys[0]), "")
	}
	return r.special(base.from, record.Type{}, func(args ...any) (any, error) { return opPath(args[0], keys) }, base)
}

// dottedName gives the names of a chain such as a.b?.c that begins with a name.
func dottedName(n ast.Node) (names []string, from int, ok bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return []string{n.Value}, n.Location().From, true
	case *ast.ChainNode:
		return dottedName(n.Node)
	case *ast.MemberNode:
		key, is := n.Property.(*ast.StringNode)
		if !is {
			return nil, 0, false
		}
		if names, from, ok = dottedName(n.Node); ok {
			names = append(names, key.Value)
		}
		return names, from, ok
	default:
		return nil, 0, false
	}
}

func (r *rewriter) isVariable(dotted []string) bool {
	for _, v := range r.vars {
		if v.name == dotted[0] {
			return true
		}
	}
	return false
}

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
	r.wantBool(cond)
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

func (r *rewriter) wantBool(t typed) {
	if k := t.typ.Kind; k != record.KindBool && k != record.Any {
		r.failAt(t.from, "must be true or false, and this is "+kindWords(k), "")
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

// node is a call of one of our functions under a name of its own.
func (r *rewriter) node(name string, fn function, from int, args ...ast.Node) *ast.CallNode {
	if _, known := r.functions[name]; !known {
		r.functions[name] = &builtin.Function{Name: name, Func: fn}
	}
	call := &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
	loc := call.Location()
	loc.From = from
	call.SetLocation(loc)
	return call
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
