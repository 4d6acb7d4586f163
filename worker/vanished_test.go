package worker_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/workflows"
)

const vanishedDefinition = `
sync: people
systems:
  crm:  {connector: sqlite, path: ./crm.db, object: people ROLE}
  news: {connector: csv, path: ./news.csv, key: [email], role: target}
match: email
same: [email, name]
deletes: {effect: ignore}
`

const newsOfTwo = "email,name\nann@x.org,Ann\nbob@x.org,Bob\n"

func (s *site) text(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(s.file(name))
	require.NoError(t, err)
	return string(text)
}

// A file that the first run made, or that was ever met, is never made anew with
// what changed since: neither one that keeps links, nor one that is streamed.
func TestTargetFileThatVanishesIsNotMadeAnew(t *testing.T) {
	for way, role := range map[string]string{"linked": "", "streamed": ", role: source, modified: touched, changes: cursor, sweep: 1000h"} {
		for name, point := range map[string]activities.Point{
			"between runs": "", "after the first step": activities.PointBegun, "after it was read": activities.PointTransformed,
		} {
			for _, other := range []bool{false, true} { // whether another worker takes the run over
				if other {
					name += ", for another worker"
				}
				at := point
				t.Run(way+", "+name, func(t *testing.T) {
					s := newPassSite(t, strings.ReplaceAll(vanishedDefinition, "ROLE", role))
					crm := s.sqlite("crm.db", `CREATE TABLE people (email TEXT PRIMARY KEY, name TEXT, touched INTEGER NOT NULL DEFAULT 1)`,
						`INSERT INTO people (email, name) VALUES ('ann@x.org', 'Ann'), ('bob@x.org', 'Bob')`)
					result, err := s.pass()
					require.NoError(t, err, "what never was is made by the first run")
					require.Equal(t, activities.OutcomeDone, result.Outcome)
					require.Equal(t, newsOfTwo, s.text(t, "news.csv"))

					change(t, crm, `INSERT INTO people VALUES ('cy@x.org', 'Cy', 2)`)
					var mu sync.Mutex // both systems come to a point
					gone := func(p activities.Point) {
						mu.Lock()
						defer mu.Unlock()
						if p == at {
							require.NoError(t, os.Remove(s.file("news.csv")))
							if other {
								s.house.Sessions.Close(workflows.RunID("people", 2))
							}
							at = "-"
						}
					}
					gone("")
					s.house.Sessions.At = gone
					before := s.systems(t)
					_, err = s.pass()
					require.Equal(t, activities.Point("-"), at, "it was deleted")
					require.ErrorContains(t, err, "news")
					var app *temporal.ApplicationError
					require.ErrorAs(t, err, &app)
					require.Equal(t, string(connectors.NotFound), app.Type(), app.Message())
					require.NoFileExists(t, s.file("news.csv"))
					require.Equal(t, before["crm"], s.systems(t)["crm"], "positions stay")

					require.NoError(t, os.WriteFile(s.file("news.csv"), []byte(newsOfTwo), 0o600))
					result, err = s.pass()
					require.NoError(t, err)
					require.Equal(t, activities.OutcomeDone, result.Outcome)
					require.Equal(t, newsOfTwo+"cy@x.org,Cy\n", s.text(t, "news.csv"))
				})
			}
		}
	}
}

// A file elsewhere under a known name is refused before anything is made there.
func TestNothingIsMadeElsewhereUnderAKnownName(t *testing.T) {
	s := newPassSite(t, strings.ReplaceAll(vanishedDefinition, "ROLE", ""))
	s.sqlite("crm.db", `CREATE TABLE people (email TEXT PRIMARY KEY, name TEXT)`, `INSERT INTO people VALUES ('ann@x.org', 'Ann')`)
	_, err := s.pass()
	require.NoError(t, err)
	s.define(strings.NewReplacer("ROLE", "", "news.csv", "other.csv").Replace(vanishedDefinition))
	project, problems := s.house.Project()
	require.NoError(t, problems.Err())
	_, err = s.house.Sessions.OpenDefinition(t.Context(), project.Definitions[0])
	require.ErrorContains(t, err, "news")
	require.Equal(t, connectors.Permanent, connectors.KindOf(err))
	require.NoFileExists(t, s.file("other.csv"))
}
