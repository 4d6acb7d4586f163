package docs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/mappings"
)

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// What a piece of a definition needs around it to be a whole one.
var around = []struct{ key, text string }{
	{"sync", "sync: example"},
	{"systems", "systems:\n  crm: {use: crm, object: contacts}\n  billing: {use: billing, object: customers}\n  news: {connector: csv, path: ./news.csv, key: E-Mail}"},
	{"match", "match: email"},
}

// whole makes a definition of a piece of one.
func whole(block string) string {
	has := func(key string) bool {
		return regexp.MustCompile(`(?m)^` + key + `:`).MatchString(block)
	}
	if !has("fields") && !has("same") {
		block += "\nsame: [email]\n"
	}
	for _, piece := range around {
		if !has(piece.key) {
			block = piece.text + "\n" + block
		}
	}
	return block
}

// Every YAML example of the pages is taken by the parser, and by `check` as far
// as that can judge it without the systems.
func TestExamplesAreTaken(t *testing.T) {
	t.Parallel()
	examples := 0
	for page, text := range pages(t) {
		for i, m := range yamlBlock.FindAllStringSubmatch(text, -1) {
			examples++
			name := fmt.Sprintf("%s, example %d", page, i+1)
			if strings.HasPrefix(m[1], "connections:") {
				connections, problems := mappings.ParseConnections(name, []byte(m[1]))
				require.NoError(t, problems.Err())
				require.NotEmpty(t, connections)
				continue
			}
			definitions, problems := mappings.Parse(name, []byte(whole(m[1])))
			require.NoError(t, problems.Err(), name)
			require.NotEmpty(t, definitions)
			for _, d := range definitions {
				require.Empty(t, d.Later, name)
				require.NoError(t, mappings.Check(d, nil).Err(), name)
			}
		}
	}
	require.Greater(t, examples, 9)
}

// The page of the language has every word that the parser knows, and for each
// policy the words of other tools that it is told by.
func TestLanguageIsComplete(t *testing.T) {
	t.Parallel()
	page := pages(t)["language.md"]
	for _, word := range schemaWords(t) {
		known := regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`).MatchString(page)
		require.True(t, known, "the page of the language does not have %q", word)
	}
	for ours, others := range reconcile.Aliases() {
		row := "| `" + ours + "` | " + strings.Join(others, ", ") + " |"
		require.True(t, strings.Contains(page, row), "the page of the language lacks: %s", row) //nolint:testifylint // the page is long
		for _, other := range others {
			_, problems := mappings.Parse("x", []byte(whole("conflicts: {resolve: ["+other+"]}")))
			require.ErrorContains(t, problems.Err(), ours, "%s is another tool's word for %s", other, ours)
		}
	}
}

// schemaWords are all keys and words of the language's JSON Schema.
func schemaWords(t *testing.T) []string {
	t.Helper()
	var tree any
	require.NoError(t, json.Unmarshal(mappings.Schema(), &tree))
	words := map[string]bool{}
	var walk func(node any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			for key, value := range node {
				switch list, isList := value.([]any); {
				case key == "properties":
					for name := range value.(map[string]any) {
						words[name] = true
					}
				case key == "enum" && isList:
					for _, word := range list {
						words[fmt.Sprint(word)] = true
					}
				}
				walk(value)
			}
		case []any:
			for _, value := range node {
				walk(value)
			}
		}
	}
	walk(tree)
	require.Greater(t, len(words), 60)
	return slices.Sorted(maps.Keys(words))
}
