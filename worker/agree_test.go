package worker_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/workflows"
)

const threeWay = `
sync: people
systems:
  crm:     {connector: postgres, url: "${CRM_URL}", object: contacts, modified: updated_at}
  billing: {connector: sqlite, path: ./billing.db, object: customers}
  news:    {connector: csv, path: ./news.csv, key: E-Mail}
match: email
fields:
  email: {crm: {read: lower(trim(email)), write: email}, billing: email_address, news: E-Mail}
  name:
    crm:
      read: join([first_name, last_name], " ")
      write: {first_name: 'before(name, " ")', last_name: 'after(name, " ")'}
    billing: full_name
    news: Name
  city:  {crm: city, billing: city, news: Ort}
  plan:  {crm: plan, billing: plan, resolve: manual}
conflicts: {resolve: [{priority: [crm, billing, news]}]}
deletes: {effect: hard}
limits: {delete: {count: 5}}
first_sync: {prefer: {system_wins: crm}, only_here: create}
`

var crmTable = []string{
	`CREATE TABLE contacts (id serial PRIMARY KEY, email text UNIQUE, first_name text, last_name text, city text, plan text,
		news_nr text, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())`,
	`CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = clock_timestamp(); RETURN NEW; END $$`,
	`CREATE TRIGGER touch BEFORE UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION touch()`,
}

func newThreeWay(t *testing.T) (s *site, crm, billing any) {
	t.Helper()
	return newThreeWayOf(t, threeWay)
}

func newThreeWayOf(t *testing.T, definition string) (s *site, crm, billing any) {
	t.Helper()
	s = newSite(t, definition)
	crm, billing = s.messy()
	return s, crm, billing
}

// messy makes the three systems, with 300 people who are in some of them.
func (s *site) messy() (crm, billing any) {
	t := s.t
	t.Helper()
	pg := s.postgres("CRM_URL", crmTable...)
	lite := s.sqlite("billing.db", `CREATE TABLE customers (id INTEGER PRIMARY KEY, email_address TEXT, full_name TEXT, city TEXT, plan TEXT)`)
	var news strings.Builder
	news.WriteString("Nr,E-Mail,Name,Ort\r\n")
	for i := range 300 {
		email := fmt.Sprintf("p%d@example.com", i)
		if i%3 != 0 {
			mixed := email
			if i%2 == 0 {
				mixed = " P" + email[1:] + " "
			}
			_, err := pg.Exec(t.Context(), `INSERT INTO contacts (email, first_name, last_name, city, plan) VALUES ($1, $2, $3, $4, 'free')`,
				mixed, "Anna", fmt.Sprintf("Müller %d", i), "Köln")
			require.NoError(t, err)
		}
		if i%3 != 1 {
			_, err := lite.ExecContext(t.Context(), `INSERT INTO customers (email_address, full_name, city, plan) VALUES (?, ?, ?, 'free')`,
				email, fmt.Sprintf("Anna Müller %d", i), "Bonn")
			require.NoError(t, err)
		}
		if i%5 == 0 {
			fmt.Fprintf(&news, "%d,%s,\"Anna Müller %d\",Ulm\r\n", i+1, email, i)
		}
	}
	require.NoError(t, os.WriteFile(s.file("news.csv"), []byte(news.String()), 0o600))
	return pg, lite
}

const (
	seeCRM     = `SELECT lower(trim(email)), trim(concat_ws(' ', first_name, last_name)), city, plan FROM contacts`
	seeBilling = `SELECT email_address, full_name, city, plan FROM customers`
)

func TestThreeSystemsAgreeFromMessyData(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	first := s.run("people")
	require.Equal(t, activities.OutcomeDone, first.Outcome, "%+v\n%s", first, s.story())
	require.Len(t, rows(t, crm, seeCRM), 300)
	s.requireAgreement(crm, billing)

	again := s.run("people")
	require.Zero(t, written(again), "re-running writes nothing: %+v", again)
	require.Equal(t, again.Counts.Read, again.Counts.Unchanged)
	require.Zero(t, written(s.run("people")))
}

// requireAgreement compares all three systems.
func (s *site) requireAgreement(crm, billing any) {
	s.t.Helper()
	require.Equal(s.t, rows(s.t, crm, seeCRM), rows(s.t, billing, seeBilling))
	text, err := os.ReadFile(s.file("news.csv"))
	require.NoError(s.t, err)
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(s.t, err)
	require.Equal(s.t, []string{"Nr", "E-Mail", "Name", "Ort"}, lines[0])
	var news []string
	for _, cells := range lines[1:] {
		news = append(news, strings.Join(cells[1:], "|"))
	}
	slices.Sort(news)
	require.Equal(s.t, rows(s.t, crm, `SELECT lower(trim(email)) || '|' || trim(concat_ws(' ', first_name, last_name)) || '|' || coalesce(city, '') FROM contacts`), news)
}

// rewrite edits a file as a person would.
func (s *site) rewrite(name string, edit func(string) string) {
	s.t.Helper()
	text, err := os.ReadFile(s.file(name))
	require.NoError(s.t, err)
	edited := edit(string(text))
	require.NotEqual(s.t, string(text), edited)
	require.NoError(s.t, os.WriteFile(s.file(name), []byte(edited), 0o600))
}

func TestEditsOnAllSidesMergeByField(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	s.run("people")
	change(t, crm, `UPDATE contacts SET city = 'Wien' WHERE email LIKE '%5@example.com%'`)
	change(t, billing, `UPDATE customers SET full_name = 'Bob Meier' WHERE email_address = 'p5@example.com'`)
	change(t, billing, `DELETE FROM customers WHERE email_address = 'p7@example.com'`)
	change(t, crm, `INSERT INTO contacts (email, first_name, city) VALUES ('new@example.com', 'Neu', 'Graz')`)
	change(t, crm, `DELETE FROM contacts WHERE email = 'p11@example.com'`) // a cursor sees none: the listing of keys does
	s.rewrite("news.csv", func(text string) string {
		text = strings.Replace(text, `p20@example.com,"Anna Müller 20"`, `p20@example.com,"Carla Müller"`, 1)
		return regexp.MustCompile(`(?m)^.*p50@example\.com.*\n`).ReplaceAllString(text, "")
	})
	merged := s.run("people")
	require.Equal(t, activities.OutcomeDone, merged.Outcome, merged.Reason)
	require.Equal(t, rows(t, crm, seeCRM), rows(t, billing, seeBilling))
	require.Contains(t, rows(t, crm, seeCRM), "p5@example.com|Bob Meier|Wien|free")
	s.requireAgreement(crm, billing)
	all := strings.Join(rows(t, crm, seeCRM), "\n")
	for _, gone := range []string{"p7@", "p11@", "p50@"} {
		require.NotContains(t, all, gone, "a delete reached the others")
	}
	require.Contains(t, all, "p20@example.com|Carla Müller|")
	require.Contains(t, rows(t, billing, seeBilling), "new@example.com|Neu|Graz|∅")
	require.Zero(t, written(s.run("people")))
}

// Where the listing of keys is not due, a cursor's deletes wait for it, and are
// nobody's loss meanwhile.
func TestDeletesInCursorModeWaitForTheSweep(t *testing.T) {
	s, crm, billing := newThreeWayOf(t, strings.Replace(threeWay, "modified: updated_at", "modified: updated_at, sweep: 1000h", 1))
	s.run("people")
	change(t, crm, `DELETE FROM contacts WHERE email = 'p11@example.com'`)
	change(t, billing, `UPDATE customers SET city = 'Graz' WHERE email_address = 'p10@example.com'`)
	s.run("people")
	require.Len(t, rows(t, billing, seeBilling), 300, "the listing is not due")
	require.Contains(t, rows(t, crm, seeCRM), "p10@example.com|Anna Müller 10|Graz|free", "edits flow all the same")
	_, err := s.try("people", workflows.Ask{Full: true})
	require.NoError(t, err)
	require.NotContains(t, strings.Join(rows(t, billing, seeBilling), "\n"), "p11@example.com")
	s.requireAgreement(crm, billing)
}

func change(t *testing.T, db any, statement string) {
	t.Helper()
	rows(t, db, statement)
}

func TestConflictWaitsForASignalAndIsApplied(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	s.run("people")
	change(t, crm, `UPDATE contacts SET plan = 'pro', city = 'Linz' WHERE email = 'p5@example.com'`)
	change(t, billing, `UPDATE customers SET plan = 'team' WHERE email_address = 'p5@example.com'`)
	result := s.run("people")
	require.Equal(t, activities.OutcomeWaiting, result.Outcome)
	require.Equal(t, int64(1), result.Open)
	require.Contains(t, rows(t, billing, seeBilling), "p5@example.com|Anna Müller 5|Linz|team", "other fields flow on")

	open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
	require.NoError(t, err)
	require.Len(t, open, 1)
	err = s.engine.Client().SignalWorkflow(t.Context(), "people", "", workflows.SignalDecide, activities.Decision{
		Conflict: open[0].ID, Digest: open[0].Digest, Verb: "take", System: "billing", Who: "test", Why: "it is right",
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		n, _, err := s.house.Ledger.CountConflicts(t.Context(), "people")
		return err == nil && n == 0
	}, 30*time.Second, 50*time.Millisecond)
	require.NoError(t, s.engine.Client().GetWorkflow(t.Context(), "people", "").Get(t.Context(), nil), "the Sync ends when nothing is open")
	require.Contains(t, rows(t, crm, seeCRM), "p5@example.com|Anna Müller 5|Linz|team")
	require.Zero(t, written(s.run("people")))
}

func TestMassDeleteIsStoppedUntilItIsApproved(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	s.run("people")
	change(t, billing, `DELETE FROM customers WHERE id <= 40`)
	before := rows(t, crm, seeCRM)
	stopped := s.run("people")
	require.Equal(t, activities.OutcomeStopped, stopped.Outcome)
	require.NotEmpty(t, stopped.Hash)
	require.Equal(t, before, rows(t, crm, seeCRM), "nothing was written")
	again := s.run("people")
	require.Equal(t, activities.OutcomeStopped, again.Outcome, "it stays stopped")
	require.Equal(t, stopped.Hash, again.Hash)

	require.NoError(t, s.house.Ledger.Approve(t.Context(), ledger.Approval{
		Sync: "people", Run: again.Run, Hash: again.Hash, Who: "test", At: time.Now(),
	}))
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	require.Len(t, rows(t, crm, seeCRM), 260)
	require.Equal(t, rows(t, crm, seeCRM), rows(t, billing, seeBilling))
}

func TestEmptiedSourceDeletesNothing(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	s.run("people")
	change(t, billing, `DELETE FROM customers`)
	require.Equal(t, activities.OutcomeStopped, s.run("people").Outcome)
	require.Len(t, rows(t, crm, seeCRM), 300)
}

func TestTerminatedSyncLosesNothing(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	s.run("people")
	change(t, crm, `UPDATE contacts SET plan = 'pro' WHERE email = 'p5@example.com'`)
	change(t, billing, `UPDATE customers SET plan = 'team', city = 'Zug' WHERE email_address = 'p5@example.com'`)
	s.run("people") // leaves the conflict open, and the Sync with it
	require.NoError(t, s.engine.Client().TerminateWorkflow(t.Context(), "people", "", "test"))
	change(t, crm, `UPDATE contacts SET first_name = 'Eva' WHERE email = 'p11@example.com'`)
	result := s.run("people")
	require.Equal(t, int64(1), result.Open, "the conflict is still there")
	require.Contains(t, strings.Join(rows(t, billing, seeBilling), "\n"), "Eva Müller 11")
}
