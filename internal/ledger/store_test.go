package ledger_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

func TestOpenRefusesOtherAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "mysql://x", "sqlite://", "/tmp/ledger.db"} {
		_, err := ledger.Open(t.Context(), address)
		require.ErrorContains(t, err, "open ledger", address)
	}
	_, err := ledger.Open(t.Context(), "postgres://user:canary@127.0.0.1:1/none?connect_timeout=1")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "canary")
	require.NotContains(t, err.Error(), "\n")
	require.Equal(t, 1, strings.Count(err.Error(), "connection refused"), "each way that was tried is told once: %s", err)
	_, err = ledger.Open(t.Context(), "postgres://user:canary@[broken")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "canary")
}

// Nothing of a closed ledger is left running, and an opened one is as it was,
// in odd folders too.
//
//nolint:paralleltest // it counts goroutines, and others have theirs
func TestALedgerOutlivesItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a #folder? with 100% room", "ledger.db")
	scope := people()
	func() {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		s, err := ledger.Open(t.Context(), "sqlite://"+path)
		require.NoError(t, err)
		commit(t, s, begin(t, s, scope, "run-1"), scope, ledger.Change{Links: []*reconcile.Link{anna()}})
		require.NoError(t, s.Close())
	}()
	info, err := os.Stat(filepath.Dir(path))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "a ledger holds people's records")
	s := open(t, "sqlite://"+path)
	require.Equal(t, []*reconcile.Link{anna()}, load(t, s, scope, anna().ID))
}

// Several processes may meet at a new ledger.
func TestManyMayOpenANewLedgerAtOnce(t *testing.T) {
	t.Parallel()
	for kind, address := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { t.Helper(); return "sqlite://" + filepath.Join(t.TempDir(), "ledger.db") },
		"postgres": func(t *testing.T) string { t.Helper(); return testenv.Postgres(t).URL },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			at := address(t)
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() {
					s, err := ledger.Open(context.WithoutCancel(t.Context()), at)
					if err == nil {
						err = s.Close()
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
		})
	}
}

// Both kinds of ledger have the same tables and columns, or the same tests
// would not mean the same.
func TestBothKindsHaveTheSameTables(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	open(t, "sqlite://"+path)
	db := testenv.Postgres(t)
	open(t, db.URL)

	lite, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, lite.Close()) }()
	rows, err := lite.QueryContext(t.Context(), `SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose_%' ORDER BY 1`)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var left []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		left = append(left, name)
	}
	require.NoError(t, rows.Err())
	found, err := db.Conn(t).Query(t.Context(), `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose_%'`)
	require.NoError(t, err)
	right, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err)
	require.ElementsMatch(t, left, right)
	require.Greater(t, len(left), 100)
}

// A step that runs twice gets what it got, and writes nothing again.
func TestAMarkedCommitIsDoneOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		_, found, err := s.Mark(t.Context(), "run-1", "resolve", "3")
		require.NoError(t, err)
		require.False(t, found)
		l := anna()
		change := ledger.Change{
			Step: "resolve", Part: "3", Links: []*reconcile.Link{l}, Opened: []*reconcile.Conflict{nameConflict("d")},
			Journal: []ledger.Entry{{Op: "create", System: "crm", LinkID: l.ID, At: noon}}, Result: []byte(`{"links":1}`),
		}
		result, again, err := s.Commit(t.Context(), f, scope, change)
		require.NoError(t, err)
		require.False(t, again)
		require.Equal(t, change.Result, result)

		l.Base[1], change.Result = "Other", []byte("other")
		result, again, err = s.Commit(t.Context(), f, scope, change)
		require.NoError(t, err)
		require.True(t, again)
		require.JSONEq(t, `{"links":1}`, string(result))
		require.Equal(t, "Anna", load(t, s, scope, l.ID)[0].Base[1])
		entries, err := s.Journal(t.Context(), ledger.JournalFilter{Sync: "people"})
		require.NoError(t, err)
		require.Len(t, entries, 1)
		result, found, err = s.Mark(t.Context(), "run-1", "resolve", "3")
		require.NoError(t, err)
		require.True(t, found)
		require.JSONEq(t, `{"links":1}`, string(result))

		f = begin(t, s, scope, "run-2")
		_, again, err = s.Commit(t.Context(), f, scope, change)
		require.NoError(t, err)
		require.False(t, again, "another run does its own part 3")
	})
}

// A change is written whole or not at all.
func TestACommitThatFailsWritesNothing(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		good := func() ledger.Change {
			return ledger.Change{
				Step: "s", Part: "p", Links: []*reconcile.Link{anna()}, Opened: []*reconcile.Conflict{nameConflict("d")},
				Owed: map[string][]reconcile.Payment{"link-anna": {{System: 0, Op: "update"}}},
			}
		}
		for name, spoil := range map[string]func(*ledger.Change){
			"field that nobody knows": func(c *ledger.Change) {
				c.Journal = []ledger.Entry{{Op: "update", Before: map[string]record.Value{"shoe": 1}}}
			},
			"system that nobody knows": func(c *ledger.Change) { c.Journal = []ledger.Entry{{Op: "update", System: "shop"}} },
			"no value":                 func(c *ledger.Change) { c.Links[0].Base[0] = 5 },
			"no state":                 func(c *ledger.Change) { c.Links[0].Members[0].State = "happy" },
			"twice":                    func(c *ledger.Change) { c.Links = append(c.Links, anna()) },
			"no such conflict":         func(c *ledger.Change) { c.Opened[0].ID = 77 },
			"a field too many":         func(c *ledger.Change) { c.Links[0].Base = append(c.Links[0].Base, "x") },
			"a loose row without a key": func(c *ledger.Change) {
				c.Loose = []*reconcile.Member{{System: 0, State: reconcile.Unlinked}}
			},
		} {
			change := good()
			spoil(&change)
			_, _, err := s.Commit(t.Context(), f, scope, change)
			require.Error(t, err, name)
			require.NotContains(t, err.Error(), "Anna", name)
			require.Empty(t, load(t, s, scope, "link-anna"), name)
			require.Empty(t, owedTo(t, s, scope, 0), name)
			require.Empty(t, conflicts(t, s, ledger.ConflictFilter{}), name)
			counts, err := s.Count(t.Context(), "people")
			require.NoError(t, err)
			require.Equal(t, map[string]int64{"crm": 0, "billing": 0}, counts, name)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := s.Commit(cancelled, f, scope, good())
		require.ErrorIs(t, err, context.Canceled)
		commit(t, s, f, scope, good())
	})
}

// Syncs share a ledger and nothing in it.
func TestSyncsCommitAtOnceAndNeverMeet(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		const syncs, commits = 4, 8
		var group sync.WaitGroup
		for i := range syncs {
			scope := people()
			scope.Sync = fmt.Sprintf("sync-%d", i)
			f := begin(t, s, scope, scope.Sync+"/run/1")
			group.Go(func() {
				for j := range commits {
					l := person(fmt.Sprintf("link-%d", j), fmt.Sprintf("%d@example.org", j), scope.Sync, int64(i))
					_, _, err := s.Commit(context.WithoutCancel(t.Context()), f, scope, ledger.Change{
						Step: "s", Part: strconv.Itoa(j), Links: []*reconcile.Link{l},
						Owed: map[string][]reconcile.Payment{l.ID: {{System: 1, Op: "update"}}},
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		for i := range syncs {
			scope := people()
			scope.Sync = fmt.Sprintf("sync-%d", i)
			links, _, err := s.Load(t.Context(), scope, ledger.Select{
				Links: []string{"link-0"}, Keys: map[int][]record.Key{0: {key("link-1crm")}},
				Matches: []ledger.MatchText{{Text: match("2@example.org")}},
			})
			require.NoError(t, err)
			require.Len(t, links, 3)
			for _, l := range links {
				require.Equal(t, scope.Sync, l.Base[1])
			}
			require.Len(t, owedTo(t, s, scope, 1), commits)
		}
		_, _, err := s.Commit(t.Context(), ledger.Fence{Sync: "sync-0", Run: "sync-0/run/1", Epoch: 1}, people(), ledger.Change{})
		require.ErrorContains(t, err, "scope")
	})
}

// Two processes may use one SQLite ledger: they wait for each other.
func TestWritersOfSeveralProcessesWaitForEachOther(t *testing.T) {
	t.Parallel()
	address := "sqlite://" + filepath.Join(t.TempDir(), "ledger.db")
	var group sync.WaitGroup
	for i := range 3 {
		s := open(t, address)
		scope := people()
		scope.Sync = fmt.Sprint("sync ", i)
		f := begin(t, s, scope, scope.Sync+"/run/1")
		group.Go(func() {
			for j := range 20 {
				l := anna()
				l.Rev = int64(j)
				_, _, err := s.Commit(context.WithoutCancel(t.Context()), f, scope, ledger.Change{Step: "s", Part: strconv.Itoa(j), Links: []*reconcile.Link{l}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func TestDefinitionsAreNumberedRevisions(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		_, err := s.Revision(t.Context(), "people", 0)
		require.ErrorIs(t, err, ledger.ErrNotFound)
		none, err := s.Deployed(t.Context())
		require.NoError(t, err)
		require.Empty(t, none)
		one := ledger.Revision{Sync: "people", YAML: "sync: people", Hash: "h1", By: "eve", At: noon}
		two := ledger.Revision{Sync: "people", YAML: "sync: people # 2", Hash: "h2", By: "bob", At: noon.Add(time.Hour)}
		for want, r := range []ledger.Revision{one, one, two} {
			number, err := s.SaveRevision(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, max(want, 1), number)
		}
		one.Number, two.Number = 1, 2
		latest, err := s.Revision(t.Context(), "people", 0)
		require.NoError(t, err)
		require.Equal(t, two, latest)
		require.NoError(t, s.SetDeployed(t.Context(), "people", 2, true))
		require.NoError(t, s.SetDeployed(t.Context(), "people", 1, true))
		one.Deployed = true
		current, err := s.Revision(t.Context(), "people", 0)
		require.NoError(t, err)
		require.Equal(t, one, current, "what is deployed counts, not what is newest")
		all, err := s.Revisions(t.Context(), "people")
		require.NoError(t, err)
		require.Equal(t, []ledger.Revision{two, one}, all)
		deployed, err := s.Deployed(t.Context())
		require.NoError(t, err)
		require.Equal(t, []ledger.Revision{one}, deployed)
		require.NoError(t, s.SetDeployed(t.Context(), "people", 1, false))
		require.ErrorIs(t, s.SetDeployed(t.Context(), "people", 9, true), ledger.ErrNotFound)
	})
}

func TestRunsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		_, err := s.LastRun(t.Context(), "people")
		require.ErrorIs(t, err, ledger.ErrNotFound)
		f := begin(t, s, scope, "run-1")
		require.NoError(t, s.FinishRun(t.Context(), f, ledger.Finish{Outcome: "done", Result: []byte(`{}`), At: noon.Add(time.Minute)}))
		begin(t, s, scope, "run-2")
		runs, err := s.Runs(t.Context(), "people", 5)
		require.NoError(t, err)
		require.Equal(t, []ledger.Run{
			{Sync: "people", ID: "run-2", Number: 2, Epoch: 2, Trigger: "test", Started: noon},
			{Sync: "people", ID: "run-1", Number: 1, Epoch: 1, Trigger: "test", Outcome: "done", Started: noon, Ended: noon.Add(time.Minute), Result: []byte(`{}`)},
		}, runs)
		all, err := s.Runs(t.Context(), "", 0)
		require.NoError(t, err)
		require.Len(t, all, 2)
		last, err := s.LastRun(t.Context(), "people")
		require.NoError(t, err)
		require.Equal(t, runs[0], last)
		one, err := s.Run(t.Context(), "run-1")
		require.NoError(t, err)
		require.Equal(t, runs[1], one)
		_, err = s.Run(t.Context(), "run-9")
		require.ErrorIs(t, err, ledger.ErrNotFound)
		_, err = s.BeginRun(t.Context(), ledger.Begin{Sync: "others", Run: "run-1", At: noon})
		require.Error(t, err, "a run belongs to one sync")
	})
}

func TestPausesHoldASyncOrOneSystemOfIt(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		require.NoError(t, s.Pause(t.Context(), "people", "", "moving", noon))
		require.NoError(t, s.Pause(t.Context(), "people", "crm", "broken", noon))
		require.NoError(t, s.Pause(t.Context(), "people", "crm", "still broken", noon))
		paused, err := s.Paused(t.Context(), "people")
		require.NoError(t, err)
		require.Equal(t, map[string]string{"": "moving", "crm": "still broken"}, paused)
		require.NoError(t, s.Resume(t.Context(), "people", "crm"))
		paused, err = s.Paused(t.Context(), "people")
		require.NoError(t, err)
		require.Equal(t, map[string]string{"": "moving"}, paused)
		require.NoError(t, s.Resume(t.Context(), "people", ""))
		paused, err = s.Paused(t.Context(), "people")
		require.NoError(t, err)
		require.Empty(t, paused)
	})
}

func TestTheJournalIsPruned(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		for i := range 4 {
			commit(t, s, f, scope, ledger.Change{Journal: []ledger.Entry{{
				System: "crm", LinkID: "l", Op: "update", At: noon.Add(time.Duration(i) * time.Hour),
				Before: map[string]record.Value{}, After: map[string]record.Value{"age": int64(i)},
			}}})
		}
		pruned, err := s.PruneJournal(t.Context(), "people", noon.Add(2*time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 2, pruned)
		entries, err := s.Journal(t.Context(), ledger.JournalFilter{Sync: "people", Limit: 1})
		require.NoError(t, err)
		require.Equal(t, []ledger.Entry{{
			ID: entries[0].ID, Sync: "people", Run: "run-1", System: "crm", LinkID: "l", Op: "update", At: noon.Add(3 * time.Hour),
			Before: map[string]record.Value{}, After: map[string]record.Value{"age": int64(3)},
		}}, entries)
	})
}

// A person names a record by its match, its key or its number.
func TestLinksAreFoundByWhatPeopleType(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l := anna()
		composite, _ := record.FoldMatch("Muster", "1970-01-01")
		l.Match = []string{match("anna@example.org"), composite}
		pair, _ := record.NewKey("7", "b")
		l.Members[0].Key = pair
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l, person("other", "o@example.org", "O", 1)}})
		for _, text := range []string{"anna@example.org", "Muster,1970-01-01", "7, b", "link-annabilling", "link-anna"} {
			found, err := s.FindLinks(t.Context(), scope, text)
			require.NoError(t, err)
			require.Equal(t, []*reconcile.Link{l}, found, text)
		}
		found, err := s.FindLinks(t.Context(), scope, "nobody")
		require.NoError(t, err)
		require.Empty(t, found)
	})
}

// What was never met is no error to ask about.
func TestANewLedgerKnowsNothing(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		links, loose, err := s.Load(t.Context(), scope, ledger.Select{Links: []string{"x"}, Keys: map[int][]record.Key{0: {key("1")}}})
		require.NoError(t, err)
		require.Empty(t, links)
		require.Empty(t, loose)
		briefs, err := s.Briefs(t.Context(), scope, 0, []record.Key{key("1"), ""})
		require.NoError(t, err)
		require.Empty(t, briefs)
		require.Empty(t, owedTo(t, s, scope, 0))
		intents, err := s.Intents(t.Context(), scope, 1)
		require.NoError(t, err)
		require.Empty(t, intents)
		require.NoError(t, s.EachMember(t.Context(), scope, 0, [2]uint16{0, 9}, func(ledger.MemberKey) error { return nil }))
		systems, err := s.Systems(t.Context(), "people")
		require.NoError(t, err)
		require.Empty(t, systems)
		entries, err := s.Journal(t.Context(), ledger.JournalFilter{Sync: "people"})
		require.NoError(t, err)
		require.Empty(t, entries)
		require.Empty(t, conflicts(t, s, ledger.ConflictFilter{Sync: "people"}))
		_, err = s.Decision(t.Context(), 1)
		require.ErrorIs(t, err, ledger.ErrNotFound)
		hash, count, err := s.OwedDigest(t.Context(), scope)
		require.NoError(t, err)
		require.Zero(t, count)
		require.Regexp(t, "^[0-9a-f]{32}$", hash)
	})
}

// What a system looked like is kept for runs that cannot reach it; only the
// current run notes it.
func TestDescriptionsAreKept(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		f := begin(k.t, k.s, people(), "run-1")
		require.NoError(k.t, k.s.SetDescribed(k.t.Context(), f, "crm", `{"key":["id"]}`))
		systems, err := k.s.Systems(k.t.Context(), "people")
		require.NoError(k.t, err)
		require.JSONEq(k.t, `{"key":["id"]}`, systems["crm"].Described)
		require.Empty(k.t, systems["billing"].Described)
		require.ErrorIs(k.t, k.s.SetDescribed(k.t.Context(), f, "nobody", "{}"), ledger.ErrNotFound)
		begin(k.t, k.s, people(), "run-2")
		require.ErrorIs(k.t, k.s.SetDescribed(k.t.Context(), f, "crm", "{}"), ledger.ErrFenced)
	})
}
