package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/workflows"
)

// world stands for the ledger and for the runs of one sync.
type world struct {
	env     *testsuite.TestWorkflowEnvironment
	review  activities.Review
	runs    []activities.Request
	now     int
	most    int
	takes   time.Duration
	decided []activities.Decision
	// after is what a run leaves open.
	after func(activities.Request)
	fail  error
}

func newWorld(t *testing.T) *world {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	w := &world{env: suite.NewTestWorkflowEnvironment(), review: activities.Review{Next: 1, Revision: 3}, takes: time.Minute}
	w.env.RegisterActivityWithOptions(func(context.Context, string) (activities.Review, error) { return w.review, nil },
		activity.RegisterOptions{Name: activities.ActReview})
	w.env.RegisterActivityWithOptions(func(_ context.Context, _ string, d activities.Decision) (activities.Decided, error) {
		if d.Digest == "stale" {
			return activities.Decided{}, temporal.NewNonRetryableApplicationError("the conflict has changed", "decision_refused", nil)
		}
		w.decided = append(w.decided, d)
		w.review.Pending++
		return activities.Decided{Decision: 7, Conflict: d.Conflict}, nil
	}, activity.RegisterOptions{Name: activities.ActDecide})
	w.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, r activities.Request) (activities.Result, error) {
		w.now++
		w.most = max(w.most, w.now)
		err := workflow.Sleep(ctx, w.takes)
		w.now--
		w.runs = append(w.runs, r)
		w.review.Next++
		w.review.Pending = 0
		if w.after != nil {
			w.after(r)
		}
		if w.fail != nil {
			return activities.Result{}, w.fail
		}
		return activities.Result{Run: r.Run}, err
	}, workflow.RegisterOptions{Name: workflows.NameRun})
	return w
}

func (w *world) start(t *testing.T) {
	t.Helper()
	w.env.ExecuteWorkflow(workflows.Sync, workflows.State{Sync: "people"})
	require.True(t, w.env.IsWorkflowCompleted())
}

// answer collects what an Update answers.
type answer struct {
	refused  error
	accepted bool
	result   any
	err      error
}

func (a *answer) Accept()                   { a.accepted = true }
func (a *answer) Reject(err error)          { a.refused = err }
func (a *answer) Complete(r any, err error) { a.result, a.err = r, err }
func (w *world) update(name string, arg any) *answer {
	a := &answer{}
	w.env.UpdateWorkflow(name, "", a, arg)
	return a
}

func TestSyncEndsWhenNothingIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var a *answer
	w.env.RegisterDelayedCallback(func() { a = w.update(workflows.UpdateRun, workflows.Ask{}) }, 0)
	w.start(t)
	require.NoError(t, w.env.GetWorkflowError())
	require.Len(t, w.runs, 1)
	require.Equal(t, "people/run/1", w.runs[0].Run)
	require.Equal(t, 3, w.runs[0].Revision)
	require.True(t, a.accepted)
	require.NoError(t, a.err)
	require.Equal(t, "people/run/1", a.result.(workflows.Started).WorkflowID)
}

func TestTwoRequestsAtOnceRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.env.RegisterDelayedCallback(func() {
		w.update(workflows.UpdateRun, workflows.Ask{})
		w.update(workflows.UpdateRun, workflows.Ask{Full: true})
	}, 0)
	w.start(t)
	require.NoError(t, w.env.GetWorkflowError())
	require.Len(t, w.runs, 2)
	require.Equal(t, 1, w.most, "runs overlapped")
	require.Equal(t, "people/run/2", w.runs[1].Run)
}

func TestChangesWhileARunGoesOnAreOneRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.env.RegisterDelayedCallback(func() { w.update(workflows.UpdateRun, workflows.Ask{}) }, 0)
	for i := range 20 {
		w.env.RegisterDelayedCallback(func() {
			w.env.SignalWorkflow(workflows.SignalChanged, workflows.Changed{System: "crm"})
		}, time.Second*time.Duration(i+1))
	}
	w.start(t)
	require.Len(t, w.runs, 2)
	require.Equal(t, "changed", w.runs[1].Trigger)
}

func open(w *world) {
	w.review.Open = 1
	w.review.Conflicts = []activities.ReviewConflict{{ID: 12, Kind: "update_origin_differs", Field: "email", Systems: []string{"crm", "billing"}, Digest: "ab12"}}
}

func closed(w *world) { w.review.Open, w.review.Conflicts, w.review.Due = 0, nil, 0 }

func TestSyncWaitsForADecisionBySignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open(w)
	w.after = func(activities.Request) { closed(w) }
	w.env.RegisterDelayedCallback(func() {
		w.env.SignalWorkflow(workflows.SignalDecide, activities.Decision{Conflict: 12, Digest: "ab12", Verb: "take", System: "crm"})
	}, 30*24*time.Hour)
	w.start(t)
	require.NoError(t, w.env.GetWorkflowError())
	require.Len(t, w.decided, 1)
	require.Len(t, w.runs, 1)
	require.True(t, w.runs[0].Settle)
	require.Equal(t, "decision", w.runs[0].Trigger)
}

func TestNonsenseDecisionsAreRefusedAndHarmNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open(w)
	w.after = func(activities.Request) { closed(w) }
	var nonsense, stale, good *answer
	w.env.RegisterDelayedCallback(func() {
		w.env.SignalWorkflow(workflows.SignalDecide, activities.Decision{Conflict: 12, Verb: "frobnicate"})
		nonsense = w.update(workflows.UpdateDecide, activities.Decision{Conflict: 12, Digest: "ab12", Verb: "take"})
	}, time.Hour)
	w.env.RegisterDelayedCallback(func() {
		stale = w.update(workflows.UpdateDecide, activities.Decision{Conflict: 12, Digest: "stale", Verb: "take", System: "crm"})
	}, 2*time.Hour)
	w.env.RegisterDelayedCallback(func() {
		require.Empty(t, w.runs)
		good = w.update(workflows.UpdateDecide, activities.Decision{Conflict: 12, Digest: "ab12", Verb: "take", System: "crm"})
	}, 3*time.Hour)
	w.start(t)
	require.ErrorContains(t, nonsense.refused, "take needs a system")
	require.False(t, nonsense.accepted)
	require.ErrorContains(t, stale.err, "has changed")
	require.NoError(t, good.err)
	require.Len(t, w.runs, 1)
	require.Len(t, w.decided, 1)
}

func TestDeadlineStartsASettlingRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open(w)
	w.review.Due = record.NewTimestamp(w.env.Now().Add(72 * time.Hour))
	began := w.env.Now()
	w.after = func(activities.Request) { closed(w) }
	w.start(t)
	require.Len(t, w.runs, 1)
	require.Equal(t, "deadline", w.runs[0].Trigger)
	require.GreaterOrEqual(t, w.env.Now().Sub(began), 72*time.Hour)
}

func TestPausedSyncRunsNothingUntilResumed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var refused *answer
	w.env.RegisterDelayedCallback(func() { w.env.SignalWorkflow(workflows.SignalPause, workflows.Pause{Reason: "migration"}) }, 0)
	w.env.RegisterDelayedCallback(func() {
		refused = w.update(workflows.UpdateRun, workflows.Ask{})
		w.env.SignalWorkflow(workflows.SignalRun, workflows.Ask{Trigger: "schedule"})
	}, time.Minute)
	w.env.RegisterDelayedCallback(func() {
		require.Empty(t, w.runs)
		w.env.SignalWorkflow(workflows.SignalResume, workflows.Pause{})
	}, time.Hour)
	w.start(t)
	require.ErrorContains(t, refused.err, "migration")
	require.Len(t, w.runs, 1)
}

func TestFailedRunDoesNotEndTheSyncItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail = errors.New("crm is away")
	w.env.RegisterDelayedCallback(func() { w.update(workflows.UpdateRun, workflows.Ask{}) }, 0)
	w.start(t)
	require.NoError(t, w.env.GetWorkflowError())
	require.Len(t, w.runs, 1)
}

// A pause in the ledger is found by whoever asks, also by a Sync that was not
// there when it was made.
func TestPauseInTheLedgerIsObeyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.review.Paused = "migration"
	w.review.Pending = 1
	var refused *answer
	w.env.RegisterDelayedCallback(func() {
		w.env.SignalWorkflow(workflows.SignalChanged, workflows.Changed{System: "crm"})
		refused = w.update(workflows.UpdateRun, workflows.Ask{})
	}, 0)
	w.start(t)
	require.NoError(t, w.env.GetWorkflowError())
	require.ErrorContains(t, refused.err, "migration")
	require.Empty(t, w.runs)
}

func TestDecisionsWaitForTheEndOfAPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open(w)
	w.review.Paused, w.review.Due = "migration", record.NewTimestamp(w.env.Now().Add(time.Hour))
	w.after = func(activities.Request) { closed(w) }
	w.env.RegisterDelayedCallback(func() {
		require.Empty(t, w.runs, "also the deadline waits")
		w.review.Paused = ""
	}, 3*time.Hour)
	w.start(t)
	require.NoError(t, w.env.GetWorkflowError())
	require.Len(t, w.runs, 1)
	require.Equal(t, "deadline", w.runs[0].Trigger)
}

// A deadline that is decided is not waited for any more, whatever else is open.
func TestDeadlineThatIsDecidedIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open(w)
	w.review.Due = record.NewTimestamp(w.env.Now().Add(time.Hour))
	w.after = func(r activities.Request) {
		w.review.Due = 0 // another conflict stays open, without a deadline
		if r.Trigger == "decision" {
			closed(w)
		}
	}
	w.env.RegisterDelayedCallback(func() {
		w.env.SignalWorkflow(workflows.SignalDecide, activities.Decision{Conflict: 12, Digest: "ab12", Verb: "take", System: "crm"})
	}, 24*time.Hour)
	w.start(t)
	require.NoError(t, w.env.GetWorkflowError())
	require.Len(t, w.runs, 2)
	require.Equal(t, "deadline", w.runs[0].Trigger)
	require.Equal(t, "decision", w.runs[1].Trigger)
}
