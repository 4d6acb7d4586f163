package connectors

import (
	"context"

	"github.com/syncline-dev/syncline/internal/record"
)

// Discoverer lists the objects of a connection, for `discover`.
type Discoverer interface {
	// Discover gives the names that Config.Object may have.
	Discover(ctx context.Context, config Config) ([]string, error)
}

// Finder looks rows up by column values: after a crash in the middle of a
// creation, and to make sure that a creation makes no double. Without it the
// fallback is a full read.
type Finder interface {
	// Find gives all rows in which the columns equal one of the tuples, each row
	// once. NULL equals nothing, and texts are compared exactly.
	Find(ctx context.Context, columns, by []string, tuples [][]record.Value) (*record.Batch, error)
}

// Loader upserts whole batches by their key, unconditionally, at the speed of
// the system's bulk path: the target side of a stateless sync. The batches have
// the target's columns, or some of them: what is not loaded keeps its value.
type Loader interface {
	// Load writes all batches that next gives until it gives nil, and commits
	// once, under the fence. key names the columns that identify a row. Rows
	// that are Deleted are removed. It counts what was written; bad rows are
	// reported one by one to reject and do not stop the rest.
	Load(ctx context.Context, fence Fence, key []string, next func() (*record.Batch, error),
		reject func(batch *record.Batch, row int, err error) error) (Loaded, error)
}

// Loaded counts what a Loader did, each row that it was given and did not reject
// once. Unchanged ones were there already, equal; or they were to be deleted and
// were not there; or a later row of the same key took their place.
type Loaded struct{ Created, Updated, Deleted, Unchanged int64 }

// Creator makes an object that does not exist yet, such as a new CSV file.
// Open succeeds on such an object and Describe gives an empty schema.
type Creator interface {
	// Create makes the object with these columns; if it exists, it does nothing.
	Create(ctx context.Context, schema *record.Schema, key []string) error
}

// Triggers installs and removes what ModeTrigger needs.
type Triggers interface {
	Install(ctx context.Context) error
	Uninstall(ctx context.Context) error
}

// Translator turns a filter into the connector's own form, if it can express
// it with exactly the same meaning for NULLs. filter is a Comparison tree.
type Translator interface {
	Translate(filter Comparison) (where string, ok bool)
}

// Comparison is the part of the expression language that filters are pushed
// down in: `Op` is one of == != < <= > >= in and or not, over a column and
// literals, or over Terms.
type Comparison struct {
	Op     string
	Column string
	Values []record.Value
	Terms  []Comparison
}

// Unwrapper is a wrapper around an Object (retries, rate limits, metrics).
type Unwrapper interface{ Unwrap() Object }

// rewrapper is a wrapper that also wraps optional interfaces found inside it.
type rewrapper interface {
	// rewrap is given a pointer to the interface that was found.
	rewrap(found any)
}

// As finds an optional interface on an object or on what it wraps. Calls of
// what is found inside go through the wrappers too.
func As[T any](o Object) (T, bool) {
	if t, ok := o.(T); ok {
		return t, true
	}
	w, ok := o.(Unwrapper)
	if !ok {
		var zero T
		return zero, false
	}
	t, ok := As[T](w.Unwrap())
	if r, is := o.(rewrapper); ok && is {
		r.rewrap(&t)
	}
	return t, ok
}
