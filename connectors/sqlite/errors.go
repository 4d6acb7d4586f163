package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	lib "modernc.org/sqlite/lib"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
)

// doing says what was being done, and gives SQLite's errors their kinds.
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*connectors.Error](err); ok {
		return &connectors.Error{Kind: known.Kind, Doing: what, Err: err}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &connectors.Error{Kind: connectors.Transient, Doing: what, Err: err}
	}
	kind, hint := kindOf(err)
	return &connectors.Error{Kind: kind, Doing: what, Hint: hint, Err: err}
}

func kindOf(err error) (connectors.Kind, string) {
	var e *bare.Error
	if !errors.As(err, &e) {
		return connectors.Permanent, ""
	}
	if e.Code == lib.SQLITE_IOERR_WRITE { // what it says when a quota is used up
		return connectors.NoSpace, "the disk takes no more: it is full, over its quota, or failing; " + connectors.FreeSpace
	}
	switch e.Primary() {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return connectors.Transient, "another program is writing to the database"
	case lib.SQLITE_INTERRUPT, lib.SQLITE_NOMEM, lib.SQLITE_PROTOCOL:
		return connectors.Transient, ""
	case lib.SQLITE_IOERR:
		return connectors.Transient, "the disk gave an error"
	case lib.SQLITE_FULL:
		return connectors.NoSpace, connectors.FreeSpace
	case lib.SQLITE_READONLY:
		return connectors.Permanent, "the database, or its folder, may only be read"
	case lib.SQLITE_CANTOPEN:
		return connectors.Permanent, "check that the file and its folder may be read and written"
	case lib.SQLITE_PERM, lib.SQLITE_AUTH:
		return connectors.Unauthorized, ""
	case lib.SQLITE_NOTADB:
		return connectors.Permanent, "the file is no SQLite database, or is encrypted"
	case lib.SQLITE_CORRUPT:
		return connectors.Permanent, "the database is damaged; restore it or run sqlite3 .recover"
	case lib.SQLITE_SCHEMA:
		return connectors.Transient, ""
	default:
		return connectors.Permanent, ""
	}
}

func fileError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &connectors.Error{
			Kind: connectors.NotFound, Err: errors.New("no database file " + path), Hint: "check path:",
		}
	case errors.Is(err, fs.ErrPermission):
		return &connectors.Error{Kind: connectors.Unauthorized, Err: err}
	case connectors.IsFull(err):
		return &connectors.Error{Kind: connectors.NoSpace, Err: err, Hint: connectors.FreeSpace}
	default:
		return &connectors.Error{Kind: connectors.Transient, Err: err}
	}
}

// refusal classifies what a statement for one item met: a unique constraint,
// or another one, named by columns only.
func refusal(err error) (unique bool, item error) {
	var e *bare.Error
	if !errors.As(err, &e) {
		return false, nil
	}
	switch e.Code {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
		return true, connectors.Errorf(connectors.Conflict, "another row has the same %s", constraintColumns(e))
	case lib.SQLITE_CONSTRAINT_NOTNULL:
		return false, connectors.Errorf(connectors.BadRecord, "column %s must not be NULL", constraintColumns(e))
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return false, connectors.Errorf(connectors.BadRecord, "a foreign key has no row to point to, or other rows point here")
	case lib.SQLITE_CONSTRAINT_CHECK:
		return false, connectors.Errorf(connectors.BadRecord, "check constraint %s refuses the row", constraintColumns(e))
	case lib.SQLITE_CONSTRAINT_DATATYPE:
		return false, connectors.Errorf(connectors.BadRecord, "a value has the wrong type for its STRICT column")
	case lib.SQLITE_CONSTRAINT_TRIGGER:
		return false, connectors.Errorf(connectors.BadRecord, "a trigger of the table refuses the row")
	}
	switch e.Primary() {
	case lib.SQLITE_CONSTRAINT:
		return false, connectors.Errorf(connectors.BadRecord, "a constraint refuses the row")
	case lib.SQLITE_MISMATCH:
		return false, connectors.Errorf(connectors.BadRecord, "a value has the wrong type for its column")
	case lib.SQLITE_TOOBIG:
		return false, connectors.Errorf(connectors.BadRecord, "a value is larger than a cell can be")
	}
	return false, nil
}

// constraintColumns takes the names out of `UNIQUE constraint failed: t.a, t.b`.
func constraintColumns(e *bare.Error) string {
	_, names, found := strings.Cut(e.Message, "constraint failed: ")
	if !found {
		return "values"
	}
	return names
}
