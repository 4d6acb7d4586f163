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
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return "the step ran out of time: " + timeout.Message()
	}
	return err.Error()
}

// kindOf gives the kind that the activity gave its error.
func kindOf(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Type()
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return "timeout"
	}
	return "permanent"
}
