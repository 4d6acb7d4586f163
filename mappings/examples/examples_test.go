// Package examples_test checks the example definitions against the systems
// that setup/ makes: real databases and files, as a user would have them.
package examples_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // setup runs in it

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/csv"
	"github.com/syncline-dev/syncline/connectors/postgres"
	"github.com/syncline-dev/syncline/connectors/sqlite"
	"github.com/syncline-dev/syncline/internal/testenv"
	"github.com/syncline-dev/syncline/mappings"
)

func TestExamplesPassCheck(t *testing.T) {
	t.Parallel()
	project, problems := mappings.LoadProject(os.DirFS("."), "")
	require.Empty(t, problems)
	require.GreaterOrEqual(t, len(project.Definitions), 6)
	house := newHouse(t)
	for _, d := range project.Definitions {
		require.Empty(t, d.Later, d.Sync.Value)
		offline := mappings.Check(d, nil)
		require.False(t, offline.Failed(), offline.Error())
		objects := map[string]mappings.Object{}
		for _, s := range d.Systems {
			objects[s.Name.Value] = house.describe(t, project, d, s)
		}
		found := mappings.Check(d, objects)
		require.False(t, found.Failed(), found.Error())
		_, compiled := mappings.Compile(d, objects)
		require.False(t, compiled.Failed(), compiled.Error())
	}
}

// house is a folder with everything that setup/ makes.
type house struct {
	dir       string
	variables map[string]string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{dir: t.TempDir(), variables: map[string]string{}}
	files, err := filepath.Glob("setup/*")
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // a file of ours
		require.NoError(t, err)
		name := strings.TrimSuffix(filepath.Base(file), ".sql")
		switch {
		case filepath.Ext(file) == ".csv":
			require.NoError(t, os.WriteFile(filepath.Join(h.dir, filepath.Base(file)), content, 0o600)) //nolint:gosec // a file of setup/
		case strings.Contains(string(content), "(PostgreSQL)"):
			database := testenv.Postgres(t)
			database.Exec(t, string(content))
			h.variables[strings.ToUpper(name)+"_URL"] = database.URL
		default:
			db, err := sql.Open("sqlite", filepath.Join(h.dir, name+".db"))
			require.NoError(t, err)
			_, err = db.ExecContext(t.Context(), string(content))
			require.NoError(t, err, file)
			require.NoError(t, db.Close())
		}
	}
	return h
}

func (h *house) describe(t *testing.T, project *mappings.Project, d *mappings.Definition, s *mappings.System) mappings.Object {
	t.Helper()
	name, options, problems := project.Connect(s, mappings.Lookup{Env: func(name string) (string, bool) {
		value, set := h.variables[name]
		return value, set
	}})
	require.Empty(t, problems)
	if options["path"] != "" {
		options["path"] = filepath.Join(h.dir, options["path"])
	}
	config := connectors.Config{
		Sync: d.Sync.Value, System: s.Name.Value, Options: options, Object: s.Object.Value,
		Modified: s.Modified.Value, Formats: s.Formats,
	}
	for _, key := range s.Key {
		config.Key = append(config.Key, key.Value)
	}
	object, err := connectors.NewRegistry(csv.Connector{}, postgres.Connector{}, sqlite.Connector{}).Open(t.Context(), name, config)
	require.NoError(t, err)
	defer object.Close()
	return describe(t, object)
}

func describe(t *testing.T, object connectors.Object) mappings.Object {
	t.Helper()
	found, err := object.Describe(context.WithoutCancel(t.Context()))
	require.NoError(t, err)
	made := mappings.Object{
		Schema: found.Schema, Key: found.Key, Exists: len(found.Schema.Fields) > 0,
		Token: found.Can.Token, Transactions: found.Can.Transactions, KeysReusable: found.Can.KeysReusable,
		ServerKeys: found.Can.ServerKeys, Writable: found.Can.Writable,
	}
	for _, mode := range found.Can.Modes {
		made.Modes = append(made.Modes, string(mode))
	}
	for _, mode := range found.Can.SeesDeletes {
		made.SeesDeletes = append(made.SeesDeletes, string(mode))
	}
	return made
}
