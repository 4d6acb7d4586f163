package mappings

import (
	"errors"
	"net/url"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func lookupIn(variables, files map[string]string) Lookup {
	return Lookup{
		Env: func(name string) (string, bool) {
			value, set := variables[name]
			return value, set
		},
		File: func(path string) ([]byte, error) {
			content, there := files[path]
			if !there {
				return nil, errors.New("no such file")
			}
			return []byte(content), nil
		},
	}
}

//nolint:gosec // no real secrets
func TestSubstitute(t *testing.T) {
	t.Parallel()
	lookup := lookupIn(
		map[string]string{"PW": "p@ss:w/rd ä", "URL": "postgres://a:b@c/d", "HOST": "db.internal:5432", "EMPTY": ""},
		map[string]string{"/run/secrets/t": "s3cret\n"},
	)
	for given, want := range map[string]string{
		"plain":                             "plain",
		"${URL}":                            "postgres://a:b@c/d",
		"${PW}":                             "p@ss:w/rd ä",
		"${EMPTY}":                          "",
		"x${EMPTY}y":                        "xy",
		"${file:/run/secrets/t}":            "s3cret",
		"Bearer ${file:/run/secrets/t}":     "Bearer s3cret",
		"key=${PW}":                         "key=p@ss:w/rd ä",
		"postgres://u:${PW}@h/d":            "postgres://u:p%40ss%3Aw%2Frd%20%C3%A4@h/d",
		"postgres://${HOST}/d":              "postgres://db.internal:5432/d",
		"postgres://u@${HOST}/d":            "postgres://u@db.internal:5432/d",
		"postgres://h/d?password=${PW}":     "postgres://h/d?password=p%40ss%3Aw%2Frd%20%C3%A4",
		"$${URL}":                           "${URL}",
		"a$${b}${EMPTY}$${":                 "a${b}${",
		"$5 and {x} $":                      "$5 and {x} $",
		"postgres://${EMPTY}:${PW}@${HOST}": "postgres://:p%40ss%3Aw%2Frd%20%C3%A4@db.internal:5432",
	} {
		got, problems := substitute(Text{Value: given}, lookup)
		require.Empty(t, problems, given)
		require.Equal(t, want, got, given)
	}
	for given, want := range map[string]string{
		"${MISSING}":        "the variable MISSING is not set",
		"${file:/nowhere}":  "the file /nowhere cannot be read: no such file",
		"${PW":              "a ${ without its }",
		"${}":               "what stands in ${…} is neither a variable's name nor file:PATH",
		"${a-b}":            "what stands in ${…} is neither a variable's name nor file:PATH",
		"${file:}":          "${file:} names no file",
		"x${URL}${MISSING}": "the variable MISSING is not set",
	} {
		got, problems := substitute(Text{Value: given}, lookup)
		require.Len(t, problems, 1, given)
		require.Equal(t, want, problems[0].Message, given)
		require.Empty(t, got)
	}
}

// TestSubstituteInURL: whatever a password holds, the URL's other parts stay.
func TestSubstituteInURL(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.String().Draw(t, "password")
		got, problems := substitute(Text{Value: "postgres://sync:${PW}@db.internal:5432/app?sslmode=require"},
			lookupIn(map[string]string{"PW": password}, nil))
		require.Empty(t, problems)
		parsed, err := url.Parse(got)
		require.NoError(t, err)
		read, _ := parsed.User.Password()
		require.Equal(t, password, read)
		require.Equal(t, "db.internal:5432", parsed.Host)
		require.Equal(t, "/app", parsed.Path)
	})
}

func TestLoadProject(t *testing.T) {
	t.Parallel()
	definition := func(name string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("sync: " + name + `
systems:
  a: {use: shop, object: x}
  b: {connector: csv, path: ./b.csv, role: target}
match: key
same: all
`)}
	}
	fsys := fstest.MapFS{
		"connections.yaml":         {Data: []byte("connections:\n  shop: {connector: postgres, url: \"${SHOP}\"}\n  other: {connector: sqlite, path: ./o.db}\n")},
		"connections.prod.yaml":    {Data: []byte("connections:\n  shop: {connector: postgres, url: \"${PROD}\"}\n")},
		"connections.broken.yaml":  {Data: []byte("connections: [\n")},
		"one.yaml":                 definition("one"),
		"two.yml":                  definition("two"),
		"nested/three.yaml":        definition("three"),
		"notes.txt":                {Data: []byte("{")},
		"connections-of-two.yaml":  definition("four"),
		".hidden.yaml":             {Data: []byte("{")},
		"connections.staging.yaml": {Data: []byte("connections: {shop: {connector: postgres, url: \"${X\"}}\n")},
	}
	lookup := lookupIn(map[string]string{"SHOP": "postgres://dev", "PROD": "postgres://prod"}, nil)

	project, problems := LoadProject(fsys, "")
	require.Empty(t, problems)
	require.Len(t, project.Definitions, 3)
	d, err := project.Find("two")
	require.NoError(t, err)
	connector, options, problems := project.Connect(d.Systems[0], lookup)
	require.Empty(t, problems)
	require.Equal(t, "postgres", connector)
	require.Equal(t, map[string]string{"url": "postgres://dev"}, options)
	connector, options, _ = project.Connect(d.Systems[1], lookup)
	require.Equal(t, "csv", connector)
	require.Equal(t, map[string]string{"path": "./b.csv"}, options)
	_, err = project.Find("tow")
	require.EqualError(t, err, "there is no sync \"tow\"; did you mean `two`?")

	project, problems = LoadProject(fsys, "prod")
	require.Empty(t, problems)
	_, options, _ = project.Connect(project.Definitions[0].Systems[0], lookup)
	require.Equal(t, "postgres://prod", options["url"])
	require.Contains(t, project.Connections, "other")

	_, problems = LoadProject(fsys, "staging")
	require.Equal(t, "connections.staging.yaml:1:49: error: a ${ without its }\n    ${NAME} · ${file:/run/secrets/x} · $${ for a literal ${", problems.Error())
	_, problems = LoadProject(fsys, "nowhere")
	require.False(t, problems.Failed())
	require.Len(t, problems, 1)

	fsys["three.yaml"] = definition("one")
	fsys["four.yaml"] = &fstest.MapFile{Data: []byte("sync: five\nsystems:\n  a: {use: shopp, object: x}\n  b: {use: shop, role: target}\nmatch: key\nsame: all\n")}
	_, problems = LoadProject(fsys, "")
	require.Equal(t, `three.yaml:1:7: error: sync "one" is defined twice
    sync: one
          ^
    the other one is at one.yaml:1:7
four.yaml:3:12: error: there is no connection "shopp"
      a: {use: shopp, object: x}
               ^
    did you mean `+"`shop`?", problems.Error())
	require.Equal(t, "defs/three.yaml", problems.In("defs")[0].Pos.File)
}

// TestNoSecretInProblems plants a password in every place that a message or a
// source line could show.
func TestNoSecretInProblems(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry-p4ssw0rd"
	for _, line := range []string{
		"  a: {connector: postgres, password: " + canary + ", wehre: x}",
		"  a: {connector: postgres, password: \"" + canary + ", and more\", wehre: x}",
		"  a: {connector: postgres, url: \"postgres://u:" + canary + "@h/d\", wehre: x}",
		"  a: {connector: postgres, api_token: '" + canary + "', wehre: x}",
	} {
		src := "sync: x\nsystems:\n" + line + "\n  b: {use: y}\nmatch: key\nsame: all\n"
		_, problems := Parse("x.yaml", []byte(src))
		require.NotEmpty(t, problems)
		require.NotContains(t, problems.Error(), canary)
		require.Contains(t, problems.Error(), "wehre: x}")
		_, problems = ParseConnections("connections.yaml", []byte("connections:\n"+line+"\n  b: {wrong\n"))
		require.NotEmpty(t, problems)
		require.NotContains(t, problems.Error(), canary)
	}
	lookup := lookupIn(map[string]string{"PW": canary}, nil)
	_, problems := substitute(Text{Value: "postgres://u:${PW}@${NO}/x"}, lookup)
	require.NotContains(t, problems.Error(), canary)
	_, problems = substitute(Text{Value: canary + "${"}, lookup)
	require.NotContains(t, problems.Error(), canary)
}

func TestConnectionsSayWhatAMisspeltKeyMeant(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		"{conector: sqlite, path: a}": "connection x does not say its `connector`, but \"conector\"",
		"{driver: sqlite, path: a}":   "connection x does not say its `connector`, but \"driver\"",
		"{path: a}":                   "connection x does not say its `connector`",
	} {
		_, problems := ParseConnections("connections.yaml", []byte("connections:\n  x: "+entry+"\n"))
		require.Len(t, problems, 1)
		require.Equal(t, want, problems[0].Message)
	}
}

func TestABareLimitIsShownWithItsUnit(t *testing.T) {
	t.Parallel()
	for written, hint := range map[string]string{
		"5": "delete: {count: 5} · delete: {percent: 5}", "5%": "delete: {percent: 5}",
	} {
		_, problems := Parse("x.yaml", []byte(smallWith("limits: {delete: "+written+"}")))
		require.Len(t, problems, 1, "%v", problems)
		require.Equal(t, hint, problems[0].Hint)
	}
	_, problems := Parse("x.yaml", []byte(smallWith("limits: {deletes: {count: 5}}")))
	require.Len(t, problems, 1)
	require.Equal(t, "did you mean `delete`?", problems[0].Hint)
}

// smallWith is a small definition in order, with one more line.
func smallWith(line string) string {
	return "sync: s\nsystems: {a: {use: a, object: t}, b: {use: b, object: t}}\nmatch: id\nsame: all\n" +
		"conflicts: {resolve: [{system_wins: a}]}\n" + line + "\n"
}
