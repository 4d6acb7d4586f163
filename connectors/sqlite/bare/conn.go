// Package bare is the thinnest layer over the SQLite library: connections and
// prepared statements whose cells are read and bound in place. database/sql
// allocates every value several times, which costs more than SQLite's own work
// when a million rows are read into columns.
package bare

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	_ "modernc.org/sqlite" // sets the library up for this process
	lib "modernc.org/sqlite/lib"
)

// Error is a failure that SQLite reports. Its message names tables, columns
// and constraints; it may hold text of the user's own triggers.
type Error struct {
	// Code is the extended result code.
	Code    int
	Message string
}

// Error gives SQLite's message.
func (e *Error) Error() string { return e.Message }

// Primary gives the result code without its extension.
func (e *Error) Primary() int { return e.Code & 0xff }

// CodeOf gives the extended result code of an error, or 0.
func CodeOf(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return 0
}

// Conn is one connection. It is for one goroutine at a time.
type Conn struct {
	tls *libc.TLS

	// interrupting guards db against Close while a context's end interrupts.
	interrupting sync.Mutex
	db           uintptr
}

// Open opens an existing database file. A file that may only be read is opened
// for reading; ReadOnly tells. Locks of others are waited for as long as busy.
func Open(path string, readOnly bool, busy time.Duration) (*Conn, error) {
	c := &Conn{tls: libc.NewTLS()}
	name, err := libc.CString(path)
	if err != nil {
		c.tls.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	defer libc.Xfree(c.tls, name)
	out := libc.Xcalloc(c.tls, 1, types.Size_t(unsafe.Sizeof(uintptr(0))))
	defer libc.Xfree(c.tls, out)
	flags := int32(lib.SQLITE_OPEN_READWRITE | lib.SQLITE_OPEN_NOMUTEX)
	if readOnly {
		flags = lib.SQLITE_OPEN_READONLY | lib.SQLITE_OPEN_NOMUTEX
	}
	rc := lib.Xsqlite3_open_v2(c.tls, name, out, flags, 0)
	c.db = *(*uintptr)(at(out))
	if rc != lib.SQLITE_OK {
		err := c.fail(rc)
		c.Close()
		return nil, err
	}
	lib.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	lib.Xsqlite3_busy_timeout(c.tls, c.db, int32(busy.Milliseconds()))
	return c, nil
}

// at turns an address of the library's own memory, which the garbage collector
// does not know, into a pointer.
func at(p uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&p)) //nolint:gosec // this package is where memory is shared with SQLite
}

// Close lets go of the connection; its statements must be closed before.
func (c *Conn) Close() {
	c.interrupting.Lock()
	defer c.interrupting.Unlock()
	if c.tls == nil {
		return
	}
	lib.Xsqlite3_close_v2(c.tls, c.db)
	c.tls.Close()
	c.tls, c.db = nil, 0
}

// InterruptOn makes the running statement fail when ctx ends. stop must be
// called before the connection is used for something else.
func (c *Conn) InterruptOn(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(done)
		c.interrupting.Lock()
		defer c.interrupting.Unlock()
		if c.db != 0 {
			tls := libc.NewTLS()
			lib.Xsqlite3_interrupt(tls, c.db)
			tls.Close()
		}
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}

// ReadOnly reports whether the database can only be read.
func (c *Conn) ReadOnly() bool {
	name, err := libc.CString("main")
	if err != nil {
		return true
	}
	defer libc.Xfree(c.tls, name)
	return lib.Xsqlite3_db_readonly(c.tls, c.db, name) != 0
}

// Changes counts the rows that the last statement changed.
func (c *Conn) Changes() int64 { return lib.Xsqlite3_changes64(c.tls, c.db) }

// InTransaction reports whether a transaction is open.
func (c *Conn) InTransaction() bool { return lib.Xsqlite3_get_autocommit(c.tls, c.db) == 0 }

func (c *Conn) fail(rc int32) error {
	code := int(rc)
	if c.db == 0 {
		return &Error{Code: code, Message: libc.GoString(lib.Xsqlite3_errstr(c.tls, rc))}
	}
	if extended := int(lib.Xsqlite3_extended_errcode(c.tls, c.db)); extended&0xff == code&0xff {
		code = extended
		return &Error{Code: code, Message: libc.GoString(lib.Xsqlite3_errmsg(c.tls, c.db))}
	}
	return &Error{Code: code, Message: libc.GoString(lib.Xsqlite3_errstr(c.tls, rc))}
}

// Prepare compiles one statement.
func (c *Conn) Prepare(sql string) (*Stmt, error) {
	text, err := libc.CString(sql)
	if err != nil {
		return nil, fmt.Errorf("prepare statement: %w", err)
	}
	defer libc.Xfree(c.tls, text)
	out := libc.Xcalloc(c.tls, 1, types.Size_t(unsafe.Sizeof(uintptr(0))))
	defer libc.Xfree(c.tls, out)
	if rc := lib.Xsqlite3_prepare_v2(c.tls, c.db, text, -1, out, 0); rc != lib.SQLITE_OK {
		return nil, c.fail(rc)
	}
	return &Stmt{conn: c, handle: *(*uintptr)(at(out))}, nil
}

// Exec runs one statement to its end.
func (c *Conn) Exec(sql string, args ...any) error {
	return c.Each(sql, func(*Stmt) error { return nil }, args...)
}

// Each runs one statement and calls row for each row that it gives.
func (c *Conn) Each(sql string, row func(*Stmt) error, args ...any) error {
	s, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Each(row, args...)
}
