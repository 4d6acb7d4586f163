// Package ledger keeps what Syncline knows: definitions, runs and their fences,
// links with their members and bases, what is owed, conflicts, decisions,
// quarantine and the journal, in SQLite or PostgreSQL.
//
// There is one way of writing. A run takes an epoch (BeginRun); every Commit
// names it, and is refused with ErrFenced once a newer run has begun; every
// Commit carries a mark, and a second one under the same mark writes nothing
// and returns what the first returned. So every step may run twice, and a
// zombie writes nothing.
//
// One writer per sync at a time is the caller's to keep; several syncs may
// commit at once. Reading never waits for writing.
//
// Values are stored under small numbers of their fields and systems, which stay
// the same for ever: a definition may reorder, drop and add fields and systems,
// and every base and member keeps its meaning. What a Scope does not name is
// kept, and not shown.
//
// The ledger has no clock: times are given to it.
package ledger
