package workflows

import (
	"strconv"
	"strings"

	"go.temporal.io/sdk/temporal"
)

// TaskQueue is where workers listen.
const TaskQueue = "syncline"

// The names of the workflows, their signals and Updates.
const (
	NameSync      = "Sync"
	NameRun       = "Run"
	NameScheduled = "Scheduled"

	SignalRun     = "run"
	SignalChanged = "changed"
	SignalDecide  = "decide"
	SignalPause   = "pause"
	SignalResume  = "resume"

	UpdateRun    = "run"
	UpdateDecide = "decide"
)

// The search attributes by which runs are found in the Web UI.
//
//nolint:gochecknoglobals // typed keys are values without state
var (
	SearchSync      = temporal.NewSearchAttributeKeyKeyword("SyncName")
	SearchTrigger   = temporal.NewSearchAttributeKeyKeyword("Trigger")
	SearchOutcome   = temporal.NewSearchAttributeKeyKeyword("Outcome")
	SearchConflicts = temporal.NewSearchAttributeKeyInt64("Conflicts")
	SearchApplied   = temporal.NewSearchAttributeKeyInt64("Applied")
)

// SyncID is the workflow id of a sync: its name.
func SyncID(sync string) string { return sync }

// RunID is the workflow id of a sync's nth run.
func RunID(sync string, n int64) string {
	return sync + "/run/" + strconv.FormatInt(n, 10)
}

// SyncOf gives the sync's name back from a run's id.
func SyncOf(runID string) string {
	sync, _, _ := strings.Cut(runID, "/run/")
	return sync
}

// ScheduleID is the id of a sync's Temporal Schedule.
func ScheduleID(sync string) string { return "schedule/" + sync }
