package mappings

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
)

var update = flag.Bool("update", false, "write the golden files anew") //nolint:gochecknoglobals // a test flag

// objectFixture describes a system's object in testdata/schemas.
type objectFixture struct {
	Key          []string      `yaml:"key"`
	Columns      yaml.MapSlice `yaml:"columns"`
	Modes        []string      `yaml:"modes"`
	Transactions *bool         `yaml:"transactions"`
	ServerKeys   bool          `yaml:"serverkeys"`
	KeysReusable bool          `yaml:"keysreusable"`
	ReadOnly     bool          `yaml:"readonly"`
	Because      string        `yaml:"because"`
	Missing      bool          `yaml:"missing"`
}

func (f objectFixture) object(t *testing.T) Object {
	t.Helper()
	fields := make([]record.Field, 0, len(f.Columns))
	for _, item := range f.Columns {
		words := strings.Fields(item.Value.(string))
		typ, err := record.ParseType(words[0])
		if words[0] != "any" {
			require.NoError(t, err)
		}
		field := record.Field{Name: item.Key.(string), Type: typ, Nullable: true}
		for _, word := range words[1:] {
			switch word {
			case "readonly":
				field.ReadOnly = true
			case "default":
				field.HasDefault = true
			case "notnull":
				field.Nullable = false
			default:
				t.Fatalf("%s: what is %q?", field.Name, word)
			}
		}
		fields = append(fields, field)
	}
	if f.Modes == nil {
		f.Modes = []string{"snapshot"}
	}
	return Object{
		Schema: record.NewSchema(fields...), Key: f.Key, Exists: !f.Missing,
		Transactions: f.Transactions == nil || *f.Transactions, ServerKeys: f.ServerKeys,
		KeysReusable: f.KeysReusable, Writable: !f.ReadOnly, Upsert: !f.ReadOnly && !f.ServerKeys, Modes: f.Modes, SeesDeletes: []string{"trigger", "snapshot"},
		ReadOnlyBecause: f.Because,
	}
}

func readFixture[T any](t *testing.T, file string) T {
	t.Helper()
	src, err := os.ReadFile(file) //nolint:gosec // a file of testdata
	require.NoError(t, err)
	var fixture T
	require.NoError(t, yaml.Unmarshal(src, &fixture))
	return fixture
}

func objectsOf(t *testing.T, fixtures map[string]objectFixture) map[string]Object {
	t.Helper()
	objects := map[string]Object{}
	for name, f := range fixtures {
		objects[name] = f.object(t)
	}
	return objects
}

// TestCheckGolden shows what check says about each file of testdata/check, as
// text for people. Files whose name begins with offline- have no schemas.
func TestCheckGolden(t *testing.T) {
	t.Parallel()
	all := objectsOf(t, readFixture[map[string]objectFixture](t, "testdata/schemas/check.yaml"))
	files, err := filepath.Glob("testdata/check/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file) //nolint:gosec // a file of testdata
			require.NoError(t, err)
			objects := all
			if strings.HasPrefix(filepath.Base(file), "offline-") {
				objects = nil
			}
			definitions, problems := Parse(filepath.Base(file), src)
			for _, d := range definitions {
				problems = append(problems, Check(d, withCursors(d, objects))...)
			}
			problems.sort()
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", problems.Error()+"\n")
		})
	}
}

// withCursors adds what a database says when it is told of a time of change.
func withCursors(d *Definition, objects map[string]Object) map[string]Object {
	given := maps.Clone(objects)
	for _, s := range d.Systems {
		o, is := given[s.Name.Value]
		if is && s.Modified.Value != "" && !slices.Contains(o.Modes, "cursor") {
			o.Modes = append([]string{"cursor"}, o.Modes...)
			given[s.Name.Value] = o
		}
	}
	return given
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600)) //nolint:gosec // a file of testdata
	}
	want, err := os.ReadFile(file) //nolint:gosec // a file of testdata
	require.NoError(t, err, "write it with: go test ./mappings -update")
	require.Equal(t, string(want), got)
}

// TestCheckDefinitions: of the example definitions those that need nothing put
// off pass, and the others stop at exactly what is put off, with the schemas
// and without.
func TestCheckDefinitions(t *testing.T) {
	t.Parallel()
	schemas := readFixture[map[string]map[string]objectFixture](t, "testdata/schemas/definitions.yaml")
	files, err := filepath.Glob("testdata/definitions/0*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 8)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file) //nolint:gosec // a file of testdata
			require.NoError(t, err)
			definitions, problems := Parse(file, src)
			require.Empty(t, problems)
			for _, d := range definitions {
				key := strings.TrimSuffix(filepath.Base(file), ".yaml") + "/" + d.Sync.Value
				require.Contains(t, schemas, key)
				onlyPutOff(t, d, Check(d, withCursors(d, objectsOf(t, schemas[key]))))
				onlyPutOff(t, d, Check(d, nil))
			}
		})
	}
}

func onlyPutOff(t *testing.T, d *Definition, problems Problems) {
	t.Helper()
	var places []Pos
	for _, p := range problems {
		require.NotEqual(t, SeverityError, p.Severity, p.String())
		if p.Severity == SeverityNotYet {
			places = append(places, p.Pos)
		}
	}
	want := make([]Pos, 0, len(d.Later))
	for _, later := range d.Later {
		want = append(want, later.Pos)
	}
	require.ElementsMatch(t, want, places)
	require.Equal(t, len(d.Later) > 0, problems.Failed())
}
