package worker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

// replays is where the histories lie that workflows/replay_test.go replays.
const replays = "../workflows/testdata/replay"

const recordDefinition = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: contacts}
  billing: {connector: sqlite, path: ./billing.db, object: customers}
match: email
same: [email, name]
fields:
  plan: {crm: plan, billing: plan, resolve: manual}
conflicts: {DEADLINE}
first_sync: {prefer: {system_wins: crm}, only_here: create}
`

const recordStateless = `
sync: people
systems:
  crm:     {connector: sqlite, path: ./crm.db, object: contacts, role: source}
  billing: {connector: sqlite, path: ./billing.db, object: customers, role: target}
match: id
same: [id, email, name]
fields:
  plan: {type: string(5), crm: plan, billing: plan}
`

// TestRecordHistories records what the replay test replays, from real runs in
// a real engine. It works only when asked (SYNCLINE_RECORD=1): histories are
// recorded anew when a workflow changes in a way that open runs may see, and
// then the change is guarded by a version.
func TestRecordHistories(t *testing.T) {
	if os.Getenv("SYNCLINE_RECORD") == "" {
		t.Skip("set SYNCLINE_RECORD=1 to record histories anew")
	}
	for moment, play := range map[string]func(*testing.T, *recorder){
		"plain_run":            func(_ *testing.T, r *recorder) { r.run("people") },
		"run_with_retries":     recordRetries,
		"two_requests_at_once": recordTwoRequests,
		"conflicts_open":       func(_ *testing.T, r *recorder) { r.conflict() },
		"decided_by_signal":    recordDecidedBySignal,
		"decided_by_update":    recordDecidedByUpdate,
		"deadline_passed":      func(_ *testing.T, r *recorder) { r.conflict(); r.ended() },
		"continued_as_new":     recordContinuedAsNew,
		"system_down":          recordSystemDown,
		"stage_lost":           recordStageLost,
		"paused":               recordPaused,
		"stateless":            func(_ *testing.T, r *recorder) { r.run("people") },
		"stateless_rejects":    recordRejects,
		"scheduled":            recordScheduled,
	} {
		t.Run(moment, func(t *testing.T) {
			r := newRecorder(t, moment)
			play(t, r)
			r.save(moment)
		})
	}
}

// recorder is a site whose histories are kept.
type recorder struct{ *site }

func newRecorder(t *testing.T, moment string) *recorder {
	t.Helper()
	deadline := "resolve: [manual]"
	if moment == "deadline_passed" {
		deadline = "deadline: 2s, then: {system_wins: crm}"
	}
	long := 0
	if moment == "continued_as_new" {
		long = 60
	}
	definition := strings.ReplaceAll(recordDefinition, "DEADLINE", deadline)
	if strings.HasPrefix(moment, "stateless") {
		definition = recordStateless
	}
	s := newSiteWith(t, definition, engine.Options{LongHistory: long})
	s.sqlite("crm.db", `CREATE TABLE contacts (id INTEGER PRIMARY KEY, email TEXT, name TEXT, plan TEXT)`,
		`INSERT INTO contacts (email, name, plan) VALUES ('a@example.com', 'Ann', 'free'), ('b@example.com', 'Bob', 'free')`)
	s.sqlite("billing.db", `CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, plan TEXT)`,
		`INSERT INTO customers (email, name, plan) VALUES ('b@example.com', 'Bob', 'free')`)
	return &recorder{s}
}

// conflict leaves a conflict open.
func (r *recorder) conflict() ledger.ConflictRow {
	r.t.Helper()
	r.run("people")
	r.sqlite("crm.db", `UPDATE contacts SET plan = 'pro' WHERE email = 'b@example.com'`)
	r.sqlite("billing.db", `UPDATE customers SET plan = 'team' WHERE email = 'b@example.com'`)
	require.Equal(r.t, activities.OutcomeWaiting, r.run("people").Outcome)
	open, err := r.house.Ledger.Conflicts(r.t.Context(), ledger.ConflictFilter{Sync: "people", State: "open"})
	require.NoError(r.t, err)
	require.Len(r.t, open, 1)
	return open[0]
}

// ended waits for the Sync to have nothing left to do.
func (r *recorder) ended() {
	r.t.Helper()
	require.NoError(r.t, r.engine.Client().GetWorkflow(r.t.Context(), "people", "").Get(r.t.Context(), nil))
}

// recordScheduled starts what a schedule starts.
func recordScheduled(t *testing.T, r *recorder) {
	t.Helper()
	r.run("people") // a schedule runs what is in the ledger
	run, err := r.engine.Client().ExecuteWorkflow(t.Context(),
		client.StartWorkflowOptions{ID: "people/scheduled", TaskQueue: workflows.TaskQueue}, workflows.NameScheduled, "people")
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
}

func take(c ledger.ConflictRow, system string) activities.Decision {
	return activities.Decision{Conflict: c.ID, Digest: c.Digest, Verb: "take", System: system, Who: "test", Why: "it is right"}
}

func recordDecidedBySignal(t *testing.T, r *recorder) {
	t.Helper()
	conflict := r.conflict()
	require.NoError(t, r.engine.Client().SignalWorkflow(t.Context(), "people", "", workflows.SignalDecide, take(conflict, "billing")))
	r.ended()
}

func recordDecidedByUpdate(t *testing.T, r *recorder) {
	t.Helper()
	conflict := r.conflict()
	decide := func(d activities.Decision) error {
		handle, err := r.engine.Client().UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
			WorkflowID: "people", UpdateName: workflows.UpdateDecide, Args: []any{d}, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			return err
		}
		return handle.Get(t.Context(), nil)
	}
	require.Error(t, decide(activities.Decision{Conflict: conflict.ID, Digest: conflict.Digest, Verb: "guess"}), "the validator refuses")
	require.Error(t, decide(take(conflict, "nobody")), "the ledger refuses")
	require.NoError(t, decide(take(conflict, "billing")))
	r.ended()
}

func recordTwoRequests(t *testing.T, r *recorder) {
	t.Helper()
	r.run("people") // makes the revision
	var both errgroup.Group
	for range 2 {
		both.Go(func() error {
			_, err := worker.Ask(t.Context(), r.engine.Client(), "people", workflows.Ask{Trigger: "manual"})
			return err
		})
	}
	require.NoError(t, both.Wait())
	r.ended()
}

func recordRetries(_ *testing.T, r *recorder) {
	var failures atomic.Int32
	r.house.Sessions.Wrap = func(o connectors.Object) connectors.Object {
		return flaky{o.(connectors.Sink), o.(connectors.Source), &failures}
	}
	r.run("people")
}

// recordSystemDown leaves billing owed: it cannot be written.
func recordSystemDown(t *testing.T, r *recorder) {
	t.Helper()
	r.house.Sessions.Wrap = func(o connectors.Object) connectors.Object {
		return sick{o.(connectors.Sink), o.(connectors.Source), func(method string) error {
			if method == "apply" {
				return connectors.Errorf(connectors.Transient, "the connection was closed")
			}
			return nil
		}}
	}
	require.Contains(t, r.run("people").Reason, "billing is down")
	r.house.Sessions.Wrap = nil
	r.run("people")
}

// recordStageLost loses what was transformed before it is resolved.
func recordStageLost(t *testing.T, r *recorder) {
	t.Helper()
	lost := r.lose(t, activities.PointTransformed, "group-*.arrow")
	r.run("people")
	require.Positive(t, lost.Load())
}

// recordPaused asks a Sync for a run that a person holds; it stays open for a
// conflict meanwhile.
func recordPaused(t *testing.T, r *recorder) {
	t.Helper()
	conflict := r.conflict()
	require.NoError(t, r.house.Ledger.Pause(t.Context(), "people", "", "migration", time.Now()))
	_, err := worker.Ask(t.Context(), r.engine.Client(), "people", workflows.Ask{Trigger: "manual"})
	require.ErrorContains(t, err, "migration")
	require.NoError(t, r.house.Ledger.Resume(t.Context(), "people", ""))
	require.NoError(t, r.engine.Client().SignalWorkflow(t.Context(), "people", "", workflows.SignalDecide, take(conflict, "billing")))
	r.ended()
}

func recordRejects(t *testing.T, r *recorder) {
	t.Helper()
	r.sqlite("crm.db", `UPDATE contacts SET plan = 'longer than that' WHERE id = 2`)
	require.Equal(t, int64(1), r.run("people").Counts.Quarantined)
}

// flaky does not answer its first two reads.
type flaky struct {
	connectors.Sink
	connectors.Source
	failures *atomic.Int32
}

func (f flaky) Describe(ctx context.Context) (connectors.Description, error) {
	return f.Sink.Describe(ctx)
}
func (f flaky) Close()                    { f.Sink.Close() }
func (f flaky) Unwrap() connectors.Object { return f.Sink }

func (f flaky) Read(ctx context.Context, p connectors.Partition, take func(*record.Batch) error) error {
	if f.failures.Add(1) <= 2 {
		return connectors.Errorf(connectors.Transient, "the connection was closed")
	}
	return f.Source.Read(ctx, p, take)
}

func recordContinuedAsNew(t *testing.T, r *recorder) {
	t.Helper()
	conflict := r.conflict() // keeps the Sync open
	first := r.engine.Client().GetWorkflow(t.Context(), "people", "").GetRunID()
	for range 40 {
		require.NoError(t, r.engine.Client().SignalWorkflow(t.Context(), "people", "", workflows.SignalChanged, workflows.Changed{System: "crm"}))
		if r.current() != first {
			break
		}
		time.Sleep(200 * time.Millisecond) // a person's pace: signals that come together are one run
	}
	require.NotEqual(t, first, r.current(), "it continued as new")
	require.NoError(t, r.engine.Client().SignalWorkflow(t.Context(), "people", "", workflows.SignalDecide, take(conflict, "crm")))
	r.ended()
}

func (r *recorder) current() string {
	description, err := r.engine.Client().DescribeWorkflowExecution(r.t.Context(), "people", "")
	require.NoError(r.t, err)
	return description.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}

// save writes the histories of all of the site's workflows.
func (r *recorder) save(moment string) {
	r.t.Helper()
	require.NoError(r.t, os.MkdirAll(replays, 0o750))
	old, err := filepath.Glob(filepath.Join(replays, moment+".*.json"))
	require.NoError(r.t, err)
	for _, file := range old {
		require.NoError(r.t, os.Remove(file))
	}
	count := map[string]int{}
	histories := r.histories()
	if moment == "scheduled" { // no run has it among its parents
		histories = []*historypb.History{r.history("people/scheduled", "")}
	}
	for _, h := range histories {
		kind := strings.ToLower(h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName())
		count[kind]++
		name := fmt.Sprintf("%s.%s_%d.json", moment, kind, count[kind])
		require.NoError(r.t, os.WriteFile(filepath.Join(replays, name), r.scrub(h), 0o600))
	}
}
