package worker_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/workflows"
)

// The traces of the ledger protocol's rules that need whole runs and real
// systems. What the ledger and the merge alone must hold is tested there, under
// the same names.

const protocolDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people}
  billing: {connector: postgres, url: "${BILLING_URL}", object: people}
match: email
same: [email, city]
fields:
  name: {crm: name, billing: name, resolve: RESOLVE}
deletes: {effect: hard}
first_sync: {prefer: [fill_blank, {system_wins: crm}], only_here: create}
`

// protocolSite is two systems that agree on Ann and Bob.
func protocolSite(t *testing.T, definition string) (s *site, crm, billing any) {
	t.Helper()
	s = newPassSite(t, strings.ReplaceAll(definition, "RESOLVE", "manual"))
	const columns = `email text, name text, city text, note text, touched %s)`
	crm = s.sqlite("crm.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, `+fmt.Sprintf(columns, "TEXT"),
		`INSERT INTO people (email, name, city, touched) VALUES ('ann@x.org', 'Ann', 'Bonn', '2020-01-01 00:00:00'), ('bob@x.org', 'Bob', 'Bonn', '2020-01-01 00:00:00')`)
	billing = s.postgres("BILLING_URL", `CREATE TABLE people (id serial PRIMARY KEY, `+fmt.Sprintf(columns, "timestamptz"))
	require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
	require.Zero(t, written(s.passed()), "they agree")
	return s, crm, billing
}

const seeAnn = `SELECT name, city, note FROM people WHERE email = 'ann@x.org'`

// beforeWriting does something each time a step is about to write.
func (s *site) beforeWriting(meddle func(time int)) {
	var mu sync.Mutex
	times := 0
	s.house.Sessions.At = func(p activities.Point) {
		if p == activities.PointIntended {
			mu.Lock()
			defer mu.Unlock()
			times++
			meddle(times)
		}
	}
}

// Without rule 5 a write is refused for ever because of a column that nobody
// maps, or somebody's edit between reading and writing is lost.
func TestRule05WritesMeetWhatWasSeen(t *testing.T) {
	t.Run("another column", func(t *testing.T) {
		s, crm, billing := protocolSite(t, protocolDefinition)
		change(t, crm, `UPDATE people SET name = 'Anna' WHERE email = 'ann@x.org'`)
		s.beforeWriting(func(n int) {
			if n == 1 {
				change(t, billing, `UPDATE people SET note = 'called'`)
			}
		})
		result := s.passed()
		require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
		require.Equal(t, []string{"Anna|Bonn|called"}, rows(t, billing, seeAnn))
	})
	for _, conditional := range []bool{true, false} {
		t.Run(map[bool]string{true: "the same field", false: "without conditions"}[conditional], func(t *testing.T) {
			s, crm, billing := protocolSite(t, protocolDefinition)
			if !conditional {
				s.house.Sessions.Wrap = blindly
			}
			change(t, crm, `UPDATE people SET name = 'Anna' WHERE email = 'ann@x.org'`)
			s.beforeWriting(func(n int) {
				if n == 1 {
					change(t, billing, `UPDATE people SET name = 'Anne' WHERE email = 'ann@x.org'`)
				}
			})
			result := s.passed()
			if !conditional {
				require.Equal(t, []string{"Anna|Bonn|∅"}, rows(t, billing, seeAnn), "lost, as it must be")
				return
			}
			require.Equal(t, activities.OutcomeWaiting, result.Outcome, "%+v", result)
			require.Equal(t, int64(1), result.Open)
			require.Equal(t, []string{"Anne|Bonn|∅"}, rows(t, billing, seeAnn))
			require.Equal(t, []string{"Anna|Bonn|∅"}, rows(t, crm, seeAnn))
		})
	}
	t.Run("again and again", func(t *testing.T) {
		s, crm, billing := protocolSite(t, protocolDefinition)
		change(t, crm, `UPDATE people SET name = 'Anna' WHERE email = 'ann@x.org'`)
		tries := 0
		s.beforeWriting(func(n int) {
			tries = n
			change(t, billing, fmt.Sprintf(`UPDATE people SET city = 'City %d' WHERE email = 'ann@x.org'`, n))
		})
		result := s.passed()
		require.Equal(t, activities.OutcomeWaiting, result.Outcome, "%+v", result)
		require.LessOrEqual(t, tries, 5, "it does not go on for ever")
		require.Contains(t, rows(t, billing, seeAnn)[0], "Ann|City", "nobody's edit is lost")
		s.house.Sessions.At = nil
		require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
		require.Equal(t, []string{fmt.Sprintf("Anna|City %d|∅", tries)}, rows(t, billing, seeAnn))
		require.Equal(t, rows(t, billing, seeAnn), rows(t, crm, seeAnn))
	})
}

// Without rule 8 a field that joins a definition looks like an edit of every
// record: conflicts, or a run that its limits stop.
func TestRule08AFieldThatJoinsIsNoMassEdit(t *testing.T) {
	definition := strings.NewReplacer("same: [email, city]", "same: [email]").Replace(protocolDefinition) +
		"limits: {update: {count: 3}, blank: {count: 1}, conflict: {count: 1}}\n"
	s := newPassSite(t, strings.ReplaceAll(definition, "RESOLVE", "manual"))
	crm := s.sqlite("crm.db", `CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, name TEXT, city TEXT)`,
		`INSERT INTO people (email, name, city) VALUES ('a@x.org', 'A', 'Graz'), ('b@x.org', 'B', 'Linz'), ('c@x.org', 'C', NULL), ('d@x.org', 'D', 'Wels')`)
	billing := s.postgres("BILLING_URL", `CREATE TABLE people (id serial PRIMARY KEY, email text, name text, city text)`,
		`INSERT INTO people (email, name, city) VALUES ('a@x.org', 'A', 'Graz'), ('b@x.org', 'B', 'Lienz'), ('c@x.org', 'C', 'Steyr'), ('d@x.org', 'D', NULL)`)
	require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
	s.define(strings.ReplaceAll(strings.Replace(definition, "same: [email]", "same: [email, city]", 1), "RESOLVE", "manual"))
	result := s.passed()
	require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
	const see = `SELECT email, city FROM people`
	require.Equal(t, []string{"a@x.org|Graz", "b@x.org|Linz", "c@x.org|Steyr", "d@x.org|Wels"}, rows(t, billing, see))
	require.Equal(t, rows(t, billing, see), rows(t, crm, see))
	require.Equal(t, int64(3), written(result), "what is equal is adopted as it is")
	require.Zero(t, written(s.passed()))
}

// Nor does it touch what people did in other fields meanwhile.
func TestRule08OtherFieldsGoOnAsTheyWere(t *testing.T) {
	without := strings.Replace(protocolDefinition, "same: [email, city]", "same: [email]", 1)
	for name, c := range map[string]struct{ resolve, wantCRM, wantBilling, then string }{
		"an edit of one side": {"manual", "Anna", "Anna", "done"},
		"left alone":          {"{priority: [crm, billing]}, owner: crm, on_violation: ignore", "Ann", "Anna", "done"},
		"a conflict":          {"manual", "Anne", "Anna", "waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			s, crm, billing := protocolSite(t, strings.ReplaceAll(without, "RESOLVE", c.resolve))
			change(t, billing, `UPDATE people SET name = 'Anna' WHERE email = 'ann@x.org'`)
			if name == "a conflict" {
				change(t, crm, `UPDATE people SET name = 'Anne' WHERE email = 'ann@x.org'`)
			}
			if name != "an edit of one side" {
				s.passed()
			}
			change(t, crm, `UPDATE people SET city = 'Graz' WHERE email = 'ann@x.org'`)
			s.define(strings.ReplaceAll(protocolDefinition, "RESOLVE", c.resolve))
			result := s.passed()
			require.Equal(t, c.then, result.Outcome, "%+v", result)
			require.Equal(t, []string{c.wantCRM + "|Graz|∅"}, rows(t, crm, seeAnn))
			require.Equal(t, []string{c.wantBilling + "|Graz|∅"}, rows(t, billing, seeAnn))
			if name == "a conflict" {
				open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
				require.NoError(t, err)
				require.Len(t, open, 1)
				require.Len(t, open[0].Candidates, 2)
			}
			require.Zero(t, written(s.passed()))
		})
	}
}

// Without rule 11 the position moves past what a transaction in flight has
// written already, and nobody ever reads it.
func TestRule11ATransactionInFlightIsNotPassed(t *testing.T) {
	s, crm, billing := protocolSite(t, strings.Replace(protocolDefinition,
		`"${BILLING_URL}", object: people`, `"${BILLING_URL}", object: people, modified: touched, changes: cursor, sweep: 1000h`, 1))
	change(t, billing, `UPDATE people SET touched = now()`)
	s.passed()
	slow := s.dial("BILLING_URL")
	change(t, slow, `BEGIN`)
	change(t, slow, `UPDATE people SET name = 'Anna', touched = clock_timestamp() WHERE email = 'ann@x.org'`)
	change(t, billing, `UPDATE people SET name = 'Bobby', touched = clock_timestamp() WHERE email = 'bob@x.org'`)
	s.passed()
	require.Contains(t, rows(t, crm, `SELECT name FROM people`), "Bobby", "who is not in flight does not wait")
	change(t, slow, `COMMIT`)
	s.passed()
	require.Equal(t, []string{"Anna", "Bobby"}, rows(t, crm, `SELECT name FROM people`))
}

// Without rule 12 many small deletes pass a limit that one large one does not,
// and an approval of two deletes lets a third one through.
func TestRule12LimitsHoldOverADayAndForTheSetThatWasShown(t *testing.T) {
	crowd := func(t *testing.T) (s *site, crm, billing any) {
		t.Helper()
		s, crm, billing = protocolSite(t, protocolDefinition+"limits: {delete: {count: 2, percent: 90}}\n")
		for i := range 9 {
			change(t, crm, fmt.Sprintf(`INSERT INTO people (email, name) VALUES ('p%d@x.org', 'P')`, i))
		}
		require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
		require.Len(t, rows(t, billing, `SELECT id FROM people`), 11)
		return s, crm, billing
	}
	t.Run("one by one", func(t *testing.T) {
		s, crm, billing := crowd(t)
		for i, want := range []string{activities.OutcomeDone, activities.OutcomeDone, activities.OutcomeStopped} {
			change(t, crm, fmt.Sprintf(`DELETE FROM people WHERE email = 'p%d@x.org'`, i))
			require.Equal(t, want, s.passed().Outcome, "delete %d", i+1)
		}
		require.Len(t, rows(t, billing, `SELECT id FROM people`), 9)
	})
	t.Run("one more than was approved", func(t *testing.T) {
		s, crm, billing := crowd(t)
		approve := func(shown activities.Result) {
			require.NoError(t, s.house.Ledger.Approve(t.Context(), ledger.Approval{
				Sync: "people", Run: workflows.RunID("people", s.passes), Hash: shown.Hash, Who: "test", At: time.Now(),
			}))
		}
		change(t, crm, `DELETE FROM people WHERE email IN ('p0@x.org', 'p1@x.org', 'p2@x.org')`)
		shown := s.passed()
		require.Equal(t, activities.OutcomeStopped, shown.Outcome)
		require.Equal(t, int64(3), shown.Counts.Owed, "%+v", shown)
		approve(shown)
		change(t, crm, `DELETE FROM people WHERE email = 'p3@x.org'`)
		more := s.passed()
		require.Equal(t, activities.OutcomeStopped, more.Outcome)
		require.NotEqual(t, shown.Hash, more.Hash)
		require.Equal(t, int64(4), more.Counts.Owed, "also what was found before: %+v", more)
		require.Len(t, rows(t, billing, `SELECT id FROM people`), 11, "nothing of it, not even what was approved")
		approve(more)
		paid := s.passed()
		require.Equal(t, activities.OutcomeDone, paid.Outcome)
		require.Equal(t, int64(4), paid.Counts.Applied, "though nothing changed now: %+v", paid)
		require.Len(t, rows(t, billing, `SELECT id FROM people`), 7)
	})
}

// What is left alone for good, by the definition or by a person, waits for
// nobody; it is still shown.
func TestRule14WhatIsLeftAloneWaitsForNobody(t *testing.T) {
	for resolve, decided := range map[string]bool{"skip": false, "manual": true} {
		t.Run(resolve, func(t *testing.T) {
			s, crm, billing := protocolSite(t, strings.ReplaceAll(protocolDefinition, "RESOLVE", resolve))
			change(t, crm, `UPDATE people SET name = 'Anna' WHERE email = 'ann@x.org'`)
			change(t, billing, `UPDATE people SET name = 'Anne' WHERE email = 'ann@x.org'`)
			result := s.passed()
			open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
			require.NoError(t, err)
			require.Len(t, open, 1)
			if decided {
				require.Equal(t, activities.OutcomeWaiting, result.Outcome)
				_, err = s.house.Ledger.Decide(t.Context(), ledger.DecisionRow{
					Decision: reconcile.Decision{ConflictID: open[0].ID, Digest: open[0].Digest, Verb: "skip", System: reconcile.None},
					Sync:     "people", Who: "test", At: time.Now(),
				})
				require.NoError(t, err)
				result = s.passed()
			}
			for range 2 {
				require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
				require.Equal(t, []string{"Anna|Bonn|∅"}, rows(t, crm, seeAnn))
				require.Equal(t, []string{"Anne|Bonn|∅"}, rows(t, billing, seeAnn))
				result = s.passed()
			}
		})
	}
}

// Without rule 15 somebody who comes back while the delete is still owed is
// made a second time, and the delete hits one of the two.
func TestRule15WhoComesBackIsNotDeleted(t *testing.T) {
	s, crm, billing := protocolSite(t, protocolDefinition)
	kept := rows(t, billing, `SELECT id, email FROM people`)
	require.NoError(t, s.house.Ledger.Pause(t.Context(), "people", "billing", "moving", time.Now()))
	change(t, crm, `DELETE FROM people WHERE email = 'ann@x.org'`)
	require.Equal(t, int64(1), s.passed().Counts.Owed)
	change(t, crm, `INSERT INTO people (id, email, name, city) VALUES (9, 'ann@x.org', 'Anna', 'Bonn')`)
	s.passed()
	require.NoError(t, s.house.Ledger.Resume(t.Context(), "people", "billing"))
	result := s.passed()
	require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
	require.Equal(t, kept, rows(t, billing, `SELECT id, email FROM people`), "the row of before, and no other")
	require.Equal(t, []string{"Anna|Bonn|∅"}, rows(t, billing, seeAnn))
	require.Equal(t, []string{"Anna|Bonn|∅"}, rows(t, crm, seeAnn))
	require.Zero(t, written(s.passed()))
}

// Without rule 16 a run that was given up for dead, and is not, writes what a
// newer one has decided otherwise.
func TestRule16AZombieWritesNothing(t *testing.T) {
	for name, c := range map[string]struct{ file, fenced bool }{
		"database": {false, true}, "file": {true, true}, "without a fence": {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, crm, billing := protocolSite(t, protocolDefinition)
			target := func() []string { return rows(t, billing, `SELECT email, name, city FROM people`) }
			if c.file {
				s.define(strings.NewReplacer("RESOLVE", "manual",
					`{connector: postgres, url: "${BILLING_URL}", object: people}`, `{connector: csv, path: ./news.csv, key: email, role: target}`,
					"billing", "news").Replace(protocolDefinition))
				target = func() []string { return strings.Split(strings.TrimSpace(s.text(t, "news.csv")), "\n") }
				s.passed()
			}
			if !c.fenced {
				s.house.Sessions.Wrap = unfenced
			}
			before := target()
			change(t, crm, `UPDATE people SET name = 'Anna' WHERE email = 'ann@x.org'`)
			s.beforeWriting(func(int) {
				_, err := s.house.Ledger.BeginRun(t.Context(), ledger.Begin{
					Sync: "people", Run: workflows.RunID("people", s.passes+1), At: time.Now(), Systems: []string{"crm"},
				})
				require.NoError(t, err)
			})
			_, err := s.pass()
			require.ErrorContains(t, err, "newer run")
			if !c.fenced {
				require.NotEqual(t, before, target(), "only the ledger held, as it must be")
				return
			}
			require.Equal(t, before, target())
			s.house.Sessions.At = nil
			require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
			require.NotEqual(t, before, target(), "the newer one does it")
		})
	}
}

// Without rule 17 what takes an edit back looks like another edit, and the next
// run turns it around again.
func TestRule17WhatIsTakenBackStaysSo(t *testing.T) {
	s, crm, billing := protocolSite(t, protocolDefinition)
	change(t, crm, `UPDATE people SET name = 'Anna' WHERE email = 'ann@x.org'`)
	change(t, billing, `UPDATE people SET name = 'Anne' WHERE email = 'ann@x.org'`)
	require.Equal(t, activities.OutcomeWaiting, s.passed().Outcome)
	open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
	require.NoError(t, err)
	require.Len(t, open, 1)
	_, err = s.house.Ledger.Decide(t.Context(), ledger.DecisionRow{
		Decision: reconcile.Decision{ConflictID: open[0].ID, Digest: open[0].Digest, Verb: "take", System: reconcile.None},
		Sync:     "people", Who: "test", At: time.Now(),
	})
	require.NoError(t, err)
	result := s.passed()
	require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
	for range 2 {
		require.Equal(t, []string{"Ann|Bonn|∅"}, rows(t, crm, seeAnn))
		require.Equal(t, []string{"Ann|Bonn|∅"}, rows(t, billing, seeAnn))
		require.Zero(t, written(s.passed()))
	}
	// Neither is what was taken back an obstacle to the next edit.
	change(t, billing, `UPDATE people SET name = 'Anne' WHERE email = 'ann@x.org'`)
	s.passed()
	require.Equal(t, []string{"Anne|Bonn|∅"}, rows(t, crm, seeAnn))
}

// Without rule 18 two systems that hold the same value in other words write it
// to each other for ever.
func TestRule18TheSameInOtherWordsIsTheSame(t *testing.T) {
	s := newPassSite(t, `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: people, key: [a, b]}
  billing: {connector: postgres, url: "${BILLING_URL}", object: people, key: [a, b]}
match: [a, b]
same: [a, b, name, code, weight]
fields:
  price: {type: "decimal(12,4)", crm: price, billing: price}
  doc:   {type: json, crm: doc, billing: doc}
  at:    {type: timestamp, crm: at, billing: at}
first_sync: {prefer: {system_wins: crm}, only_here: create}
`)
	crm := s.sqlite("crm.db", `CREATE TABLE people (a TEXT, b TEXT, name TEXT, code TEXT, price TEXT, weight REAL, doc TEXT, at TEXT, PRIMARY KEY (a, b))`,
		`INSERT INTO people VALUES ('x', 'yz', 'Ame`+"\u0301"+`lie', 'ab', '1.50', -0.0, '{"b": 1, "a": 1e2}', '2026-01-02T03:04:05+02:00')`)
	billing := s.postgres("BILLING_URL",
		`CREATE TABLE people (a text, b text, name text, code char(5), price numeric(12,4), weight float8, doc jsonb, at timestamptz, PRIMARY KEY (a, b))`,
		`INSERT INTO people VALUES ('x', 'yz', 'Amélie', 'ab', 1.5, 0, '{"a": 100, "b": 1.0}', '2026-01-02 01:04:05Z')`)
	before := rows(t, billing, `SELECT *, octet_length(name), xmin FROM people`)
	for range 2 {
		result := s.passed()
		require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
		require.Zero(t, written(result))
	}
	require.Equal(t, before, rows(t, billing, `SELECT *, octet_length(name), xmin FROM people`))

	// A key is its parts, not their concatenation.
	change(t, crm, `INSERT INTO people (a, b, name) VALUES ('xy', 'z', 'Zoe')`)
	require.Equal(t, int64(1), s.passed().Systems["billing"].Created)
	require.Equal(t, []string{"xy|z|Zoe", "x|yz|Amélie"}, rows(t, billing, `SELECT a, b, name FROM people`))
	require.Zero(t, written(s.passed()))
}

// Without rule 19 two runs of the same edits end differently, or a time that we
// set ourselves wins over somebody's edit.
func TestRule19TiesEndInTheOrderOfTheSystems(t *testing.T) {
	tied := strings.Replace(protocolDefinition, ", resolve: RESOLVE", "", 1)
	lines := strings.SplitAfter(tied, "\n")
	lines[3], lines[4] = lines[4], lines[3]
	turned := strings.Join(lines, "")
	for definition, want := range map[string]string{tied: "Anna", turned: "Anne"} {
		t.Run("a tie for "+want, func(t *testing.T) {
			s, crm, billing := protocolSite(t, definition)
			change(t, crm, `UPDATE people SET name = 'Anna' WHERE email = 'ann@x.org'`)
			change(t, billing, `UPDATE people SET name = 'Anne' WHERE email = 'ann@x.org'`)
			require.Equal(t, activities.OutcomeDone, s.passed().Outcome)
			require.Equal(t, []string{want + "|Bonn|∅"}, rows(t, crm, seeAnn))
			require.Equal(t, []string{want + "|Bonn|∅"}, rows(t, billing, seeAnn))
		})
	}
	t.Run("our own write", func(t *testing.T) {
		s, crm, billing := protocolSite(t, strings.NewReplacer(
			"object: people}", "object: people, modified: touched}", "RESOLVE", "[newest_wins, manual]").Replace(protocolDefinition))
		change(t, billing, `CREATE FUNCTION touch() RETURNS trigger AS 'BEGIN NEW.touched := now(); RETURN NEW; END' LANGUAGE plpgsql`)
		change(t, billing, `CREATE TRIGGER touch BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch()`)
		for month, name := range []string{"Anna", "Annie", "Anni"} { // long ago, by crm's clock
			change(t, crm, fmt.Sprintf(`UPDATE people SET name = '%s', touched = '2020-0%d-01 00:00:00' WHERE email = 'ann@x.org'`, name, month+2))
			result := s.passed()
			require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
			require.Equal(t, []string{name + "|Bonn|∅"}, rows(t, billing, seeAnn))
			require.Equal(t, []string{name + "|Bonn|∅"}, rows(t, crm, seeAnn))
		}
	})
}
