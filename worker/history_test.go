package worker_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// histories gives the complete histories of all runs of all syncs, and of the
// Syncs that started them, the oldest run first.
func (s *site) histories() []*historypb.History {
	s.t.Helper()
	runs, err := s.house.Ledger.Runs(s.t.Context(), "", 1000)
	require.NoError(s.t, err)
	slices.Reverse(runs)
	var (
		all  []*historypb.History
		seen = map[string]bool{}
	)
	for _, run := range runs {
		description, err := s.engine.Client().DescribeWorkflowExecution(s.t.Context(), run.ID, "")
		require.NoError(s.t, err, run.ID)
		info := description.GetWorkflowExecutionInfo()
		parent := info.GetParentExecution()
		id, runID := parent.GetWorkflowId(), parent.GetRunId()
		for runID != "" && !seen[runID] {
			seen[runID] = true
			h := s.history(id, runID)
			all = append(all, h)
			last := h.GetEvents()[len(h.GetEvents())-1]
			runID = last.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
		}
		all = append(all, s.history(run.ID, info.GetExecution().GetRunId()))
	}
	return all
}

func (s *site) history(id, runID string) *historypb.History {
	s.t.Helper()
	h := &historypb.History{}
	events := s.engine.Client().GetWorkflowHistory(s.t.Context(), id, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(s.t, err)
		h.Events = append(h.Events, event)
	}
	return h
}

// scrub gives a history as JSON without what is of this machine only: names of
// processes and of the test's folder. Payloads are looked into.
func (s *site) scrub(h *historypb.History) []byte {
	s.t.Helper()
	host, err := os.Hostname()
	require.NoError(s.t, err)
	clean := func(text string) string {
		return strings.ReplaceAll(strings.ReplaceAll(text, s.dir, "/syncline"), host, "syncline")
	}
	var tree any
	require.NoError(s.t, json.Unmarshal(historyJSON(s, h), &tree))
	tree = walk(tree, func(key, text string) string {
		if key == "identity" || key == "workerId" {
			return "syncline"
		}
		if key == "data" {
			plain, err := base64.StdEncoding.DecodeString(text)
			require.NoError(s.t, err)
			return base64.StdEncoding.EncodeToString([]byte(clean(string(plain))))
		}
		return clean(text)
	})
	text, err := json.MarshalIndent(tree, "", " ")
	require.NoError(s.t, err)
	require.NotContains(s.t, string(text), os.TempDir()+"/")
	return append(text, '\n')
}

func historyJSON(s *site, h *historypb.History) []byte {
	s.t.Helper()
	text, err := protojson.Marshal(h)
	require.NoError(s.t, err)
	return text
}

// walk replaces every text of a JSON tree; key is what it stands under.
func walk(tree any, replace func(key, text string) string) any {
	var step func(key string, node any) any
	step = func(key string, node any) any {
		switch node := node.(type) {
		case map[string]any:
			for k, v := range node {
				node[k] = step(k, v)
			}
		case []any:
			for i, v := range node {
				node[i] = step(key, v)
			}
		case string:
			return replace(key, node)
		}
		return node
	}
	return step("", tree)
}
