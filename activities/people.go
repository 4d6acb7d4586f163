package activities

import (
	"github.com/syncline-dev/syncline/internal/record"
)

// Review is what a Sync shows people and waits for.
type Review struct {
	// Open counts all open conflicts; Conflicts are the first of them.
	Open      int64            `json:"open"`
	Conflicts []ReviewConflict `json:"conflicts,omitempty"`
	// Due is when the next deadline passes; 0 if there is none.
	Due record.Timestamp `json:"due,omitempty"`
	// Pending counts decisions that no run has applied yet.
	Pending int64 `json:"pending,omitempty"`
	// Paused says why a person holds the whole sync; "" if nobody does.
	Paused string `json:"paused,omitempty"`
	// Next is the number of the sync's next run.
	Next int64 `json:"next"`
	// Then decides the conflicts whose deadline passes, as the definition says it.
	Then string `json:"then,omitempty"`
	// Revision is the definition's revision that runs without one are pinned to.
	Revision int `json:"revision"`
}

// ReviewConflict is one open conflict without any value of it.
type ReviewConflict struct {
	ID       int64            `json:"id"`
	Kind     string           `json:"kind"`
	Field    string           `json:"field,omitempty"`
	Systems  []string         `json:"systems"`
	Since    record.Timestamp `json:"since"`
	Deadline record.Timestamp `json:"deadline,omitempty"`
	Digest   string           `json:"digest"`
}

// Decision is the one shape of a `decide` signal and Update: a flat JSON
// object that can be sent from the Web UI. It never has a typed value; those
// go into the ledger first and are named by their number.
type Decision struct {
	// Decision is the number of one that the ledger already has; or
	Decision int64 `json:"decision,omitempty"`
	// Conflict and Digest name what is decided, and what was shown.
	Conflict int64  `json:"conflict,omitempty"`
	Digest   string `json:"digest,omitempty"`
	// Verb is take, link, separate, keep, delete, wait, blank, revert, accept,
	// skip or base; System its argument for take, Link for link, Until (a duration
	// of the language, such as 2d) for skip and wait.
	Verb   string `json:"verb,omitempty"`
	System string `json:"system,omitempty"`
	Link   string `json:"link,omitempty"`
	Until  string `json:"until,omitempty"`
	Who    string `json:"who,omitempty"`
	Why    string `json:"why,omitempty"`
}

// Decided answers a decision.
type Decided struct {
	Decision int64 `json:"decision"`
	Conflict int64 `json:"conflict"`
}
