package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

// Workers of other machines are seen, those of this one are not among them.
func TestWorkersElsewhereAreSeen(t *testing.T) {
	s := newSite(t, separateDefinition)
	hosts, err := worker.Elsewhere(t.Context(), s.engine.Client())
	require.NoError(t, err)
	require.Empty(t, hosts)
	other := sdkworker.New(s.engine.Client(), workflows.TaskQueue, sdkworker.Options{Identity: "syncline@elsewhere"})
	worker.Register(other, s.engine.Client(), s.house)
	require.NoError(t, other.Start())
	t.Cleanup(other.Stop)
	require.Eventually(t, func() bool {
		hosts, err := worker.Elsewhere(t.Context(), s.engine.Client())
		return err == nil && len(hosts) == 1 && hosts[0] == "elsewhere"
	}, 20*time.Second, 50*time.Millisecond)
}
