package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/testenv"
	"github.com/syncline-dev/syncline/worker"
)

const bulkDefinition = `
sync: people
systems:
  crm:  {connector: postgres, url: "${CRM_URL}", object: contacts, changes: snapshot, role: source}
  copy: {connector: postgres, url: "${CRM_URL}", object: copies, role: target}
match: id
same: {except: [name]}
fields:
  name: {crm: upper(name), copy: name}
deletes: {effect: ignore}
`

const (
	bulkRows = 420_000
	// bulkPart is more than one of the five partitions has, and less than two:
	// their bounds are from the table's statistics.
	bulkPart = bulkRows / 5 * 3 / 2
)

// newBulkWorld is a table that is copied in several partitions.
func newBulkWorld(t *testing.T) *killWorld {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "mappings"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mappings", "people.yaml"), []byte(bulkDefinition), 0o600))
	server := testenv.Postgres(t)
	crm, err := pgx.Connect(t.Context(), server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = crm.Close(context.Background()) })
	_, err = crm.Exec(t.Context(), fmt.Sprintf(`CREATE TABLE contacts (id int PRIMARY KEY, name text, city text);
		INSERT INTO contacts SELECT i, 'name ' || i, 'Köln' FROM generate_series(1, %d) i; ANALYZE contacts;
		CREATE TABLE copies (id int PRIMARY KEY, name text, city text)`, bulkRows))
	require.NoError(t, err)
	return &killWorld{t: t, dir: dir, url: server.URL, crm: crm, engine: "real"}
}

// results gives the results of the runs, the oldest first.
func (w *killWorld) results() []activities.Result {
	w.t.Helper()
	w.t.Setenv("CRM_URL", w.url)
	house, err := worker.Open(w.t.Context(), worker.Config{State: filepath.Join(w.dir, "state"), Definitions: filepath.Join(w.dir, "mappings")})
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, house.Close()) }()
	runs, err := house.Ledger.Runs(w.t.Context(), "people", 10)
	require.NoError(w.t, err)
	results := make([]activities.Result, len(runs))
	for i, run := range runs {
		if len(run.Result) > 0 {
			require.NoError(w.t, json.Unmarshal(run.Result, &results[len(runs)-1-i]))
		}
	}
	return results
}

func (w *killWorld) copied() {
	w.t.Helper()
	var wrong int
	require.NoError(w.t, w.crm.QueryRow(w.t.Context(), `SELECT count(*) FROM contacts c FULL JOIN copies p ON p.id = c.id
		WHERE (p.id, p.name, p.city) IS DISTINCT FROM (c.id, upper(c.name), c.city)`).Scan(&wrong))
	require.Zero(w.t, wrong, "rows that are not what they should be")
}

// A bulk load that is cut off goes on where it was: what one partition had
// written and not yet reported is all that is done again.
func TestBulkLoadThatIsKilledRepeatsOnePartitionAtMost(t *testing.T) {
	for _, point := range []activities.Point{activities.PointExtracted, activities.PointTransformed, activities.PointWritten} {
		t.Run(string(point), func(t *testing.T) {
			w := newBulkWorld(t)
			_, killed := w.run(point, 3, "", "")
			require.True(t, killed)
			w.run("", 0, "", "")
			w.copied()
			cut := w.results()[0]
			require.Equal(t, "done", cut.Outcome, cut.Reason)
			require.EqualValues(t, bulkRows, cut.Counts.Read)
			require.EqualValues(t, bulkRows, cut.Counts.Applied+cut.Counts.Unchanged)
			require.LessOrEqual(t, cut.Counts.Unchanged, int64(bulkPart), "written twice")
			if point == activities.PointWritten {
				require.Positive(t, cut.Counts.Unchanged, "what was written and not reported is found again")
			}
		})
	}
}

// What a resumed run repeats can be seen: one that has lost all that the engine
// knew begins anew and finds every partition that was written.
func TestBulkKillTestSeesWhatIsRepeated(t *testing.T) {
	w := newBulkWorld(t)
	_, killed := w.run(activities.PointWritten, 4, "", "")
	require.True(t, killed)
	require.NoError(t, os.RemoveAll(filepath.Join(w.dir, "state")))
	w.run("", 0, "", "")
	w.copied()
	require.Greater(t, w.results()[0].Counts.Unchanged, int64(bulkPart))
}
