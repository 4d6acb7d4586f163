package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"gocloud.dev/blob"

	"github.com/syncline-dev/syncline/internal/record"
)

// contentType is the registered media type of an Arrow IPC stream.
const contentType = "application/vnd.apache.arrow.stream"

// Object is a committed object: what steps hand to each other in place of data.
type Object struct {
	// Ref finds the object again in the same stage.
	Ref string `json:"ref"`
	// Rows counts the rows of all batches, Bytes what is stored.
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
}

// Writer writes one object. It is for one goroutine. It ends with Commit or
// Abort; Abort after Commit does nothing, so that it can be deferred.
type Writer struct {
	name   string
	cancel context.CancelFunc
	blob   *blob.Writer
	buffer *bufio.Writer
	ipc    *ipc.Writer
	schema *record.Schema
	bytes  int64
	rows   int64
	done   bool
	plain  bool // batches are not compressed
	// fault is what the store said first: the Arrow writer keeps its text alone.
	fault error
}

// Option is a way of writing an object.
type Option func(*Stage, *Writer)

// Passing is for an object that is read once and at once: on a near disk its
// batches are not compressed, which would cost more than it saves.
func Passing(s *Stage, w *Writer) { w.plain = !s.shared }

// Create starts an object. Nobody sees it before Commit; ctx must live until
// then.
func (s *Stage) Create(ctx context.Context, name string, options ...Option) (*Writer, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	bw, err := s.bucket.NewWriter(ctx, name, &blob.WriterOptions{ContentType: contentType})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("create stage object %s: %w", name, err)
	}
	w := &Writer{name: name, cancel: cancel, blob: bw}
	for _, option := range options {
		option(s, w)
	}
	w.buffer = bufio.NewWriterSize(countingWriter{w}, bufferSize)
	return w, nil
}

// countingWriter counts what reaches the store.
type countingWriter struct{ w *Writer }

// Write passes on and counts.
func (c countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.blob.Write(p)
	c.w.bytes += int64(n)
	if err != nil && c.w.fault == nil {
		c.w.fault = err
	}
	return n, err
}

// failed says what was being done, and keeps the store's own error.
func (w *Writer) failed(doing string, err error) error {
	if w.fault != nil {
		err = w.fault
	}
	return fmt.Errorf("%s stage object %s: %w", doing, w.name, err)
}

// Write adds a batch; the caller still owns it. All batches of an object have
// one schema.
func (w *Writer) Write(batch *record.Batch) error {
	if w.done {
		return fmt.Errorf("write stage object %s: already ended", w.name)
	}
	if w.ipc == nil {
		w.start(batch.Schema)
	} else if batch.Schema != w.schema && !batch.Schema.Equal(w.schema) {
		return fmt.Errorf("write stage object %s: the batch has another schema than those before it", w.name)
	}
	if err := w.ipc.Write(batch.Arrow()); err != nil {
		return w.failed("write", err)
	}
	w.rows += int64(batch.Rows())
	return nil
}

func (w *Writer) start(schema *record.Schema) {
	w.schema = schema
	options := []ipc.Option{ipc.WithSchema(record.ArrowSchema(schema))}
	if !w.plain {
		options = append(options, ipc.WithLZ4())
	}
	w.ipc = ipc.NewWriter(w.buffer, options...)
}

// Commit ends the object and makes it visible. An object without batches is
// whole and has no rows. On an error nothing became visible.
func (w *Writer) Commit() (Object, error) {
	if w.done {
		return Object{}, fmt.Errorf("commit stage object %s: already ended", w.name)
	}
	if w.ipc == nil {
		w.start(record.NewSchema())
	}
	if err := errors.Join(w.ipc.Close(), w.buffer.Flush()); err != nil {
		w.Abort()
		return Object{}, w.failed("commit", err)
	}
	w.done = true
	defer w.cancel()
	if err := w.blob.Close(); err != nil {
		return Object{}, fmt.Errorf("commit stage object %s: %w", w.name, err)
	}
	return Object{Ref: w.name, Rows: w.rows, Bytes: w.bytes}, nil
}

// Abort throws the object away. An older object of the name stays as it is.
func (w *Writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	w.cancel()         // closing after this discards what was written
	_ = w.blob.Close() // always says that it was cancelled
}
