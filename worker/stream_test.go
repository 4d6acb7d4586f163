package worker_test

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
)

const copyDefinition = `
sync: copy
systems:
  app: {connector: sqlite, path: ./app.db, object: people, role: source CHANGES}
  dwh: {connector: postgres, url: "${DWH_URL}", object: people, role: target}
match: id
same: [id, name]
fields:
  age: {type: int, app: age, dwh: age}
`

const seePeople = `SELECT id, name, age FROM people`

// newCopy is a stateless sync of ten people, two of whom cannot be taken: one
// cannot be mapped, another is refused by the target.
func newCopy(t *testing.T, changes string) (s *site, app, dwh any) {
	t.Helper()
	s = newSite(t, strings.ReplaceAll(copyDefinition, "CHANGES", changes))
	app = s.sqlite("app.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age, touched INTEGER NOT NULL DEFAULT 1)`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) INSERT INTO people (id, name, age) SELECT i, 'Person ' || i, 40 FROM n`,
		`UPDATE people SET age = 'forty' WHERE id = 3`, `UPDATE people SET name = 'too long a name for them' WHERE id = 7`)
	dwh = s.postgres("DWH_URL", `CREATE TABLE people (id int PRIMARY KEY, name text CHECK (length(name) < 20), age int)`)
	return s, app, dwh
}

// held gives what stands in the quarantine.
func (s *site) held(t *testing.T) []string {
	t.Helper()
	rows, err := s.house.Ledger.Quarantine(t.Context(), "", 0)
	require.NoError(t, err)
	var lines []string
	for _, r := range rows {
		lines = append(lines, r.System+" "+r.Key.String())
		require.NotEmpty(t, r.Reason)
		require.NotContains(t, r.Reason, "forty", "reasons have no values")
		require.NotContains(t, r.Reason, "too long a name")
	}
	return lines
}

func TestStatelessRunHoldsWhatItCannotTake(t *testing.T) {
	for name, changes := range map[string]string{"snapshot": "", "cursor": ", modified: touched, changes: cursor, sweep: 1000h"} {
		t.Run(name, func(t *testing.T) {
			s, app, dwh := newCopy(t, changes)
			result := s.run("copy")
			require.Equal(t, activities.OutcomeWaiting, result.Outcome, s.story())
			require.Equal(t, int64(2), result.Counts.Quarantined)
			require.Equal(t, int64(8), result.Counts.Applied)
			require.Len(t, rows(t, dwh, seePeople), 8)
			require.ElementsMatch(t, []string{"app 3", "dwh 7"}, s.held(t))
			held, err := s.house.Ledger.Quarantine(t.Context(), "copy", 0)
			require.NoError(t, err)
			require.Contains(t, fmt.Sprint(held), "age")

			change(t, app, `UPDATE people SET name = 'Else', touched = 2 WHERE id = 1`)
			s.run("copy")
			require.ElementsMatch(t, []string{"app 3", "dwh 7"}, s.held(t), "they stay until they are good")

			change(t, app, `UPDATE people SET age = 41, touched = 3 WHERE id = 3`)
			require.Contains(t, s.run("copy").Systems, "dwh")
			require.Equal(t, []string{"dwh 7"}, s.held(t), "the first good pass releases it")
			require.Contains(t, rows(t, dwh, seePeople), "3|Person 3|41")

			change(t, app, `UPDATE people SET name = 'short', touched = 4 WHERE id = 7`)
			require.Equal(t, activities.OutcomeDone, s.run("copy").Outcome)
			require.Empty(t, s.held(t))
			require.Len(t, rows(t, dwh, seePeople), 10)
		})
	}
}

// A target that takes now what it refused is asked when somebody says so, also
// where the source shows only what changed.
func TestStatelessRunTriesAgainOnRequest(t *testing.T) {
	s, app, dwh := newCopy(t, ", modified: touched, changes: cursor, sweep: 1000h")
	change(t, app, `UPDATE people SET touched = 2 WHERE id = 10`)
	s.run("copy")
	change(t, dwh, `ALTER TABLE people DROP CONSTRAINT people_name_check`)
	s.run("copy")
	require.Len(t, s.held(t), 2, "nobody asked")
	held, err := s.house.Ledger.Quarantine(t.Context(), "copy", 0)
	require.NoError(t, err)
	for _, row := range held {
		if row.System == "dwh" {
			require.NoError(t, s.house.Ledger.Retry(t.Context(), []int64{row.ID}))
		}
	}
	s.run("copy")
	require.Equal(t, []string{"app 3"}, s.held(t))
	require.Len(t, rows(t, dwh, seePeople), 9)
}

// A row that is gone from the source is held no more, once all is listed.
func TestStatelessRunReleasesWhatIsGone(t *testing.T) {
	s, app, _ := newCopy(t, "")
	s.run("copy")
	require.Len(t, s.held(t), 2)
	change(t, app, `DELETE FROM people WHERE id IN (3, 7)`)
	require.Equal(t, activities.OutcomeDone, s.run("copy").Outcome)
	require.Empty(t, s.held(t))
}

// All five steps are there for people to see, and history stays short.
func TestStatelessRunShowsItsSteps(t *testing.T) {
	s, app, dwh := newCopy(t, "")
	change(t, app, `DELETE FROM people`)
	change(t, app, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
		INSERT INTO people (id, name, age) SELECT i, 'Person ' || i, CASE WHEN i = 5 THEN 'five' ELSE 40 END FROM n`)
	require.Equal(t, int64(1), s.run("copy").Counts.Quarantined)
	require.Equal(t, []string{"119999"}, rows(t, dwh, `SELECT count(*) FROM people`))
	steps, events := map[string]int{}, 0
	for _, h := range s.histories() {
		for _, e := range h.GetEvents() {
			if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
				steps[a.GetActivityType().GetName()]++
			}
			if e.GetEventType() == enums.EVENT_TYPE_MARKER_RECORDED {
				steps["local"]++
			}
		}
		events = max(events, len(h.GetEvents()))
	}
	parts := steps["extract"]
	require.Greater(t, parts, 1, "%v", steps)
	require.Equal(t, parts, steps["transform"])
	require.Equal(t, 1, steps["resolve"], "the partition that had something to hold")
	require.Equal(t, parts-1, steps["local"], "the others only look whether the run is current")
	require.Equal(t, parts, steps["load"])
	require.Less(t, events, 24*parts+40)
}

// lose removes objects of the stage: the first time that a point is reached,
// what the pattern names.
func (s *site) lose(t *testing.T, point activities.Point, pattern string) *atomic.Int64 {
	t.Helper()
	var lost, done atomic.Int64
	s.house.Sessions.At = func(p activities.Point) {
		if p != point || done.Add(1) > 1 {
			return
		}
		root := filepath.Join(s.house.Config.State, "stage")
		_ = filepath.WalkDir(root, func(file string, _ os.DirEntry, _ error) error {
			if match, _ := path.Match(pattern, filepath.Base(file)); match && os.Remove(file) == nil {
				lost.Add(1)
			}
			return nil
		})
	}
	return &lost
}

func TestStatelessRunMakesAgainWhatTheStageLoses(t *testing.T) {
	for name, at := range map[string]struct {
		point activities.Point
		lost  string
	}{
		"what was extracted":     {activities.PointExtracted, "raw.arrow"},
		"what was transformed":   {activities.PointTransformed, "for-*.arrow"},
		"what could not be read": {activities.PointTransformed, "rejects-*.arrow"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, dwh := newCopy(t, "")
			lost := s.lose(t, at.point, at.lost)
			result := s.run("copy")
			require.Positive(t, lost.Load())
			require.Equal(t, int64(8), result.Counts.Applied, "%+v", result)
			require.Equal(t, int64(2), result.Counts.Quarantined)
			require.Len(t, rows(t, dwh, seePeople), 8)
			require.ElementsMatch(t, []string{"app 3", "dwh 7"}, s.held(t))
		})
	}
}

// A delete of what the target has not, and a row that it loses before it is
// deleted: each is a record that was read and is as it should be.
func TestStatelessDeletesOfWhatIsNotThereBalance(t *testing.T) {
	s, app, dwh := newCopy(t, ", changes: trigger")
	s.define(strings.ReplaceAll(copyDefinition, "CHANGES", ", changes: trigger") + "deletes: {effect: hard}\n")
	s.install("copy")
	s.run("copy")
	change(t, app, `DELETE FROM people WHERE id IN (1, 2)`)
	change(t, app, `INSERT INTO people (id, name, age) VALUES (50, 'Short', 1)`)
	change(t, app, `DELETE FROM people WHERE id = 50`)
	change(t, dwh, `DELETE FROM people WHERE id = 1`)
	result := s.run("copy")
	require.Equal(t, int64(1), result.Systems["dwh"].Deleted, s.story())
	require.Equal(t, result.Counts.Read, result.Counts.Applied+result.Counts.Unchanged+result.Counts.Quarantined)
	require.Len(t, rows(t, dwh, seePeople), 6)
}

// install does what `deploy` does for a definition that asks for triggers, and
// uninstall what `deploy --remove` does.
func (s *site) install(name string) {
	s.t.Helper()
	s.triggers(name, connectors.Triggers.Install)
}

func (s *site) uninstall(name string) {
	s.t.Helper()
	s.triggers(name, connectors.Triggers.Uninstall)
}

func (s *site) triggers(name string, do func(connectors.Triggers, context.Context) error) {
	s.t.Helper()
	project, problems := s.house.Project()
	require.NoError(s.t, problems.Err())
	def, err := project.Find(name)
	require.NoError(s.t, err)
	session, err := s.house.Sessions.OpenDefinition(s.t.Context(), def)
	require.NoError(s.t, err)
	defer session.Close()
	for _, system := range session.Systems {
		if triggers, can := connectors.As[connectors.Triggers](system.Object); can {
			require.NoError(s.t, do(triggers, s.t.Context()))
		}
	}
}
