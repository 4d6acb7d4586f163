// Package connectors is the contract between Syncline and the systems it keeps
// in agreement, and what all connectors share: error kinds, wrappers, the
// registry. A connector is small: it opens an Object, which is a Source, a
// Sink or both; everything else is an optional one-method interface, found
// with As through any wrappers.
//
// A connector is done when the conformance suite passes against the real thing.
package connectors

import (
	"context"
	"log/slog"
	"time"

	"github.com/syncline-dev/syncline/internal/record"
)

// Connector is the code that speaks to one kind of system. It has no state of
// its own and is safe for concurrent use.
type Connector interface {
	// Name is the word of `connector:` in a definition.
	Name() string
	// Open reaches one object of one system. It may block and it dials: errors
	// of kind Unauthorized (login refused), Transient (unreachable), NotFound
	// (no such object; but see Creator), Permanent (the config makes no sense).
	Open(ctx context.Context, config Config) (Object, error)
}

// Config is one system of a definition, with secrets already substituted. Its
// String and log forms never show option values.
type Config struct {
	// Sync and System name who is asking, for locks and messages.
	Sync, System string
	// Options are the connection's own settings: url, password, path, timezone …
	Options map[string]string
	// Object names the table, API object or file; "" for connectors whose
	// connection is the object (csv: Options["path"]).
	Object string
	// Key names the key columns; nil means the object's own primary key.
	Key []string
	// Modified and Deleted name the columns of those roles; "" means none.
	Modified, Deleted string
	// Formats are per-system text formats: date, decimal, list, null.
	Formats map[string]string
	// Logger gets warnings. It is never given records or secrets.
	Logger *slog.Logger
}

// String keeps secrets out of messages.
func (c Config) String() string { return c.System + "(" + c.Object + ")" }

// LogValue keeps secrets out of logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Object is one opened object of one system. All methods are safe for
// concurrent use, may block until ctx ends, and may be repeated.
type Object interface {
	// Describe says what the object looks like now and what can be promised.
	Describe(ctx context.Context) (Description, error)
	// Close lets go of connections. It does not fail and may be called twice.
	Close()
}

// Source reads an object.
type Source interface {
	Object
	// Detect says what has to be read: a window of changes since ask.Since, cut
	// into partitions that can be read independently and in any order, by any
	// process. It reads positions and counts, not records. If the position's
	// source is not this object, the error is of kind SchemaChanged.
	Detect(ctx context.Context, ask Ask) (Window, error)
	// Read streams one partition in batches of the columns asked for, in an
	// order that a resume can rely on. emit owns the batch it is given; when it
	// fails, Read stops with its error. The end of Read without an error is the
	// promise that the partition was read completely. The Mark.Bad of a row whose
	// key is NULL or cannot be read begins with where the row stands, if the
	// system can tell: `line 7: `, `row 7: `. It has no other name.
	Read(ctx context.Context, part Partition, emit func(*record.Batch) error) error
	// Fetch reads rows by key, whatever their age, `where` or position. Each
	// key comes back once: Present, or Absent with only its key columns set.
	Fetch(ctx context.Context, columns []string, keys []record.Key) (*record.Batch, error)
}

// Sink writes an object.
type Sink interface {
	Object
	// Apply writes items and gives one result for each, in their order. An
	// error means that the outcome of the whole call is unknown or nothing was
	// done; what concerns one item is in its result. Writing the same item
	// twice is safe: the second time it is Refused, Exists or Gone.
	Apply(ctx context.Context, w Writes) ([]Result, error)
}

// Mode is a way of detecting changes.
type Mode string

// The modes of `changes:` in a definition.
const (
	ModeSnapshot Mode = "snapshot"
	ModeCursor   Mode = "cursor"
	ModeTrigger  Mode = "trigger"
	ModeLog      Mode = "log"
)

// Description is what an object looks like now.
type Description struct {
	// Schema lists the columns in the system's own order.
	Schema *record.Schema
	// Key names the key columns in order.
	Key []string
	// Identity tells this object from any other under the same name: system
	// id and database, table id, file.
	Identity string
	// Rows is an estimate; -1 if unknown.
	Rows int64
	// Can is what the object can promise.
	Can Capabilities
}

// Capabilities is what `check` and `plan` speak from.
type Capabilities struct {
	// Modes lists the ways of detecting changes, best first.
	Modes []Mode
	// SeesDeletes lists the modes in which deletes are reported by themselves.
	SeesDeletes []Mode
	// Token: reads carry a condition token and writes honour it. Otherwise
	// writes compare the hash of the raw columns inside a transaction, if
	// Transactions; and if neither, lost updates cannot be excluded.
	Token, Transactions bool
	// ServerKeys: the system chooses the key of a new row.
	ServerKeys bool
	// KeysReusable: a deleted row's key may come back on another row.
	KeysReusable bool
	// Upsert: the object can be a stateless target (see Loader).
	Upsert bool
	// Writable is false for objects that can only be read (a view, a role).
	Writable bool
	// ReadOnlyBecause says why an object is not Writable, for people, as what
	// follows a colon ("it is a view"); "" if it is.
	ReadOnlyBecause string
	// BatchRows is how many items Apply likes to get at once.
	BatchRows int
}

// Ask is a request for changes.
type Ask struct {
	// Mode is wanted; Detect never silently uses a weaker one.
	Mode Mode
	// Columns are the paths to read, key columns included; nil means all.
	Columns []string
	// Since is the position to go on from; zero reads everything.
	Since record.Position
	// Full asks for a complete listing even when Since would allow less: the
	// first read, and the sweep that finds deletes and missed changes.
	Full bool
	// Where is the connector's own form of a pushed-down filter; "" for none.
	Where string
	// PartitionRows is about how many rows a partition should have.
	PartitionRows int64
	// Bare: nobody needs the rows' condition tokens.
	Bare bool
}

// Window is what there is to read.
type Window struct {
	Mode Mode
	// To is the position to store once everything of the window is durable.
	To record.Position
	// Complete: the partitions together list every row (that Ask.Where lets
	// through), so a row that is not among them was absent, or outside, when they
	// were read.
	Complete   bool
	Partitions []Partition
	// Rows estimates the total; -1 if unknown.
	Rows int64
}

// Partition is a part of a window. It travels through Temporal, so it is small
// and holds no record: bounds of keys are the exception, and are the
// connector's own opaque text.
type Partition struct {
	ID      string   `json:"id"`
	Mode    Mode     `json:"mode"`
	Columns []string `json:"columns,omitempty"`
	Spec    string   `json:"spec,omitempty"`
	Rows    int64    `json:"rows,omitempty"`
}

// Op is a kind of write.
type Op string

// The writes.
const (
	OpCreate Op = "create"
	OpUpdate Op = "update"
	OpDelete Op = "delete"
)

// Writes is a set of writes to one object. Items are independent of each
// other, except that the connector may use one transaction for all of them;
// then a bad item is found by bisection and only that one fails.
type Writes struct {
	// Fence guards the commit against writers of an older epoch.
	Fence Fence
	// Columns name the places of Item.Set.
	Columns []string
	// Compare names the columns, in order, whose hash is Item.Seen.
	Compare []string
	// Unless names columns whose equality with an existing row forbids a
	// creation (the match). nil: only the object's own constraints do.
	Unless []string
	Items  []Item
}

// Item is one write.
type Item struct {
	Op Op
	// Key names the row; for a creation it may be "" (the system chooses, or
	// the key columns are among Set).
	Key record.Key
	// Set has a value for each of Writes.Columns; Missing leaves a column alone.
	Set []record.Value
	// Token and Seen are what the row must still be: the condition token where
	// the system has one, else the hash (record.HashRow) of the Compare columns.
	// Zero values make the write unconditional.
	Token string
	Seen  record.Hash
	// Intent names a creation, the same on every retry, for systems with
	// idempotency keys.
	Intent string
}

// Status is how a write ended.
type Status string

// The outcomes of a write.
const (
	// Done: written; Result holds the key and what the system now stores.
	Done Status = "done"
	// Refused: the row is not what the condition says. Fetch and resolve again.
	Refused Status = "refused"
	// Gone: the row of an update or delete is not there.
	Gone Status = "gone"
	// Exists: a creation met a row with that key or match.
	Exists Status = "exists"
	// Failed: the system refuses this item; Err says why.
	Failed Status = "failed"
)

// Result is how one item ended.
type Result struct {
	Status Status
	Key    record.Key
	// Token is the condition token after the write.
	Token string
	// Stored has what the system now holds in each of Writes.Columns, and
	// Compared in each of Writes.Compare (nil for deletes).
	Stored, Compared []record.Value
	// Err is set for Failed, of kind BadRecord or Conflict.
	Err error
}

// Fence keeps a zombie from writing: a transactional connector takes a lock on
// Sync at the target (an advisory lock, a file lock), calls Check and commits
// under the lock; others call Check before each request and end it by Until.
type Fence struct {
	Sync  string
	Epoch int64
	// Check fails with kind Fenced when a newer epoch exists. nil never fails.
	Check func(ctx context.Context) error
	// Until is when the step that writes must have ended; zero means no bound.
	Until time.Time
}

// Guard calls Check if there is one.
func (f Fence) Guard(ctx context.Context) error {
	if f.Check == nil {
		return nil
	}
	return f.Check(ctx)
}
