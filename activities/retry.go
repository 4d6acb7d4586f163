package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
)

// asTemporal is the one place where error kinds become Temporal's: what can
// never succeed is not retried, a rate limit says when to come back, and the
// kind stays readable as the error's type.
func asTemporal(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return err
	}
	if errors.Is(err, ledger.ErrFenced) {
		err = asFenced(err)
	}
	err = asFull(err)
	kind := connectors.KindOf(err)
	options := temporal.ApplicationErrorOptions{NonRetryable: !retryable(kind)}
	var e *connectors.Error
	if kind == connectors.RateLimited && errors.As(err, &e) {
		options.NextRetryDelay = max(e.After, time.Second)
	}
	// The cause is left out on purpose: its text is in the message already, and
	// history must not carry more than that.
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(kind), options)
}

// systemKind gives the kind of an error that a system gave; known is false for
// what the ledger or the stage complain about.
func systemKind(err error) (kind connectors.Kind, known bool) {
	e, known := errors.AsType[*connectors.Error](err)
	if !known {
		return "", false
	}
	return e.Kind, true
}

func retryable(kind connectors.Kind) bool {
	switch kind {
	case connectors.Transient, connectors.RateLimited, connectors.Incomplete, connectors.Conflict:
		return true
	case connectors.Unauthorized, connectors.NotFound, connectors.SchemaChanged, connectors.BadRecord,
		connectors.Fenced, connectors.NoSpace, connectors.Permanent, KindPaused, KindStageMissing:
		return false
	default:
		return true
	}
}

// asFenced gives the ledger's refusal its kind.
func asFenced(err error) error {
	if errors.Is(err, ledger.ErrFenced) {
		return &connectors.Error{
			Kind: connectors.Fenced, Err: err,
			Hint: "a newer run has taken over; nothing was written by this one",
		}
	}
	return err
}
