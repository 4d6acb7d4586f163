package bare

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

// Class is the storage class of a cell.
type Class int32

// SQLite's storage classes.
const (
	Integer Class = lib.SQLITE_INTEGER
	Float   Class = lib.SQLITE_FLOAT
	Text    Class = lib.SQLITE_TEXT
	Blob    Class = lib.SQLITE_BLOB
	Null    Class = lib.SQLITE_NULL
)

// chunkSize is how much memory for bound texts is taken from the library at a
// time.
const chunkSize = 64 << 10

// Stmt is a prepared statement. Bound texts are copied into memory of the
// statement, which is used again after each Reset.
type Stmt struct {
	conn   *Conn
	handle uintptr

	chunks []chunk
	used   int // chunks in use
	free   int // first free byte of the last of them
}

type chunk struct {
	base uintptr
	size int
}

// Close lets go of the statement; it may be called twice.
func (s *Stmt) Close() {
	if s.handle == 0 {
		return
	}
	lib.Xsqlite3_finalize(s.conn.tls, s.handle)
	s.handle = 0
	for _, c := range s.chunks {
		libc.Xfree(s.conn.tls, c.base)
	}
	s.chunks = nil
}

// Reset makes the statement ready to run again; all parameters must be bound
// anew.
func (s *Stmt) Reset() {
	lib.Xsqlite3_reset(s.conn.tls, s.handle)
	s.used, s.free = 0, 0
}

// Step runs to the next row; false is the end.
func (s *Stmt) Step() (bool, error) {
	switch rc := lib.Xsqlite3_step(s.conn.tls, s.handle); rc {
	case lib.SQLITE_ROW:
		return true, nil
	case lib.SQLITE_DONE:
		return false, nil
	default:
		return false, s.conn.fail(rc)
	}
}

// Each binds args, runs the statement, calls row for each row and resets.
func (s *Stmt) Each(row func(*Stmt) error, args ...any) error {
	defer s.Reset()
	for i, arg := range args {
		if err := s.Bind(i, arg); err != nil {
			return err
		}
	}
	for {
		more, err := s.Step()
		if err != nil || !more {
			return err
		}
		if err := row(s); err != nil {
			return err
		}
	}
}

// Bind sets a parameter, counted from 0, to nil, an int64, int, float64, bool,
// string or []byte.
func (s *Stmt) Bind(i int, v any) error {
	switch x := v.(type) {
	case nil:
		return s.BindNull(i)
	case int64:
		return s.BindInt(i, x)
	case int:
		return s.BindInt(i, int64(x))
	case float64:
		return s.bound(lib.Xsqlite3_bind_double(s.conn.tls, s.handle, int32(i+1), x))
	case bool:
		if x {
			return s.BindInt(i, 1)
		}
		return s.BindInt(i, 0)
	case string:
		return s.BindText(i, x)
	case []byte:
		return s.BindBlob(i, x)
	default:
		return fmt.Errorf("cannot bind a %T", v)
	}
}

// BindNull sets a parameter to NULL.
func (s *Stmt) BindNull(i int) error {
	return s.bound(lib.Xsqlite3_bind_null(s.conn.tls, s.handle, int32(i+1)))
}

// BindInt sets a parameter to an integer.
func (s *Stmt) BindInt(i int, v int64) error {
	return s.bound(lib.Xsqlite3_bind_int64(s.conn.tls, s.handle, int32(i+1), v))
}

// BindFloat sets a parameter to a float.
func (s *Stmt) BindFloat(i int, v float64) error {
	return s.bound(lib.Xsqlite3_bind_double(s.conn.tls, s.handle, int32(i+1), v))
}

// BindText sets a parameter to a text.
func (s *Stmt) BindText(i int, v string) error {
	p, err := s.hold(v)
	if err != nil {
		return err
	}
	return s.bound(lib.Xsqlite3_bind_text(s.conn.tls, s.handle, int32(i+1), p, int32(len(v)), 0))
}

// BindTextBytes sets a parameter to a text.
func (s *Stmt) BindTextBytes(i int, v []byte) error {
	return s.BindText(i, unsafe.String(unsafe.SliceData(v), len(v))) //nolint:gosec // copied before it returns
}

// BindBlob sets a parameter to bytes.
func (s *Stmt) BindBlob(i int, v []byte) error {
	p, err := s.hold(unsafe.String(unsafe.SliceData(v), len(v))) //nolint:gosec // copied before it returns
	if err != nil {
		return err
	}
	return s.bound(lib.Xsqlite3_bind_blob(s.conn.tls, s.handle, int32(i+1), p, int32(len(v)), 0))
}

func (s *Stmt) bound(rc int32) error {
	if rc != lib.SQLITE_OK {
		return s.conn.fail(rc)
	}
	return nil
}

// hold copies v where the library can see it until the next Reset. An empty
// value gets an address too, because a null pointer would bind NULL.
func (s *Stmt) hold(v string) (uintptr, error) {
	const limit = 1_000_000_000 // SQLite's own bound of a cell
	if len(v) > limit {
		return 0, errors.New("larger than a cell can be")
	}
	for {
		if s.used > 0 {
			if c := s.chunks[s.used-1]; c.size-s.free > len(v) {
				p := c.base + uintptr(s.free)
				copy(unsafe.Slice((*byte)(at(p)), len(v)+1), v) //nolint:gosec // within the chunk
				s.free += len(v) + 1
				return p, nil
			}
		}
		if s.used == len(s.chunks) {
			size := max(chunkSize, len(v)+1)
			base := libc.Xmalloc(s.conn.tls, types.Size_t(size))
			if base == 0 {
				return 0, errors.New("out of memory")
			}
			s.chunks = append(s.chunks, chunk{base: base, size: size})
		}
		s.used++
		s.free = 0
	}
}

// Columns counts the columns of the rows.
func (s *Stmt) Columns() int { return int(lib.Xsqlite3_column_count(s.conn.tls, s.handle)) }

// Class gives the storage class of a cell of the current row.
func (s *Stmt) Class(col int) Class {
	return Class(lib.Xsqlite3_column_type(s.conn.tls, s.handle, int32(col)))
}

// Int gives a cell as an integer.
func (s *Stmt) Int(col int) int64 {
	return lib.Xsqlite3_column_int64(s.conn.tls, s.handle, int32(col))
}

// Float gives a cell as a float.
func (s *Stmt) Float(col int) float64 {
	return lib.Xsqlite3_column_double(s.conn.tls, s.handle, int32(col))
}

// TextView gives a text cell, in UTF-8, in the library's own memory: it must
// not be kept beyond the next Step or Reset.
func (s *Stmt) TextView(col int) string {
	return s.view(lib.Xsqlite3_column_text(s.conn.tls, s.handle, int32(col)), col)
}

// BlobView gives a blob cell like TextView.
func (s *Stmt) BlobView(col int) string {
	return s.view(lib.Xsqlite3_column_blob(s.conn.tls, s.handle, int32(col)), col)
}

func (s *Stmt) view(p uintptr, col int) string {
	n := lib.Xsqlite3_column_bytes(s.conn.tls, s.handle, int32(col))
	if p == 0 || n <= 0 {
		return ""
	}
	return unsafe.String((*byte)(at(p)), int(n)) //nolint:gosec // as long as SQLite says
}

// Text gives a cell's text as a string of its own.
func (s *Stmt) Text(col int) string { return strings.Clone(s.TextView(col)) }

// Value gives a cell as nil, int64, float64, string or []byte of its own.
func (s *Stmt) Value(col int) any {
	switch s.Class(col) {
	case Integer:
		return s.Int(col)
	case Float:
		return s.Float(col)
	case Text:
		return s.Text(col)
	case Blob:
		return []byte(s.BlobView(col))
	case Null:
		return nil
	default:
		return nil
	}
}
