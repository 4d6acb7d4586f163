package ledger_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

// kit is what a test works with.
type kit struct {
	t *testing.T
	s *ledger.Store
}

// everywhere runs a test on an empty ledger of each kind.
func everywhere(t *testing.T, test func(kit)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(kit{t, open(t, "sqlite://"+filepath.Join(t.TempDir(), "ledger.db"))})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(kit{t, open(t, testenv.Postgres(t).URL)})
	})
}

func open(tb testing.TB, address string) *ledger.Store {
	tb.Helper()
	s, err := ledger.Open(tb.Context(), address)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// noon is the time of everything in these tests.
var noon = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// people is a sync of two systems and three fields.
func people() ledger.Scope {
	return ledger.Scope{
		Sync: "people",
		Fields: []record.Field{
			{Name: "email", Type: record.Type{Kind: record.KindString}},
			{Name: "name", Type: record.Type{Kind: record.KindString}},
			{Name: "age", Type: record.Type{Kind: record.KindInt}},
		},
		Systems: []string{"crm", "billing"},
	}
}

func begin(tb testing.TB, s *ledger.Store, scope ledger.Scope, run string) ledger.Fence {
	tb.Helper()
	r, err := s.BeginRun(tb.Context(), ledger.Begin{
		Sync: scope.Sync, Run: run, Trigger: "test", Fields: scope.Fields, Systems: scope.Systems, At: noon,
	})
	require.NoError(tb, err)
	return ledger.Fence{Sync: scope.Sync, Run: run, Epoch: r.Epoch}
}

// commit commits a change under a mark of its own.
func commit(tb testing.TB, s *ledger.Store, f ledger.Fence, scope ledger.Scope, c ledger.Change) {
	tb.Helper()
	if c.Step == "" {
		c.Step, c.Part = "test", tb.Name()+time.Now().String()
	}
	_, again, err := s.Commit(tb.Context(), f, scope, c)
	require.NoError(tb, err)
	require.False(tb, again)
}

func key(text string) record.Key {
	k, _ := record.NewKey(text)
	return k
}

func match(text string) string {
	m, _ := record.FoldMatch(text)
	return m
}

// anna is a link with a row in both systems.
func anna() *reconcile.Link {
	return person("link-anna", "anna@example.org", "Anna", 41)
}

func person(id, email, name string, age int64) *reconcile.Link {
	m := match(email)
	l := &reconcile.Link{
		ID: id, Rev: 2, Match: []string{m},
		Base: []record.Value{email, name, age},
		Origins: []reconcile.Origin{
			{System: 0, Rev: 1, At: 1000, Rule: "edit"},
			{System: 1, Rev: 2, At: 2000, Rule: "newest_wins"},
			{System: reconcile.None, Rev: 2, Rule: "decision 7"},
		},
	}
	for i := range 2 {
		l.Members = append(l.Members, &reconcile.Member{
			System: i, Key: key(id + people().Systems[i]), LinkID: id, State: reconcile.Live, Acked: 2, Order: "17", Token: "token",
			RawHash: record.HashText(email, name), MapHash: record.HashText("mapping"), Match: []string{m}, SinceWrite: true,
		})
	}
	return l
}

func load(tb testing.TB, s *ledger.Store, scope ledger.Scope, ids ...string) []*reconcile.Link {
	tb.Helper()
	links, _, err := s.Load(tb.Context(), scope, ledger.Select{Links: ids})
	require.NoError(tb, err)
	return links
}

func TestLinksComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		one, two := anna(), person("0123456789abcdef0123456789abcdef", "berta@example.org", "Berta", 30)
		two.Base[2] = record.Missing
		two.Origins[2] = reconcile.Origin{System: reconcile.None}
		two.Members[1].Seen = map[int]record.Value{1: "Bertha", 2: nil}
		two.Members[1].Flips, two.Members[1].FlipHash = 3, record.HashText("flip")
		two.Members[1].State, two.Members[1].Why = reconcile.Detached, "gone"
		two.Members[0] = nil
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{one, two}})

		want := []*reconcile.Link{two, one}
		require.Equal(t, want, load(t, s, scope, one.ID, two.ID))
		for name, sel := range map[string]ledger.Select{
			"keys":    {Keys: map[int][]record.Key{0: {one.Members[0].Key, key("nobody")}, 1: {two.Members[1].Key}}},
			"matches": {Matches: []ledger.MatchText{{Text: match("anna@example.org")}, {Text: match("berta@example.org")}}},
			"slots":   {Slots: &[2]uint16{0, 1<<16 - 1}},
		} {
			links, loose, err := s.Load(t.Context(), scope, sel)
			require.NoError(t, err, name)
			require.Equal(t, want, links, name)
			require.Empty(t, loose, name)
		}
		counts, err := s.Count(t.Context(), "people")
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"crm": 1, "billing": 1}, counts)
	})
}
