package workflows_test

import (
	"context"
	"errors"
	"slices"
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
	// loses is how often a step finds that the stage has lost something; down is
	// the system that cannot be written.
	loses  map[string]int
	down   string
	resume []activities.ResolveInput
}

func (h *house) did(name string) error {
	if h.loses[name] > 0 {
		h.loses[name]--
		h.order = append(h.order, name+" lost")
		return temporal.NewNonRetryableApplicationError("gone", activities.KindStageMissing, nil)
	}
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
		h.resume = append(h.resume, in)
		return activities.Resolved{Tally: reconcile.Tally{Read: 10, Applied: 10}}, h.did(name)
	})
	add(activities.ActGuard, func(context.Context, activities.GuardInput) (activities.Guarded, error) {
		return h.stopped, h.did("guard")
	})
	add(activities.StepLoad, func(_ context.Context, in activities.LoadInput) (activities.Loaded, error) {
		if h.down != "" && h.detected.Windows[in.System].System == h.down {
			return activities.Loaded{Down: "no answer"}, h.did("load " + h.down + ", which is down")
		}
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

func TestPartitionThatTheStageLosesIsExtractedAgain(t *testing.T) {
	t.Parallel()
	h := &house{detected: twoSystems(), loses: map[string]int{"transform": 1}}
	_, result := runWith(t, h, activities.Request{Sync: "people", Run: "people/run/5"})
	require.Equal(t, activities.OutcomeDone, result.Outcome)
	require.Equal(t, map[string]int64{"a": 10, "b": 10}, h.finished.Read, "it is counted once")
	require.Len(t, slices.DeleteFunc(slices.Clone(h.order), func(s string) bool { return s != "extract" }), 3)
}

// Some groups may be resolved by then: all begins anew, under other names, and
// every record is counted once. Decisions are not carried out twice.
func TestRunBeginsAnewWhenTheStageIsLost(t *testing.T) {
	t.Parallel()
	h := &house{detected: twoSystems(), loses: map[string]int{"resolve": 1}}
	_, result := runWith(t, h, activities.Request{Sync: "people", Run: "people/run/6"})
	require.Equal(t, activities.OutcomeDone, result.Outcome)
	require.Equal(t, []string{"settle", "serial", "resolve lost"}, h.order[5:8])
	require.ElementsMatch(t, []string{"extract", "extract", "transform", "transform"}, h.order[8:12])
	require.Equal(t, []string{"serial", "resolve", "guard"}, h.order[12:15])
	require.Equal(t, map[string]int64{"a": 10, "b": 10}, h.finished.Read)
	require.Equal(t, int64(30), h.finished.Tally.Read, "settled, serial and resolved, each once")
	last := h.resume[len(h.resume)-1]
	require.Equal(t, 1, last.Pass.Attempt)
	require.Zero(t, h.resume[0].Pass.Attempt)
}

func TestStageThatAlwaysLosesFailsTheRun(t *testing.T) {
	t.Parallel()
	h := &house{detected: twoSystems(), loses: map[string]int{"resolve": 100}}
	env, _ := runWith(t, h, activities.Request{Sync: "people", Run: "people/run/7"})
	var app *temporal.ApplicationError
	require.ErrorAs(t, env.GetWorkflowError(), &app)
	require.Equal(t, activities.KindStageMissing, app.Type())
	require.NotContains(t, h.order, "load write")
	require.Equal(t, 97, h.loses["resolve"])
}

func TestSystemThatIsDownIsNeitherReadNorWritten(t *testing.T) {
	t.Parallel()
	detected := twoSystems()
	detected.Windows[0].Down, detected.Windows[0].Partitions = "no answer", nil
	h := &house{detected: detected}
	_, result := runWith(t, h, activities.Request{Sync: "people", Run: "people/run/8"})
	require.Equal(t, activities.OutcomeDone, result.Outcome)
	require.Equal(t, []string{
		"detect", "extract", "transform", "settle", "serial", "resolve", "guard", "load write", "load delete", "finish",
	}, h.order)
	require.Equal(t, "no answer", h.finished.Windows[0].Down)
}

func TestSystemThatGoesDownIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	h := &house{detected: twoSystems(), down: "a"}
	runWith(t, h, activities.Request{Sync: "people", Run: "people/run/9"})
	require.Equal(t, []string{"guard", "load a, which is down", "load write", "load delete", "finish"}, h.order[8:])
	require.Equal(t, "no answer", h.finished.Loaded["a"].Down)
	require.Empty(t, h.finished.Loaded["b"].Down)
}
