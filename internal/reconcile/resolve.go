package reconcile

import "github.com/syncline-dev/syncline/internal/record"

// Bucket is one bucket's state and what was observed: everything that belongs
// together is in it, in any order.
type Bucket struct {
	Links []*Link
	// Loose are known members without a link, and Conflicts the open conflicts
	// about them that name no link.
	Loose        []*Member
	Conflicts    []*Conflict
	Observations []Observation
	Decisions    []Decision
	// Complete tells per system whether every row was listed in this run, and
	// First whether it never was before: creations wait for complete listings
	// of all systems. A member that is just as it was needs no observation.
	Complete, First []bool
	// Now is taken once, at detection.
	Now record.Timestamp
	// NewID names a new link by the row that founds it and its match; pure, and never the
	// name of a link of an earlier run.
	NewID func(system int, key record.Key, match []string) string
}

// Outcome is what one bucket comes to. Inputs are not modified: links, members
// and conflicts in it are copies, and only those that changed.
type Outcome struct {
	Links     []*Link
	Loose     []*Member
	Opened    []*Conflict // ID 0: new; else changed candidates or SkipUntil
	Closed    []int64     // conflicts that converged or were decided
	Applied   []int64     // decisions that were carried out
	Refused   []int64     // decisions for another digest
	Notes     []Note
	Tally     Tally
	PerSystem []Tally
}

// Note is one decision for the journal: what the base of a field became (Field
// None: the whole record), from whom, by which rule, and what the losers said.
type Note struct {
	LinkID string
	Field  int
	Before record.Value
	After  record.Value
	From   int
	Rule   string
	Lost   []Candidate
}

// Tally counts observations by how they ended; the sum of all but Read is Read.
type Tally struct {
	Read        int64 `json:"read"`
	Applied     int64 `json:"applied"`
	Owed        int64 `json:"owed"`
	Unchanged   int64 `json:"unchanged"`
	Conflicts   int64 `json:"conflicts"`
	Quarantined int64 `json:"quarantined"`
	Ignored     int64 `json:"ignored"`
}

// Payment is what one system is owed for one link.
type Payment struct {
	System int
	LinkID string
	// Op is create, update, delete (hard), soft (set the deleted column),
	// restore (clear the deleted column and update Fields).
	Op  string
	Key record.Key
	// Uncertain: a creation was begun and its outcome is not known; look the
	// row up by its match first. Key is then "".
	Uncertain bool
	// Fields are the places to write; Values the whole canonical record.
	Fields []int
	Values []record.Value
	// Partial: Fields are not all that is owed, so that the member stays behind.
	Partial bool
	// Rev is what the member acknowledges when this is paid.
	Rev int64
	// Token and RawHash are what the row must still be.
	Token   string
	RawHash record.Hash
}
