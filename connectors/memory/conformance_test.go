package memory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/conformance"
	"github.com/syncline-dev/syncline/connectors/memory"
	"github.com/syncline-dev/syncline/internal/record"
)

// fixture is a table and the means to open it with the connector.
type fixture struct {
	*memory.Table
	config connectors.Config
}

func (f fixture) Open(tb testing.TB) connectors.Object {
	tb.Helper()
	o, err := memory.New().Open(tb.Context(), f.config)
	require.NoError(tb, err)
	return o
}

func (f fixture) Rows(testing.TB) [][]record.Value            { return f.table().Rows() }
func (f fixture) Put(_ testing.TB, rows ...[]record.Value)    { f.table().Put(rows...) }
func (f fixture) Delete(_ testing.TB, keys ...[]record.Value) { f.table().Delete(keys...) }
func (f fixture) table() *memory.Table {
	return memory.Named(f.config.Options["store"]).Table(f.config.Object)
}

// subject is the connector with tables of one personality.
func subject(name string, personality memory.Personality, cannot []string) conformance.Subject {
	return conformance.Subject{
		Name: name, Cannot: cannot,
		New: func(tb testing.TB, table conformance.Table) conformance.Fixture {
			tb.Helper()
			store := memory.Named(tb.Name())
			tb.Cleanup(func() { memory.Forget(tb.Name()) })
			f := fixture{config: connectors.Config{Object: table.Name, Options: map[string]string{"store": store.Name()}}}
			if table.Absent {
				f.config.Options["create"] = "true"
				return f
			}
			f.Table = store.Create(table.Name, memory.Shape{
				Schema: table.Schema, Key: table.Key, Modified: table.Modified, Personality: personality,
			})
			f.Put(tb, table.Rows...)
			return f
		},
		Refused: func(tb testing.TB) error {
			tb.Helper()
			memory.Named(tb.Name()).SetPassword("right")
			tb.Cleanup(func() { memory.Forget(tb.Name()) })
			_, err := memory.New().Open(tb.Context(), connectors.Config{Options: map[string]string{"store": tb.Name(), "password": "wrong"}})
			return err
		},
		NotFound: func(tb testing.TB) error {
			tb.Helper()
			_, err := memory.New().Open(tb.Context(), connectors.Config{Object: "nothing", Options: map[string]string{"store": tb.Name()}})
			return err
		},
	}
}

// Every personality passes the whole suite.
func TestConformance(t *testing.T) { //nolint:paralleltest // the suite looks for leaked goroutines
	idempotent := memory.API()
	idempotent.Idempotent = true
	etags := memory.API()
	bare := memory.API()
	bare.NoToken = true
	hashes := memory.Database()
	hashes.NoToken, hashes.NoOrder = true, true
	hashes.Modes = []connectors.Mode{connectors.ModeTrigger, connectors.ModeCursor, connectors.ModeSnapshot}
	// An API chooses its keys and has neither transactions nor logs.
	api := []string{
		"describe/makes what is not there", "write/rows with odd text keys", "write/creation that exists",
		"write/fence is a lock", "load/*", "changes by trigger/*", "changes by log/*",
	}
	for name, p := range map[string]struct { //nolint:paralleltest // as above
		personality memory.Personality
		cannot      []string
	}{
		"database":                  {memory.Database(), nil},
		"database without tokens":   {hashes, []string{"changes by log/*"}},
		"api with etags":            {etags, api},
		"api without versions":      {bare, api},
		"api with idempotency keys": {idempotent, api},
		"read only": {memory.Personality{ReadOnly: true}, []string{
			"describe/makes what is not there", "values/* are written", "write/*", "load/*",
			"life/used by many at once", "life/writing stops when cancelled",
		}},
	} {
		t.Run(name, func(t *testing.T) { conformance.Run(t, subject(name, p.personality, p.cannot)) })
	}
}
