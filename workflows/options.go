package workflows

import (
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
)

// Timeouts and retries, each with its reason.
const (
	// detectTimeout: detect opens systems and reads their catalogues only.
	detectTimeout = 2 * time.Minute
	// detectAttempts: a person waits for the first word of a run; a system
	// that stays unreachable is reported as down by detect itself.
	detectAttempts = activities.DownAfter
	// stepTimeout bounds one attempt at one partition or group. The fence at
	// systems without locks relies on it: no request outlives it.
	stepTimeout = 30 * time.Minute
	// heartbeat: a worker that died is noticed after this, and the step moves on
	// to another worker.
	heartbeat = 30 * time.Second
	// stepAttempts with backoff up to a minute is about ten minutes of a system
	// that cannot be read, or of a ledger being away; after that the run fails
	// visibly and the next one pays. Load gives a system up much sooner: it stays
	// owed, and the others do not wait for it.
	stepAttempts = 15
	// ledgerTimeout: small commits to the ledger.
	ledgerTimeout = time.Minute
)

func retries(attempts int32) *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:    500 * time.Millisecond,
		BackoffCoefficient: 2,
		MaximumInterval:    time.Minute,
		MaximumAttempts:    attempts,
	}
}

// step gives the context for one activity, with its line for the Web UI.
func step(ctx workflow.Context, name, summary string) workflow.Context {
	options := workflow.ActivityOptions{
		StartToCloseTimeout: stepTimeout,
		HeartbeatTimeout:    heartbeat,
		RetryPolicy:         retries(stepAttempts),
		Summary:             clip(summary, maxSummary),
	}
	switch name {
	case activities.StepDetect:
		options.StartToCloseTimeout = detectTimeout
		options.HeartbeatTimeout = 0
		options.RetryPolicy = retries(detectAttempts)
	case activities.ActFinish, activities.ActReview, activities.ActDecide:
		options.StartToCloseTimeout = ledgerTimeout
		options.HeartbeatTimeout = 0
	case activities.ActAsk:
		// A scheduled run may wait behind a long one; the schedule skips meanwhile.
		options.StartToCloseTimeout = 24 * time.Hour
	}
	return workflow.WithActivityOptions(ctx, options)
}

// localStep gives the context for a step that is a look into the ledger: it
// runs where the workflow runs, and is one event of its history.
func localStep(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: ledgerTimeout,
		RetryPolicy:         retries(stepAttempts),
		Summary:             clip(summary, maxSummary),
	})
}

// Temporal refuses longer summaries and details.
const (
	maxSummary = 390
	maxDetails = 19_000
)

func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const more = "…"
	limit -= len(more)
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + more
}
