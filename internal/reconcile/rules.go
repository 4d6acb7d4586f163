package reconcile

import (
	"time"

	"github.com/syncline-dev/syncline/internal/record"
)

// Rules is what a definition says about who wins. Systems and fields are named
// by their place in Systems and Fields; the order of Systems breaks ties.
type Rules struct {
	Fields  []FieldRule
	Systems []SystemRule
	// Default is the chain for fields without one of their own; Kinds for
	// conflicts of a kind. The nearest counts: field, kind, default.
	Default Chain
	Kinds   map[Kind]Chain
	// DeleteVsUpdate is update_wins, delete_wins, newest_wins or manual.
	DeleteVsUpdate string
	// Prefer decides where systems meet for the first time and differ.
	Prefer Chain
	// Deadline is how long a conflict waits before Then decides it; 0 is for ever.
	Deadline time.Duration
	Then     Chain
	// WholeRecord makes a conflict in one field hold all fields of the record.
	WholeRecord bool

	hooks hooks
}

// hooks switch rules off, so that tests can show that they are needed.
type hooks struct {
	ignoreMovedBase bool
	forgetDebts     bool
}

// FieldRule is what counts for one canonical field.
type FieldRule struct {
	Name string
	Type record.Type
	// Owner is the only system whose edits count, or None.
	Owner int
	// Ignore leaves a violation of ownership standing; otherwise it is reverted.
	Ignore bool
	// WriteOnce: the first committed value stays.
	WriteOnce bool
	// WholeRecord makes a conflict in this field hold all fields of the record.
	WholeRecord bool
	Chain       Chain
	// Ranks are the canonical values from lowest to highest, for max and min;
	// nil orders by value.
	Ranks []record.Value
}

// None stands for no system.
const None = -1

// SystemRule is what counts for one system.
type SystemRule struct {
	Name string
	// Reads and Receives say whether it is a source and a target.
	Reads, Receives bool
	// Create, Update and Delete say which writes it takes.
	Create, Update, Delete bool
	// Effect is what a delete elsewhere does here: hard soft unlink ignore.
	Effect string
	// OnlyHere is what happens at first sync to what only this system has:
	// create (elsewhere), ignore or review.
	OnlyHere string
	// LeavingDeletes: a record that leaves `where` is deleted elsewhere;
	// otherwise it leaves the sync and nothing is deleted.
	LeavingDeletes bool
	// HasModified: newest_wins can use this system's times.
	HasModified bool
	// ReusesKeys: the key of a deleted row may come back for another thing. A
	// row whose match values all changed, and most of its other values with
	// them, is then not taken for an edit, unless the source's own order shows
	// an update.
	ReusesKeys bool
	// Unlisted: the system was never listed completely, so that nobody knows
	// what it has. While that is so of any system, nothing is created anywhere.
	Unlisted bool
	// Has and Writes tell for each field whether the system has it and whether
	// it can be written there.
	Has, Writes []bool
	// Kept tells by an earlier mapping's hash (Member.MapHash) for each field
	// whether it is read now as it was by that one. Where a row was last read by
	// another mapping, other fields meet for the first time again; all of them,
	// if the mapping is not here.
	Kept map[record.Hash][]bool
	// When tells for each field whether a `when` can switch it off here: such a
	// field is not written to a row where it was last seen Missing. nil: none.
	When []bool
	// Accept says whether the system should hold a record with these fields;
	// nil accepts all.
	Accept func(fields []record.Value) (bool, error)
	// Predict gives what the system would read back if these fields were
	// written to it: write, its column types, read. Missing for what it does
	// not have. nil means that it reads back what was written.
	Predict func(fields []record.Value) ([]record.Value, error)
}

// Chain is policies in order; an undecided one goes on to the next.
type Chain []Policy

// Policy is one named way to decide.
type Policy struct {
	// Name is newest_wins oldest_wins system_wins priority owner_wins
	// fill_blank max min union delta expression skip manual.
	Name string
	// Systems are the arguments of system_wins (one) and priority (in order).
	Systems []int
	// Eval is the expression's: it sees the base and each system's value by
	// the system's place (absent if it has none) and gives the decided value.
	Eval func(base record.Value, values map[int]record.Value) (record.Value, error)
	// Text is the policy as the definition has it, for the journal.
	Text string
}

// Kind is what sort of conflict it is.
type Kind string

// The kinds of conflicts, in the field's own words.
const (
	UpdateOriginDiffers     Kind = "update_origin_differs"
	InsertExists            Kind = "insert_exists"
	UpdateMissing           Kind = "update_missing"
	UpdateRecentlyDeleted   Kind = "update_recently_deleted"
	DeleteRecentlyUpdated   Kind = "delete_recently_updated"
	MultipleUniqueConflicts Kind = "multiple_unique_conflicts"
	IdentityAmbiguous       Kind = "identity_ambiguous"
	ReferenceUnresolved     Kind = "reference_unresolved"
	OwnershipViolation      Kind = "ownership_violation"
)
