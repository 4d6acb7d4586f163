package sqlite_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// watched opens a table whose triggers are installed, after a first listing.
func watched(t *testing.T, script, table string) (path string, s system, since record.Position) {
	t.Helper()
	path = database(t, script)
	s = open(t, config(path, table))
	require.NoError(t, s.Install(context.Background()))
	w, _ := read(t, s, connectors.Ask{Mode: connectors.ModeTrigger})
	require.True(t, w.Complete)
	return path, s, w.To
}

// changes gives what the log reports since a position: `key` or `-key`.
func changes(t *testing.T, s system, since record.Position) []string {
	t.Helper()
	_, rows := read(t, s, connectors.Ask{Mode: connectors.ModeTrigger, Since: since})
	var out []string
	order := ""
	for _, r := range rows {
		require.Greater(t, r.mark.Order, order)
		order = r.mark.Order
		sign := ""
		if r.mark.Op == record.Deleted {
			sign = "-"
		}
		out = append(out, sign+record.Text(r.values[0]))
	}
	return out
}

func TestTriggersSeeEveryWayToWrite(t *testing.T) {
	t.Parallel()
	const script = `CREATE TABLE p (id INTEGER PRIMARY KEY, email TEXT UNIQUE, a INT, b INT, UNIQUE (a, b));
CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE);
INSERT INTO p VALUES (1, 'a', 1, 1), (2, 'b', 2, 2), (3, 'c', 3, 3)`
	for name, c := range map[string]struct {
		sql  string
		want []string
	}{
		"insert":                              {`INSERT INTO p VALUES (4, 'd', 4, 4)`, []string{"4"}},
		"update":                              {`UPDATE p SET a = 9 WHERE id = 2`, []string{"2"}},
		"delete":                              {`DELETE FROM p WHERE id = 2`, []string{"-2"}},
		"delete all":                          {`DELETE FROM p`, []string{"-1", "-2", "-3"}},
		"key change":                          {`UPDATE p SET id = 7 WHERE id = 2`, []string{"-2", "7"}},
		"upsert":                              {`INSERT INTO p VALUES (2, 'z', 2, 2) ON CONFLICT DO UPDATE SET email = 'z'`, []string{"2"}},
		"replace the same key":                {`REPLACE INTO p VALUES (2, 'z', 9, 9)`, []string{"2"}},
		"replace through another index":       {`REPLACE INTO p VALUES (9, 'b', 9, 9)`, []string{"-2", "9"}},
		"replace through two indexes":         {`REPLACE INTO p VALUES (9, 'b', 3, 3)`, []string{"-2", "-3", "9"}},
		"update or replace":                   {`UPDATE OR REPLACE p SET email = 'c' WHERE id = 1`, []string{"-3", "1"}},
		"insert or ignore only looks":         {`INSERT OR IGNORE INTO p VALUES (9, 'b', 9, 9)`, []string{"2"}},
		"insert and delete, nothing was ever": {"INSERT INTO p VALUES (4, 'd', 4, 4);\nDELETE FROM p WHERE id = 4", []string{"-4"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, s, since := watched(t, script, "p")
			require.Empty(t, changes(t, s, since))
			execute(t, path, c.sql)
			require.ElementsMatch(t, c.want, changes(t, s, since))
		})
	}
}

func TestTriggersKeepCaseApart(t *testing.T) {
	t.Parallel()
	path, s, since := watched(t, "CREATE TABLE p (id TEXT PRIMARY KEY COLLATE NOCASE, v INT) WITHOUT ROWID;\nINSERT INTO p VALUES ('a', 1)", "p")
	execute(t, path, `UPDATE p SET id = 'A'`)
	require.ElementsMatch(t, []string{"-a", "A"}, changes(t, s, since))
}

func TestTriggersAreInstalledAndRemovedWhole(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path, s, since := watched(t, people+";\nCREATE TABLE other (id INTEGER PRIMARY KEY)", "people")
	other := open(t, config(path, "other"))
	require.NoError(t, other.Install(ctx))
	d, err := s.Describe(ctx)
	require.NoError(t, err)
	require.Equal(t, connectors.ModeTrigger, d.Can.Modes[0])
	require.Equal(t, []connectors.Mode{connectors.ModeTrigger}, d.Can.SeesDeletes)

	require.NoError(t, s.Uninstall(ctx))
	require.NoError(t, s.Uninstall(ctx))
	_, err = s.Detect(ctx, connectors.Ask{Mode: connectors.ModeTrigger, Since: since})
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
	require.NoError(t, other.Uninstall(ctx))
	require.Equal(t, []string{"other", "people", "sqlite_sequence"}, objects(t, path))

	require.NoError(t, s.Install(ctx))
	_, err = s.Detect(ctx, connectors.Ask{Mode: connectors.ModeTrigger, Since: since})
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err), "a new log has missed changes")
}

func objects(t *testing.T, path string) []string {
	t.Helper()
	conn, err := bare.Open(path, true, time.Second)
	require.NoError(t, err)
	defer conn.Close()
	var names []string
	require.NoError(t, conn.Each(`SELECT name FROM sqlite_schema WHERE type != 'index' ORDER BY 1`, func(s *bare.Stmt) error {
		names = append(names, s.Text(0))
		return nil
	}))
	return names
}

func TestALostTriggerIsNoticed(t *testing.T) {
	t.Parallel()
	path, s, since := watched(t, people, "people")
	execute(t, path, `DROP TRIGGER "_syncline_people_delete"`)
	_, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeTrigger, Since: since})
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
	require.NoError(t, s.Install(context.Background()))
	w, rows := read(t, s, connectors.Ask{Mode: connectors.ModeTrigger})
	require.True(t, w.Complete)
	require.Len(t, rows, 3)
}

func TestTheLogIsPruned(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path, s, first := watched(t, people, "people")
	execute(t, path, `WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 250000)
		INSERT INTO _syncline_changes_people (k0) SELECT 1 FROM c`)
	w, rows := read(t, s, connectors.Ask{Mode: connectors.ModeTrigger, Since: first})
	require.Len(t, w.Partitions, 3)
	require.Len(t, rows, 3, "one key, once in each partition")
	_, err := s.Detect(ctx, connectors.Ask{Mode: connectors.ModeTrigger, Since: w.To})
	require.NoError(t, err)
	require.Equal(t, "100000", scalar(t, path, `SELECT count(*) FROM _syncline_changes_people`))
	_, err = s.Detect(ctx, connectors.Ask{Mode: connectors.ModeTrigger, Since: first})
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err), "a position before the log's beginning")
	execute(t, path, `DELETE FROM people WHERE id = 3`)
	require.Equal(t, []string{"-3"}, changes(t, s, w.To))
}

func scalar(t *testing.T, path, query string) string {
	t.Helper()
	conn, err := bare.Open(path, true, time.Second)
	require.NoError(t, err)
	defer conn.Close()
	out := ""
	require.NoError(t, conn.Each(query, func(s *bare.Stmt) error {
		out = fmt.Sprint(s.Value(0))
		return nil
	}))
	return out
}
