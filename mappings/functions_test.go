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
	b.WriteString(closureDocs)
	const file = "../docs/functions.md"
	if *update {
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644)) //nolint:gosec // documentation
	}
	have, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(have), "run go test ./mappings -run FunctionsDocumented -update")
}

const closureDocs = `
## Names

` + "`col(\"First Name\")`" + ` is a column whose name is no word, and ` + "`record()`" + ` the whole record as JSON. A name that is called is a function, any other name a column.

## Through lists

` + "`filter map all any none one count sum find findIndex findLast findLastIndex reduce sortBy`" + ` take a list and an expression over its elements, where ` + "`#`" + ` is the element and ` + "`.name`" + ` its member: ` + "`filter(tags, # != \"old\")`, `map(lines, .price * .qty)`" + `.
`
