package mappings

import (
	"fmt"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"

	"github.com/syncline-dev/syncline/internal/record"
)

// helper is a function of the language. Its documentation and its examples are
// part of it: a test runs them, and docs/functions.md is made of them.
type helper struct {
	name string
	// params are the parameters as people read them: `text`, `n?` may be left
	// out, `values…` takes any number. A name says what is taken, see takes.
	params []string
	// gives is the word for the result: a type, or any.
	gives    string
	doc      string
	group    string
	examples []example
	// nulls: the function itself says what NULL and absent mean; otherwise
	// they are its result.
	nulls bool
	call  function
	// text is all of the function, where it maps a text to a text.
	text textMap
	// make gives the call and the type for literal arguments, where they
	// decide; nil leaves both to call and gives.
	make func(args []typed) (function, record.Type, error)
}

// example is an expression over a row of examples, and its result as text.
type example struct{ expr, result string }

// Signature shows how the function is called.
func (h *helper) Signature() string {
	return h.name + "(" + strings.Join(h.params, ", ") + ")"
}

// functionTable has the helpers by name.
//
//nolint:gochecknoglobals // made once, never changed
var functionTable = sync.OnceValue(func() map[string]*helper {
	table := map[string]*helper{}
	for _, group := range helperGroups() {
		for i := range group.helpers {
			h := &group.helpers[i]
			h.group = group.title
			if h.text.of != nil && h.call == nil {
				h.call = onText(h.text.of)
			}
			if h.call != nil && !h.nulls {
				h.call = nullable(h.call)
			}
			table[h.name] = h
		}
	}
	return table
})

type helperGroup struct {
	title   string
	helpers []helper
}

func helperGroups() []helperGroup {
	return []helperGroup{
		{"Text", textHelpers()},
		{"Choosing", choiceHelpers()},
		{"Numbers", numberHelpers()},
		{"Times", timeHelpers()},
		{"Lists and JSON", listHelpers()},
		{"Types", typeHelpers()},
	}
}

// closures are the list functions of expr-lang whose argument is an expression
// over the elements.
var closures = map[string]bool{ //nolint:gochecknoglobals // a constant table
	"all": true, "any": true, "none": true, "one": true, "filter": true, "map": true, "count": true, "sum": true,
	"find": true, "findIndex": true, "findLast": true, "findLastIndex": true, "reduce": true, "sortBy": true,
}

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

// textMap maps a text to a text: of alone, and appendTo behind other bytes, for
// columns of texts that are built without a value for each row.
type textMap struct {
	of       func(string) string
	appendTo func(to []byte, s string) []byte
}

// mapText is a map that has nothing better for appending.
func mapText(of func(string) string) textMap {
	return textMap{of: of, appendTo: func(to []byte, s string) []byte { return append(to, of(s)...) }}
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

func (h *helper) result() record.Type {
	if h.gives == "any" || h.gives == "number" {
		return record.Type{}
	}
	t, err := record.ParseType(h.gives)
	if err != nil {
		return record.Type{}
	}
	return t
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
	r.wantBool(body)
	call := builtin(c.name, list, &ast.PredicateNode{Node: r.truthNode(body.node, body.from)})
	if c.typ().Kind == record.KindInt {
		return r.node("\x00whole", opWhole, c.from, call)
	}
	return call
}
