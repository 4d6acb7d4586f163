package worker_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
)

const (
	ticketsSQLite = `CREATE TABLE tickets (code TEXT PRIMARY KEY, title TEXT, state TEXT NOT NULL DEFAULT 'new', nr INTEGER NOT NULL DEFAULT (abs(random()) % 1000 + 1))`
	ticketsPG     = `CREATE TABLE tickets (code text PRIMARY KEY, title text, state text NOT NULL DEFAULT 'new', nr serial NOT NULL)`
)

// A field without a value is left to a column that must have one and has a
// default: the record is created, and not written again by the next run.
func TestNullIsLeftToTheColumnsDefault(t *testing.T) {
	for name, roles := range map[string][2]string{"stateful": {"", ""}, "stateless": {", role: source", ", role: target"}} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, `
sync: out
systems:
  app: {connector: sqlite, path: ./app.db, object: source`+roles[0]+`}
  crm: {connector: postgres, url: "${CRM_URL}", object: tickets`+roles[1]+`}
match: code
same: [code, title, state, nr]
first_sync: {prefer: {system_wins: app}, only_here: create}
`)
			require.NoError(t, os.WriteFile(s.file("mirror.yaml"), []byte(`
sync: mirror
systems:
  app:  {connector: sqlite, path: ./app.db, object: source`+roles[0]+`}
  list: {connector: sqlite, path: ./list.db, object: tickets`+roles[1]+`}
match: code
same: [code, title, state, nr]
first_sync: {prefer: {system_wins: app}, only_here: create}
`), 0o600))
			app := s.sqlite("app.db", `CREATE TABLE source (code TEXT PRIMARY KEY, title TEXT, state TEXT, nr INTEGER)`,
				`INSERT INTO source VALUES ('a', 'A', NULL, NULL), ('b', 'B', 'done', 7), ('c', NULL, NULL, 8)`)
			list := s.sqlite("list.db", ticketsSQLite)
			crm := s.postgres("CRM_URL", ticketsPG)
			for _, sync := range []string{"out", "mirror"} {
				result := s.run(sync)
				require.Equal(t, activities.OutcomeDone, result.Outcome, s.story())
				require.Zero(t, result.Counts.Quarantined)
			}
			const see = `SELECT code, state FROM tickets WHERE nr > 0 ORDER BY code`
			want := []string{"a|new", "b|done", "c|new"}
			require.Equal(t, want, rows(t, crm, see))
			require.Equal(t, want, rows(t, list, see))
			const numbers = `SELECT nr FROM tickets ORDER BY code`
			numbered := func() [][]string { return [][]string{rows(t, crm, numbers), rows(t, list, numbers)} }
			taken := numbered()
			for _, sync := range []string{"out", "mirror", "out", "mirror"} {
				require.Equal(t, activities.OutcomeDone, s.run(sync).Outcome, s.story())
			}
			for _, sync := range []string{"out", "mirror"} {
				require.Zero(t, s.run(sync).Counts.Applied, "it comes to rest")
			}
			require.Equal(t, taken, numbered())
			change(t, app, `UPDATE source SET title = 'AA' WHERE code = 'a'`)
			require.Equal(t, int64(1), s.run("out").Counts.Applied)
			require.Equal(t, int64(1), s.run("mirror").Counts.Applied)
			require.Equal(t, taken, numbered(), "a default is taken once")
			require.Equal(t, want, rows(t, list, see))
		})
	}
}
