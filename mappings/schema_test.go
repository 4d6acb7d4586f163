package mappings

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// TestSchemaKnowsTheLanguage: the schema has exactly the parser's words.
func TestSchemaKnowsTheLanguage(t *testing.T) {
	t.Parallel()
	var s map[string]any
	require.NoError(t, json.Unmarshal(Schema(), &s))
	properties := func(of any) []string {
		return slices.Sorted(maps.Keys(of.(map[string]any)["properties"].(map[string]any)))
	}
	at := func(of any, path ...string) any {
		for _, key := range path {
			of = of.(map[string]any)[key]
		}
		return of
	}
	sorted := func(words []string) []string { return slices.Sorted(slices.Values(words)) }
	require.Equal(t, sorted(syncKeys()), properties(s))
	require.Equal(t, sorted(systemKeys()), properties(at(s, "properties", "systems", "additionalProperties")))
	row := at(s, "properties", "fields", "additionalProperties")
	require.Equal(t, sorted(fieldKeys()), properties(row))
	cell := at(row, "additionalProperties", "anyOf").([]any)[1]
	require.Equal(t, sorted(cellKeys()), properties(cell))
	require.Equal(t, sorted(conflictKeys()), properties(at(s, "properties", "conflicts")))
	require.Equal(t, sorted(limitKeys()), properties(at(s, "properties", "limits")))
	require.Equal(t, sorted(scheduleKeys()), properties(at(s, "properties", "schedule")))
}

// TestSchemaTakesTheDefinitions: what Parse takes, the schema takes too, the
// general one and the one made for the definition.
func TestSchemaTakesTheDefinitions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/definitions/0*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		src, err := os.ReadFile(file) //nolint:gosec // a file of ours
		require.NoError(t, err)
		definitions, problems := Parse(file, src)
		require.Empty(t, problems)
		for _, d := range definitions {
			var value any
			require.NoError(t, yaml.Unmarshal([]byte(d.Source), &value), d.Sync.Value)
			for _, text := range [][]byte{Schema(), SchemaFor(d, nil)} {
				v := schemaChecker{t: t}
				require.NoError(t, json.Unmarshal(text, &v.root))
				require.Empty(t, v.faults(v.root, value, d.Sync.Value))
			}
		}
	}
	v := schemaChecker{t: t}
	require.NoError(t, json.Unmarshal(Schema(), &v.root))
	for _, wrong := range []string{
		"sync: x", "sync: x\nsystems: {}\nmatch: key\nwrong: 1", "sync: x\nsystems: {a: {use: b, wehre: c}}\nmatch: key",
		"sync: x\nsystems: {}\nmatch: key\nconflicts: {resolve: [newest]}", "sync: x\nsystems: {}\nmatch: key\nschedule: {every: soon}",
	} {
		var value any
		require.NoError(t, yaml.Unmarshal([]byte(wrong), &value))
		require.NotEmpty(t, v.faults(v.root, value, ""), wrong)
	}
}

func TestSchemaForCompletesColumns(t *testing.T) {
	t.Parallel()
	all := objectsOf(t, readFixture[map[string]objectFixture](t, "testdata/schemas/check.yaml"))
	src, err := os.ReadFile("testdata/check/written-twice.yaml")
	require.NoError(t, err)
	definitions, problems := Parse("x.yaml", src)
	require.Empty(t, problems)
	text := string(SchemaFor(definitions[0], all))
	require.Contains(t, text, `"Telefon (privat)"`)
	require.Contains(t, text, `"billing"`)
	require.NotContains(t, text, `"news"`)
}

// schemaChecker is as much of JSON Schema as the language's schema uses.
type schemaChecker struct {
	t    *testing.T
	root map[string]any
}

func (v schemaChecker) faults(s map[string]any, value any, at string) []string {
	v.t.Helper()
	if name, is := s["$ref"].(string); is {
		defs := v.root["$defs"].(map[string]any)
		return v.faults(defs[strings.TrimPrefix(name, "#/$defs/")].(map[string]any), value, at)
	}
	faults := v.plain(s, value, at)
	if any1, is := s["anyOf"].([]any); is {
		ok := slices.ContainsFunc(any1, func(one any) bool { return len(v.faults(one.(map[string]any), value, at)) == 0 })
		if !ok {
			faults = append(faults, at+": none of anyOf")
		}
	}
	if items, is := s["items"].(map[string]any); is {
		if list, isList := value.([]any); isList {
			for _, item := range list {
				faults = append(faults, v.faults(items, item, at+"[]")...)
			}
		}
	}
	if entries, is := value.(map[string]any); is {
		faults = append(faults, v.object(s, entries, at)...)
	}
	return faults
}

// plain checks a value by itself.
func (v schemaChecker) plain(s map[string]any, value any, at string) (faults []string) {
	v.t.Helper()
	if enum, is := s["enum"].([]any); is && !slices.Contains(enum, value) {
		faults = append(faults, at+": not one of the words")
	}
	if kinds := s["type"]; kinds != nil {
		list, many := kinds.([]any)
		if !many {
			list = []any{kinds}
		}
		if !slices.ContainsFunc(list, func(kind any) bool { return isKind(kind.(string), value) }) {
			faults = append(faults, at+": wrong type")
		}
	}
	if pattern, is := s["pattern"].(string); is {
		if text, isText := value.(string); isText && !regexp.MustCompile(pattern).MatchString(text) {
			faults = append(faults, at+": does not match")
		}
	}
	return faults
}

func (v schemaChecker) object(s, entries map[string]any, at string) []string {
	v.t.Helper()
	var faults []string
	if required, is := s["required"].([]any); is {
		for _, key := range required {
			if _, has := entries[key.(string)]; !has {
				faults = append(faults, at+": lacks "+key.(string))
			}
		}
	}
	if condition, is := s["if"].(map[string]any); is {
		_, hasConnector := entries["connector"]
		require.Equal(v.t, map[string]any{"not": map[string]any{"required": []any{"connector"}}}, condition)
		if !hasConnector {
			faults = append(faults, v.object(s["then"].(map[string]any), entries, at)...)
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if names, is := s["propertyNames"].(map[string]any); is {
			faults = append(faults, v.faults(names, key, at+"."+key)...)
		}
		if of, known := properties[key].(map[string]any); known {
			faults = append(faults, v.faults(of, entries[key], at+"."+key)...)
			continue
		}
		switch more := s["additionalProperties"].(type) {
		case bool:
			if !more {
				faults = append(faults, at+": unknown "+key)
			}
		case map[string]any:
			faults = append(faults, v.faults(more, entries[key], at+"."+key)...)
		}
	}
	return faults
}

func isKind(kind string, value any) bool {
	switch value.(type) {
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case int, int64, uint64:
		return kind == "integer" || kind == "number"
	case float64:
		return kind == "number"
	case []any:
		return kind == "array"
	case map[string]any:
		return kind == "object"
	default:
		return kind == "null"
	}
}
