package mappings

import (
	"fmt"
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
