package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/memory"
	"github.com/syncline-dev/syncline/internal/record"
)

const apiDefinition = `
sync: people
systems:
  crm: {connector: sqlite, path: ./crm.db, object: contacts}
  api: {connector: memory, store: STORE, object: people}
match: email
same: [email, name]
first_sync: {prefer: {system_wins: crm}, only_here: create}
`

// newAPI is a database and something like a web API that agree on two people.
func newAPI(t *testing.T) (s *site, crm any, store *memory.Store, people *memory.Table) {
	t.Helper()
	s = newSite(t, strings.ReplaceAll(apiDefinition, "STORE", t.Name()))
	crm = s.sqlite("crm.db", `CREATE TABLE contacts (id INTEGER PRIMARY KEY, email TEXT, name TEXT)`,
		`INSERT INTO contacts (email, name) VALUES ('a@example.com', 'Ann'), ('b@example.com', 'Bob')`)
	store = memory.Named(t.Name())
	t.Cleanup(func() { memory.Forget(t.Name()) })
	people = store.Create("people", memory.Shape{
		Schema: record.NewSchema(
			record.Field{Name: "id", Type: record.Type{Kind: record.KindInt}, ReadOnly: true},
			record.Field{Name: "email", Type: record.Type{Kind: record.KindString}, Nullable: true},
			record.Field{Name: "name", Type: record.Type{Kind: record.KindString}, Nullable: true},
		),
		Key: []string{"id"}, Personality: memory.API(),
	})
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome, s.story())
	require.Equal(t, 2, people.Len())
	return s, crm, store, people
}

// A dropped connection is made good where it happened, without a step that
// fails and waits; a rate limit too, if it is short.
func TestPassingTroubleOfASystemFailsNoStep(t *testing.T) {
	for name, fault := range map[string]memory.Fault{
		"describe":     {Method: "describe", Kind: connectors.Transient},
		"detect":       {Method: "detect", Kind: connectors.Transient},
		"read":         {Method: "read", Kind: connectors.Transient},
		"update":       {Method: "apply", Kind: connectors.Transient},
		"lost answer":  {Method: "apply", Kind: connectors.Transient, Late: true},
		"rate limited": {Method: "read", Kind: connectors.RateLimited, After: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			s, crm, store, people := newAPI(t)
			change(t, crm, `UPDATE contacts SET name = 'Anna' WHERE id = 1`)
			calls := store.Calls(fault.Method)
			store.Fail(fault)
			require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
			require.Greater(t, store.Calls(fault.Method), calls+1, "it was called again")
			require.NotContains(t, s.logs.String(), "step failed")
			require.Contains(t, fmt.Sprint(people.Rows()), "a@example.com Anna")
			require.Equal(t, 2, people.Len())
		})
	}
}

// A creation whose answer was lost is never just made again: the step looks
// first whether it is there.
func TestLostAnswerOfACreationMakesNoDouble(t *testing.T) {
	s, crm, store, people := newAPI(t)
	change(t, crm, `INSERT INTO contacts (email, name) VALUES ('c@example.com', 'Cy')`)
	store.Fail(memory.Fault{Method: "apply", Kind: connectors.Transient, Late: true})
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	require.Contains(t, s.logs.String(), "step failed", "it is the step that comes back")
	require.Equal(t, 3, people.Len())
	require.Zero(t, written(s.run("people")))
}
