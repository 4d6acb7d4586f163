package worker_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
)

const namelessDefinition = `
sync: people
systems:
  list: {connector: csv, path: ./list.csv, key: [code]}
  app:  {connector: sqlite, path: ./app.db, object: people, key: [code]}
  crm:  {connector: postgres, url: "${CRM_URL}", object: people, key: [code]}
match: code
same: [code, name]
first_sync: {prefer: {system_wins: list}, only_here: create}
`

func (s *site) quarantine(t *testing.T) []ledger.QuarantineRow {
	t.Helper()
	held, err := s.house.Ledger.Quarantine(t.Context(), "", 0)
	require.NoError(t, err)
	return held
}

// reasons gives what stands in the quarantine, with the reasons.
func (s *site) reasons(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, row := range s.quarantine(t) {
		lines = append(lines, row.System+" "+row.Key.String()+": "+row.Reason)
	}
	return lines
}

// A row without a key can be found by its place, and is let go when it has one.
func TestRowsWithoutAKeyAreFoundInQuarantine(t *testing.T) {
	s := newSite(t, namelessDefinition)
	app := s.sqlite("app.db", `CREATE TABLE people (code TEXT, name TEXT)`, `INSERT INTO people VALUES ('b', 'Bob'), (NULL, 'Nobody')`)
	crm := s.postgres("CRM_URL", `CREATE TABLE people (code text, name text)`, `INSERT INTO people VALUES ('c', 'Cyd'), (NULL, 'No One'), (NULL, 'No Two')`)
	write := func(rows ...string) {
		require.NoError(t, os.WriteFile(s.file("list.csv"), []byte("code,name\n"+strings.Join(rows, "\n")+"\n"), 0o600))
	}
	write("a,Ann", ",Secret", "\xff,Broken")
	want := []string{
		"list line 3: column code: part of the key is empty",
		"list line 4: column code: not valid UTF-8",
		"app row 1 without a key: column code: part of the key is NULL",
		"crm row 1 without a key in partition p0001: the key (code) is NULL",
		"crm row 2 without a key in partition p0001: the key (code) is NULL",
	}
	plan := s.plan(t)
	require.Equal(t, int64(5), plan.Counts.Quarantined)
	require.Len(t, plan.Bad, 5)
	for range 2 {
		result := s.run("people")
		require.Equal(t, activities.OutcomeWaiting, result.Outcome)
		require.Equal(t, int64(5), result.Held)
		require.ElementsMatch(t, want, s.reasons(t))
	}
	require.Len(t, rows(t, app, `SELECT code FROM people WHERE code IS NOT NULL`), 3, "the others go on")

	write("a,Ann", "d,Secret")
	change(t, app, `UPDATE people SET code = 'e' WHERE code IS NULL`)
	change(t, crm, `DELETE FROM people WHERE name = 'No Two'`)
	s.run("people")
	require.Equal(t, []string{want[3]}, s.reasons(t))
	require.NoError(t, s.house.Ledger.Retry(t.Context(), []int64{s.quarantine(t)[0].ID}))
	require.Equal(t, activities.OutcomeWaiting, s.run("people").Outcome)
	change(t, crm, `DELETE FROM people WHERE code IS NULL`)
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome, s.story())
	require.Empty(t, s.reasons(t))
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, rows(t, crm, `SELECT code FROM people`))
}

// Without links it is the same, on both sides.
func TestStatelessRowsWithoutAKeyAreFoundInQuarantine(t *testing.T) {
	s := newSite(t, `
sync: people
systems:
  list: {connector: csv, path: ./list.csv, key: [code], role: source}
  app:  {connector: sqlite, path: ./app.db, object: people, role: target}
match: code
same: [code, name]
`)
	s.sqlite("app.db", `CREATE TABLE people (code TEXT PRIMARY KEY, name TEXT)`)
	require.NoError(t, os.WriteFile(s.file("list.csv"), []byte("code,name\na,Ann\n,Nobody\n,No One\n"), 0o600))
	result := s.run("people")
	require.Equal(t, int64(2), result.Counts.Quarantined)
	require.ElementsMatch(t, []string{
		"list line 3: column code: part of the key is empty", "list line 4: column code: part of the key is empty",
	}, s.reasons(t))
	require.NoError(t, os.WriteFile(s.file("list.csv"), []byte("code,name\na,Ann\nb,Nobody\n"), 0o600))
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	require.Empty(t, s.reasons(t))
}

// plan plans a sync, as `syncline plan` does.
func (s *site) plan(t *testing.T) *activities.Plan {
	t.Helper()
	project, problems := s.house.Project()
	require.NoError(t, problems.Err())
	def, err := project.Find("people")
	require.NoError(t, err)
	planner := &activities.Planner{Sessions: s.house.Sessions, Ledger: s.house.Ledger, Clock: time.Now}
	plan, err := planner.Plan(t.Context(), def, 20)
	require.NoError(t, err)
	return plan
}
