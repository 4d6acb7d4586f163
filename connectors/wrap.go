package connectors

import (
	"context"

	"github.com/syncline-dev/syncline/internal/record"
)

// call is one call of a method, as wrappers see it. do runs it.
type call struct {
	method string
	// repeatable: the call may be made again after an error, because it does the
	// same and hands nothing out before its end. It is asked after the error.
	repeatable func() bool
	// do gives how many rows the call was about; rows are counted on errors too.
	do func(ctx context.Context) (rows int64, err error)
}

// around is what a wrapper adds to every call.
type around func(ctx context.Context, c call) error

// wrap puts a wrapper around an object. The result is a Source or a Sink if
// and only if the object is one; optional interfaces are found through it with
// As, and those that make calls of their own are wrapped on the way.
func wrap(o Object, around around) Object {
	base := wrapped{inner: o, around: around}
	source, isSource := o.(Source)
	sink, isSink := o.(Sink)
	switch {
	case isSource && isSink:
		return wrappedBoth{base, wrappedSource{around, source}, wrappedSink{around, sink}}
	case isSource:
		return wrappedSourceOnly{base, wrappedSource{around, source}}
	case isSink:
		return wrappedSinkOnly{base, wrappedSink{around, sink}}
	default:
		return base
	}
}

func always() bool { return true }
func never() bool  { return false }

type wrapped struct {
	inner  Object
	around around
}

type (
	wrappedSourceOnly struct {
		wrapped
		wrappedSource
	}
	wrappedSinkOnly struct {
		wrapped
		wrappedSink
	}
	wrappedBoth struct {
		wrapped
		wrappedSource
		wrappedSink
	}
)

// Unwrap gives the object inside.
func (w wrapped) Unwrap() Object { return w.inner }

// Close closes the object inside.
func (w wrapped) Close() { w.inner.Close() }

// Describe calls the object inside.
func (w wrapped) Describe(ctx context.Context) (d Description, err error) {
	err = w.around(ctx, call{"describe", always, func(ctx context.Context) (int64, error) {
		d, err = w.inner.Describe(ctx)
		return 0, err
	}})
	return d, err
}

type wrappedSource struct {
	around around
	inner  Source
}

// Detect calls the object inside.
func (w wrappedSource) Detect(ctx context.Context, ask Ask) (window Window, err error) {
	err = w.around(ctx, call{"detect", always, func(ctx context.Context) (int64, error) {
		window, err = w.inner.Detect(ctx, ask)
		return 0, err
	}})
	return window, err
}

// Read calls the object inside. It is repeated only while nothing was emitted:
// what was given away cannot be taken back.
func (w wrappedSource) Read(ctx context.Context, part Partition, emit func(*record.Batch) error) error {
	var rows int64
	begun := false
	counted := func(b *record.Batch) error {
		begun = true
		rows += int64(b.Rows())
		return emit(b)
	}
	return w.around(ctx, call{"read", func() bool { return !begun }, func(ctx context.Context) (int64, error) {
		rows = 0
		err := w.inner.Read(ctx, part, counted)
		return rows, err
	}})
}

// Fetch calls the object inside.
func (w wrappedSource) Fetch(ctx context.Context, columns []string, keys []record.Key) (batch *record.Batch, err error) {
	err = w.around(ctx, call{"fetch", always, func(ctx context.Context) (int64, error) {
		batch, err = w.inner.Fetch(ctx, columns, keys)
		return rowsIn(batch), err
	}})
	return batch, err
}

type wrappedSink struct {
	around around
	inner  Sink
}

// Apply calls the object inside. With creations it is not repeated: the first
// try may have made the rows, and only a look-up tells.
func (w wrappedSink) Apply(ctx context.Context, writes Writes) (results []Result, err error) {
	repeatable := func() bool {
		for _, item := range writes.Items {
			if item.Op == OpCreate {
				return false
			}
		}
		return true
	}
	err = w.around(ctx, call{"apply", repeatable, func(ctx context.Context) (int64, error) {
		results, err = w.inner.Apply(ctx, writes)
		return int64(len(writes.Items)), err
	}})
	return results, err
}

// rewrap puts the wrapper around an optional interface that was found inside;
// found is a pointer to it.
func (w wrapped) rewrap(found any) {
	switch f := found.(type) {
	case *Finder:
		*f = wrappedFinder{w.around, *f}
	case *Loader:
		*f = wrappedLoader{w.around, *f}
	case *Creator:
		*f = wrappedCreator{w.around, *f}
	}
}

type wrappedFinder struct {
	around around
	inner  Finder
}

// Find calls the object inside.
func (w wrappedFinder) Find(ctx context.Context, columns, by []string, tuples [][]record.Value) (batch *record.Batch, err error) {
	err = w.around(ctx, call{"find", always, func(ctx context.Context) (int64, error) {
		batch, err = w.inner.Find(ctx, columns, by, tuples)
		return rowsIn(batch), err
	}})
	return batch, err
}

type wrappedLoader struct {
	around around
	inner  Loader
}

// Load calls the object inside, once: the batches come only once.
func (w wrappedLoader) Load(
	ctx context.Context, fence Fence, key []string, next func() (*record.Batch, error),
	reject func(*record.Batch, int, error) error,
) (loaded Loaded, err error) {
	err = w.around(ctx, call{"load", never, func(ctx context.Context) (int64, error) {
		loaded, err = w.inner.Load(ctx, fence, key, next, reject)
		return loaded.Created + loaded.Updated + loaded.Deleted + loaded.Unchanged, err
	}})
	return loaded, err
}

type wrappedCreator struct {
	around around
	inner  Creator
}

// Create calls the object inside.
func (w wrappedCreator) Create(ctx context.Context, schema *record.Schema, key []string) error {
	return w.around(ctx, call{"create", always, func(ctx context.Context) (int64, error) {
		return 0, w.inner.Create(ctx, schema, key)
	}})
}

func rowsIn(batch *record.Batch) int64 {
	if batch == nil {
		return 0
	}
	return int64(batch.Rows())
}
