package activities

import (
	"github.com/syncline-dev/syncline/internal/record"
)

// The names under which the steps are registered; the Web UI shows them.
const (
	StepDetect    = "detect"
	StepExtract   = "extract"
	StepTransform = "transform"
	StepResolve   = "resolve"
	StepLoad      = "load"
	ActGuard      = "guard"
	ActFinish     = "finish"
	ActReview     = "review"
	ActDecide     = "decide"
	ActAsk        = "ask"
)

// Request is what a run is asked to do.
type Request struct {
	Sync string `json:"sync"`
	// Run is the run's own name, `<sync>/run/<n>`; the same on every retry.
	Run string `json:"run"`
	// Revision is the definition's revision in the ledger that the run is pinned to.
	Revision int `json:"revision"`
	// Trigger says why: manual, schedule, decision, deadline, changed.
	Trigger string `json:"trigger"`
	// Full asks every system for a complete listing.
	Full bool `json:"full,omitempty"`
	// Settle runs only what waits in the ledger: decisions, deadlines, debts.
	Settle bool `json:"settle,omitempty"`
	// Except leaves these fields alone in this run.
	Except []string `json:"except,omitempty"`
	// URL is the run's page in the Web UI.
	URL string `json:"url,omitempty"`
}

// Pass is what every step of one run is told.
type Pass struct {
	Sync     string `json:"sync"`
	Run      string `json:"run"`
	Number   int64  `json:"number"`
	Revision int    `json:"revision"`
	Epoch    int64  `json:"epoch"`
	// Now is the run's one instant, taken by detect.
	Now record.Timestamp `json:"now"`
	// Groups is in how many groups the records are resolved.
	Groups int `json:"groups"`
	// Unlisted are the systems of which nobody knows yet all that they have:
	// until then nothing is created anywhere.
	Unlisted []int `json:"unlisted,omitempty"`
	// Anew: a system is listed for the first time beside others that were listed
	// before. Every record is resolved again, however little it changed: now it
	// is known what the new system lacks.
	Anew bool `json:"anew,omitempty"`
	// Down are the systems that are neither read nor written in this run; they
	// stay owed.
	Down []int `json:"down,omitempty"`
	// Attempt counts how often the pass began anew because the stage had lost
	// something. What an earlier attempt staged and marked is not this one's.
	Attempt int `json:"attempt,omitempty"`
	// Settle and Except are the request's.
	Settle bool     `json:"settle,omitempty"`
	Except []string `json:"except,omitempty"`
}
