package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/workflows"
)

func TestBarsShowRowsRateAndTimeLeft(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&screen{out: &out, err: &out, terminal: true}, "s/run/1")
	p.began["load"] = time.Now().Add(-10 * time.Second)
	p.draw(workflows.Progress{Steps: []workflows.StepProgress{
		{Name: "detect", Done: 2, Total: 2, Unit: "systems"}, {Name: "extract", Done: 4000, Total: 4000}, {Name: "load", Done: 1000, Total: 4000},
	}})
	full, part := strings.Repeat("█", 24), strings.Repeat("█", 6)+strings.Repeat("░", 18)
	require.Equal(t, "  detect     "+full+" 2/2 systems\n  extract    "+full+" 4000/4000\n  load       "+part+" 1000/4000  100/s  30s left\n", out.String())

	// The next drawing takes the place of this one, and never goes back: what a
	// step says of itself comes and goes.
	out.Reset()
	p.draw(workflows.Progress{Steps: []workflows.StepProgress{{Name: "load", Done: 10, Total: 4000}}})
	require.True(t, strings.HasPrefix(out.String(), strings.Repeat("\x1b[1A\x1b[2K", 3)))
	require.Contains(t, out.String(), "1000/4000")

	out.Reset()
	p.end()
	p.end()
	require.Equal(t, "\x1b[1A\x1b[2K", out.String())
}

// What the steps say of themselves is added to what the run has heard of.
func TestHeartbeatsMoveTheBars(t *testing.T) {
	t.Parallel()
	now := workflows.Progress{Read: 10, Steps: []workflows.StepProgress{
		{Name: "extract", Done: 10, Total: 100}, {Name: "transform", Total: 100}, {Name: "resolve", Total: 100}, {Name: "load", Done: 1, Total: 100},
	}}
	for step, said := range map[string]any{
		activities.StepExtract: int64(30), activities.StepTransform: 20, activities.StepLoad: activities.Loaded{Created: 3, Unchanged: 4},
		activities.StepResolve: nil,
	} {
		details, err := converter.GetDefaultDataConverter().ToPayloads(said)
		require.NoError(t, err)
		addHeartbeat(step, details, &now)
		addHeartbeat(step, nil, &now)
	}
	var done []int64
	for _, s := range now.Steps {
		done = append(done, s.Done)
	}
	require.Equal(t, []int64{40, 20, 0, 8}, done)
	require.Equal(t, int64(40), now.Read)
	require.Equal(t, int64(3), now.Written)
}
