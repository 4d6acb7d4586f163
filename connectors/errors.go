package connectors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Kind says what can be done about an error. The connector gives it; nobody
// guesses it from message texts.
type Kind string

// ErrPositionLost says that an object's log of changes was made anew, or reaches back to
// the position no longer, so that only a complete listing tells what changed.
var ErrPositionLost = errors.New("the change log was made anew, or no longer reaches back to the position")

// The kinds of errors.
const (
	// Transient: try again (unreachable, timeout, deadlock).
	Transient Kind = "transient"
	// RateLimited: try again after Error.After.
	RateLimited Kind = "rate_limited"
	// Unauthorized: the login or its rights were refused.
	Unauthorized Kind = "unauthorized"
	// NotFound: no such object.
	NotFound Kind = "not_found"
	// Conflict: what is there is not what was expected.
	Conflict Kind = "conflict"
	// SchemaChanged: a column is gone or changed, or the object was made anew.
	SchemaChanged Kind = "schema_changed"
	// BadRecord: this one record is the reason.
	BadRecord Kind = "bad_record"
	// Incomplete: the listing ended early (a truncated file, a page missing);
	// nothing may be concluded from what is absent.
	Incomplete Kind = "incomplete"
	// Fenced: a newer run holds the sync; nothing was written.
	Fenced Kind = "fenced"
	// NoSpace: a disk is full, or a quota used up. Trying again soon cannot help.
	NoSpace Kind = "no_space"
	// Permanent: trying again cannot help.
	Permanent Kind = "permanent"
)

// Error is an error with its kind. Messages name objects, columns and keys'
// places, never values of records or secrets.
type Error struct {
	Kind Kind
	// Doing is what was being done: `read public.contacts`.
	Doing string
	// Hint is what the user can do next.
	Hint string
	// After is when to try again, for RateLimited.
	After time.Duration
	Err   error
}

// Error gives the message: what was being done, and why it failed. What the
// cause begins with already is not said twice.
func (e *Error) Error() string {
	msg := e.Doing
	if e.Err != nil {
		cause := e.Err.Error()
		if msg != "" && !strings.HasPrefix(cause, msg+": ") {
			cause = msg + ": " + cause
		}
		msg = cause
	}
	switch {
	case e.Hint == "":
	case strings.Contains(msg, "\n"): // it shows a place in a file
		msg += "\n    " + e.Hint
	default:
		msg += " (" + e.Hint + ")"
	}
	return msg
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of a kind.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// Wrap says what was being done and of which kind the error is. An error that
// already has a kind keeps it. nil stays nil.
func Wrap(kind Kind, doing string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return &Error{Kind: known.Kind, Doing: doing, After: known.After, Err: err}
	}
	return &Error{Kind: kind, Doing: doing, Err: err}
}

// KindOf gives an error's kind. Cancellation and deadlines are Transient;
// an error that no connector classified is Transient too: it is retried, and
// stays visible.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Transient
	}
	return Transient
}

// FreeSpace is the hint of errors of kind NoSpace.
const FreeSpace = "free space there, then run it again"

// IsFull reports whether the operating system said that there is no room left:
// the disk is full, or the quota or the largest size of a file is reached.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
