package worker_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/worker"
)

// A stateless sync reads only what `where` keeps, as far as the database can say
// it; one with links reads all, because rows outside of `where` count there.
func TestWhereIsEvaluatedInTheDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		deletes string
		read    int64
	}{
		"stateless": {"", 50},
		"stateful":  {"deletes: {effect: hard}", 100},
	} {
		t.Run(name, func(t *testing.T) {
			s := &site{t: t, dir: t.TempDir(), logs: &lockedBuffer{}}
			require.NoError(t, os.MkdirAll(filepath.Join(s.dir, "mappings"), 0o700))
			s.define(fmt.Sprintf(`
sync: people
systems:
  crm:  {connector: postgres, url: "${CRM_URL}", object: contacts, key: email, where: 'kind != "test" and lower(name) != "person 3"', role: source}
  copy: {connector: sqlite, path: ./copy.db, object: contacts, key: email, role: target}
match: email
same: [email, name]
%s
`, c.deletes))
			s.postgres("CRM_URL", `CREATE TABLE contacts (email text PRIMARY KEY, name text, kind text)`,
				`INSERT INTO contacts SELECT 'p' || n || '@example.com', 'Person ' || n, CASE WHEN n % 2 = 0 THEN 'test' END FROM generate_series(1, 100) n`)
			target := s.sqlite("copy.db", `CREATE TABLE contacts (email TEXT PRIMARY KEY, name TEXT)`)
			house, err := worker.Open(t.Context(), worker.Config{
				State: filepath.Join(s.dir, "state"), Definitions: filepath.Join(s.dir, "mappings"), Logger: slog.New(slog.DiscardHandler),
			})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, house.Close()) })
			s.house = house
			result, err := s.pass()
			require.NoError(t, err)
			require.Equal(t, activities.OutcomeDone, result.Outcome)
			require.Len(t, rows(t, target, `SELECT email FROM contacts`), 49, "half of them, without Person 3")
			require.Equal(t, c.read, result.Systems["crm"].Read)
			require.Equal(t, c.read-49, result.Counts.Ignored)
		})
	}
}
