package reconcile

import "github.com/syncline-dev/syncline/internal/record"

// Link is one real-world thing, joined across systems.
type Link struct {
	// ID is chosen by the caller (Bucket.NewID), the same on every replay.
	ID string
	// Rev counts the changes of Base and of Tombstone.
	Rev int64
	// Base is the last agreed record: a value per canonical field, Missing for
	// a field that no system has spoken for yet.
	Base []record.Value
	// Origins says for each field where its base value came from.
	Origins []Origin
	// Match has the current match texts, one per alternative, "" for blank.
	Match []string
	// Tombstone: deleted; the base is kept until every member acknowledged it.
	Tombstone bool
	// Members has one place per system; nil where it has no row of this link.
	Members []*Member
	// Conflicts are the open ones of this link.
	Conflicts []*Conflict
}

// Origin is where a base value came from.
type Origin struct {
	// System is None for a decided value.
	System int
	// Rev is the link's revision in which the field last changed.
	Rev int64
	// At is the system's own time of change, 0 if it has none.
	At record.Timestamp
	// Rule names what decided: edit, agreed, first_sync, a policy's text, a
	// decision's number.
	Rule string
}

// State is what a member is.
type State string

// The states of a member.
const (
	// Live: the row takes part.
	Live State = "live"
	// Creating: the intent to create it is recorded, the outcome not yet.
	Creating State = "creating"
	// Quarantined: it could not be read, or the system refuses to take it.
	Quarantined State = "quarantined"
	// OutOfScope: it left `where`; it is not deleted, and comes back by itself.
	OutOfScope State = "out_of_scope"
	// Detached: unlinked on purpose; nothing is created in its place.
	Detached State = "detached"
	// Unlinked: seen, and belongs to no link: ambiguous, waiting for review,
	// or ignored at first sync.
	Unlinked State = "unlinked"
)

// Member is a row of one system, in a link or (LinkID "") seen and unlinked.
type Member struct {
	System int
	Key    record.Key
	LinkID string
	State  State
	// Why says in a word why a member is what it is. Quarantined: bad, refused,
	// loop. Unlinked: ambiguous, review, ignored, deleted, out_of_scope.
	// Detached: unlinked, gone (its row is deleted and nothing takes its
	// place), taken (a row with its match is there, of another thing), deleted (its
	// row says so itself), restore (its row says so, and
	// the record lives: it is owed a restore).
	Why string
	// Acked is the link's revision that this system is known to hold.
	Acked int64
	// Order, Token and RawHash are the row's as last seen or written.
	Order, Token string
	RawHash      record.Hash
	// MapHash is the hash of the system's mapping when it was last read; if it
	// differs, the row's fields meet for the first time again.
	MapHash record.Hash
	// Match has the row's own match texts as last seen.
	Match []string
	// Seen has, by field, what this system holds where that differs from what
	// Predict(Base) says it would hold. It is what the system is owed, unless
	// the field is held by a conflict or cannot be written there. A loose member
	// has no base: it keeps all of its fields here.
	Seen map[int]record.Value
	// SinceWrite: it was seen since our last write to it, so that its absence
	// means something.
	SinceWrite bool
	// Apart: a person said that this row is no other record's, whatever its match.
	Apart bool
	// Flips counts how often the same two values replaced each other, and
	// FlipHash remembers them: the loop breaker.
	Flips    int
	FlipHash record.Hash
}

// Observation is what was read of one row in this window.
type Observation struct {
	System int
	Key    record.Key
	Match  []string
	// Values has one value per canonical field; Missing where the system says
	// nothing.
	Values []record.Value
	// Gone: the row is not there (reported deleted, or fetched by key and not
	// found). Deleted: the row is there and says that it is deleted.
	Gone, Deleted bool
	// InScope is the system's `where`.
	InScope bool
	// Bad says why the row could not be taken; Key and Match may still be set.
	Bad, BadField string
	// Modified is the row's own time of change; 0 if it has none.
	Modified     record.Timestamp
	Order, Token string
	RawHash      record.Hash
	MapHash      record.Hash
}

// Candidate is one side of a conflict.
type Candidate struct {
	// System is whose word it is; for a base, where it came from (None for a
	// decided one).
	System int
	// Base: the base moved before this edit's system had heard of it.
	Base  bool
	Key   record.Key
	Value record.Value
	At    record.Timestamp
	// Deleted: this side says that the record is deleted.
	Deleted bool
	// Link is the candidate of an identity conflict.
	Link string
}

// Conflict is a disagreement that no policy decided.
type Conflict struct {
	// ID is the ledger's number; 0 until it is stored.
	ID     int64
	LinkID string
	// System and Key name the unlinked row of a conflict about identity; LinkID
	// is then the link that it may belong to, or "".
	System int
	Key    record.Key
	Kind   Kind
	// Field is a place in Rules.Fields, or None for the whole record.
	Field      int
	Base       record.Value
	Candidates []Candidate
	// Digest is over kind, field and candidates; a decision is for a digest.
	Digest string
	// Opened and Deadline keep their times when candidates change; Deadline 0
	// waits for ever.
	Opened, Deadline record.Timestamp
	// SkipUntil hides the conflict until then (decided with skip --until).
	SkipUntil record.Timestamp
}

// Decision is a person's word (or a deadline's) on one conflict.
type Decision struct {
	ID         int64
	ConflictID int64
	Digest     string
	// Verb is take value link separate keep delete wait blank revert accept skip then.
	Verb string
	// System is the argument of take; None means base.
	System int
	Value  record.Value
	Link   string
	Until  record.Timestamp
}
