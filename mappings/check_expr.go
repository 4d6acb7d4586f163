package mappings

import (
	"regexp"
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

// habit is a piece of SQL and what an expression has for it.
type habit struct {
	pattern *regexp.Regexp
	ours    string
	name    string
}

// sqlHabits find SQL outside of quotes; in the text, each quoted piece is
// replaced by the private-use character U+E000, which patterns may name.
//
//nolint:gochecknoglobals // a constant table
var sqlHabits = []habit{
	{regexp.MustCompile(`(?i)\bis\s+not\s+null\b`), "!= nil", "IS NOT NULL"},
	{regexp.MustCompile(`(?i)\bis\s+null\b`), "== nil", "IS NULL"},
	{regexp.MustCompile(`(?i)(\S+)\s+between\s+(\S+)\s+and\s+(\S+)`), "$1 >= $2 and $1 <= $3", "BETWEEN"},
	{regexp.MustCompile(`(?i)\bnot\s+like\s+`), "not like ", "NOT LIKE"},
	{regexp.MustCompile(`<>`), "!=", "<>"},
	{regexp.MustCompile(`([^=!<>:]|^)=([^=~]|$)`), "$1==$2", "="},
	{regexp.MustCompile(`\bAND\b`), "and", "AND"},
	{regexp.MustCompile(`\bOR\b`), "or", "OR"},
	{regexp.MustCompile(`\bNOT\b`), "not", "NOT"},
	{regexp.MustCompile(`(?i)\bin\s*\(([^()\[\]]*)\)`), "in [$1]", "IN (…)"},
	{regexp.MustCompile(`\bNULL\b`), "nil", "NULL"},
}

var (
	quotedPiece = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)*'|`[^`]*`")
	likePiece   = regexp.MustCompile("(?i)(\\S+)\\s+(not\\s+)?like\\s+\ue000")
)

// sql finds what is SQL in an expression and shows it in our words. It reports
// whether nothing was found.
func (c *checker) sql(text Text) bool {
	pieces := quotedPiece.FindAllString(text.Value, -1)
	bare := quotedPiece.ReplaceAllString(text.Value, "\ue000")
	if strings.Contains(text.Value, "\ue000") || strings.Contains(bare, "let ") {
		return true // `let x = 1;` is ours
	}
	var found []string
	ours := bare
	first := -1
	for _, h := range sqlHabits {
		if at := h.pattern.FindStringIndex(ours); at != nil {
			found = append(found, h.name)
			ours = h.pattern.ReplaceAllString(ours, h.ours)
			if own := h.pattern.FindStringIndex(bare); own != nil && (first < 0 || own[0] < first) {
				first = own[0]
			}
		}
	}
	if likePiece.MatchString(ours) && !slices.Contains(found, "NOT LIKE") {
		found = append(found, "LIKE")
	}
	if len(found) == 0 {
		return true
	}
	c.fail(text.at(max(0, firstHabit(text.Value, bare, first))), "this is SQL: %s", strings.Join(found, ", ")).Hint =
		"write: " + likeToOurs(ours, pieces)
	return false
}

// firstHabit maps a byte of the bare text to a character of the whole one, as
// far as no quoted piece stands before it.
func firstHabit(whole, bare string, at int) int {
	if at < 0 || at > len(whole) || at > len(bare) || whole[:at] != bare[:at] {
		return 0
	}
	at += len(whole[at:]) - len(strings.TrimLeft(whole[at:], " "))
	return len([]rune(whole[:at]))
}

// likeToOurs puts the quoted pieces back, and says LIKE by what it does.
func likeToOurs(ours string, pieces []string) string {
	var b strings.Builder
	for rest := ours; ; {
		before, after, found := strings.Cut(rest, "\ue000")
		if !found || len(pieces) == 0 {
			return b.String() + rest
		}
		piece := pieces[0]
		pieces = pieces[1:]
		if m := likePiece.FindStringSubmatchIndex(before + "\ue000"); m != nil {
			negated := m[4] >= 0
			operator, literal := likeOperator(piece)
			subject := before[m[2]:m[3]]
			b.WriteString(before[:m[0]])
			if negated {
				b.WriteString("not (" + subject + " " + operator + " " + literal + ")")
			} else {
				b.WriteString(subject + " " + operator + " " + literal)
			}
		} else {
			b.WriteString(before + piece)
		}
		rest = after
	}
}

// likeOperator reads a pattern of LIKE.
func likeOperator(quoted string) (operator, text string) {
	inner := quoted[1 : len(quoted)-1]
	plain := strings.Trim(inner, "%")
	switch {
	case strings.ContainsAny(plain, "%_"):
		return "matches", `"^` + strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(inner)) + `$"`
	case strings.HasPrefix(inner, "%") && strings.HasSuffix(inner, "%"):
		operator = "contains"
	case strings.HasPrefix(inner, "%"):
		operator = "endsWith"
	case strings.HasSuffix(inner, "%"):
		operator = "startsWith"
	default:
		operator = "=="
	}
	return operator, `"` + plain + `"`
}
