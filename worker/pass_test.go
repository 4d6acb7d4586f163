package worker_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

// pass runs the workflow and all its steps without an engine, with the
// definition as it is now.
func (s *site) pass() (activities.Result, error) {
	s.t.Helper()
	project, problems := s.house.Project()
	require.NoError(s.t, problems.Err())
	if def := project.Definitions[0]; def.Source != s.saved {
		revision, err := s.house.Ledger.SaveRevision(s.t.Context(), ledger.Revision{
			Sync: "people", YAML: def.Source, Hash: def.Source, By: "test", At: time.Now(),
		})
		require.NoError(s.t, err)
		s.saved, s.revision = def.Source, revision
	}
	s.passes++
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	worker.Register(env, nil, s.house)
	env.ExecuteWorkflow(workflows.Run, activities.Request{
		Sync: "people", Run: workflows.RunID("people", s.passes), Revision: s.revision, Trigger: "manual",
	})
	var result activities.Result
	if err := env.GetWorkflowError(); err != nil {
		app, ok := errors.AsType[*temporal.ApplicationError](err)
		require.True(s.t, ok, "%v", err)
		return result, app
	}
	require.NoError(s.t, env.GetWorkflowResult(&result))
	c := result.Counts
	require.Equal(s.t, c.Read, c.Applied+c.Owed+c.Unchanged+c.Conflicts+c.Quarantined+c.Ignored, "the counts balance: %+v", c)
	return result, nil
}

// passed is a pass that must not fail.
func (s *site) passed() activities.Result {
	s.t.Helper()
	result, err := s.pass()
	require.NoError(s.t, err)
	return result
}

// newPassSite is a folder of definitions with its state, without an engine.
func newPassSite(t *testing.T, definition string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), logs: &lockedBuffer{}}
	require.NoError(t, os.MkdirAll(filepath.Join(s.dir, "mappings"), 0o700))
	s.define(definition)
	house, err := worker.Open(t.Context(), worker.Config{
		State: filepath.Join(s.dir, "state"), Definitions: filepath.Join(s.dir, "mappings"), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, house.Close()) })
	s.house = house
	return s
}
