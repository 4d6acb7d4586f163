package workflows_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/workflows"
)

// house stands for the activities: it records in which order they ran.
type house struct {
	order    []string
	detected activities.Detected
	stopped  activities.Guarded
	fail     map[string]error
	finished activities.FinishInput
	// failOnce fails a step the first time, as a system that is away does.
	failOnce map[string]bool
}

func (h *house) did(name string) error {
	if h.failOnce[name] {
		delete(h.failOnce, name)
		return errors.New("away for a moment")
	}
	h.order = append(h.order, name)
	return h.fail[name]
}

func (h *house) register(env *testsuite.TestWorkflowEnvironment) {
	add := func(name string, do any) { env.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: name}) }
	add(activities.StepDetect, func(_ context.Context, r activities.Request) (activities.Detected, error) {
		h.detected.Pass.Sync, h.detected.Pass.Run = r.Sync, r.Run
		return h.detected, h.did("detect")
	})
	add(activities.StepExtract, func(_ context.Context, in activities.ExtractInput) (activities.Extracted, error) {
		return activities.Extracted{Ref: in.Partition.ID, Rows: 10}, h.did("extract")
	})
	add(activities.StepTransform, func(_ context.Context, in activities.TransformInput) (activities.Transformed, error) {
		return activities.Transformed{Rows: 10, Groups: 1, Tally: reconcile.Tally{}, Serial: in.System == 1}, h.did("transform")
	})
	add(activities.StepResolve, func(_ context.Context, in activities.ResolveInput) (activities.Resolved, error) {
		name := "resolve"
		switch in.Group {
		case activities.SettleGroup:
			name = "settle"
		case activities.SerialGroup:
			name = "serial"
		}
		return activities.Resolved{Tally: reconcile.Tally{Read: 10, Applied: 10}}, h.did(name)
	})
	add(activities.ActGuard, func(context.Context, activities.GuardInput) (activities.Guarded, error) {
		return h.stopped, h.did("guard")
	})
	add(activities.StepLoad, func(_ context.Context, in activities.LoadInput) (activities.Loaded, error) {
		return activities.Loaded{Created: 1}, h.did("load " + in.Phase)
	})
	add(activities.ActFinish, func(_ context.Context, in activities.FinishInput) (activities.Result, error) {
		h.finished = in
		outcome := activities.OutcomeDone
		if in.Failed != "" {
			outcome = activities.OutcomeFailed
		}
		return activities.Result{Run: in.Pass.Run, Outcome: outcome}, h.did("finish")
	})
}

func twoSystems() activities.Detected {
	part := []connectors.Partition{{ID: "0"}}
	return activities.Detected{
		Pass:    activities.Pass{Epoch: 1, Groups: 1},
		Targets: []string{"a", "b"},
		Windows: []activities.Window{
			{System: "a", Index: 0, Mode: connectors.ModeSnapshot, Partitions: part},
			{System: "b", Index: 1, Mode: connectors.ModeSnapshot, Partitions: part},
		},
	}
}

func runWith(t *testing.T, h *house, request activities.Request) (*testsuite.TestWorkflowEnvironment, activities.Result) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	h.register(env)
	env.ExecuteWorkflow(workflows.Run, request)
	require.True(t, env.IsWorkflowCompleted())
	var result activities.Result
	if env.GetWorkflowError() == nil {
		require.NoError(t, env.GetWorkflowResult(&result))
	}
	return env, result
}

func TestRunReadsLikeTheSentence(t *testing.T) {
	t.Parallel()
	h := &house{detected: twoSystems()}
	_, result := runWith(t, h, activities.Request{Sync: "people", Run: "people/run/1", Trigger: "manual"})
	require.Equal(t, activities.OutcomeDone, result.Outcome)
	require.Equal(t, "detect", h.order[0])
	require.ElementsMatch(t, []string{"extract", "extract", "transform", "transform"}, h.order[1:5])
	require.Equal(t, []string{
		"settle", "serial", "resolve", "guard", "load write", "load write", "load delete", "load delete", "finish",
	}, h.order[5:])
	require.Equal(t, int64(20), h.finished.Read["a"]+h.finished.Read["b"])
}

func TestRunThatALimitStopsWritesNothing(t *testing.T) {
	t.Parallel()
	h := &house{detected: twoSystems(), stopped: activities.Guarded{Stopped: "100 deletes", Hash: "x"}}
	runWith(t, h, activities.Request{Sync: "people", Run: "people/run/1"})
	require.NotContains(t, h.order, "load write")
	require.NotContains(t, h.order, "load delete")
	require.Equal(t, "100 deletes", h.finished.Stopped.Stopped)
	require.Equal(t, "finish", h.order[len(h.order)-1])
}

func TestSettlingRunReadsNothing(t *testing.T) {
	t.Parallel()
	detected := twoSystems()
	for i := range detected.Windows {
		detected.Windows[i].Partitions = nil
	}
	h := &house{detected: detected}
	runWith(t, h, activities.Request{Sync: "people", Run: "people/run/2", Trigger: "decision", Settle: true})
	require.Equal(t, []string{
		"detect", "settle", "guard", "load write", "load write", "load delete", "load delete", "finish",
	}, h.order)
}

func TestFailedRunIsClosedAndFails(t *testing.T) {
	t.Parallel()
	refused := temporal.NewNonRetryableApplicationError("crm: login refused", string(connectors.Unauthorized), nil)
	h := &house{detected: twoSystems(), fail: map[string]error{"extract": refused}}
	env, _ := runWith(t, h, activities.Request{Sync: "people", Run: "people/run/3"})
	var app *temporal.ApplicationError
	require.ErrorAs(t, env.GetWorkflowError(), &app)
	require.Equal(t, string(connectors.Unauthorized), app.Type())
	require.Equal(t, "crm: login refused", app.Message())
	require.Equal(t, "finish", h.order[len(h.order)-1])
	require.Equal(t, "crm: login refused", h.finished.Failed)
	require.NotContains(t, h.order, "load write")
}

func TestPassingTroubleIsRetried(t *testing.T) {
	t.Parallel()
	h := &house{detected: twoSystems(), failOnce: map[string]bool{"detect": true, "transform": true, "load write": true}}
	_, result := runWith(t, h, activities.Request{Sync: "people", Run: "people/run/4"})
	require.Equal(t, activities.OutcomeDone, result.Outcome)
	require.Empty(t, h.failOnce, "every failure was met")
}
