package workflows_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/workflows"
)

func newReplayer() worker.WorkflowReplayer {
	replayer := worker.NewWorkflowReplayer()
	for name, definition := range map[string]any{
		workflows.NameSync: workflows.Sync, workflows.NameRun: workflows.Run, workflows.NameScheduled: workflows.Scheduled,
	} {
		replayer.RegisterWorkflowWithOptions(definition, workflow.RegisterOptions{Name: name})
	}
	return replayer
}

// A Sync that is open today goes on after tomorrow's update: its history, and
// every other that was recorded, leads today's code to the same commands.
func TestRecordedHistoriesReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "replay", "*.json"))
	require.NoError(t, err)
	missing := map[string]bool{
		"plain_run": true, "run_with_retries": true, "two_requests_at_once": true, "conflicts_open": true,
		"decided_by_signal": true, "decided_by_update": true, "deadline_passed": true, "continued_as_new": true,
		"system_down": true, "stage_lost": true, "paused": true, "stateless": true, "stateless_rejects": true,
	}
	for _, file := range files {
		moment, _, _ := strings.Cut(filepath.Base(file), ".")
		delete(missing, moment)
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			logger := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
			require.NoError(t, newReplayer().ReplayWorkflowHistoryFromJSONFile(logger, file))
		})
	}
	require.Empty(t, missing, "moments without a history")
}

// The replay can fail: a run that is taken for a Sync goes another way.
func TestReplayNoticesAnotherWay(t *testing.T) {
	t.Parallel()
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(func(workflow.Context, any) error { return nil }, workflow.RegisterOptions{Name: workflows.NameRun})
	files, err := filepath.Glob(filepath.Join("testdata", "replay", "plain_run.run_*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	logger := sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	require.Error(t, replayer.ReplayWorkflowHistoryFromJSONFile(logger, files[0]))
}
