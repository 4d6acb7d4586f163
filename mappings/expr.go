package mappings

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/syncline-dev/syncline/internal/record"
)

// Bounds of one expression. They are far above what a person writes and keep
// hostile definitions from taking the process with them.
const (
	maxSource    = 8_192    // bytes of an expression's text
	maxNodes     = 1_000    // nodes of its syntax tree
	maxLets      = 256      // variables, ours for `and`, `or` and `??` included
	maxNesting   = 2        // list functions such as filter inside one another
	maxClosures  = 16       // list functions such as filter
	maxElements  = 10_000   // elements that a list function goes through
	maxInner     = 500      // and those of one inside of another
	maxRange     = 1_000    // elements of a range
	maxText      = 16 << 20 // bytes of a text that an operator makes
	memoryBudget = 100_000  // elements of lists made in one evaluation
)

// scope is what the names in an expression stand for: the columns of a
// system, the fields of the sync, or the sides of a conflict.
type scope struct {
	noun   string // column, field
	of     string // whose, for messages: " of crm"
	schema *record.Schema
}

// program is one compiled expression. It is immutable; a machine runs it.
type program struct {
	text Text
	// column is the place of the only name when the expression is nothing
	// else, and run is nil then.
	column int
	run    *vm.Program
	// typ is the type of the result as far as it is known: Any if it is not.
	typ record.Type
	// columns are the places of all names used, in ascending order.
	columns []int
	// textFn is all that the expression does where it only maps the text of
	// one column, such as lower(trim(email)).
	textFn textMap
	// direct evaluates the whole expression without the virtual machine; nil
	// where it needs one.
	direct direct
}

// machine evaluates programs of one scope, one after the other, for one
// goroutine. Names are read from places behind the variables of `let`, so that
// a row is set once for all expressions over it and no map is filled.
type machine struct {
	vm vm.VM
	// stack has the arguments of calls in direct evaluation.
	stack []any
}

func newMachine(s *record.Schema) *machine {
	return &machine{vm: vm.VM{
		Variables:    make([]any, maxLets+len(s.Fields)),
		MemoryBudget: memoryBudget,
	}}
}

// set gives the value of a name by its place in the scope's schema.
func (m *machine) set(place int, v record.Value) { m.vm.Variables[maxLets+place] = v }

// value reads a name's value back.
func (m *machine) value(place int) record.Value { return m.vm.Variables[maxLets+place] }

// eval runs a program over the values set before. An error says what is wrong
// in words that hold none of them.
func (m *machine) eval(p *program) (record.Value, error) {
	if p.run == nil {
		return m.value(p.column), nil
	}
	if p.textFn.of != nil {
		if v, done := m.mapText(p); done {
			return v, nil
		}
	}
	if p.direct != nil {
		out, err := m.runDirect(p.direct)
		if err != nil {
			return nil, explain(err)
		}
		return settle(out)
	}
	out, err := m.vm.Run(p.run, nil)
	if err != nil {
		return nil, explain(err)
	}
	return settle(out)
}

// mapText answers what needs no virtual machine.
func (m *machine) mapText(p *program) (record.Value, bool) {
	v := m.value(p.columns[0])
	text, is := v.(string)
	if !is {
		return v, nothing(v)
	}
	if out := p.textFn.of(text); out != text {
		return out, true
	}
	return v, true // the same value again costs no allocation
}

// truth runs a condition: NULL and absent count as not true.
func (m *machine) truth(p *program) (bool, error) {
	v, err := m.eval(p)
	if err != nil {
		return false, err
	}
	switch b := v.(type) {
	case bool:
		return b, nil
	case nil:
		return false, nil
	}
	if record.IsMissing(v) {
		return false, nil
	}
	return false, faultf("expected true or false, got %s", record.KindOf(v))
}

// fault is an error of an expression whose words may be shown and stored: it
// names kinds and places, never a value.
type fault struct{ message string }

func (f *fault) Error() string { return f.message }

// explain keeps what the virtual machine adds out of the message, because its
// own words can hold values.
func explain(err error) error {
	var own *fault
	if errors.As(err, &own) {
		return own
	}
	var located *file.Error
	if errors.As(err, &located) && strings.HasPrefix(located.Message, "memory budget") {
		return faultf("takes more memory than an expression may")
	}
	return faultf("cannot be computed from these values")
}

// exprError is a fault found when an expression is compiled, at a place in its
// text counted in characters.
type exprError struct {
	from          int
	message, hint string
}

// compileExpr compiles an expression. All faults that were found are returned
// as problems at their places in the definition.
func compileExpr(text Text, in scope) (*program, Problems) {
	p, faults := compileSource(text.Value, in)
	if len(faults) > 0 {
		problems := make(Problems, len(faults))
		for i, f := range faults {
			problems[i] = Problem{Pos: text.at(f.from), Severity: SeverityError, Message: f.message, Hint: f.hint}
		}
		return nil, problems
	}
	p.text = text
	return p, nil
}

// at is the place of a character of a scalar in its file. What stands after a
// line break is told at the scalar's beginning.
func (t Text) at(char int) Pos {
	pos := t.Pos
	for i, r := range []rune(t.Value) {
		if r == '\n' {
			return t.Pos
		}
		if i == char {
			break
		}
		pos.Col++
	}
	return pos
}

func compileSource(source string, in scope) (*program, []exprError) {
	if len(source) > maxSource {
		return nil, []exprError{{message: "is longer than " + strconv.Itoa(maxSource) + " bytes"}}
	}
	if !utf8.ValidString(source) || strings.ContainsRune(source, 0) {
		return nil, []exprError{{message: "is not text"}}
	}
	tree, err := parser.ParseWithConfig(source, parseConfig())
	if err != nil {
		return nil, []exprError{syntaxError(err)}
	}
	r := &rewriter{scope: in, source: []rune(source), functions: conf.FunctionsTable{}, used: map[int]bool{}}
	root := r.rewrite(tree.Node)
	if r.lets > maxLets {
		r.fail(tree.Node, "is too long: split it, or write it with fewer and, or and ??", "")
	}
	if len(r.errors) > 0 {
		slices.SortStableFunc(r.errors, func(a, b exprError) int { return a.from - b.from })
		return nil, r.errors
	}
	p := &program{column: -1, typ: root.typ, textFn: root.textFn, direct: root.direct}
	for place := range r.used {
		p.columns = append(p.columns, place)
	}
	slices.Sort(p.columns)
	if root.column >= 0 {
		p.column = root.column
		return p, nil
	}
	tree.Node = root.node
	config := conf.CreateNew()
	config.Optimize = false
	config.Functions = r.functions
	config.WithEnv(map[string]any{})
	if p.run, err = compiler.Compile(tree, config); err != nil {
		return nil, []exprError{{message: "cannot be compiled"}}
	}
	placeColumns(p.run)
	return p, nil
}

// placeColumns turns the look-up of a name in an environment into reading its
// place behind the variables. columnName made the names, so that no name that
// a person can write is one of them.
func placeColumns(p *vm.Program) {
	for i, op := range p.Bytecode {
		if op != vm.OpLoadFast && op != vm.OpLoadConst {
			continue
		}
		name, is := p.Constants[p.Arguments[i]].(string)
		if !is || !strings.HasPrefix(name, "\x00") {
			continue
		}
		if place, err := strconv.Atoi(name[1:]); err == nil {
			p.Bytecode[i], p.Arguments[i] = vm.OpLoadVar, maxLets+place
		}
	}
}

func columnName(place int) string { return "\x00" + strconv.Itoa(place) }

// parseConfig makes the parser take our functions for functions, whatever
// expr-lang has under their names; its closures (filter, map …) stay its own.
func parseConfig() *conf.Config {
	config := conf.CreateNew()
	config.MaxNodes = maxNodes
	for name := range functionTable() {
		if !closures[name] {
			config.Functions[name] = &builtin.Function{Name: name}
		}
	}
	for name := range config.Builtins {
		if !closures[name] {
			config.Disabled[name] = true
		}
	}
	return config
}

// syntaxError puts the parser's words into ours.
func syntaxError(err error) exprError {
	var located *file.Error
	if !errors.As(err, &located) {
		return exprError{message: "cannot be read as an expression"}
	}
	message := located.Message
	if rest, is := strings.CutPrefix(message, "unexpected token "); is {
		if rest == "EOF" {
			return exprError{from: located.From, message: "ends too early"}
		}
		if _, token, found := strings.Cut(strings.TrimSuffix(rest, ")"), "("); found {
			rest = token
		}
		message = "does not expect " + rest + " here"
		return exprError{from: located.From, message: message, hint: operatorHints[rest]}
	}
	return exprError{from: located.From, message: message}
}

// operatorHints show how words are written that stand between their operands
// and may have been meant as functions.
var operatorHints = map[string]string{ //nolint:gochecknoglobals // a constant table
	`"contains"`: "write text contains part, or has(text, part)", `"startsWith"`: "write text startsWith part",
	`"endsWith"`: "write text endsWith part", `"matches"`: `write text matches "pattern"`, `"in"`: "write value in [a, b]",
	`"="`: "write == to compare", `"&"`: "write and",
}

// CheckExpression compiles an expression over columns and tells everything
// that is wrong with it. want is the kind that its place promises (bool for
// conditions, record.Any for none); `any` is refused where a kind is promised.
// It gives the result's type and the names of the columns that it reads.
func CheckExpression(text Text, columns *record.Schema, want record.Kind) (record.Type, []string, Problems) {
	p, problems := compileExpr(text, scope{noun: "column", schema: columns})
	if problems != nil {
		return record.Type{}, nil, problems
	}
	names := make([]string, len(p.columns))
	for i, place := range p.columns {
		names[i] = columns.Fields[place].Name
	}
	return p.typ, names, p.promise(want)
}

// promise tells when a program's type is not the one that its place needs.
func (p *program) promise(want record.Kind) Problems {
	if want == record.Any || p.typ.Kind == want {
		return nil
	}
	problem := Problem{
		Pos: p.text.Pos, Severity: SeverityError,
		Message: "must be " + kindWords(want) + ", and this is " + kindWords(p.typ.Kind),
	}
	if p.typ.Kind == record.Any {
		problem.Message = "must be " + kindWords(want) + ", and the type of this is not known"
		problem.Hint = "say what it is: " + want.String() + "(" + p.text.Value + ")"
	}
	return Problems{problem}
}

func kindWords(k record.Kind) string {
	switch k {
	case record.Any:
		return "of no known type"
	case record.KindBool:
		return "true or false"
	case record.KindString:
		return "text"
	case record.KindInt:
		return "a whole number"
	case record.KindFloat, record.KindDecimal:
		return "a " + k.String() + " number"
	case record.KindJSON:
		return "JSON"
	case record.KindUUID:
		return "a UUID"
	case record.KindBytes:
		return "bytes"
	case record.KindTimestamp, record.KindDate, record.KindTime, record.KindList, record.KindSet, record.KindRef:
		return "a " + k.String()
	default:
		return k.String()
	}
}
