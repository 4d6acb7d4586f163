package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

// A Sync that waits for people lives long; a later version of the program may
// not follow its history. It is ended then, and a new one does what is asked.
func TestSyncOfAnotherVersionIsRenewed(t *testing.T) {
	s := newSite(t, twoSQLite)
	s.sqlite("a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, name TEXT)", "INSERT INTO t (email) VALUES ('ada@example.com')")
	s.sqlite("b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, name TEXT)")
	c := s.engine.Client()

	// Another version: it began with a timer. Its tasks are on a queue of its own,
	// so that no other worker goes on with it.
	const queue = "another version"
	options := worker.SyncOptions("pair")
	options.TaskQueue = queue
	old := sdkworker.New(c, queue, sdkworker.Options{})
	old.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ workflows.State) error {
		return workflow.Sleep(ctx, time.Hour)
	}, workflow.RegisterOptions{Name: workflows.NameSync})
	require.NoError(t, old.Start())
	handle, err := c.ExecuteWorkflow(t.Context(), options, workflows.NameSync, workflows.State{Sync: "pair"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the timer is in its history
		description, err := c.DescribeWorkflowExecution(t.Context(), handle.GetID(), handle.GetRunID())
		return err == nil && description.GetWorkflowExecutionInfo().GetHistoryLength() > 4
	}, 20*time.Second, 10*time.Millisecond)
	old.Stop()

	// Ours takes its queue over.
	house := s.house
	now := sdkworker.New(c, queue, sdkworker.Options{})
	worker.Register(now, c, house)
	require.NoError(t, now.Start())
	defer now.Stop()

	require.NotZero(t, written(s.run("pair")))
	description, err := c.DescribeWorkflowExecution(t.Context(), handle.GetID(), handle.GetRunID())
	require.NoError(t, err)
	require.Equal(t, "Terminated", description.GetWorkflowExecutionInfo().GetStatus().String())
}

const twoSQLite = `sync: pair
systems:
  a: {connector: sqlite, path: ./a.db, object: t}
  b: {connector: sqlite, path: ./b.db, object: t}
match: email
fields:
  email: {a: email, b: email}
  name: {a: name, b: name}
conflicts: {resolve: [{priority: [a, b]}]}
`
