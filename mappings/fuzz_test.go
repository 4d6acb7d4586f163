package mappings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
)

// FuzzParse: whatever the bytes, Parse and ParseConnections end without a
// panic, every problem points into the file, and the same bytes give the same.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/definitions/*.yaml", "testdata/check/*.yaml", "examples/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			src, err := os.ReadFile(file) //nolint:gosec // a file of ours
			require.NoError(f, err)
			f.Add(src)
		}
	}
	for _, src := range []string{
		"", "\n", "---", "\ufeffsync: x", "a: [", "a: {b: [c}", "- - - - a", "? a", "a:\n\t- b", "a: !b c", "a: &x *x",
		"<<: {a: b}", "a: \"x", "a: 'x", "sync: x\nsystems: {a: {use: b}, c: }", "a: |\n  b\n c", "%YAML 1.2\n---\na: b",
		"\xff", "\x00", "a: \u2028", "a\r\nb: c", "{{{{", "sync: {a: b}\nfields: []", "a: b # c", "a: b #", "match: {first_of: [[], [a]]}",
		strings.Repeat("[", 1000), strings.Repeat("- ", 1000), strings.Repeat("{a: ", 1000), strings.Repeat(" a:\n ", 300),
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		definitions, problems := Parse("x.yaml", src)
		again, same := Parse("x.yaml", src)
		if len(definitions) != len(again) || problems.Error() != same.Error() {
			t.Fatal("two readings differ")
		}
		insideOf(t, src, definitions, problems)
		for _, d := range definitions {
			_ = Check(d, nil)
			_ = Check(d, anything)
		}
		_, _ = ParseConnections("connections.yaml", src)
	})
}

// anything is what a system of any name looks like, as far as fuzzing goes.
var anything = map[string]Object{ //nolint:gochecknoglobals // a constant table
	"crm": {
		Schema: record.NewSchema(
			record.Field{Name: "id", Type: record.Type{Kind: record.KindInt}, ReadOnly: true},
			record.Field{Name: "email", Type: record.Type{Kind: record.KindString}, Nullable: true},
			record.Field{Name: "tags", Type: record.Type{Kind: record.KindJSON}, Nullable: true},
		),
		Key: []string{"id"}, Exists: true, Writable: true, Modes: []string{"snapshot"},
	},
	"billing": {Exists: false, Writable: true},
}

func insideOf(t *testing.T, src []byte, definitions []*Definition, problems Problems) {
	t.Helper()
	lines := strings.Count(strings.TrimPrefix(string(src), "\ufeff"), "\n") + 1
	for _, p := range problems {
		if p.Pos.Line < 1 || p.Pos.Line > lines || p.Pos.Col < 1 {
			t.Fatalf("%v points out of the file of %d lines", p, lines)
		}
	}
	for _, d := range definitions {
		if !strings.Contains(strings.ReplaceAll(string(src), "\r\n", "\n"), d.Source) {
			t.Fatal("the source is not a part of the file")
		}
	}
}
