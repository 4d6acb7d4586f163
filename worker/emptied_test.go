package worker_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/workflows"
)

const emptiedDefinition = `
sync: people
systems:
  crm:  {connector: sqlite, path: ./crm.db, object: people}
  news: {connector: csv, path: ./news.csv, key: email}
match: email
same: [email, name]
deletes: {effect: hard}
`

// However few records there are, and whatever the other side has beside them:
// that one side is emptied is never taken for so many deletes.
func TestEmptiedSideStopsTheRunWhateverElseThereIs(t *testing.T) {
	const header = "email,name\n"
	for name, empty := range map[string]func(t *testing.T, s *site, crm any){
		"a file, and a row that it never had": func(t *testing.T, s *site, crm any) {
			change(t, crm, `INSERT INTO people (email, name) VALUES ('new@x.org', 'New')`)
			require.NoError(t, os.WriteFile(s.file("news.csv"), []byte(header), 0o600))
		},
		"a table, and a new row in the file": func(t *testing.T, s *site, crm any) {
			change(t, crm, `DELETE FROM people`)
			require.NoError(t, os.WriteFile(s.file("news.csv"), []byte(s.text(t, "news.csv")+"new@x.org,New\n"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPassSite(t, emptiedDefinition)
			crm := s.sqlite("crm.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT)`,
				`INSERT INTO people (email, name) VALUES ('a@x.org', 'A'), ('b@x.org', 'B'), ('c@x.org', 'C')`)
			require.NoError(t, os.WriteFile(s.file("news.csv"), []byte(header), 0o600))
			s.passed()
			require.Zero(t, written(s.passed()), "both were seen")
			empty(t, s, crm)
			before, text := rows(t, crm, `SELECT email FROM people`), s.text(t, "news.csv")
			var result activities.Result
			for range 2 { // the second run finds what the first one has noted
				result = s.passed()
				require.Equal(t, activities.OutcomeStopped, result.Outcome, "%+v", result)
				require.Contains(t, result.Reason, "has nothing left")
				require.Equal(t, before, rows(t, crm, `SELECT email FROM people`))
				require.Equal(t, text, s.text(t, "news.csv"))
			}
			require.NoError(t, s.house.Ledger.Approve(t.Context(), ledger.Approval{
				Sync: "people", Run: workflows.RunID("people", s.passes), Hash: result.Hash, Who: "test", At: time.Now(),
			}))
			require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
			require.Equal(t, []string{"new@x.org"}, rows(t, crm, `SELECT email FROM people`))
			require.Equal(t, header+"new@x.org,New\n", s.text(t, "news.csv"))
		})
	}
}
