package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
)

const manyDefinition = `
sync: many
systems:
  left:  {connector: sqlite, path: ./left.db, object: people}
  right: {connector: sqlite, path: ./right.db, object: people}
match: email
same: [email, name]
fields:
  plan: {left: plan, right: plan, resolve: manual}
first_sync: {prefer: {system_wins: left}, only_here: create}
`

const seeMany = `SELECT email, name, plan FROM people`

// newMany is a sync with so many people that they are resolved in several groups.
func newMany(t *testing.T) (s *site, left, right any) {
	t.Helper()
	s = newSite(t, manyDefinition)
	const table = `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT, plan TEXT)`
	const people = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
		INSERT INTO people (email, name, plan) SELECT 'p' || i || '@example.com', 'Person ' || i, 'free' FROM n`
	return s, s.sqlite("left.db", table, people), s.sqlite("right.db", table, people)
}

// The stage is a cache: whatever it loses between two steps, the run ends as if
// nothing had been lost, and every record is counted once.
func TestRunMakesAgainWhatTheStageLoses(t *testing.T) {
	s, left, right := newMany(t)
	require.Equal(t, activities.OutcomeDone, s.run("many").Outcome)
	edit := func(round string) {
		change(t, left, `UPDATE people SET name = 'Left '||`+round+`||id WHERE id % 5 = 0`)
		change(t, right, `UPDATE people SET plan = 'pro'||`+round+` WHERE id % 7 = 0`)
	}
	for name, at := range map[string]struct {
		point activities.Point
		lost  string
	}{
		"'a'": {activities.PointExtracted, "raw.arrow"},
		"'b'": {activities.PointTransformed, "group-*.arrow"},
		"'c'": {activities.PointResolved, "group-*.arrow"}, // other groups are committed by then
	} {
		t.Run(name, func(t *testing.T) {
			edit(name)
			lost := s.lose(t, at.point, at.lost)
			result := s.run("many")
			require.Positive(t, lost.Load())
			require.Equal(t, activities.OutcomeDone, result.Outcome, result.Reason)
			require.Equal(t, int64(100_000), result.Counts.Read)
			require.Equal(t, int64(10_000+7_142), result.Counts.Applied, "%+v", result.Counts)
			require.Equal(t, rows(t, left, seeMany), rows(t, right, seeMany))
			s.house.Sessions.At = nil
			require.Zero(t, written(s.run("many")))
		})
	}
}

// What was blanked before the stage was lost is still before the guard.
func TestGuardSeesWhatWasResolvedBeforeTheStageWasLost(t *testing.T) {
	s, left, right := newMany(t)
	require.Equal(t, activities.OutcomeDone, s.run("many").Outcome)
	change(t, left, `UPDATE people SET plan = NULL`)
	lost := s.lose(t, activities.PointResolved, "group-*.arrow")
	result := s.run("many")
	require.Positive(t, lost.Load())
	require.Equal(t, activities.OutcomeStopped, result.Outcome)
	require.Contains(t, result.Reason, "plan turned empty in 50000 records")
	require.Equal(t, []string{"50000"}, rows(t, right, `SELECT count(*) FROM people WHERE plan = 'free'`))
}
