package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
)

// A system that is down is shown with what waits for it, and not as if it had
// been read.
func TestPlanShowsWhatWaits(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{screen: newScreen(strings.NewReader(""), &out, &bytes.Buffer{})}
	city := "Graz"
	a.showPlan(&activities.Plan{
		Sync: "people", Names: []string{"city"}, Counts: activities.Counts{Read: 5, Owed: 1, Unchanged: 4},
		Ways: []activities.Way{{System: "billing", Mode: "snapshot", Why: "everything is read and compared"}},
		Systems: map[string]activities.SystemResult{
			"billing": {Read: 5}, "crm": {Down: "connection refused"}, "news": {Down: "paused: moving"},
		},
		Changes: []activities.Change{{System: "crm", Op: "update", Match: "p5@example.com", Owed: true, Fields: map[string][2]*string{"city": {nil, &city}}}},
	}, "email")
	require.Contains(t, out.String(), "crm  down: connection refused\n  what follows waits until it is back\n  ~ p5@example.com\n")
	require.Contains(t, out.String(), "news  paused: moving\n")
	require.Contains(t, out.String(), "5 read · 0 changed · 1 owed · 4 unchanged")
	require.Contains(t, out.String(), "billing  5 read, +0 ~0 -0")
}
