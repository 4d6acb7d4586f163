package workflows_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/sdk/v1"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/workflows"
)

// details is what the Web UI shows of the sync after its first run.
func (w *world) details(t *testing.T) string {
	t.Helper()
	var metadata sdk.WorkflowMetadata
	w.env.RegisterDelayedCallback(func() { w.env.SignalWorkflow(workflows.SignalRun, workflows.Ask{Trigger: "manual"}) }, 0)
	w.env.RegisterDelayedCallback(func() {
		value, err := w.env.QueryWorkflow(queryMetadata)
		require.NoError(t, err)
		require.NoError(t, value.Get(&metadata))
		w.env.CancelWorkflow()
	}, 2*w.takes)
	w.start(t)
	return metadata.GetCurrentDetails()
}

// What the Web UI shows of open conflicts can be sent as it stands, for each.
func TestShownSignalsAreDecisions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.review.Open, w.review.Then, w.review.Due = 5, "{system_wins: crm}", 1790000000000000
	w.review.Conflicts = []activities.ReviewConflict{
		{ID: 3, Kind: string(reconcile.UpdateOriginDiffers), Field: "name", Systems: []string{"crm", "billing"}, Digest: "aa", Deadline: w.review.Due},
		{ID: 4, Kind: string(reconcile.IdentityAmbiguous), Digest: "bb"},
		{ID: 5, Kind: string(reconcile.DeleteRecentlyUpdated), Digest: "cc"},
		{ID: 6, Kind: string(reconcile.OwnershipViolation), Field: "phone", Systems: []string{"billing"}, Digest: "dd"},
	}
	text := w.details(t)
	require.Contains(t, text, "| 3 | update origin differs | name | crm, billing |")
	require.Contains(t, text, "by `then: {system_wins: crm}`")
	require.Contains(t, text, "and 1 more: `syncline conflicts list people`")
	var (
		got   []activities.Decision
		shown []json.RawMessage
	)
	for _, block := range strings.Split(text, "```json\n")[1:] {
		in := json.NewDecoder(strings.NewReader(strings.Split(block, "```")[0]))
		for in.More() {
			var raw json.RawMessage
			require.NoError(t, in.Decode(&raw))
			shown = append(shown, raw)
			one := json.NewDecoder(bytes.NewReader(raw))
			one.DisallowUnknownFields()
			var d activities.Decision
			require.NoError(t, one.Decode(&d))
			got = append(got, d)
		}
	}
	said := func(id int64, digest, verb, system string) activities.Decision {
		return activities.Decision{Conflict: id, Digest: digest, Verb: verb, System: system, Who: "your name", Why: "your reason"}
	}
	require.Equal(t, []activities.Decision{
		said(3, "aa", "take", "crm"), said(4, "bb", "separate", ""), said(5, "cc", "keep", ""),
		said(6, "dd", "revert", ""),
	}, got)
	require.Equal(t, got, sent(t, w.review, shown), "sent as they are shown, they are taken")
}

// sent is what a Sync decides that gets these signals.
func sent(t *testing.T, review activities.Review, signals []json.RawMessage) []activities.Decision {
	t.Helper()
	w := newWorld(t)
	w.review = review
	w.after = func(activities.Request) {
		if len(w.decided) == len(signals) {
			closed(w)
		}
	}
	for i, signal := range signals {
		w.env.RegisterDelayedCallback(func() { w.env.SignalWorkflow(workflows.SignalDecide, signal) }, time.Duration(i+1)*time.Second)
	}
	w.start(t)
	require.NoError(t, w.env.GetWorkflowError())
	return w.decided
}

// Details that are too long are cut between characters.
func TestLongDetailsStayText(t *testing.T) {
	t.Parallel()
	for extra := range 4 {
		w := newWorld(t)
		w.review.Open = 1
		w.review.Conflicts = []activities.ReviewConflict{{ID: 3, Field: strings.Repeat("x", extra) + strings.Repeat("ö€", 8_000)}}
		text := w.details(t)
		require.True(t, utf8.ValidString(text))
		require.True(t, strings.HasSuffix(text, "…"))
		require.LessOrEqual(t, len(text), 20_000)
	}
}

// A run shows the five steps by their names, with counts, whatever its way.
func TestRunShowsTheFiveSteps(t *testing.T) {
	t.Parallel()
	for _, stateless := range []bool{false, true} {
		detected := twoSystems()
		if stateless {
			detected.Stateless, detected.Targets = true, []string{"b"}
			detected.Windows[1].Partitions, detected.Windows[1].Mode = nil, ""
		}
		env, _ := runWith(t, &house{detected: detected}, activities.Request{Sync: "people", Run: "people/run/1", Trigger: "manual"})
		value, err := env.QueryWorkflow(queryMetadata)
		require.NoError(t, err)
		var metadata sdk.WorkflowMetadata
		require.NoError(t, value.Get(&metadata))
		var steps []string
		for _, line := range strings.Split(metadata.GetCurrentDetails(), "\n") {
			name, rest, _ := strings.Cut(strings.TrimPrefix(line, "- **"), "** ")
			if !slices.Contains(steps, name) {
				steps = append(steps, name)
			}
			if name == activities.StepExtract || name == activities.StepTransform || name == activities.StepLoad {
				require.Regexp(t, `\d`, rest, "stateless %v: %s", stateless, line)
			}
		}
		require.Equal(t, []string{"detect", "extract", "transform", "resolve", "load", "finish"}, steps, "stateless %v", stateless)
	}
}

// queryMetadata is what the Web UI asks a workflow for.
const queryMetadata = "__temporal_workflow_metadata"
