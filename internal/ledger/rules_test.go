package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// The tests of the ledger protocol: each is the trace that breaks without its
// rule, as far as the ledger takes part in it.

// Without rule 1 a delete that one system has not heard of yet is forgotten
// with its base, and that system's row comes back as a new record.
func TestRule01TombstonesKeepTheBaseUntilEveryMemberAcknowledged(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l := anna()
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})

		l.Rev, l.Tombstone, l.Members[0] = 3, true, nil
		owes := map[string][]reconcile.Payment{l.ID: {{System: 1, LinkID: l.ID, Op: "delete", Key: l.Members[1].Key, Rev: 3}}}
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}, Owed: owes})
		f = begin(t, s, scope, "run-2")
		purged, err := s.Purge(t.Context(), f, noon.Add(time.Hour))
		require.NoError(t, err)
		require.Zero(t, purged, "billing still has its row")
		require.Equal(t, []*reconcile.Link{l}, load(t, s, scope, l.ID), "base, origins and revision are kept")

		l.Members[1] = nil
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		require.Equal(t, []*reconcile.Link{l}, load(t, s, scope, l.ID))
		purged, err = s.Purge(t.Context(), f, noon)
		require.NoError(t, err)
		require.Zero(t, purged, "the run that deleted it did not begin before then")
		purged, err = s.Purge(t.Context(), f, noon.Add(time.Second))
		require.NoError(t, err)
		require.EqualValues(t, 1, purged)
		require.Empty(t, load(t, s, scope, l.ID))
		links, _, err := s.Load(t.Context(), scope, ledger.Select{Matches: []ledger.MatchText{{Text: l.Match[0]}}})
		require.NoError(t, err)
		require.Empty(t, links)
	})
}

// A peer that was away while tombstones were forgotten would bring the deleted
// records back: it has to be compared as a whole.
func TestRule01PurgeLeavesAFence(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		position := record.Position{Source: "db", Mode: "cursor", Value: "5"}
		require.NoError(t, s.FinishRun(t.Context(), f, ledger.Finish{
			Outcome: "done", Positions: map[string]record.Position{"crm": position, "billing": position}, At: noon,
		}))
		f = begin(t, s, scope, "run-2")
		l := anna()
		l.Tombstone, l.Members = true, []*reconcile.Member{nil, nil}
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		require.NoError(t, s.FinishRun(t.Context(), f, ledger.Finish{
			Outcome: "done", Positions: map[string]record.Position{"crm": position}, At: noon,
		}))
		purged, err := s.Purge(t.Context(), f, noon.Add(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 1, purged)
		systems, err := s.Systems(t.Context(), "people")
		require.NoError(t, err)
		require.False(t, systems["crm"].Behind, "it was read in the run that deleted")
		require.True(t, systems["billing"].Behind)
	})
}

// Without rule 2 what could not be written to a system that was down is lost
// with the run that knew of it.
func TestRule02WhatIsOwedStaysOwedUntilItIsPaid(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		one, two := person("link-1", "one@example.org", "One", 1), person("link-2", "two@example.org", "Two", 2)
		two.Members[1] = nil
		owed := map[string][]reconcile.Payment{
			one.ID: {{System: 0, LinkID: one.ID, Op: "update", Rev: 2}, {System: 1, LinkID: one.ID, Op: "update", Rev: 2}},
			two.ID: {{System: 1, LinkID: two.ID, Op: "create", Rev: 2}},
		}
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{one, two}, Owed: owed})

		f = begin(t, s, scope, "run-2") // the first run died; crm is up, billing is down
		require.Equal(t, []string{"link-1"}, owedTo(t, s, scope, 0))
		require.ElementsMatch(t, []string{"link-1", "link-2"}, owedTo(t, s, scope, 1))
		require.ElementsMatch(t, []string{"link-2"}, owedTo(t, s, scope, 1, "create", "delete"))
		one.Members[0].Acked = 2
		commit(t, s, f, scope, ledger.Change{
			Links: []*reconcile.Link{one},
			Owed:  map[string][]reconcile.Payment{one.ID: {{System: 1, LinkID: one.ID, Op: "update", Rev: 2}}},
		})
		require.Empty(t, owedTo(t, s, scope, 0), "billing being down blocks nobody else")
		require.ElementsMatch(t, []string{"link-1", "link-2"}, owedTo(t, s, scope, 1))
		counts, err := s.OwedCount(t.Context(), scope)
		require.NoError(t, err)
		require.Equal(t, map[string]map[string]int64{"billing": {"update": 1, "create": 1}}, counts)
		links, err := s.OwedLinkCount(t.Context(), "people")
		require.NoError(t, err)
		require.EqualValues(t, 2, links)
	})
}

func owedTo(tb testing.TB, s *ledger.Store, scope ledger.Scope, system int, ops ...string) []string {
	tb.Helper()
	ids, after := []string{}, ""
	for {
		refs, err := s.OwedLinks(tb.Context(), scope, system, ops, after, 1)
		require.NoError(tb, err)
		if len(refs) == 0 {
			return ids
		}
		after = refs[0].LinkID
		ids = append(ids, after)
	}
}

// Without an intent a crash between a creation and its acknowledgement is
// followed by a second creation.
func TestRule02CreationsAreIntentsFirst(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l := anna()
		member := l.Members[1]
		l.Members[1] = nil
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		intent := ledger.Intent{LinkID: l.ID, System: 1, Intent: "idempotency-key"}
		require.NoError(t, s.Intend(t.Context(), f, scope, []ledger.Intent{intent}))

		f = begin(t, s, scope, "run-2") // the first run died right after creating
		intents, err := s.Intents(t.Context(), scope, 1)
		require.NoError(t, err)
		require.Equal(t, []ledger.Intent{intent}, intents)
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		intents, err = s.Intents(t.Context(), scope, 1)
		require.NoError(t, err)
		require.Len(t, intents, 1, "nothing was acknowledged")
		l.Members[1] = member
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		intents, err = s.Intents(t.Context(), scope, 1)
		require.NoError(t, err)
		require.Empty(t, intents)
	})
}

// Without rule 5 two rows with the same canonical values and other raw columns
// look the same, and a write on the old condition is refused for ever.
func TestRule05ConditionsCompareRawColumns(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l := anna()
		m := l.Members[0]
		m.RawHash, m.Token, m.Apart = record.HashText("anna@example.org", "Anna", "unmapped 1"), "xmin 1", true
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		seen := []ledger.Seen{
			{Key: m.Key, RawHash: m.RawHash, MapHash: m.MapHash},
			{Key: m.Key, RawHash: record.HashText("anna@example.org", "Anna", "unmapped 2"), MapHash: m.MapHash},
		}
		briefs, err := s.Compare(t.Context(), scope, 0, seen)
		require.NoError(t, err)
		require.True(t, briefs[0].Same)
		require.False(t, briefs[1].Same)

		m.RawHash, m.Token = seen[1].RawHash, "xmin 2"
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		briefs, err = s.Compare(t.Context(), scope, 0, seen)
		require.NoError(t, err)
		require.False(t, briefs[0].Same)
		require.True(t, briefs[1].Same)
		stored := load(t, s, scope, l.ID)[0].Members[0]
		require.Equal(t, m.RawHash, stored.RawHash)
		require.Equal(t, "xmin 2", stored.Token)
		require.True(t, stored.Apart)
	})
}

// Without rule 6 a row that we have only written and never seen counts as
// deleted when a listing is late.
func TestRule06AbsenceCountsOnlyForWhatWasSeenSinceOurLastWrite(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l := anna()
		l.Members[1].SinceWrite = false
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		for system, want := range []bool{true, false} {
			var got []ledger.MemberKey
			err := s.EachMember(t.Context(), scope, system, [2]uint16{0, 1<<16 - 1}, func(m ledger.MemberKey) error {
				got = append(got, m)
				return nil
			})
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.Equal(t, want, got[0].SinceWrite)
			require.Equal(t, l.Members[system].Key, got[0].Key)
			require.Equal(t, l.ID, got[0].LinkID)
			briefs, err := s.Briefs(t.Context(), scope, system, []record.Key{got[0].Key})
			require.NoError(t, err)
			require.Equal(t, want, briefs[got[0].Key].SinceWrite)
		}
	})
}

// Without rule 7 a row that could not be read is unknown, and a second one is
// created beside it.
func TestRule07EveryRowSeenGetsAMember(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		bad := &reconcile.Member{
			System: 1, Key: key("7"), State: reconcile.Quarantined, Why: "bad", Match: []string{match("anna@example.org")},
			MapHash: record.HashText("mapping"),
		}
		blank := &reconcile.Member{System: 1, Key: key("8"), State: reconcile.Unlinked, Why: "review", RawHash: record.HashText("x")}
		commit(t, s, f, scope, ledger.Change{Loose: []*reconcile.Member{bad, blank}})
		_, loose, err := s.Load(t.Context(), scope, ledger.Select{Matches: []ledger.MatchText{{Text: match("anna@example.org")}}})
		require.NoError(t, err)
		require.Equal(t, []*reconcile.Member{bad}, loose)
		briefs, err := s.Briefs(t.Context(), scope, 1, []record.Key{key("7"), key("8"), key("9")})
		require.NoError(t, err)
		require.Len(t, briefs, 2)
		require.Equal(t, ledger.HomeSlot(bad.Match, ""), briefs[bad.Key].Slot)

		// The row can be read now and joins Anna's link: it is loose no more.
		l := anna()
		l.Members[1] = &reconcile.Member{System: 1, Key: key("7"), LinkID: l.ID, State: reconcile.Live, Acked: 2, Match: bad.Match}
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		links, loose, err := s.Load(t.Context(), scope, ledger.Select{Slots: &[2]uint16{0, 1<<16 - 1}})
		require.NoError(t, err)
		require.Equal(t, []*reconcile.Link{l}, links)
		require.Equal(t, []*reconcile.Member{blank}, loose)
	})
}

// Without stable names of fields a definition that reorders, adds or drops
// fields reads every base wrong, and looks like a mass edit.
func TestRule08BasesKeepTheirMeaningWhenTheDefinitionChanges(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		old := people()
		f := begin(t, s, old, "run-1")
		l := anna()
		l.Members[1].Seen = map[int]record.Value{1: "Anne", 2: int64(40)}
		commit(t, s, f, old, ledger.Change{Links: []*reconcile.Link{l}})

		// A field more, one less, another order; a system more, one less.
		scope := ledger.Scope{
			Sync:    "people",
			Fields:  []record.Field{{Name: "age"}, {Name: "phone"}, {Name: "email"}},
			Systems: []string{"shop", "billing"},
		}
		f = begin(t, s, scope, "run-2")
		got := load(t, s, scope, l.ID)[0]
		require.Equal(t, []record.Value{int64(41), record.Missing, "anna@example.org"}, got.Base)
		require.Equal(t, l.Origins[2], got.Origins[0])
		require.Equal(t, reconcile.Origin{System: reconcile.None}, got.Origins[1])
		require.Equal(t, reconcile.None, got.Origins[2].System, "crm is in the definition no more")
		require.Nil(t, got.Members[0], "shop meets this record for the first time")
		require.Equal(t, map[int]record.Value{0: int64(40)}, got.Members[1].Seen)
		require.Equal(t, 1, got.Members[1].System)

		got.Base[1] = "+49 30 1234"
		got.Members[1].Acked = 3
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{got}})
		f = begin(t, s, old, "run-3") // the old definition again
		l.Members[1].Acked = 3
		back := load(t, s, old, l.ID)[0]
		l.Origins[0].System = back.Origins[0].System
		require.Equal(t, l, back)
		require.NotZero(t, f.Epoch)
	})
}

// Without rule 9 a changed match value finds only who holds the new one, and
// two links end up with the same match.
func TestRule09AllHoldersOfOldAndNewMatchValuesAreFound(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		one, two := person("link-1", "old@example.org", "One", 1), person("link-2", "new@example.org", "Two", 2)
		one.Members[0].Match = []string{match("new@example.org"), match("second")} // the link has not followed yet
		loose := &reconcile.Member{
			System: 1, Key: key("99"), State: reconcile.Unlinked, Why: "ambiguous",
			Match: []string{"", match("old@example.org")}, RawHash: record.HashText("x"),
		}
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{one, two}, Loose: []*reconcile.Member{loose}})

		holders := func(alternative int, text string) (ids []string) {
			links, rows, err := s.Load(t.Context(), scope, ledger.Select{Matches: []ledger.MatchText{{Alternative: alternative, Text: text}}})
			require.NoError(t, err)
			for _, l := range links {
				ids = append(ids, l.ID)
			}
			for _, m := range rows {
				ids = append(ids, m.Key.String())
			}
			return ids
		}
		require.Equal(t, []string{"link-1"}, holders(0, match("old@example.org")))
		require.Equal(t, []string{"link-1", "link-2"}, holders(0, match("new@example.org")))
		require.Equal(t, []string{"99"}, holders(1, match("old@example.org")))
		require.Equal(t, []string{"link-1"}, holders(1, match("second")))
		require.Empty(t, holders(0, ""), "a blank match never matches")

		// The link follows, and moves to its new home.
		one.Match = one.Members[0].Match
		one.Members[1].Match = one.Match
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{one}})
		require.Empty(t, holders(0, match("old@example.org")))
		require.Equal(t, []string{"link-1", "link-2"}, holders(0, match("new@example.org")))
		briefs, err := s.Briefs(t.Context(), scope, 0, []record.Key{one.Members[0].Key})
		require.NoError(t, err)
		require.Equal(t, ledger.HomeSlot(one.Match, ""), briefs[one.Members[0].Key].Slot)
		require.Equal(t, one.Match, briefs[one.Members[0].Key].Match)
	})
}

// Without rule 10 nobody can tell that an observation is older than what is
// known.
func TestRule10TheSourcesOrderIsKept(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l := anna()
		l.Members[0].Order = "0/16B3748 \x00 binary"
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		briefs, err := s.Briefs(t.Context(), scope, 0, []record.Key{l.Members[0].Key})
		require.NoError(t, err)
		require.Equal(t, l.Members[0].Order, briefs[l.Members[0].Key].Order)
		require.Equal(t, l.Members[0].Order, load(t, s, scope, l.ID)[0].Members[0].Order)
	})
}

// Without rule 11 the position of one database is used on another one under
// the same name, and everything before it is never read.
func TestRule11PositionsCarryTheirSource(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		require.NoError(t, s.SetIdentity(t.Context(), f, "crm", "pg/7310/people"))
		position := record.Position{Source: "pg/7310/people", Mode: "cursor", Value: `{"at":"2025-03-01","key":"3:abc"}`}
		finish := ledger.Finish{
			Outcome: "done", Result: []byte(`{"counts":{}}`), At: noon.Add(time.Minute),
			Positions: map[string]record.Position{"crm": position}, Listed: map[string]bool{"crm": true, "billing": false},
		}
		require.NoError(t, s.FinishRun(t.Context(), f, finish))
		require.NoError(t, s.FinishRun(t.Context(), f, finish), "the reply was lost")
		systems, err := s.Systems(t.Context(), "people")
		require.NoError(t, err)
		require.Equal(t, map[string]ledger.SystemState{
			"crm":     {Identity: "pg/7310/people", Position: position, Listed: true, LastSweep: noon.Add(time.Minute)},
			"billing": {},
		}, systems)

		begin(t, s, scope, "run-2")
		err = s.FinishRun(t.Context(), f, finish)
		require.ErrorIs(t, err, ledger.ErrFenced)
		require.ErrorIs(t, s.SetIdentity(t.Context(), f, "crm", "other"), ledger.ErrFenced)
	})
}

// Without rule 12 an approval given for ten deletes lets a thousand through.
func TestRule12AnApprovalIsForExactlyTheSetThatWasShown(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		owe := func(id, op string, rev int64) {
			l := person(id, id+"@example.org", "x", 1)
			l.Rev = rev
			commit(t, s, f, scope, ledger.Change{
				Links: []*reconcile.Link{l}, Owed: map[string][]reconcile.Payment{id: {{System: 1, LinkID: id, Op: op}}},
			})
		}
		digest := func() string {
			hash, _, err := s.OwedDigest(t.Context(), scope, "delete", "soft")
			require.NoError(t, err)
			return hash
		}
		owe("link-1", "delete", 2)
		owe("link-2", "soft", 2)
		owe("link-3", "update", 2)
		shown, count, err := s.OwedDigest(t.Context(), scope, "delete", "soft")
		require.NoError(t, err)
		require.EqualValues(t, 2, count)
		_, err = s.Approval(t.Context(), "people", shown)
		require.ErrorIs(t, err, ledger.ErrNotFound)
		approval := ledger.Approval{Sync: "people", Run: "run-1", Hash: shown, Count: count, Who: "ops", At: noon}
		require.NoError(t, s.Approve(t.Context(), approval))
		got, err := s.Approval(t.Context(), "people", shown)
		require.NoError(t, err)
		require.Equal(t, approval, got)

		owe("link-3", "update", 3)
		require.Equal(t, shown, digest(), "updates were not what was approved")
		owe("link-4", "delete", 2)
		require.NotEqual(t, shown, digest(), "one more")
		owe("link-4", "update", 2)
		require.Equal(t, shown, digest(), "the same set again")
		owe("link-1", "delete", 3)
		require.NotEqual(t, shown, digest(), "the record has changed since")
	})
}

// Without a rolling day a thousand runs that delete a little each delete all.
func TestRule12DeletesOfARollingDayAreCounted(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		for i, at := range []time.Time{noon.Add(-25 * time.Hour), noon.Add(-23 * time.Hour), noon} {
			commit(t, s, f, scope, ledger.Change{Journal: []ledger.Entry{
				{System: "crm", LinkID: "link", Key: key("1"), Op: "delete", At: at},
				{System: "billing", LinkID: "link", Key: key("1"), Op: "update", At: at},
			}, Step: "s", Part: string(rune('a' + i))})
		}
		count, err := s.JournalCount(t.Context(), "people", "crm", "delete", noon.Add(-24*time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 2, count)
	})
}
