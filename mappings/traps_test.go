package mappings

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTraps: each trap is told at its own line, with the value quoted; and what
// is written beside it is read as if it had been quoted.
func TestTraps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		system string // the lines of a system
		want   string // line:col, and the quoted expression
		where  string // as it is read after all
	}{
		{"where: !livemode", "7:12 '!livemode'", "!livemode"},
		{"where: *x", "7:12 '*x'", "*x"},
		{`where: name == "Room #1"`, `7:12 'name == "Room #1"'`, `name == "Room #1"`},
		{`where: x == " #1" and y`, `7:12 'x == " #1" and y'`, `x == " #1" and y`},
		{`where: f(x, " #1")  # a comment`, `7:12 'f(x, " #1")'`, `f(x, " #1")`},
		{"where: a == # b", "7:12 'a =='", "a =="},
		{"where: status # it's a comment", "", "status"},
		{`where: "a" == b`, `7:12 '"a" == b'`, `"a" == b`},
		{`where: 'a' == b # c`, `7:12 '''a'' == b'`, `'a' == b`},
		{`where: a ? b : c`, `7:12 'a ? b : c'`, `a ? b : c`},
		{`where: a in {"x": 1}`, `7:12 'a in {"x": 1}'`, `a in {"x": 1}`},
		{"where: a\t== b", "7:12 'a == b'", "a == b"},
		{"where: a == b\t# c", "", "a == b"},
		{`where: ["a"] + b`, `7:12 '["a"] + b'`, `["a"] + b`},
		{`where: {"a": 1}.a == b`, `7:12 '{"a": 1}.a == b'`, `{"a": 1}.a == b`},
		{`where: | a`, `7:12 '| a'`, `| a`},
		{"where: >\n      a == b\n      and c: d", "", "a == b and c: d"},
		{"where: lifecyclestage in [\"lead\", \"customer\"]", "", `lifecyclestage in ["lead", "customer"]`},
		{"where: `a` == b", "7:12 '`a` == b'", "`a` == b"},
	} {
		t.Run(c.system, func(t *testing.T) {
			t.Parallel()
			src := "sync: x\nabout: y\nsystems:\n  a: {use: a}\n  b:\n    use: b\n    " + c.system +
				"\n    role: target\nmatch: key\nsame: all\n"
			requireTrap(t, src, c.want, func(d *Definition) string { return d.Systems[1].Where.Value }, c.where)
		})
	}
}

// TestTrapsInBraces is the same inside of { } and [ ].
func TestTrapsInBraces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cell, want, read string }{
		{`f(x, y)`, `7:10 'f(x, y)'`, `f(x, y)`},
		{`join([a, b], " ")`, `7:10 'join([a, b], " ")'`, `join([a, b], " ")`},
		{`x in ["a", "b"]`, `7:10 'x in ["a", "b"]'`, `x in ["a", "b"]`},
		{`a ? b : c`, `7:10 'a ? b : c'`, `a ? b : c`},
		{`x == "a, b"`, `7:10 'x == "a, b"'`, `x == "a, b"`},
		{`"SO-" + string(id)`, `7:10 '"SO-" + string(id)'`, `"SO-" + string(id)`},
		{`'a' + b`, `7:10 '''a'' + b'`, `'a' + b`},
		{`[a][0]`, `7:10 '[a][0]'`, `[a][0]`},
		{`!a`, `7:10 '!a'`, `!a`},
		{"a\tb", "7:10 'a b'", "a b"},
		{`record()`, "", `record()`},
		{`Telefon (privat)`, "", `Telefon (privat)`},
		{`"f(x, y)"`, "", "f(x, y)"},
		{`first(tax_ids.data)?.value`, "", `first(tax_ids.data)?.value`},
		{`role != "end-user"`, "", `role != "end-user"`},
		{`minor(balance, currency ?? "usd")`, `7:10 'minor(balance, currency ?? "usd")'`, `minor(balance, currency ?? "usd")`},
	} {
		t.Run(c.cell, func(t *testing.T) {
			t.Parallel()
			src := "sync: x\nsystems:\n  a: {use: a}\n  b: {use: b}\nmatch: key\nfields:\n  f: {a: " + c.cell + ", b: ü, c: x}\n"
			definitions, problems := Parse("x.yaml", []byte(src))
			// The unknown system behind the trap is found too, at its own place.
			require.NotEmpty(t, problems)
			last := problems[len(problems)-1]
			line := strings.Split(src, "\n")[6]
			before, _, _ := strings.Cut(line, "c: x}")
			require.Equal(t, fmt.Sprintf("7:%d", len([]rune(before))+1), fmt.Sprintf("%d:%d", last.Pos.Line, last.Pos.Col))
			problems = problems[:len(problems)-1]
			requireTraps(t, problems, c.want)
			require.Equal(t, c.read, definitions[0].Fields[0].Cells[0].Path.Value)
			require.Equal(t, "ü", definitions[0].Fields[0].Cells[1].Path.Value)
		})
	}
}

func requireTrap(t *testing.T, src, want string, read func(*Definition) string, value string) {
	t.Helper()
	definitions, problems := Parse("x.yaml", []byte(src))
	requireTraps(t, problems, want)
	require.Len(t, definitions, 1)
	require.Equal(t, value, read(definitions[0]))
	require.Equal(t, "target", definitions[0].Systems[1].Role, "the line below is read")
}

func requireTraps(t *testing.T, problems Problems, want string) {
	t.Helper()
	if want == "" {
		require.Empty(t, problems)
		return
	}
	require.Len(t, problems, 1)
	problem := problems[0]
	require.Equal(t, want, fmt.Sprintf("%d:%d %s", problem.Pos.Line, problem.Pos.Col,
		strings.TrimPrefix(problem.Hint, "quote this expression: ")), problem.Message)
}

// TestDocumentsDoNotVanish: what looks like a separator and is none is told,
// and every document's faults are told at their own lines.
func TestDocumentsDoNotVanish(t *testing.T) {
	t.Parallel()
	one := "sync: %s\nsystems: {a: {use: a}, b: {use: b}}\nmatch: key\nsame: all\n"
	file := func(separator string) string {
		return fmt.Sprintf(one, "one") + separator + "\n" + fmt.Sprintf(one, "two")
	}
	for _, separator := range []string{"---", "--- # next", "---\n# nothing\n---", "---\r", "--- ", "...", "...\n---"} {
		definitions, problems := Parse("x.yaml", []byte(file(separator)))
		require.Empty(t, problems, separator)
		require.Len(t, definitions, 2, separator)
	}
	for _, separator := range []string{" ---", "--", "----", "—"} {
		_, problems := Parse("x.yaml", []byte(file(separator)))
		require.Contains(t, problems.Error(), "x.yaml:5:", separator)
		require.Contains(t, problems.Error(), "a separating line is exactly ---", separator)
	}
	definitions, problems := Parse("x.yaml", []byte("wrong: [\n---\n"+fmt.Sprintf(one, "two")+"---\nsync: one\nsnyc: two\n"))
	require.Len(t, definitions, 2)
	require.Equal(t, 1, problems[0].Pos.Line)
	require.Equal(t, 8, problems[1].Pos.Line)
	require.True(t, problems.Failed())
	_, problems = Parse("x.yaml", []byte("sync: one\n# forgotten\n"+fmt.Sprintf(one, "two")))
	require.Contains(t, problems.Error(), "separate definitions by a line ---")
}
