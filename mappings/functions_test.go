package mappings

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
)

// exampleRow is what the examples of the functions may name.
func exampleRow() (*record.Schema, []record.Value) {
	return record.NewSchema(record.Field{Name: "nothing", Nullable: true}), []record.Value{nil}
}

// shown is a value as the documentation shows it.
func shown(v record.Value) string {
	switch {
	case v == nil:
		return "NULL"
	case record.IsMissing(v):
		return "absent"
	default:
		return record.Text(v)
	}
}

// TestFunctionsExamples runs every example of the documentation.
func TestFunctionsExamples(t *testing.T) {
	t.Parallel()
	schema, row := exampleRow()
	for name, h := range functionTable() {
		require.NotEmpty(t, h.doc, name)
		require.NotEmpty(t, h.examples, name)
		for _, e := range h.examples {
			v, err := evaluate(t, e.expr, schema, row)
			require.NoError(t, err, e.expr)
			require.Equal(t, e.result, shown(v), e.expr)
			require.Contains(t, e.expr, name+"(")
		}
	}
}

func evaluate(t *testing.T, source string, schema *record.Schema, row []record.Value) (record.Value, error) {
	t.Helper()
	p, problems := compileExpr(Text{Value: source}, scope{noun: "column", schema: schema})
	require.Empty(t, problems, "%s: %s", source, problems)
	m := newMachine(schema)
	for i, v := range row {
		m.set(i, v)
	}
	return m.eval(p)
}

// TestFunctionsDocumented keeps docs/functions.md as the table says.
func TestFunctionsDocumented(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString("# Functions of the definition language\n\n" +
		"<!-- Made from the table in mappings/functions*.go by `go test ./mappings -run FunctionsDocumented -update`. -->\n\n" +
		"A NULL operand gives NULL, and what is absent stays absent, except where it says otherwise. " +
		"Every example is run by the tests.\n")
	for _, group := range helperGroups() {
		fmt.Fprintf(&b, "\n## %s\n\n| function | gives | | examples |\n|---|---|---|---|\n", group.title)
		for _, h := range group.helpers {
			examples := make([]string, len(h.examples))
			for i, e := range h.examples {
				examples[i] = fmt.Sprintf("`%s` → `%s`", e.expr, e.result)
				if e.result == "" {
					examples[i] = fmt.Sprintf("`%s` → an empty text", e.expr)
				}
			}
			line := fmt.Sprintf("| `%s` | %s | %s | %s |", h.Signature(), h.gives, h.doc, strings.Join(examples, "<br>"))
			b.WriteString(line + "\n")
		}
	}
	b.WriteString(languageDocs())
	const file = "../docs/functions.md"
	if *update {
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644)) //nolint:gosec // documentation
	}
	have, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "run go test ./mappings -run FunctionsDocumented -update")
}

// part is what belongs to the language itself: names, and the functions that
// go through a list.
type part struct {
	call, doc string
	examples  []example
}

// partRow is what the examples of the parts name.
func partRow() (*record.Schema, []record.Value) {
	lines := record.JSON(`[{"price":2,"qty":3},{"price":5,"qty":1}]`)
	return record.NewSchema(
		record.Field{Name: "First Name", Type: record.Type{Kind: record.KindString}},
		record.Field{Name: "tags", Type: record.Type{Kind: record.KindList, Elem: record.KindString}},
		record.Field{Name: "lines", Type: record.Type{Kind: record.KindJSON}},
	), []record.Value{"Ann", record.List{"new", "vip", "old"}, lines}
}

func nameParts() []part {
	return []part{
		{"col(name)", "A column whose name is no word.", []example{{`col("First Name")`, "Ann"}}},
		{"record()", "The whole record as JSON.", []example{
			{"record()", `{"First Name":"Ann","lines":[{"price":2,"qty":3},{"price":5,"qty":1}],"tags":["new","vip","old"]}`},
		}},
	}
}

func closureParts() []part {
	return []part{
		{"filter(list, condition)", "The elements for which it is true.", []example{{`filter(tags, # != "old")`, `["new","vip"]`}}},
		{"map(list, expression)", "The expression's value for each element.", []example{{"map(lines, .price * .qty)", "[6,5]"}, {"map(tags, upper(#))", `["NEW","VIP","OLD"]`}}},
		{"all(list, condition)", "Whether it is true for every element.", []example{{"all(tags, len(#) == 3)", "true"}}},
		{"any(list, condition)", "Whether it is true for some element.", []example{{`any(tags, # == "vip")`, "true"}}},
		{"none(list, condition)", "Whether it is true for no element.", []example{{`none(tags, # == "vip")`, "false"}}},
		{"one(list, condition)", "Whether it is true for exactly one element.", []example{{"one(lines, .qty > 1)", "true"}}},
		{"count(list, condition)", "For how many elements it is true.", []example{{"count(lines, .price >= 2)", "2"}}},
		{"sum(list, expression?)", "The sum of the elements, or of the expression's values.", []example{{"sum(lines, .price * .qty)", "11"}, {"sum([1, 2.5])", "3.5"}}},
		{"find(list, condition)", "The first element for which it is true, NULL where there is none.", []example{{`find(tags, # != "new")`, "vip"}, {`find(tags, # == "big")`, "NULL"}}},
		{"findIndex(list, condition)", "Its place, from 0.", []example{{`findIndex(tags, # == "vip")`, "1"}}},
		{"findLast(list, condition)", "The last element for which it is true.", []example{{`findLast(tags, # != "old")`, "vip"}}},
		{"findLastIndex(list, condition)", "Its place, from 0.", []example{{"findLastIndex(tags, len(#) == 3)", "2"}}},
		{"reduce(list, expression, start)", "One value of all elements; `#acc` is what came out so far.", []example{{`reduce(tags, #acc + "/" + #, "")`, "/new/vip/old"}}},
		{"sortBy(list, expression, order?)", "The elements in the order of the expression's values, `\"desc\"` the other way round.", []example{{"sortBy(tags, #)", `["new","old","vip"]`}, {`map(sortBy(lines, .price, "desc"), .price)`, "[5,2]"}}},
	}
}

// TestPartsExamples runs every example of the language's own parts, and holds
// that none of them is without one.
func TestPartsExamples(t *testing.T) {
	t.Parallel()
	schema, row := partRow()
	seen := map[string]bool{}
	for _, p := range append(nameParts(), closureParts()...) {
		name, _, _ := strings.Cut(p.call, "(")
		seen[name] = true
		require.NotEmpty(t, p.examples, name)
		for _, e := range p.examples {
			require.Contains(t, e.expr, name+"(")
			v, err := evaluate(t, e.expr, schema, row)
			require.NoError(t, err, e.expr)
			require.Equal(t, e.result, shown(v), e.expr)
		}
	}
	for name := range closures {
		require.True(t, seen[name], "%s has no example", name)
	}
}

// languageDocs is the end of docs/functions.md.
func languageDocs() string {
	var b strings.Builder
	table := func(parts []part) {
		b.WriteString("| | | examples |\n|---|---|---|\n")
		for _, p := range parts {
			examples := make([]string, len(p.examples))
			for i, e := range p.examples {
				examples[i] = fmt.Sprintf("`%s` → `%s`", e.expr, e.result)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.call, p.doc, strings.Join(examples, "<br>"))
		}
	}
	b.WriteString("\n## Names\n\nA name that is called is a function, any other name a column. The examples here and below are of a record with " +
		"`First Name`, `tags` (`[\"new\", \"vip\", \"old\"]`) and `lines` (each with `price` and `qty`).\n\n")
	table(nameParts())
	b.WriteString("\n## Through lists\n\nThese take a list and an expression over its elements, " +
		"where `#` is the element and `.name` its member.\n\n")
	table(closureParts())
	return b.String()
}
