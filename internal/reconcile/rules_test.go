package reconcile

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
)

// TestLedgerProtocol names the scenarios that hold each rule of the ledger
// protocol, as far as it is decided here.
func TestLedgerProtocol(t *testing.T) {
	t.Parallel()
	for rule, scenarios := range map[string][]string{
		"1 a tombstone keeps the base":              {"delete", "tombstone-unchanged", "tombstone-paid"},
		"2 owed is derived":                         {"edit-one-side", "create-later", "uncertain-write-not-done"},
		"3 an edit is against what was last seen":   {"base-moved", "base-moved-and-paid", "base-moved-edited-on-top"},
		"4 agreement is per system":                 {"same-under-columns", "uncertain-write-done", "uncertain-creation-other-row"},
		"6 absent is not deleted":                   {"delete-not-seen-since-write", "leaves-scope", "delete-ignored-then-edit"},
		"7 every row seen gets a member":            {"bad-unknown-blocks-creation", "out-of-scope-blocks-creation", "unlisted"},
		"8 first contact":                           {"first-sync", "new-system", "new-field", "mapping-changed"},
		"9 identity":                                {"ambiguous-duplicates", "match-blank", "match-changed", "key-reused"},
		"10 old observations are dropped":           {"old-observation", "old-delete", "two-observations"},
		"13 quarantine gives way":                   {"bad-row", "bad-then-good", "refused-waits"},
		"14 a decision is for a digest":             {"conflict-changed", "conflict-converges", "decide-changed-meanwhile"},
		"15 a delete that is owed can be cancelled": {"tombstone-recreated", "soft-undelete"},
		"19 ties end in the order of the systems":   {"conflict-no-policy", "policy-newest-no-time"},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			for _, name := range scenarios {
				file := "testdata/" + name + ".yaml"
				_, err := os.Stat(file)
				require.NoError(t, err)
				runScenario(t, file)
			}
		})
	}
}

func TestPolicyNames(t *testing.T) {
	t.Parallel()
	for _, own := range Policies() {
		got, err := ParsePolicyName(own)
		require.NoError(t, err)
		require.Equal(t, own, got)
	}
	seen := map[string]string{}
	for own, others := range Aliases() {
		require.Contains(t, Policies(), own)
		for _, other := range others {
			require.Empty(t, seen[other], "%s means both %s and %s", other, seen[other], own)
			seen[other] = own
			got, err := ParsePolicyName(other)
			require.NoError(t, err)
			require.Equal(t, own, got)
		}
	}
	for alias, want := range map[string]string{"NEWER_WINS": "newest_wins", "USEMAX": "max", "path1": "system_wins", "lww": "newest_wins", "review": "manual"} {
		require.Equal(t, want, seen[alias])
	}
	folded, err := ParsePolicyName("Last_Write_Wins")
	require.NoError(t, err)
	require.Equal(t, "newest_wins", folded)
	_, err = ParsePolicyName("best_wins")
	require.ErrorContains(t, err, "best_wins")
}

func TestSideOf(t *testing.T) {
	t.Parallel()
	for alias, want := range map[string]int{"path1": 0, "left": 0, "path2": 1, "REMOTE": 1} {
		got, ok := SideOf(alias)
		require.True(t, ok, alias)
		require.Equal(t, want, got, alias)
	}
	_, ok := SideOf("site_priority")
	require.False(t, ok)
}

func ackRules() *Rules {
	rules := &Rules{Fields: []FieldRule{
		{Name: "name", Owner: None, Type: record.Type{Kind: record.KindString}},
		{Name: "code", Owner: None, Type: record.Type{Kind: record.KindString}},
	}}
	for _, name := range []string{"left", "right"} {
		rules.Systems = append(rules.Systems, SystemRule{
			Name: name, Reads: true, Receives: true, Create: true, Update: true, Delete: true, Has: trues(2), Writes: trues(2),
		})
	}
	return rules
}

func ackLink() *Link {
	return &Link{
		ID: "L", Rev: 3, Base: []record.Value{"Ann", "a"}, Match: []string{"m"},
		Origins: []Origin{{System: 0, Rev: 3}, {System: 0, Rev: 3}},
		Members: []*Member{{System: 0, Key: "l", LinkID: "L", State: Live, Acked: 3}, nil},
	}
}

func TestAcknowledgeWhatWasReturned(t *testing.T) {
	t.Parallel()
	rules, link := ackRules(), ackLink()
	owed, err := Owed(rules, link)
	require.NoError(t, err)
	require.Len(t, owed, 1)
	require.Equal(t, OpCreate, owed[0].Op)

	begun := Intend(link, owed[0])
	again, err := Owed(rules, begun)
	require.NoError(t, err)
	require.True(t, again[0].Uncertain, "the outcome of what was begun is not known")
	require.Nil(t, link.Members[1], "the link that came is not changed")

	// The system made capitals of the code; that is what was last seen there,
	// and it is neither owed again nor taken for an edit when it comes back.
	paid := Acknowledge(rules, begun, Receipt{Payment: owed[0], Key: "r", Values: []record.Value{"Ann", "A"}, Shown: true})
	require.Equal(t, map[int]record.Value{1: "A"}, paid.Members[1].Seen)
	again, err = Owed(rules, paid)
	require.NoError(t, err)
	require.Empty(t, again)
	out, err := Resolve(rules, &Bucket{Links: []*Link{paid}, Observations: []Observation{
		{System: 1, Key: "r", Match: []string{"m"}, Values: []record.Value{"Ann", "A"}, InScope: true},
	}})
	require.NoError(t, err)
	require.Empty(t, out.Opened)
	require.Empty(t, out.Notes)
}

func TestAcknowledgeWithoutAnswer(t *testing.T) {
	t.Parallel()
	rules, link := ackRules(), ackLink()
	link.Members[1] = &Member{System: 1, Key: "r", LinkID: "L", State: Live, Acked: 2, Seen: map[int]record.Value{0: "Anna", 1: "b"}}
	paid := Acknowledge(rules, link, Receipt{Payment: Payment{System: 1, Op: OpUpdate, Fields: []int{0}, Rev: 3}, Key: "r"})
	require.Equal(t, map[int]record.Value{1: "b"}, paid.Members[1].Seen, "what was not paid is as it was last seen")
	require.False(t, paid.Members[1].SinceWrite)

	gone := Acknowledge(rules, link, Receipt{Payment: Payment{System: 1, Op: OpDelete, Rev: 3}, Key: "r"})
	require.Nil(t, gone.Members[1])
	soft := Acknowledge(rules, link, Receipt{Payment: Payment{System: 1, Op: OpSoft, Rev: 3}, Key: "r"})
	require.Equal(t, Detached, soft.Members[1].State)
}

func TestSpent(t *testing.T) {
	t.Parallel()
	link := ackLink()
	require.False(t, link.Spent(), "it lives")
	link.Tombstone = true
	require.False(t, link.Spent(), "a row is left")
	link.Members[0] = nil
	require.True(t, link.Spent())
	link.Members[1] = &Member{State: Detached, Why: whyUnlinked}
	require.False(t, link.Spent(), "forgetting an unlinked row would make it new")
}

func TestAcceptThatFails(t *testing.T) {
	t.Parallel()
	rules, link := ackRules(), ackLink()
	rules.Systems[1].Accept = func([]record.Value) (bool, error) { return false, fmt.Errorf("no such field") } //nolint:perfsprint // as an expression would
	link.Members[0].Seen, link.Members[0].Acked = map[int]record.Value{0: "Anna"}, 2
	owed, err := Owed(rules, link)
	require.ErrorContains(t, err, "what right is owed of link L")
	require.Len(t, owed, 1, "the others' payments are still good")
}

// TestUnpredictable: where it cannot be said what a system would hold, all of
// what it holds is remembered, and nothing of it counts as an edit.
func TestUnpredictable(t *testing.T) {
	t.Parallel()
	rules, link := ackRules(), ackLink()
	rules.Systems[1].Predict = func([]record.Value) ([]record.Value, error) { return nil, fmt.Errorf("too long") } //nolint:perfsprint // as an expression would
	row := Observation{System: 1, Key: "r", Match: []string{"m"}, Values: []record.Value{"Ann", "a"}, InScope: true}
	first, err := Resolve(rules, &Bucket{Links: []*Link{link}, Observations: []Observation{row}})
	require.NoError(t, err)
	require.Len(t, first.Links, 1)
	second, err := Resolve(rules, &Bucket{Links: first.Links, Observations: []Observation{row}})
	require.NoError(t, err)
	require.Empty(t, second.Links)
	require.Empty(t, second.Notes)
}

// TestCrowds: ten thousand rows with one match cost neither a conflict of ten
// thousand sides nor the patience of the machine.
func TestCrowds(t *testing.T) {
	t.Parallel()
	rules := ackRules()
	b := &Bucket{NewID: func(_ int, key record.Key, _ []string) string { return string(key) }}
	for i := range 10_000 {
		b.Observations = append(b.Observations, Observation{
			System: 0, Key: record.Key(fmt.Sprint("k", i)), Match: []string{"same", "same"}, Values: []record.Value{"Ann", "a"}, InScope: true,
		}, Observation{
			System: 1, Key: record.Key(fmt.Sprint("k", i)), Match: []string{fmt.Sprint("own", i), "shared"}, Values: []record.Value{"Ann", "a"}, InScope: true,
		})
	}
	out, err := Resolve(rules, b)
	require.NoError(t, err)
	require.Len(t, out.Opened, 10_000)
	require.LessOrEqual(t, len(out.Opened[0].Candidates), shownRivals+1)
	require.Len(t, out.Links, 10_000, "a second text that everybody shares tells nobody apart")
	require.True(t, out.Tally.Balanced())
}
