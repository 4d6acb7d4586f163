package worker_test

import (
	"context"
	"encoding/csv"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

// unplug makes a database unreachable until plug is called.
func unplug(t *testing.T, variable string) (plug func()) {
	t.Helper()
	before := os.Getenv(variable)
	u, err := url.Parse(before)
	require.NoError(t, err)
	u.Host = "127.0.0.1:1"
	t.Setenv(variable, u.String())
	return func() { t.Setenv(variable, before) }
}

// news gives the file's rows, without the number that only it has.
func (s *site) news(t *testing.T) []string {
	t.Helper()
	file, err := os.Open(s.file("news.csv"))
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // only read
	all, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	var lines []string
	for _, row := range all[1:] {
		lines = append(lines, strings.Join(row[1:], "|"))
	}
	slices.Sort(lines)
	return lines
}

func TestSystemThatIsDownStaysOwedAndBlocksNobodyElse(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	position := s.systems(t)["crm"]
	untouched := rows(t, crm, seeCRM)

	plug := unplug(t, "CRM_URL")
	change(t, billing, `UPDATE customers SET city = 'Graz' WHERE email_address = 'p5@example.com'`)
	change(t, billing, `DELETE FROM customers WHERE email_address = 'p7@example.com'`)
	change(t, billing, `INSERT INTO customers (email_address, full_name, city) VALUES ('new@example.com', 'Neu Neumann', 'Linz')`)
	result := s.run("people")
	require.Equal(t, activities.OutcomeWaiting, result.Outcome)
	require.Contains(t, result.Reason, "crm is down")
	require.NotEmpty(t, result.Systems["crm"].Down)
	require.Empty(t, result.Systems["billing"].Down)
	require.Equal(t, position, s.systems(t)["crm"], "its position stays")
	require.Equal(t, untouched, rows(t, crm, seeCRM))
	require.Contains(t, s.news(t), "p5@example.com|Anna Müller 5|Graz", "the others agree meanwhile")
	require.NotContains(t, strings.Join(s.news(t), "\n"), "p7@example.com")
	require.Contains(t, s.news(t), "new@example.com|Neu Neumann|Linz")
	require.Zero(t, written(s.run("people")), "a second run has nothing to do")

	change(t, crm, `UPDATE contacts SET last_name = 'Maier' WHERE lower(trim(email)) = 'p5@example.com'`)
	plug()
	result = s.run("people")
	require.Equal(t, activities.OutcomeDone, result.Outcome, result.Reason)
	require.Equal(t, rows(t, crm, seeCRM), rows(t, billing, seeBilling))
	require.Contains(t, rows(t, crm, seeCRM), "p5@example.com|Anna Maier|Graz|free", "what was owed is paid, and its own edit is kept")
	require.Contains(t, rows(t, crm, seeCRM), "new@example.com|Neu Neumann|Linz|∅")
	require.NotContains(t, strings.Join(rows(t, crm, seeCRM), "\n"), "p7@example.com")
	require.Zero(t, written(s.run("people")))
}

// A plan shows what a run would do without it, and what it would stay owed.
func TestPlanWhileASystemIsDown(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	plug := unplug(t, "CRM_URL")
	change(t, billing, `UPDATE customers SET city = 'Graz' WHERE email_address = 'p5@example.com'`)
	plan := s.plan(t)
	require.NotEmpty(t, plan.Systems["crm"].Down)
	require.Zero(t, plan.Systems["crm"].Updated)
	require.Equal(t, int64(1), plan.Systems["news"].Updated)
	require.Equal(t, int64(1), plan.Counts.Owed)
	require.Zero(t, plan.Counts.Applied)
	owed := map[string]bool{}
	for _, change := range plan.Changes {
		owed[change.System] = change.Owed
	}
	require.Equal(t, map[string]bool{"crm": true, "news": false}, owed)
	result := s.run("people")
	require.Equal(t, plan.Counts, result.Counts, "the run does what the plan said")

	plan = s.plan(t)
	require.Len(t, plan.Changes, 1, "it is still owed")
	require.True(t, plan.Changes[0].Owed)
	plug()
	plan = s.plan(t)
	require.Empty(t, plan.Systems["crm"].Down)
	require.Equal(t, int64(1), plan.Systems["crm"].Updated)
	s.run("people")
	require.Equal(t, rows(t, crm, seeCRM), rows(t, billing, seeBilling))
	require.Empty(t, s.plan(t).Changes)
}

func TestSystemThatWasNeverMetFailsTheRun(t *testing.T) {
	s, _, billing := newThreeWay(t)
	unplug(t, "CRM_URL")
	before := rows(t, billing, seeBilling)
	_, err := s.try("people", workflows.Ask{})
	require.ErrorContains(t, err, "crm")
	require.Equal(t, before, rows(t, billing, seeBilling))
}

// Nobody knows what a system has that was never listed: until it is back,
// nothing is created beside it.
func TestNothingIsCreatedWhileAnUnlistedSystemIsDown(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	s.house.Sessions.Wrap = func(o connectors.Object) connectors.Object {
		return sick{o.(connectors.Sink), o.(connectors.Source), func(method string) error {
			if method == "read" {
				return connectors.Errorf(connectors.Permanent, "not today")
			}
			return nil
		}}
	}
	_, err := s.try("people", workflows.Ask{})
	require.ErrorContains(t, err, "not today", "it was met, and never listed")
	s.house.Sessions.Wrap = nil

	plug := unplug(t, "CRM_URL")
	before, file := rows(t, billing, seeBilling), s.news(t)
	result := s.run("people")
	require.Equal(t, activities.OutcomeWaiting, result.Outcome)
	require.Zero(t, result.Systems["billing"].Created+result.Systems["news"].Created, "%+v", result.Systems)
	require.Len(t, rows(t, billing, seeBilling), len(before))
	require.Len(t, s.news(t), len(file))

	plug()
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome, s.story())
	require.Len(t, rows(t, crm, seeCRM), 300)
	require.Equal(t, rows(t, crm, seeCRM), rows(t, billing, seeBilling))
}

// sick fails methods as it is told.
type sick struct {
	connectors.Sink
	connectors.Source
	fails func(method string) error
}

func (s sick) Describe(ctx context.Context) (connectors.Description, error) {
	return s.Sink.Describe(ctx)
}
func (s sick) Close()                    { s.Sink.Close() }
func (s sick) Unwrap() connectors.Object { return s.Sink }

func (s sick) Read(ctx context.Context, part connectors.Partition, emit func(*record.Batch) error) error {
	if err := s.fails("read"); err != nil {
		return err
	}
	return s.Source.Read(ctx, part, emit)
}

func (s sick) Apply(ctx context.Context, w connectors.Writes) ([]connectors.Result, error) {
	if err := s.fails("apply"); err != nil {
		return nil, err
	}
	return s.Sink.Apply(ctx, w)
}

func TestSystemThatGoesDownWhileItIsWrittenStaysOwed(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	s.run("people")
	var down atomic.Bool
	down.Store(true)
	s.house.Sessions.Wrap = func(o connectors.Object) connectors.Object {
		description, err := o.Describe(t.Context())
		require.NoError(t, err)
		return sick{o.(connectors.Sink), o.(connectors.Source), func(method string) error {
			if _, is := description.Schema.Field("email_address"); is && method == "apply" && down.Load() {
				return connectors.Errorf(connectors.Transient, "the connection was closed")
			}
			return nil
		}}
	}
	change(t, crm, `UPDATE contacts SET city = 'Graz' WHERE lower(trim(email)) = 'p5@example.com'`)
	began := time.Now()
	result := s.run("people")
	require.Less(t, time.Since(began), 30*time.Second, "the others do not wait for long")
	require.Equal(t, activities.OutcomeWaiting, result.Outcome)
	require.Contains(t, result.Reason, "billing is down")
	require.Contains(t, result.Systems["billing"].Down, "the connection was closed")
	require.Equal(t, int64(1), result.Counts.Owed)
	require.Contains(t, s.news(t), "p5@example.com|Anna Müller 5|Graz", "the system after it is loaded")
	require.Contains(t, rows(t, billing, seeBilling), "p5@example.com|Anna Müller 5|Köln|free")
	down.Store(false)
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	require.Equal(t, rows(t, crm, seeCRM), rows(t, billing, seeBilling))
}

func TestPausedSystemIsLeftAloneUntilItIsResumed(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	s.run("people")
	require.NoError(t, s.house.Ledger.Pause(t.Context(), "people", "crm", "migration", time.Now()))
	plug := unplug(t, "CRM_URL") // it is not even looked at
	untouched := rows(t, crm, seeCRM)
	change(t, billing, `UPDATE customers SET city = 'Graz' WHERE email_address = 'p5@example.com'`)
	began := time.Now()
	result := s.run("people")
	require.Less(t, time.Since(began), 3*time.Second)
	require.Equal(t, activities.OutcomeWaiting, result.Outcome)
	require.Contains(t, result.Reason, "crm is paused: migration")
	require.Equal(t, "paused: migration", result.Systems["crm"].Down)
	require.Contains(t, s.news(t), "p5@example.com|Anna Müller 5|Graz")
	require.Equal(t, untouched, rows(t, crm, seeCRM))

	require.NoError(t, s.house.Ledger.Resume(t.Context(), "people", "crm"))
	plug()
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	require.Contains(t, rows(t, crm, seeCRM), "p5@example.com|Anna Müller 5|Graz|free")
}

// A system that joins later gets what the others agreed on long ago.
func TestSystemThatJoinsLaterGetsWhatIsThere(t *testing.T) {
	s, crm, billing := newThreeWay(t)
	s.define(strings.NewReplacer("  news:    {connector: csv, path: ./news.csv, key: E-Mail}\n", "",
		", news: E-Mail", "", "    news: Name\n", "", ", news: Ort", "", ", news]", "]").Replace(threeWay))
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	require.Len(t, rows(t, crm, seeCRM), 300)
	s.define(threeWay)
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome, s.story())
	require.Len(t, rows(t, crm, seeCRM), 300)
	require.Len(t, s.news(t), 300)
	require.Equal(t, rows(t, crm, seeCRM), rows(t, billing, seeBilling))
	require.Zero(t, written(s.run("people")))
}

func TestPausedSyncIsNotRunByAnybody(t *testing.T) {
	s, _, billing := newThreeWay(t)
	s.run("people")
	require.NoError(t, s.house.Ledger.Pause(t.Context(), "people", "", "migration", time.Now()))
	change(t, billing, `UPDATE customers SET city = 'Graz' WHERE email_address = 'p5@example.com'`)
	_, err := worker.Ask(t.Context(), s.engine.Client(), "people", workflows.Ask{})
	require.ErrorContains(t, err, "the sync is paused: migration")
	run, err := s.engine.Client().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: workflows.TaskQueue}, workflows.NameScheduled, "people")
	require.NoError(t, err)
	var result activities.Result
	require.NoError(t, run.Get(t.Context(), &result), "a schedule's history tells the truth")
	require.Equal(t, activities.OutcomePaused, result.Outcome)
	require.Contains(t, result.Reason, "migration")
	last, err := s.house.Ledger.LastRun(t.Context(), "people")
	require.NoError(t, err)
	require.Equal(t, int64(1), last.Number, "no run was begun")

	require.NoError(t, s.house.Ledger.Resume(t.Context(), "people", ""))
	require.Positive(t, written(s.run("people")))
}
