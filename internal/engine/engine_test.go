package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/internal/engine"
)

func TestMain(m *testing.M) {
	// The environment of whoever runs the tests must not lead them to a real cluster.
	for _, name := range []string{"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_PROFILE", "TEMPORAL_API_KEY", "TEMPORAL_UI_URL"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	if err := os.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(os.TempDir(), "no-such-temporal.toml")); err != nil {
		panic(err)
	}
	if role := os.Getenv("SYNCLINE_ENGINE_TEST_ROLE"); role != "" {
		child(role)
		return
	}
	code := m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// connect opens an engine that is closed at the test's end.
func connect(t *testing.T, o engine.Options) *engine.Engine {
	t.Helper()
	e, err := engine.Connect(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// shared is the engine of the tests that need no engine of their own.
//
//nolint:gochecknoglobals // an engine takes half a second and a hundred goroutines
var shared = sync.OnceValues(func() (*engine.Engine, error) {
	dir, err := os.MkdirTemp("", "syncline-engine-")
	if err != nil {
		return nil, err
	}
	e, err := engine.Connect(context.Background(), engine.Options{State: dir})
	if err != nil {
		return nil, err
	}
	closeShared = func() error { return errors.Join(e.Close(), os.RemoveAll(dir)) }
	return e, nil
})

//nolint:gochecknoglobals // set by shared, called by TestMain
var closeShared = func() error { return nil }

func TestStartsInAnyFolder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, state := range []string{".syncline", filepath.Join(dir, "with space & 100%?#", "ü")} {
		// Ports of its own: a default one is taken at once by the next engine of
		// another test, which would answer in its place below.
		e, err := engine.Connect(t.Context(), engine.Options{State: state, TemporalPort: 18953, UIPort: 18954})
		require.NoError(t, err)
		require.True(t, e.Embedded())
		require.False(t, e.External())
		require.Equal(t, "default", e.Namespace())
		_, err = e.Client().CheckHealth(t.Context(), &client.CheckHealthRequest{})
		require.NoError(t, err)
		page, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.WorkflowURL("a/b", ""), http.NoBody)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(page)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)

		require.NoError(t, e.Close())
		require.NoError(t, e.Close(), "closing twice")
		require.NoFileExists(t, filepath.Join(state, "engine", "engine.json"))
		require.FileExists(t, filepath.Join(state, "engine", "temporal-1.32.1.db"))
		_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", e.Address())
		require.Error(t, err, "the server has ended")
	}
}

func TestRetentionIsThirtyDays(t *testing.T) {
	t.Parallel()
	e, err := shared()
	require.NoError(t, err)
	ns, err := e.Client().WorkflowService().DescribeNamespace(t.Context(),
		&workflowservice.DescribeNamespaceRequest{Namespace: e.Namespace()})
	require.NoError(t, err)
	require.Equal(t, 30*24*time.Hour, ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())
}

func TestSearchAttributesAreUsable(t *testing.T) {
	t.Parallel()
	e, err := shared()
	require.NoError(t, err)
	run, err := e.Client().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "search", TaskQueue: "nobody",
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword("SyncName").ValueSet("people"),
			temporal.NewSearchAttributeKeyKeyword("Trigger").ValueSet("schedule"),
			temporal.NewSearchAttributeKeyKeyword("Outcome").ValueSet("done"),
			temporal.NewSearchAttributeKeyInt64("Conflicts").ValueSet(2),
			temporal.NewSearchAttributeKeyInt64("Applied").ValueSet(40),
		),
	}, "Any")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		found, err := e.Client().ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: "SyncName = 'people' AND `Trigger` = 'schedule' AND Outcome = 'done' AND Conflicts > 1 AND Applied = 40",
		})
		require.NoError(t, err)
		return len(found.GetExecutions()) == 1 && found.GetExecutions()[0].GetExecution().GetRunId() == run.GetRunID()
	}, 10*time.Second, 10*time.Millisecond)
}

func TestTakenPortIsNamed(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	port := l.Addr().(*net.TCPAddr).Port
	for flag, o := range map[string]engine.Options{
		"--temporal-port": {TemporalPort: port},
		"--ui-port":       {UIPort: port},
	} {
		o.State = t.TempDir()
		_, err = engine.Connect(t.Context(), o)
		require.ErrorIs(t, err, engine.ErrPortTaken)
		require.ErrorContains(t, err, l.Addr().String())
		require.ErrorContains(t, err, flag)
		// What failed holds nothing back.
		o.TemporalPort, o.UIPort, o.NoUI = 0, 0, true
		require.NoError(t, connect(t, o).Close())
	}
}

func TestTakenDefaultPortsAreSteppedOver(t *testing.T) {
	t.Parallel()
	one := connect(t, engine.Options{State: t.TempDir(), NoUI: true})
	two := connect(t, engine.Options{State: t.TempDir(), NoUI: true})
	require.NotEqual(t, one.Address(), two.Address())
	require.True(t, two.Embedded())
	require.Empty(t, two.UIURL())
	require.Empty(t, two.WorkflowURL("a", ""))
}

func TestAskedPortIsUsed(t *testing.T) {
	t.Parallel()
	e := connect(t, engine.Options{State: t.TempDir(), TemporalPort: 18951, UIPort: 18952})
	require.Equal(t, "127.0.0.1:18951", e.Address())
	require.Equal(t, "http://127.0.0.1:18952", e.UIURL())
	require.Equal(t, "http://127.0.0.1:18952/namespaces/default/workflows/people%2Frun%2F1", e.WorkflowURL("people/run/1", ""))
	require.Equal(t, "http://127.0.0.1:18952/namespaces/default/workflows/people/r-1/history", e.WorkflowURL("people", "r-1"))
}

func TestNamespaceOfTheRunningEngineMustFit(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	e := connect(t, engine.Options{State: state, Namespace: "test", NoUI: true})
	require.Equal(t, "test", e.Namespace())
	require.Equal(t, "test", connect(t, engine.Options{State: state}).Namespace())
	_, err := engine.Connect(t.Context(), engine.Options{State: state, Namespace: "prod"})
	require.ErrorContains(t, err, `"test", not "prod"`)
}

// TestStaleRecordIsMended plants the record of a process that is gone, at whose
// address another engine answers meanwhile.
func TestStaleRecordIsMended(t *testing.T) {
	t.Parallel()
	other, err := shared()
	require.NoError(t, err)
	state := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(state, "engine"), 0o700))
	stale, err := json.Marshal(map[string]any{"pid": 1, "address": other.Address(), "namespace": "default", "cluster": "x"})
	require.NoError(t, err)
	for _, left := range [][]byte{stale, []byte(`{"pid":`), {}} {
		require.NoError(t, os.WriteFile(filepath.Join(state, "engine", "engine.json"), left, 0o600))
		e, err := engine.Connect(t.Context(), engine.Options{State: state, NoUI: true})
		require.NoError(t, err)
		require.True(t, e.Embedded())
		require.NotEqual(t, other.Address(), e.Address())
		require.NoError(t, e.Close())
	}
}

// TestHalfMadeDatabaseIsMended leaves what a process killed during its very first
// start leaves.
func TestHalfMadeDatabaseIsMended(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	dir := filepath.Join(state, "engine")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal-1.32.1.db.new"), []byte("SQLite format 3\x00half"), 0o600))
	require.True(t, connect(t, engine.Options{State: state, NoUI: true}).Embedded())
	require.NoFileExists(t, filepath.Join(dir, "temporal-1.32.1.db.new"))
}

func TestManyConnectAtOnce(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	engines := make([]*engine.Engine, 4)
	errs := make([]error, len(engines))
	var wg sync.WaitGroup
	for i := range engines {
		wg.Go(func() {
			engines[i], errs[i] = engine.Connect(t.Context(), engine.Options{State: state, NoUI: true})
		})
	}
	wg.Wait()
	owners := 0
	var owner *engine.Engine
	for i, e := range engines {
		require.NoError(t, errs[i])
		if e.Embedded() {
			owners++
			owner = e
			continue
		}
		require.NoError(t, e.Close())
	}
	require.Equal(t, 1, owners)
	// The others' closing did not stop it.
	_, err := owner.Client().CheckHealth(t.Context(), &client.CheckHealthRequest{})
	require.NoError(t, err)
	require.NoError(t, owner.Close())
}

// TestScheduleRuns covers the server's own worker, which schedules need.
func TestScheduleRuns(t *testing.T) {
	t.Parallel()
	e, err := shared()
	require.NoError(t, err)
	_, err = e.Client().ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID:                 "nightly",
		Spec:               client.ScheduleSpec{CronExpressions: []string{"0 3 * * *"}},
		Action:             &client.ScheduleWorkflowAction{ID: "scheduled", Workflow: "Any", TaskQueue: "nobody"},
		TriggerImmediately: true,
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		d, err := e.Client().ScheduleClient().GetHandle(t.Context(), "nightly").Describe(t.Context())
		return err == nil && len(d.Info.RecentActions) == 1
	}, 30*time.Second, 20*time.Millisecond)
}
