package worker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

const tidyDefinition = `
sync: people
systems:
  left:  {connector: sqlite, path: ./left.db, object: people}
  right: {connector: sqlite, path: ./right.db, object: people}
match: email
same: [email, name]
conflicts: {resolve: [{system_wins: left}]}
deletes: {effect: hard}
first_sync: {prefer: {system_wins: left}, only_here: create}
`

const day = 24 * time.Hour

// newTidySite is a house in which a record was written and another was deleted.
func newTidySite(t *testing.T, keep time.Duration) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), logs: &lockedBuffer{}}
	require.NoError(t, os.MkdirAll(filepath.Join(s.dir, "mappings"), 0o700))
	s.define(tidyDefinition)
	house, err := worker.Open(t.Context(), worker.Config{
		State: filepath.Join(s.dir, "state"), Definitions: filepath.Join(s.dir, "mappings"), Keep: keep,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, house.Close()) })
	s.house = house
	const table = `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT)`
	left, right := s.sqlite("left.db", table), s.sqlite("right.db", table)
	change(t, left, `INSERT INTO people (email, name) VALUES ('ann@example.com', 'Ann'), ('bo@example.com', 'Bo'), ('cy@example.com', 'Cy')`)
	for n := range int64(3) {
		if n == 1 {
			change(t, right, `DELETE FROM people WHERE email = 'ann@example.com'`)
		}
		result := s.passed()
		require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
	}
	require.Len(t, rows(t, left, `SELECT email FROM people`), 2)
	return s
}

func (s *site) journal() int {
	s.t.Helper()
	entries, err := s.house.Ledger.Journal(s.t.Context(), ledger.JournalFilter{Sync: "people"})
	require.NoError(s.t, err)
	return len(entries)
}

func (s *site) tidy(now time.Time) worker.Tidied {
	s.t.Helper()
	done, err := s.house.Tidy(s.t.Context(), now)
	require.NoError(s.t, err)
	return done
}

func TestTheHouseKeepsForAMonthAndThenForgets(t *testing.T) {
	t.Parallel()
	s := newTidySite(t, 0)
	written := s.journal()
	require.GreaterOrEqual(t, written, 4, "three creations and a delete")
	require.Zero(t, s.tidy(time.Now().Add(29*day)))
	require.Equal(t, written, s.journal())
	done := s.tidy(time.Now().Add(31 * day))
	require.Equal(t, worker.Tidied{Entries: int64(written), Tombstones: 1, Pruned: ledger.Pruned{Runs: 2}}, done)
	kept, err := s.house.Ledger.Runs(t.Context(), "people", 0)
	require.NoError(t, err)
	require.Len(t, kept, 1, "the last run stays")
	require.Zero(t, s.journal())
	require.Zero(t, s.tidy(time.Now().Add(31*day)), "once is enough")

	result := s.passed()
	require.Zero(t, result.Systems["left"].Created+result.Systems["right"].Created, "what was deleted does not come back")
	require.Equal(t, int64(4), result.Counts.Unchanged)
}

func TestTheHouseKeepsAsLongAsItIsTold(t *testing.T) {
	t.Parallel()
	s := newTidySite(t, 90*day)
	require.Zero(t, s.tidy(time.Now().Add(89*day)))
	require.Positive(t, s.tidy(time.Now().Add(91*day)).Entries)
	forever := newTidySite(t, worker.KeepForever)
	require.Zero(t, forever.tidy(time.Now().Add(10_000*day)))
	_, err := worker.Open(t.Context(), worker.Config{State: t.TempDir(), Keep: time.Hour})
	require.ErrorContains(t, err, "two days", "limits look one day back")
}

// A run that is going on needs the tombstones that it has read, and its objects.
func TestTheHouseLeavesWhatARunNeeds(t *testing.T) {
	t.Parallel()
	s := newTidySite(t, 0)
	ctx := t.Context()
	stageDir := filepath.Join(s.dir, "state", "stage")
	object := func(name string, age time.Duration) string {
		path := filepath.Join(stageDir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
		then := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(path, then, then))
		return path
	}
	run, err := s.house.Ledger.BeginRun(ctx, ledger.Begin{
		Sync: "people", Run: workflows.RunID("people", 4), At: time.Now(), Systems: []string{"left", "right"},
	})
	require.NoError(t, err)
	orphan := object("people/run/2/0/p1/raw.arrow", 2*day)
	young := object("people/run/3/0/p1/raw.arrow", time.Hour)
	needed := object("people/run/4/0/p1/raw.arrow", 2*day)
	foreign := object("photos/cat.jpg", 400*day)
	strangers := object("others/run/4/0/p1/raw.arrow", 2*day)
	done := s.tidy(time.Now().Add(31 * day))
	require.Equal(t, 1, done.Objects)
	require.Zero(t, done.Tombstones, "the run that is going on may have read it")
	require.NoFileExists(t, orphan)
	for _, path := range []string{young, needed, foreign, strangers} {
		require.FileExists(t, path)
	}
	require.NoError(t, s.house.Ledger.FinishRun(ctx, ledger.Fence{Sync: "people", Run: run.ID, Epoch: run.Epoch},
		ledger.Finish{Outcome: activities.OutcomeFailed, At: time.Now()}))
	done = s.tidy(time.Now().Add(31 * day))
	require.Equal(t, int64(1), done.Tombstones)
	require.NoFileExists(t, needed)
}

// Housekeeping begins with the worker and ends with the house.
func TestTheHouseIsTendedFromTheStart(t *testing.T) {
	t.Parallel()
	s := newTidySite(t, 0)
	path := filepath.Join(s.dir, "state", "stage", "people", "run", "1", "left.arrow")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	then := time.Now().Add(-2 * day)
	require.NoError(t, os.Chtimes(path, then, then))
	s.house.Tend(t.Context())
	require.Eventually(t, func() bool {
		_, err := os.Stat(path)
		return os.IsNotExist(err)
	}, 10*time.Second, 10*time.Millisecond)
}
