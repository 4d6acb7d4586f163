package ledger_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// names is a sync of one field between two systems that both read and write.
func names() (ledger.Scope, *reconcile.Rules) {
	kind := record.Type{Kind: record.KindString}
	scope := ledger.Scope{Sync: "names", Fields: []record.Field{{Name: "name", Type: kind}}, Systems: []string{"left", "right"}}
	rules := &reconcile.Rules{
		Fields:  []reconcile.FieldRule{{Name: "name", Type: kind, Owner: reconcile.None}},
		Default: reconcile.Chain{{Name: "manual"}},
	}
	for _, name := range scope.Systems {
		rules.Systems = append(rules.Systems, reconcile.SystemRule{
			Name: name, Reads: true, Receives: true, Create: true, Update: true, Delete: true, Has: []bool{true}, Writes: []bool{true},
		})
	}
	return scope, rules
}

// named is a link whose base came from left; right has acknowledged as given.
func named(base string, acked int64, seen map[int]record.Value) *reconcile.Link {
	return &reconcile.Link{
		ID: "L", Rev: 2, Base: []record.Value{base}, Origins: []reconcile.Origin{{System: 0, Rev: 2, Rule: "edit"}}, Match: []string{"m"},
		Members: []*reconcile.Member{
			{System: 0, Key: key("l"), LinkID: "L", State: reconcile.Live, Acked: 2, SinceWrite: true, Match: []string{"m"}},
			{
				System: 1, Key: key("r"), LinkID: "L", State: reconcile.Live, Acked: acked, SinceWrite: true, Match: []string{"m"},
				Order: "0005", RawHash: record.HashText("raw"), Seen: seen,
			},
		},
	}
}

// meet loads the link from the ledger and lets right's row meet it.
func meet(tb testing.TB, s *ledger.Store, scope ledger.Scope, rules *reconcile.Rules, o reconcile.Observation) *reconcile.Outcome {
	tb.Helper()
	o.System, o.Key, o.Match, o.InScope = 1, key("r"), []string{"m"}, true
	outcome, err := reconcile.Resolve(rules, &reconcile.Bucket{
		Links: load(tb, s, scope, "L"), Observations: []reconcile.Observation{o}, Complete: []bool{true, true}, First: []bool{false, false},
	})
	require.NoError(tb, err)
	return outcome
}

// Without rule 3, and without the revisions that the ledger keeps for it, an
// edit of left that right has not heard of is overwritten by right's own edit
// of a value that is no more.
func TestRule03AnEditMeetsABaseThatMoved(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		scope, rules := names()
		f := begin(k.t, k.s, scope, "run-1")
		behind := named("b", 1, map[int]record.Value{0: "a"}) // left said b while right was away
		commit(k.t, k.s, f, scope, ledger.Change{Links: []*reconcile.Link{behind}})
		outcome := meet(k.t, k.s, scope, rules, reconcile.Observation{Values: []record.Value{"c"}, Order: "0006"})
		require.Len(k.t, outcome.Opened, 1)
		require.Equal(k.t, "b", outcome.Links[0].Base[0])

		upToDate := named("b", 2, nil)
		commit(k.t, k.s, f, scope, ledger.Change{Links: []*reconcile.Link{upToDate}})
		outcome = meet(k.t, k.s, scope, rules, reconcile.Observation{Values: []record.Value{"c"}, Order: "0006"})
		require.Empty(k.t, outcome.Opened)
		require.Equal(k.t, "c", outcome.Links[0].Base[0], "right knew of b and changed it")
	})
}

// Without rule 4 a system that keeps names in capitals seems to edit whatever
// it is given, for ever.
func TestRule04AgreementIsWhatTheSystemWouldReadBack(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		scope, rules := names()
		rules.Systems[1].Predict = func(fields []record.Value) ([]record.Value, error) {
			text, _ := fields[0].(string)
			return []record.Value{strings.ToUpper(text)}, nil
		}
		f := begin(k.t, k.s, scope, "run-1")
		commit(k.t, k.s, f, scope, ledger.Change{Links: []*reconcile.Link{named("Anna", 2, nil)}})
		outcome := meet(k.t, k.s, scope, rules, reconcile.Observation{Values: []record.Value{"ANNA"}, Order: "0006"})
		require.Empty(k.t, outcome.Opened)
		for _, l := range outcome.Links {
			require.Equal(k.t, "Anna", l.Base[0])
			require.Empty(k.t, l.Members[1].Seen)
		}

		// What differs from the prediction is kept until it is settled.
		commit(k.t, k.s, f, scope, ledger.Change{Links: []*reconcile.Link{named("Anna", 1, map[int]record.Value{0: "ANNE"})}})
		require.Equal(k.t, map[int]record.Value{0: "ANNE"}, load(k.t, k.s, scope, "L")[0].Members[1].Seen)
	})
}

// Without rule 10 an observation that was on its way for long undoes what came
// after it.
func TestRule10OldObservationsAreDropped(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		scope, rules := names()
		f := begin(k.t, k.s, scope, "run-1")
		commit(k.t, k.s, f, scope, ledger.Change{Links: []*reconcile.Link{named("new", 2, nil)}})
		for _, order := range []string{"0004", "0005"} {
			outcome := meet(k.t, k.s, scope, rules, reconcile.Observation{Values: []record.Value{"old"}, Order: order})
			require.Empty(k.t, outcome.Links, order)
			require.Empty(k.t, outcome.Opened, order)
		}
	})
}
