package postgres

import (
	"context"
	"encoding/binary"
	"io"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/zeebo/xxh3"
)

// copyBuffer is how much is encoded at once.
const copyBuffer = 256 << 10

// encodeFunc appends the length and the binary form of a row's value.
type encodeFunc func(dst []byte, row int) ([]byte, error)

// chunkReader encodes the present rows of a chunk as binary COPY. A row that
// cannot be encoded is left out and noted.
type chunkReader struct {
	load *load
	// stage: values are sent as their stage types, behind the row's number.
	stage   bool
	batch   int32
	columns []encodeFunc
	keys    []arrow.Array
	at      int
	buf     []byte
	key     []byte
	pending []byte
	ended   bool

	sent    int64
	refused []refusal
	// seen are hashes of the keys that were sent, to notice when one comes
	// twice; it may also be said of keys that only might be equal.
	seen  map[uint64]struct{}
	twice bool

	// mu and stopped keep a reader that was left behind, when the connection
	// broke, from touching batches that are released.
	mu      sync.Mutex
	stopped bool
}

func newChunkReader(l *load, stage bool) *chunkReader {
	r := &chunkReader{
		load: l, stage: stage, batch: -1, seen: map[uint64]struct{}{},
		twice: slices.ContainsFunc(l.key, func(c *column) bool { return c.folds }),
	}
	r.buf = make([]byte, 0, copyBuffer+copyBuffer/4)
	r.buf = append(r.buf, copyHeader...)
	r.buf = append(r.buf, 0, 0, 0, 0, 0, 0, 0, 0)
	return r
}

// copy runs the COPY and gives the number of rows that the server took.
func (r *chunkReader) copy(ctx context.Context, conn *pgconn.PgConn, sql string) (int64, error) {
	tag, err := conn.CopyFrom(ctx, r, sql)
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	return tag.RowsAffected(), err
}

// Read gives the next bytes of the stream.
func (r *chunkReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return 0, io.ErrClosedPipe
	}
	if len(r.pending) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		r.fill()
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	return n, nil
}

func (r *chunkReader) fill() {
	rows := r.load.present
	for len(r.buf) < copyBuffer && r.at < len(rows) {
		at := rows[r.at]
		if at.batch != r.batch {
			r.open(at.batch)
		}
		start := len(r.buf)
		if err := r.row(int(at.row)); err != nil {
			r.buf = r.buf[:start]
			r.refused = append(r.refused, refusal{at: at, err: err})
		} else {
			r.sent++
			r.note(start)
		}
		r.at++
	}
	if r.at == len(rows) {
		r.buf = append(r.buf, 0xff, 0xff)
		r.ended = true
	}
	r.pending = r.buf
	r.buf = r.buf[:0]
}

func (r *chunkReader) row(row int) error {
	for _, key := range r.keys {
		if key.IsNull(row) {
			return errNullKey
		}
	}
	count := len(r.columns)
	if r.stage {
		count++
	}
	r.buf = binary.BigEndian.AppendUint16(r.buf, uint16(count))
	if r.stage {
		r.buf = append(r.buf, 0, 0, 0, 4)
		r.buf = binary.BigEndian.AppendUint32(r.buf, uint32(r.at))
	}
	for i, encode := range r.columns {
		var err error
		if r.buf, err = encode(r.buf, row); err != nil {
			return &columnError{column: r.load.columns[i].field.Name, err: err}
		}
	}
	return nil
}

// note looks out for keys that come twice. The key's columns are found in the
// row's own bytes, which begin at start.
func (r *chunkReader) note(start int) {
	if !r.stage || r.twice {
		return
	}
	r.key = r.key[:0]
	at := start + 2
	for i := -1; i < len(r.columns); i++ { // the row's number comes first
		size := 4 + max(int(int32(binary.BigEndian.Uint32(r.buf[at:]))), 0)
		if i >= 0 && slices.Contains(r.load.key, r.load.columns[i]) {
			r.key = append(r.key, r.buf[at:at+size]...)
		}
		at += size
	}
	hash := xxh3.Hash(r.key)
	_, r.twice = r.seen[hash]
	r.seen[hash] = struct{}{}
}

// columnError names the column whose value cannot be written.
type columnError struct {
	column string
	err    error
}

// Error gives the column and the reason.
func (e *columnError) Error() string { return "column " + e.column + ": " + e.err.Error() }

// Unwrap gives the reason.
func (e *columnError) Unwrap() error { return e.err }

// open begins another batch of the chunk.
func (r *chunkReader) open(batch int32) {
	r.batch = batch
	b := r.load.batches[batch]
	r.columns = r.columns[:0]
	for i, c := range r.load.columns {
		r.columns = append(r.columns, c.encoder(b, r.load.from[i], r.stage))
	}
	r.keys = r.keys[:0]
	for _, c := range r.load.key {
		r.keys = append(r.keys, b.Arrow().Column(r.load.from[position(r.load.columns, c)]))
	}
}
