package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// Without rule 13 a bad record is forgotten, or stays in quarantine when it has
// long been good.
func TestRule13QuarantineKeepsTheKeyAndGivesWayToTheNextGoodObservation(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l := anna()
		m := l.Members[1]
		m.State, m.Why = reconcile.Quarantined, "bad"
		loose := &reconcile.Member{System: 0, Key: key("5"), State: reconcile.Quarantined, Why: "bad", RawHash: record.HashText("y")}
		change := ledger.Change{
			Links: []*reconcile.Link{l}, Loose: []*reconcile.Member{loose}, At: noon,
			Quarantine: []ledger.Quarantined{{System: 1, Key: m.Key, Field: "age", Reason: "not a number (3 characters)"}},
		}
		commit(t, s, f, scope, change)
		list := quarantine(t, s)
		require.Len(t, list, 2)
		require.Equal(t, "bad", list[0].Reason, "without a reason, the state's word")
		require.Equal(t, ledger.QuarantineRow{
			ID: list[1].ID, Sync: "people", System: "billing", Key: m.Key, LinkID: l.ID, Field: "age",
			Reason: "not a number (3 characters)", Since: noon, Tries: 1,
		}, list[1])
		count, err := s.Count(t.Context(), "people")
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"crm": 1, "billing": 0}, count)

		// Another commit of the link leaves it there; another failure counts.
		change.Loose, change.Quarantine = nil, nil
		commit(t, s, f, scope, change)
		require.Equal(t, list, quarantine(t, s))
		change.At = noon.Add(time.Hour)
		change.Quarantine = []ledger.Quarantined{{System: 1, Key: m.Key, LinkID: l.ID, Field: "age", Reason: "too large"}}
		commit(t, s, f, scope, change)
		row := quarantine(t, s)[1]
		require.Equal(t, 2, row.Tries)
		require.Equal(t, "too large", row.Reason)
		require.Equal(t, noon, row.Since)

		m.State, m.Why = reconcile.Live, ""
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		require.Len(t, quarantine(t, s), 1)
		loose.State, loose.Why = reconcile.Unlinked, "review"
		commit(t, s, f, scope, ledger.Change{Loose: []*reconcile.Member{loose}})
		require.Empty(t, quarantine(t, s))
	})
}

func quarantine(tb testing.TB, s *ledger.Store) []ledger.QuarantineRow {
	tb.Helper()
	rows, err := s.Quarantine(tb.Context(), "people", 0)
	require.NoError(tb, err)
	return rows
}

// A record that someone mended elsewhere is as it was here: only a wish to try
// it again makes a run look at it.
func TestRule13RetriedRowsCountAsChanged(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l := anna()
		l.Members[0].State, l.Members[0].Why = reconcile.Quarantined, "bad"
		loose := &reconcile.Member{System: 1, Key: key("5"), State: reconcile.Quarantined, Why: "bad", RawHash: record.HashText("y")}
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}, Loose: []*reconcile.Member{loose}})
		same := func() []bool {
			one, err := s.Compare(t.Context(), scope, 0, []ledger.Seen{{Key: l.Members[0].Key, RawHash: l.Members[0].RawHash, MapHash: l.Members[0].MapHash}})
			require.NoError(t, err)
			two, err := s.Compare(t.Context(), scope, 1, []ledger.Seen{{Key: loose.Key, RawHash: loose.RawHash}})
			require.NoError(t, err)
			return []bool{one[0].Same, two[0].Same}
		}
		require.Equal(t, []bool{true, true}, same())
		var ids []int64
		for _, row := range quarantine(t, s) {
			ids = append(ids, row.ID)
		}
		require.NoError(t, s.Retry(t.Context(), ids))
		require.Equal(t, []bool{false, false}, same())
		require.True(t, quarantine(t, s)[0].Again)
		keys, err := s.Retries(t.Context(), "people", "billing")
		require.NoError(t, err)
		require.Equal(t, []record.Key{key("5")}, keys)
		require.Zero(t, load(t, s, scope, l.ID)[0].Members[0].RawHash)

		// It is looked at, and is as bad as before.
		commit(t, s, f, scope, ledger.Change{
			Links: []*reconcile.Link{l}, Loose: []*reconcile.Member{loose},
			Quarantine: []ledger.Quarantined{{System: 0, Key: l.Members[0].Key, Reason: "r"}, {System: 1, Key: loose.Key, Reason: "r"}},
		})
		require.Equal(t, []bool{true, true}, same())
		require.False(t, quarantine(t, s)[0].Again)

		require.NoError(t, s.Discard(t.Context(), ids))
		require.Empty(t, quarantine(t, s))
		again := ledger.Change{
			Links:      []*reconcile.Link{l},
			Quarantine: []ledger.Quarantined{{System: 0, Key: l.Members[0].Key, Reason: "r"}},
		}
		commit(t, s, f, scope, again)
		require.Empty(t, quarantine(t, s), "the trouble that was discarded")
		again.Quarantine[0].Reason = "another"
		commit(t, s, f, scope, again)
		require.Len(t, quarantine(t, s), 1)
		require.ErrorIs(t, s.Retry(t.Context(), []int64{999}), ledger.ErrNotFound)
		require.ErrorIs(t, s.Discard(t.Context(), []int64{999}), ledger.ErrNotFound)
	})
}

// nameConflict is a conflict in Anna's name.
func nameConflict(digest string) *reconcile.Conflict {
	return &reconcile.Conflict{
		LinkID: "link-anna", System: reconcile.None, Kind: reconcile.UpdateOriginDiffers, Field: 1, Base: "Anna",
		Candidates: []reconcile.Candidate{
			{System: 0, Key: key("1"), Value: "Anne", At: 5},
			{System: 1, Key: key("2"), Value: nil, At: 6, Base: true},
			{System: reconcile.None, Value: record.Missing, Deleted: true, Link: "link-2"},
		},
		Digest: digest, Opened: 100, Deadline: 900,
	}
}

// Without rule 14 a decision made on yesterday's values overrules today's.
func TestRule14ADecisionIsForTheCandidatesThatWereShown(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l, c := anna(), nameConflict("digest 1")
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}, Opened: []*reconcile.Conflict{c}, At: noon})
		require.NotZero(t, c.ID)
		l.Conflicts = []*reconcile.Conflict{c}
		require.Equal(t, []*reconcile.Link{l}, load(t, s, scope, l.ID))
		listed := conflicts(t, s, ledger.ConflictFilter{Sync: "people", Field: "name", Kind: "update_origin_differs", State: "open"})
		require.Equal(t, []ledger.ConflictRow{{
			Conflict: c, Sync: "people", Match: l.Match, FieldName: "name", FieldType: scope.Fields[1].Type,
			Systems: []string{"crm", "billing"}, AllSystems: []string{"crm", "billing"}, State: "open", Seen: noon,
		}}, listed)

		// The candidates change before anybody decides: same number, same clock.
		renewed := nameConflict("digest 2")
		renewed.Candidates[0].Value, renewed.Opened, renewed.Deadline = "Annie", 200, 1000
		commit(t, s, f, scope, ledger.Change{Opened: []*reconcile.Conflict{renewed}})
		require.Equal(t, c.ID, renewed.ID)
		require.Equal(t, record.Timestamp(100), renewed.Opened)
		require.Equal(t, record.Timestamp(900), renewed.Deadline)
		d := ledger.DecisionRow{
			Decision: reconcile.Decision{ConflictID: c.ID, Digest: "digest 1", Verb: "take", System: 1, Value: "Ann", Until: 7},
			Sync:     "people", Who: "eve", Why: "I know her", At: noon,
		}
		_, err := s.Decide(t.Context(), d)
		require.ErrorIs(t, err, ledger.ErrStale)
		d.Digest = "digest 2"
		id, err := s.Decide(t.Context(), d)
		require.NoError(t, err)
		again, err := s.Decide(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, id, again, "the reply was lost and it was sent twice")
		pending, err := s.Decisions(t.Context(), "people", "pending")
		require.NoError(t, err)
		d.ID, d.State, d.SystemName = id, "pending", "billing"
		require.Equal(t, []ledger.DecisionRow{d}, pending)
		require.Equal(t, "decided", conflicts(t, s, ledger.ConflictFilter{State: "open"})[0].State)

		// They change again before it is applied: refused, and open again.
		renewed.Digest = "digest 3"
		commit(t, s, f, scope, ledger.Change{Opened: []*reconcile.Conflict{renewed}, Refused: []int64{id}})
		require.Equal(t, "open", conflicts(t, s, ledger.ConflictFilter{IDs: []int64{c.ID}})[0].State)
		d.Digest = "digest 3"
		id, err = s.Decide(t.Context(), d)
		require.NoError(t, err)
		commit(t, s, f, scope, ledger.Change{Closed: []int64{c.ID}, Applied: []int64{id}})
		require.Empty(t, conflicts(t, s, ledger.ConflictFilter{State: "open"}))
		require.Len(t, conflicts(t, s, ledger.ConflictFilter{State: "closed"}), 1)
		require.Empty(t, load(t, s, scope, l.ID)[0].Conflicts)
		applied, err := s.Decision(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "applied", applied.State)
		_, err = s.Decide(t.Context(), d)
		require.ErrorIs(t, err, ledger.ErrStale, "it is closed")
		d.ConflictID = 999
		_, err = s.Decide(t.Context(), d)
		require.ErrorIs(t, err, ledger.ErrNotFound)

		// The same trouble later is a new conflict.
		later := nameConflict("digest 3")
		commit(t, s, f, scope, ledger.Change{Opened: []*reconcile.Conflict{later}})
		require.NotEqual(t, c.ID, later.ID)
	})
}

func conflicts(tb testing.TB, s *ledger.Store, f ledger.ConflictFilter) []ledger.ConflictRow {
	tb.Helper()
	rows, err := s.Conflicts(tb.Context(), f)
	require.NoError(tb, err)
	return rows
}

// A later decision on the same conflict takes the place of the earlier.
func TestRule14TheLastDecisionCounts(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		c := nameConflict("d")
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{anna()}, Opened: []*reconcile.Conflict{c}})
		d := ledger.DecisionRow{Decision: reconcile.Decision{ConflictID: c.ID, Digest: "d", Verb: "take", System: reconcile.None}, Who: "a"}
		first, err := s.Decide(t.Context(), d)
		require.NoError(t, err)
		d.Who, d.SystemName = "b", "crm"
		second, err := s.Decide(t.Context(), d)
		require.NoError(t, err)
		rows, err := s.Decisions(t.Context(), "people", "")
		require.NoError(t, err)
		require.Len(t, rows, 2)
		require.Equal(t, []int64{first, second}, []int64{rows[0].ID, rows[1].ID})
		require.Equal(t, []string{"replaced", "pending"}, []string{rows[0].State, rows[1].State})
		require.Equal(t, []int{reconcile.None, 0}, []int{rows[0].System, rows[1].System})
		d.SystemName = "nowhere"
		_, err = s.Decide(t.Context(), d)
		require.ErrorIs(t, err, ledger.ErrNotFound)
	})
}

func TestRule14DeadlinesAreFound(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		count, due, err := s.CountConflicts(t.Context(), "people")
		require.NoError(t, err)
		require.Zero(t, count)
		require.True(t, due.IsZero())
		for i, deadline := range []time.Time{noon.Add(2 * time.Hour), noon.Add(time.Hour), {}} {
			c := nameConflict("d")
			c.Field, c.Deadline = i, 0
			if !deadline.IsZero() {
				c.Deadline = record.NewTimestamp(deadline)
			}
			commit(t, s, f, scope, ledger.Change{Opened: []*reconcile.Conflict{c}})
		}
		count, due, err = s.CountConflicts(t.Context(), "people")
		require.NoError(t, err)
		require.EqualValues(t, 3, count)
		require.Equal(t, noon.Add(time.Hour), due)

		left := nameConflict("d")
		left.Field, left.SkipUntil = 1, record.TimestampInfinity
		left.ID = conflicts(t, s, ledger.ConflictFilter{Sync: "people", Field: scope.Fields[1].Name})[0].ID
		commit(t, s, f, scope, ledger.Change{Opened: []*reconcile.Conflict{left}})
		count, due, err = s.CountConflicts(t.Context(), "people")
		require.NoError(t, err)
		require.EqualValues(t, 2, count, "nobody is asked about what is left alone for good")
		require.Equal(t, noon.Add(2*time.Hour), due)
	})
}

// An identity conflict ties a row to a link that it may belong to: whoever
// settles the one needs the other, and once the row has found its link the
// question is closed.
func TestRule14ConflictsOfIdentityBringBothEnds(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l := anna()
		l.Members[1] = nil
		row := &reconcile.Member{System: 1, Key: key("77"), State: reconcile.Unlinked, Why: "ambiguous", RawHash: record.HashText("r")}
		alone := &reconcile.Member{System: 1, Key: key("78"), State: reconcile.Unlinked, Why: "ambiguous", RawHash: record.HashText("r")}
		c := &reconcile.Conflict{
			LinkID: l.ID, System: 1, Key: row.Key, Kind: reconcile.IdentityAmbiguous, Field: reconcile.None,
			Candidates: []reconcile.Candidate{{System: 1, Key: row.Key, Link: l.ID}}, Digest: "d",
		}
		free := &reconcile.Conflict{
			System: 1, Key: alone.Key, Kind: reconcile.IdentityAmbiguous, Field: reconcile.None,
			Candidates: []reconcile.Candidate{{System: 1, Key: alone.Key}}, Digest: "d",
		}
		commit(t, s, f, scope, ledger.Change{
			Links: []*reconcile.Link{l}, Loose: []*reconcile.Member{row, alone}, Opened: []*reconcile.Conflict{c, free},
		})
		l.Conflicts = []*reconcile.Conflict{c}
		for name, sel := range map[string]ledger.Select{
			"by link": {Links: []string{l.ID}}, "by row": {Keys: map[int][]record.Key{1: {row.Key}}},
		} {
			links, loose, err := s.Load(t.Context(), scope, sel)
			require.NoError(t, err, name)
			require.Equal(t, []*reconcile.Link{l}, links, name)
			require.Equal(t, []*reconcile.Member{row}, loose, name)
		}
		about, err := s.LooseConflicts(t.Context(), scope, []*reconcile.Member{row, alone})
		require.NoError(t, err)
		require.Equal(t, []*reconcile.Conflict{free}, about)

		l.Members[1] = &reconcile.Member{System: 1, Key: row.Key, LinkID: l.ID, State: reconcile.Live}
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		open := conflicts(t, s, ledger.ConflictFilter{State: "open"})
		require.Len(t, open, 1)
		require.Equal(t, free.ID, open[0].ID)
	})
}

// Without rule 15 a key that came back is taken into another link while its old
// link still owes the delete, and the delete then hits the new record.
func TestRule15ExternalIDsNeverMoveBetweenLinks(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l := anna()
		l.Tombstone, l.Rev = true, 3
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		thief := person("link-thief", "anna@example.org", "Anna", 41)
		thief.Members[1] = &reconcile.Member{System: 1, Key: l.Members[1].Key, LinkID: thief.ID, State: reconcile.Live}
		mark := ledger.Change{Step: "resolve", Part: "1", Links: []*reconcile.Link{thief}}
		_, _, err := s.Commit(t.Context(), f, scope, mark)
		require.ErrorIs(t, err, ledger.ErrMoved)
		_, _, err = s.Commit(t.Context(), f, scope, ledger.Change{Step: "r", Part: "2", Loose: []*reconcile.Member{
			{System: 1, Key: l.Members[1].Key, State: reconcile.Unlinked, Why: "review"},
		}})
		require.ErrorIs(t, err, ledger.ErrMoved)
		require.Empty(t, load(t, s, scope, thief.ID), "nothing of it was written")
		_, found, err := s.Mark(t.Context(), f.Run, "resolve", "1")
		require.NoError(t, err)
		require.False(t, found)

		// A person may move it: the old link lets go in the same change.
		moved := l.Members[1]
		l.Members[1], thief.Members[1] = nil, moved
		moved.LinkID = thief.ID
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{thief, l}})
		require.Equal(t, []*reconcile.Link{l, thief}, load(t, s, scope, thief.ID, l.ID))
		counts, err := s.Count(t.Context(), "people")
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"crm": 2, "billing": 1}, counts)
	})
}

// Without rule 17 an undo writes past the ledger, and the next run takes it for
// an edit and does it again the other way round.
func TestRule17UndoSetsTheBaseAndLeavesTheMembersOwed(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		l, c := anna(), nameConflict("d")
		commit(t, s, f, scope, ledger.Change{
			Links: []*reconcile.Link{l}, Opened: []*reconcile.Conflict{c},
			Journal: []ledger.Entry{{
				System: "crm", LinkID: l.ID, Key: l.Members[0].Key, Op: "update", Rule: "newest_wins", At: noon,
				Before: map[string]record.Value{"name": "Anna"}, After: map[string]record.Value{"name": "Wrong", "age": nil},
			}},
		})
		entries, err := s.Journal(t.Context(), ledger.JournalFilter{Sync: "people", LinkID: l.ID, System: "crm", Run: "run-1", Since: noon})
		require.NoError(t, err)
		require.Len(t, entries, 1)
		id, err := s.Decide(t.Context(), ledger.DecisionRow{Decision: reconcile.Decision{
			ConflictID: c.ID, Digest: "d", Verb: "value", System: reconcile.None, Value: entries[0].Before["name"],
		}})
		require.NoError(t, err)

		l.Rev++
		l.Base[1], l.Origins[1] = "Anna", reconcile.Origin{System: reconcile.None, Rev: l.Rev, Rule: "decision 1"}
		commit(t, s, f, scope, ledger.Change{
			Links: []*reconcile.Link{l}, Closed: []int64{c.ID}, Applied: []int64{id},
			Owed: map[string][]reconcile.Payment{l.ID: {{System: 0, Op: "update"}, {System: 1, Op: "update"}}},
		})
		require.Equal(t, []string{l.ID}, owedTo(t, s, scope, 0))
		require.Equal(t, []string{l.ID}, owedTo(t, s, scope, 1))
		require.Less(t, load(t, s, scope, l.ID)[0].Members[0].Acked, l.Rev)
	})
}

// Without rule 18 a value comes back from the ledger as another one, and the
// next run takes that for an edit.
func TestRule18ValuesComeBackToTheByte(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		values := []record.Value{
			nil, record.Missing, "", "Amélie", "Ame\u0301lie", "nul \x00 in it", "ß İ i", "trailing  ",
			int64(-1 << 63), int64(1<<63 - 1), int64(1<<53 + 1), 0.1, record.Float(negativeZero()),
			record.Decimal("123456789012345678901234567890.123456789"), record.Decimal("NaN"), true, false,
			record.TimestampInfinity, record.TimestampNegInfinity, record.Timestamp(-62135596800000000),
			record.Date(-719162), record.DateInfinity, record.TimeOfDay(86_400_000_000),
			record.UUID{1, 2, 3},
			record.Bytes("\xff\x00"), record.JSON(`{"a":1.0000000000000000001}`),
			record.List{"b", nil, "a", int64(1)},
			record.List{},
		}
		scope := ledger.Scope{Sync: "kinds", Systems: []string{"a"}}
		l := &reconcile.Link{ID: "x", Members: []*reconcile.Member{nil}}
		for i, v := range values {
			scope.Fields = append(scope.Fields, record.Field{Name: string(rune('A' + i))})
			l.Base = append(l.Base, v)
			l.Origins = append(l.Origins, reconcile.Origin{System: reconcile.None, Rev: int64(i)})
		}
		f := begin(t, s, scope, "run")
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{l}})
		require.Equal(t, l.Base, load(t, s, scope, "x")[0].Base)
	})
}

func negativeZero() float64 { z := 0.0; return -z }

// Without rule 19 ties are broken by the order in which a ledger met the
// systems, which differs from machine to machine.
func TestRule19PlacesFollowTheOrderOfTheDefinition(t *testing.T) {
	t.Parallel()
	everywhere(t, func(k kit) {
		t, s := k.t, k.s
		scope := people()
		f := begin(t, s, scope, "run-1")
		c := nameConflict("d")
		commit(t, s, f, scope, ledger.Change{Links: []*reconcile.Link{anna()}, Opened: []*reconcile.Conflict{c}})

		turned := people()
		turned.Systems = []string{"billing", "shop", "crm"}
		turned.Fields[0], turned.Fields[1] = turned.Fields[1], turned.Fields[0]
		begin(t, s, turned, "run-2")
		row := conflicts(t, s, ledger.ConflictFilter{Sync: "people"})[0]
		require.Equal(t, []string{"billing", "shop", "crm"}, row.AllSystems)
		require.Equal(t, []int{2, 0, reconcile.None}, []int{row.Candidates[0].System, row.Candidates[1].System, row.Candidates[2].System})
		require.Equal(t, "name", row.FieldName)
		require.Zero(t, row.Field)
		got := load(t, s, turned, "link-anna")[0]
		require.Equal(t, row.Candidates, got.Conflicts[0].Candidates)
		require.Equal(t, []string{"billing", "", "crm"}, func() (held []string) {
			for _, m := range got.Members {
				name := ""
				if m != nil {
					name = turned.Systems[m.System]
				}
				held = append(held, name)
			}
			return held
		}())
	})
}
