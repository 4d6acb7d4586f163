package reconcile

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
)

// A default of a database: `plan` came from nobody, left sets it by itself.
func serverSetWorld() (*Rules, *Link) {
	rules := &Rules{
		Fields: []FieldRule{
			{Name: "email", Type: record.Type{Kind: record.KindString}, Owner: None},
			{Name: "plan", Type: record.Type{Kind: record.KindString}, Owner: None},
		},
		Default: Chain{{Name: "manual"}},
		Prefer:  Chain{{Name: "system_wins", Systems: []int{1}}},
	}
	for _, name := range []string{"left", "right", "file"} {
		rules.Systems = append(rules.Systems, SystemRule{
			Name: name, Reads: true, Receives: true, Create: true, Update: true, Delete: true,
			Has: []bool{true, name != "file"}, Writes: []bool{true, name != "file"},
		})
	}
	return rules, &Link{
		ID: "L", Rev: 1, Base: []record.Value{"ann@x.org", record.Missing}, Match: []string{"ann@x.org"},
		Origins: []Origin{{System: 2, Rev: 1, Rule: "created"}, {System: None}},
		Members: []*Member{nil, nil, {System: 2, Key: "f", LinkID: "L", State: Live, Acked: 1, SinceWrite: true}},
	}
}

func payOf(t *testing.T, rules *Rules, l *Link, s int) Payment {
	t.Helper()
	payments, err := Owed(rules, l)
	require.NoError(t, err)
	for _, p := range payments {
		if p.System == s {
			return p
		}
	}
	t.Fatalf("%s is owed nothing", rules.Systems[s].Name)
	return Payment{}
}

func TestWhatASystemSetsByItselfIsAgreedUpon(t *testing.T) {
	t.Parallel()
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		rules, l := serverSetWorld()
		returned := [][]record.Value{{"ann@x.org", "free"}, {"ann@x.org", nil}}
		for _, s := range order {
			p := payOf(t, rules, l, s)
			require.Equal(t, OpCreate, p.Op)
			r := Receipt{Payment: p, Key: record.Key(rules.Systems[s].Name), Values: returned[s], Shown: true}
			if len(p.Fields) == 2 {
				r.Values = p.Values
			}
			l = Acknowledge(rules, l, r)
		}
		require.Equal(t, "free", l.Base[1])
		require.Equal(t, Origin{System: 0, Rev: 2, Rule: "server_set"}, l.Origins[1])
		if order[0] == 1 { // right was made before anybody knew
			p := payOf(t, rules, l, 1)
			require.Equal(t, OpUpdate, p.Op)
			require.Equal(t, []int{1}, p.Fields)
			l = Acknowledge(rules, l, Receipt{Payment: p, Key: p.Key, Values: l.Base, Shown: true})
		}
		payments, err := Owed(rules, l)
		require.NoError(t, err)
		require.Empty(t, payments)
		for _, m := range l.Members {
			require.Equal(t, l.Rev, m.Acked)
			require.Empty(t, m.Seen)
		}
		out, err := Resolve(rules, &Bucket{Links: []*Link{l}, Observations: []Observation{
			{System: 0, Key: "left", Match: l.Match, Values: []record.Value{"ann@x.org", "pro"}, InScope: true},
			{System: 1, Key: "right", Match: l.Match, Values: []record.Value{"ann@x.org", "basic"}, InScope: true},
		}})
		require.NoError(t, err)
		require.Len(t, out.Opened, 1, "two people who edit it disagree; first_sync has no say any more")
		require.Equal(t, UpdateOriginDiffers, out.Opened[0].Kind)
	}
}

// Both rows were made with an empty plan: nobody has spoken, and who does so
// first edits.
func TestWhatWasLeftEmptyIsEditedAndNotMetForTheFirstTime(t *testing.T) {
	t.Parallel()
	rules, l := serverSetWorld()
	for s, name := range []record.Key{"left", "right"} {
		l = Acknowledge(rules, l, Receipt{Payment: payOf(t, rules, l, s), Key: name, Values: []record.Value{"ann@x.org", nil}, Shown: true})
	}
	require.True(t, record.IsMissing(l.Base[1]), "an empty field says nothing")
	say := func(s int, plan record.Value) Observation {
		return Observation{
			System: s, Key: record.Key(rules.Systems[s].Name), Match: l.Match, Values: []record.Value{"ann@x.org", plan}, InScope: true,
		}
	}
	out, err := Resolve(rules, &Bucket{Links: []*Link{l}, Observations: []Observation{say(0, "pro"), say(1, nil)}})
	require.NoError(t, err)
	require.Equal(t, "pro", out.Links[0].Base[1], "an empty field is no word against a value")
	require.Empty(t, out.Opened)
	out, err = Resolve(rules, &Bucket{Links: []*Link{l}, Observations: []Observation{say(0, "pro"), say(1, "basic")}})
	require.NoError(t, err)
	require.Len(t, out.Opened, 1)
	require.Equal(t, UpdateOriginDiffers, out.Opened[0].Kind)

	bucket := &Bucket{Links: []*Link{l}, Observations: []Observation{say(0, "pro"), say(1, "basic")}}
	again, err := Resolve(rules, after(bucket, out))
	require.NoError(t, err)
	require.Empty(t, again.Links, "it stays a conflict until somebody decides")
	require.Empty(t, again.Closed)
}

func TestOnlyWhoMaySpeakSetsAValueByItself(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Rules){
		"a target":      func(r *Rules) { r.Systems[0].Reads = false },
		"not the owner": func(r *Rules) { r.Fields[1].Owner = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, l := serverSetWorld()
			change(rules)
			l = Acknowledge(rules, l, Receipt{Payment: payOf(t, rules, l, 0), Key: "left", Values: []record.Value{"ann@x.org", "free"}, Shown: true})
			require.True(t, record.IsMissing(l.Base[1]))
			require.Equal(t, int64(1), l.Rev)
		})
	}
}
