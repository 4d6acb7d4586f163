package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
)

// reason gives an activity's error as its own text, without Temporal's frame.
func reason(err error) string {
	if temporal.IsCanceledError(err) {
		return "cancelled"
	}
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.Message()
	}
	if timeout, ok := errors.AsType[*temporal.TimeoutError](err); ok {
		return "the step ran out of time: " + timeout.Message()
	}
	return err.Error()
}

// kindOf gives the kind that the activity gave its error.
func kindOf(err error) string {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.Type()
	}
	if _, ok := errors.AsType[*temporal.TimeoutError](err); ok {
		return "timeout"
	}
	return "permanent"
}
