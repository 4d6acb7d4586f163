package mappings

import (
	"fmt"

	"github.com/expr-lang/expr/ast"

	"github.com/syncline-dev/syncline/internal/record"
)

func (r *rewriter) unary(n *ast.UnaryNode) typed {
	t, from := r.rewrite(n.Node), n.Location().From
	switch n.Operator {
	case "not", "!":
		r.wantBool(t, "`"+n.Operator+"` turns a condition around; to ask whether there is a value: value == nil")
		return r.apply(from, record.Type{Kind: record.KindBool}, "\x00not", opNot, t)
	case "-", "+":
		r.wantNumber(t, n.Operator)
		if t.isLit && !t.isNil() && n.Operator == "-" {
			if v, err := negate(t.lit); err == nil {
				return literal(v, from)
			}
		}
		if n.Operator == "+" {
			return r.apply(from, t.typ, "\x00plus", opPlus, t)
		}
		return r.apply(from, t.typ, "\x00neg", opNegate, t)
	default:
		return r.fail(n, "there is no operator "+n.Operator, "")
	}
}

func (r *rewriter) wantNumber(t typed, operator string) {
	if !isNumber(t.typ.Kind) && t.typ.Kind != record.Any {
		hint := ""
		if t.typ.Kind == record.KindString {
			hint = "make it one with int(…) or decimal(…)"
		}
		r.failAt(t.from, fmt.Sprintf("%s needs a number, and this is %s", operator, kindWords(t.typ.Kind)), hint)
	}
}

func isNumber(k record.Kind) bool {
	return k == record.KindInt || k == record.KindDecimal || k == record.KindFloat
}

func (r *rewriter) binary(n *ast.BinaryNode) typed {
	from := n.Location().From
	left, right := r.rewrite(n.Left), r.rewrite(n.Right)
	switch n.Operator {
	case "and", "&&", "or", "||":
		return r.logic(n.Operator, left, right)
	case "??":
		return r.coalesce(left, right)
	case "==", "!=", "<", "<=", ">", ">=":
		return r.comparison(n.Operator, left, right, from)
	case "in":
		return r.in(left, right)
	case "matches":
		return r.matches(left, right)
	case "contains", "startsWith", "endsWith":
		return r.textTest(n.Operator, left, right)
	case "+", "-", "*", "/", "%", "**", "^":
		return r.arithmetic(n.Operator, left, right)
	case "..":
		r.wantNumber(left, "..")
		r.wantNumber(right, "..")
		return r.apply(left.from, record.Type{Kind: record.KindList, Elem: record.KindInt}, "\x00range", opRange, left, right)
	default:
		return r.fail(n, "there is no operator "+n.Operator, "")
	}
}

// logic is the three-valued `and` and `or`; the right side is evaluated only
// where the left one does not decide.
func (r *rewriter) logic(operator string, left, right typed) typed {
	and := operator == "and" || operator == "&&"
	hint := ""
	switch {
	case operator == "||" && left.typ.Kind == record.KindString:
		hint = "`||` is `or` here; texts are joined with +, and a default stands behind ??"
	case !and:
		hint = "`" + operator + "` stands between conditions; a default stands behind ??"
	default:
		hint = "`" + operator + "` stands between conditions, such as value != nil"
	}
	before := len(r.errors)
	if r.wantBool(left, hint); len(r.errors) == before {
		r.wantBool(right, hint)
	}
	name, fn, test, testFn := "\x00or", opOr, "\x00true", opTruth
	if and {
		name, fn, test, testFn = "\x00and", opAnd, "\x00false", opFalse
	}
	node := r.hold(left.node, func(held func() ast.Node) ast.Node {
		decided := r.boolCall(test, testFn, held(), left.from)
		return choose(decided, &ast.BoolNode{Value: !and}, r.node(name, fn, left.from, held(), right.node))
	})
	return typed{
		node: node, typ: record.Type{Kind: record.KindBool}, column: -1, from: left.from,
		direct: directLogic(left.direct, right.direct, !and),
	}
}

func (r *rewriter) coalesce(left, right typed) typed {
	typ, ok := commonType(left, right)
	if !ok {
		return r.failAt(right.from, fmt.Sprintf("is %s in place of %s", kindWords(right.typ.Kind), kindWords(left.typ.Kind)), "")
	}
	node := r.hold(left.node, func(held func() ast.Node) ast.Node {
		return choose(r.boolCall("\x00nothing", opNothing, held(), left.from), right.node, held())
	})
	return typed{node: node, typ: typ, column: -1, from: left.from, direct: directCoalesce(left.direct, right.direct)}
}

// commonType is the type of a value that is one or the other; nil is any.
func commonType(a, b typed) (record.Type, bool) {
	x, y := a.typ, b.typ
	switch {
	case a.isNil():
		return y, true
	case b.isNil() || x == y:
		return x, true
	case x.Kind == record.Any || y.Kind == record.Any:
		return record.Type{}, true
	case x.Kind == y.Kind && x.Elem == y.Elem:
		return record.Type{Kind: x.Kind, Elem: x.Elem}, true
	case isNumber(x.Kind) && isNumber(y.Kind):
		return numberType(x.Kind, y.Kind), true
	default:
		return record.Type{}, false
	}
}

// numberType is what two numbers make together.
func numberType(a, b record.Kind) record.Type {
	switch {
	case a == record.KindFloat || b == record.KindFloat:
		return record.Type{Kind: record.KindFloat}
	case a == record.KindInt && b == record.KindInt:
		return record.Type{Kind: record.KindInt}
	default:
		return record.Type{Kind: record.KindDecimal}
	}
}

func (r *rewriter) arithmetic(operator string, left, right typed) typed {
	l, rt := left.typ.Kind, right.typ.Kind
	name, fn := "\x00"+operator, arithmeticOf(operator)
	day := record.Type{Kind: record.KindDate}
	switch {
	case operator == "+" && (l == record.KindString || rt == record.KindString):
		for _, t := range []typed{left, right} {
			if k := t.typ.Kind; k != record.KindString && k != record.Any {
				r.failAt(t.from, "+ joins text with text, and this is "+kindWords(k), "make it text with string(…)")
			}
		}
		return r.apply(left.from, record.Type{Kind: record.KindString}, name, fn, left, right)
	case (operator == "+" || operator == "-") && l == record.KindDate && (rt == record.KindInt || rt == record.Any):
		return r.apply(left.from, day, name, fn, left, right)
	case operator == "-" && l == record.KindDate && rt == record.KindDate:
		return r.apply(left.from, record.Type{Kind: record.KindInt}, name, fn, left, right)
	case operator == "+" && l == record.Any && rt == record.Any:
		return r.apply(left.from, record.Type{}, name, fn, left, right)
	}
	r.wantNumber(left, operator)
	r.wantNumber(right, operator)
	typ := record.Type{}
	switch {
	case l == record.Any || rt == record.Any:
	case operator == "/" || operator == "**" || operator == "^":
		if typ = numberType(l, rt); typ.Kind == record.KindInt {
			typ.Kind = record.KindDecimal
		}
	default:
		typ = numberType(l, rt)
	}
	return r.apply(left.from, typ, name, fn, left, right)
}

// comparison compares by meaning. A literal beside a value of a known type is
// read as that type here, once, and a fault in it is told at once.
func (r *rewriter) comparison(operator string, left, right typed, from int) typed {
	result := record.Type{Kind: record.KindBool}
	if left.isLit && !right.isLit {
		left, right = right, left
		operator = mirrored[operator]
	}
	if right.isNil() {
		switch operator {
		case "==":
			return r.apply(left.from, result, "\x00nothing", opNothing, left)
		case "!=":
			return r.apply(left.from, result, "\x00something", opSomething, left)
		default:
			return r.failAt(from, "nil has no order: compare with == or !=", "")
		}
	}
	if !comparable2(left.typ, right.typ) {
		return r.failAt(from, fmt.Sprintf("compares %s with %s", kindWords(left.typ.Kind), kindWords(right.typ.Kind)), "")
	}
	fn := comparisonOf(operator)
	if !right.isLit {
		return r.apply(left.from, result, "\x00"+operator, fn.function(), left, right)
	}
	lit := right.lit
	if s, is := lit.(string); is && left.typ.Kind != record.KindString && left.typ.Kind != record.Any && left.typ.Kind != record.KindJSON {
		v, err := record.Parse(record.Type{Kind: left.typ.Kind, Elem: left.typ.Elem}, s)
		if err != nil {
			return r.failAt(right.from, "is compared with "+kindWords(left.typ.Kind)+": "+err.Error(), "")
		}
		lit = v
	}
	return r.special(left.from, result, withLiteral(operator, fn, lit), left)
}

var mirrored = map[string]string{ //nolint:gochecknoglobals // a constant table
	"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<=",
}

// comparable2 tells whether two types can be compared by meaning at all.
func comparable2(a, b record.Type) bool {
	x, y := a.Kind, b.Kind
	if x == y || x == record.Any || y == record.Any || x == record.KindRef || y == record.KindRef {
		return true
	}
	if x > y {
		x, y = y, x
	}
	switch {
	case isNumber(x) && isNumber(y),
		x == record.KindTimestamp && y == record.KindDate,
		x == record.KindString && y != record.KindBytes && y != record.KindList && y != record.KindSet,
		x == record.KindList && y == record.KindSet:
		return true
	default:
		return y == record.KindJSON && x != record.KindBytes
	}
}

func (r *rewriter) in(left, right typed) typed {
	result := record.Type{Kind: record.KindBool}
	switch right.typ.Kind {
	case record.KindList, record.KindSet, record.KindJSON, record.Any:
	default:
		return r.failAt(right.from, "`in` looks into a list, and this is "+kindWords(right.typ.Kind), "for a part of a text: text contains part")
	}
	list, is := right.lit.(record.List)
	if !is {
		return r.apply(left.from, result, "\x00in", opIn, left, right)
	}
	for i, elem := range list {
		s, isText := elem.(string)
		if elem != nil && !comparable2(left.typ, record.Type{Kind: record.KindOf(elem)}) {
			return r.failAt(right.from, fmt.Sprintf("element %d cannot be compared with %s", i+1, kindWords(left.typ.Kind)), "")
		}
		if !isText || left.typ.Kind == record.KindString || left.typ.Kind == record.Any || left.typ.Kind == record.KindJSON {
			continue
		}
		v, err := record.Parse(record.Type{Kind: left.typ.Kind}, s)
		if err != nil {
			return r.failAt(right.from, fmt.Sprintf("element %d is compared with %s: %v", i+1, kindWords(left.typ.Kind), err), "")
		}
		list[i] = v
	}
	return r.special(left.from, result, func(args ...any) (any, error) { return inList(args[0], list) }, left)
}

func (r *rewriter) matches(left, right typed) typed {
	r.wantText(left, "matches")
	pattern, is := right.lit.(string)
	if !is {
		return r.failAt(right.from, "matches needs its pattern as a literal text", "")
	}
	fn, err := matcher(pattern)
	if err != nil {
		return r.failAt(right.from, "is not a regular expression: "+err.Error(), "")
	}
	return r.special(left.from, record.Type{Kind: record.KindBool}, fn, left)
}

func (r *rewriter) textTest(operator string, left, right typed) typed {
	if k := left.typ.Kind; operator == "contains" && (k == record.KindList || k == record.KindSet || k == record.KindJSON) {
		return r.apply(left.from, record.Type{Kind: record.KindBool}, "\x00has", nullable(hasIn), left, right)
	}
	r.wantText(left, operator)
	r.wantText(right, operator)
	return r.apply(left.from, record.Type{Kind: record.KindBool}, "\x00"+operator, textTestOf(operator), left, right)
}

func (r *rewriter) wantText(t typed, operator string) {
	if k := t.typ.Kind; k != record.KindString && k != record.Any {
		r.failAt(t.from, fmt.Sprintf("%s needs text, and this is %s", operator, kindWords(k)), "make it text with string(…)")
	}
}
