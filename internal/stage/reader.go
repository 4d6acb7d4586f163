package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/syncline-dev/syncline/internal/record"
)

// endOfStream closes every whole Arrow IPC stream. The Arrow reader accepts a
// stream that was cut off between two messages; we do not.
const endOfStream = "\xff\xff\xff\xff\x00\x00\x00\x00"

// Reader reads the batches of one object in the order of their writing. It is
// for one goroutine.
type Reader struct {
	name   string
	ctx    context.Context //nolint:containedctx // the life of the open object, as in the blob reader beneath
	blob   *blob.Reader
	tail   *tailReader
	ipc    *ipc.Reader
	schema *record.Schema
}

// Open opens an object by its Ref. If it is gone or damaged the error is
// ErrMissing; a reader that finds the damage later says so from Next. Reading
// stops when ctx ends.
func (s *Stage) Open(ctx context.Context, ref string) (*Reader, error) {
	if err := checkName(ref); err != nil {
		return nil, err
	}
	br, err := s.bucket.NewReader(ctx, ref, nil)
	if err != nil {
		if gcerrors.Code(err) == gcerrors.NotFound {
			return nil, fmt.Errorf("open %s: %w", ref, ErrMissing)
		}
		return nil, fmt.Errorf("open stage object %s: %w", ref, err)
	}
	r := &Reader{name: ref, ctx: ctx, blob: br, tail: &tailReader{from: br}}
	r.ipc, err = ipc.NewReader(bufio.NewReaderSize(r.tail, bufferSize))
	if err == nil {
		r.schema, err = record.SchemaOf(r.ipc.Schema())
	}
	if err != nil {
		err = r.explain(err)
		r.Close()
		return nil, err
	}
	return r, nil
}

// Schema gives the schema of the batches. It has no fields when the object has
// no batches.
func (r *Reader) Schema() *record.Schema { return r.schema }

// Next gives the next batch, which the caller owns, or io.EOF after the last.
// Batches read before an error are what was written; the object as a whole is
// only complete at io.EOF.
func (r *Reader) Next() (*record.Batch, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, fmt.Errorf("read stage object %s: %w", r.name, err)
	}
	if !r.ipc.Next() {
		if err := r.ipc.Err(); err != nil {
			return nil, r.explain(err)
		}
		if !r.tail.whole() {
			return nil, r.explain(io.ErrUnexpectedEOF)
		}
		return nil, io.EOF
	}
	rec := r.ipc.RecordBatch()
	rec.Retain()
	return record.WithSchema(r.schema, rec), nil
}

// Close lets go of the object. Batches that were read stay valid.
func (r *Reader) Close() {
	if r.ipc != nil {
		r.ipc.Release()
		r.ipc = nil
	}
	_ = r.blob.Close() // only reading: there is nothing that could be lost
}

// explain tells a store that failed from content that is not a whole stream.
func (r *Reader) explain(err error) error {
	if failed := r.tail.failed; failed != nil {
		if gcerrors.Code(failed) == gcerrors.NotFound {
			return fmt.Errorf("read %s: %w", r.name, ErrMissing)
		}
		return fmt.Errorf("read stage object %s: %w", r.name, failed)
	}
	return fmt.Errorf("read %s: %w: damaged: %w", r.name, ErrMissing, err)
}

// tailReader remembers the last bytes that came, and why reading stopped.
type tailReader struct {
	from   io.Reader
	last   []byte
	failed error
}

// Read passes on.
func (t *tailReader) Read(p []byte) (int, error) {
	n, err := t.from.Read(p)
	t.last = append(t.last, p[max(0, n-len(endOfStream)):n]...)
	if extra := len(t.last) - len(endOfStream); extra > 0 {
		t.last = append(t.last[:0], t.last[extra:]...)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		t.failed = err
	}
	return n, err
}

func (t *tailReader) whole() bool { return string(t.last) == endOfStream }
