package mappings

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/syncline-dev/syncline/internal/record"
)

// notHere are functions that people may know from expr-lang, and why they are
// not here.
var notHere = map[string]string{ //nolint:gochecknoglobals // a constant table
	"now":       "the result would differ from run to run; a time must come from a record",
	"keys":      "the keys of an object have no order",
	"values":    "the members of an object have no order",
	"toPairs":   "the members of an object have no order",
	"groupBy":   "groups have no order",
	"get":       "write object.member or list[0]: what is absent is NULL",
	"type":      "types are known before the run",
	"hasPrefix": "write starts_with(text, part) or text startsWith part", "hasSuffix": "write ends_with(text, part) or text endsWith part",
	"toJSON": "write json(value)", "fromJSON": "write json(text)", "IF": "write condition ? a : b",
	"substr": "write text[from:to]", "substring": "write text[from:to]", "ifnull": "write a ?? b", "isnull": "write a == nil",
	"length": "write len(text)", "contains": "write text contains part, or has(list, value)",
	"trimPrefix": "write starts_with(text, part) ? text[len(part):] : text", "timezone": "timestamps are UTC",
	"duration": "write a number of days beside a date",
}

// call rewrites a call: the name of what is called is a function, whatever
// columns there are.
func (r *rewriter) call(n *ast.CallNode) typed {
	from := n.Location().From
	callee, is := n.Callee.(*ast.IdentifierNode)
	if !is {
		return r.fail(n, "values have no methods", "functions stand in front: lower(email)")
	}
	switch callee.Value {
	case "col":
		return r.col(n)
	case "record":
		return r.record(n)
	}
	h, known := functionTable()[callee.Value]
	if !known {
		why := notHere[callee.Value]
		if near := suggest(callee.Value, functionNames()); why == "" && near != "" {
			why = "did you mean " + near + "?"
			if h := functionTable()[near]; h != nil {
				why = "did you mean " + h.Signature() + "?"
			}
		}
		for _, arg := range n.Arguments {
			r.rewrite(arg)
		}
		return r.fail(n, fmt.Sprintf("there is no function %q", callee.Value), why)
	}
	args := make([]typed, len(n.Arguments))
	for i, arg := range n.Arguments {
		args[i] = r.rewrite(arg)
	}
	if !r.fits(h, args, from) {
		return typed{node: &ast.NilNode{}, column: -1, from: from}
	}
	if h.make == nil {
		t := r.apply(from, h.result(), "\x00!"+h.name, h.call, args...)
		t.textFn = h.chained(args)
		return t
	}
	fn, typ, err := h.make(args)
	if err != nil {
		return r.failAt(from, h.name+": "+err.Error(), h.Signature())
	}
	if !h.nulls {
		fn = nullable(fn)
	}
	return r.special(from, typ, fn, args...)
}

// chained puts the function behind those of its argument, where all of them
// only map the text of one column.
func (h *helper) chained(args []typed) textMap {
	if h.text.of == nil || len(args) != 1 || args[0].typ.Kind != record.KindString {
		return textMap{}
	}
	inner, outer := args[0].textFn.of, h.text
	switch {
	case args[0].column >= 0:
		return outer
	case inner != nil:
		return textMap{
			of:       func(s string) string { return outer.of(inner(s)) },
			appendTo: func(to []byte, s string) []byte { return outer.appendTo(to, inner(s)) },
		}
	default:
		return textMap{}
	}
}

func functionNames() []string {
	names := []string{"col", "record"}
	for name := range functionTable() {
		names = append(names, name)
	}
	for name := range closures {
		names = append(names, name)
	}
	return names
}

// fits checks the number and the known types of a call's arguments.
func (r *rewriter) fits(h *helper, args []typed, from int) bool {
	least, most := 0, len(h.params)
	for _, p := range h.params {
		switch {
		case strings.HasSuffix(p, "…"):
			most = 1 << 20
		case !strings.HasSuffix(p, "?"):
			least++
		}
	}
	if len(args) < least || len(args) > most {
		r.failAt(from, fmt.Sprintf("%s has %d arguments here", h.name, len(args)), h.Signature())
		return false
	}
	ok := true
	for i, a := range args {
		param := h.params[min(i, len(h.params)-1)]
		if a.isNil() || a.typ.Kind == record.Any {
			continue
		}
		if want := takes(strings.TrimRight(param, "?…")); want != nil && !want(a.typ.Kind) {
			hint := h.Signature()
			if strings.HasPrefix(param, "text") {
				hint = "make it text with string(…)"
			}
			r.failAt(a.from, fmt.Sprintf("%s needs %s for %s, and this is %s", h.name, paramWords(param), param, kindWords(a.typ.Kind)), hint)
			ok = false
		}
	}
	return ok
}

// takes says by a parameter's name which kinds it accepts; nil for all.
func takes(param string) func(record.Kind) bool {
	switch param {
	case "text", "separator", "part", "old", "new", "pattern", "currency", "region", "unit", "chars":
		return func(k record.Kind) bool { return k == record.KindString }
	case "n", "digits":
		return func(k record.Kind) bool { return k == record.KindInt || k == record.KindDecimal }
	case "number", "amount", "numbers":
		return isNumber
	case "time":
		return func(k record.Kind) bool {
			return k == record.KindTimestamp || k == record.KindDate || k == record.KindString
		}
	case "list":
		return func(k record.Kind) bool { return k == record.KindList || k == record.KindSet || k == record.KindJSON }
	default:
		return nil
	}
}

func paramWords(param string) string {
	switch strings.TrimRight(param, "?…") {
	case "n", "digits":
		return "a whole number"
	case "number", "amount", "numbers":
		return "a number"
	case "time":
		return "a timestamp or a date"
	case "list":
		return "a list"
	default:
		return "text"
	}
}

// col names a column whose name is no identifier: col("First Name").
func (r *rewriter) col(n *ast.CallNode) typed {
	from := n.Location().From
	if len(n.Arguments) != 1 {
		return r.fail(n, "col names one column", `col("First Name")`)
	}
	name, is := n.Arguments[0].(*ast.StringNode)
	if !is {
		return r.fail(n, "col needs the name as a literal text", `col("First Name")`)
	}
	if place := r.scope.schema.Index(name.Value); place >= 0 {
		return r.columnAt(place, from)
	}
	return r.unknown(name.Value, name.Location().From)
}

// record gives the whole record as JSON, for targets that keep it.
func (r *rewriter) record(n *ast.CallNode) typed {
	from := n.Location().From
	if len(n.Arguments) > 0 {
		return r.fail(n, "record takes no arguments", "record()")
	}
	names := r.scope.schema.Names()
	args := make([]typed, len(names))
	for i := range names {
		args[i] = r.columnAt(i, from)
	}
	return r.special(from, record.Type{Kind: record.KindJSON}, func(args ...any) (any, error) {
		tree := make(map[string]any, len(args))
		for i, a := range args {
			tree[names[i]] = a
		}
		text, err := record.EncodeJSON(tree)
		if err != nil {
			return nil, faultf("%s", err)
		}
		return text, nil
	}, args...)
}
