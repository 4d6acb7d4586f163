package connectors

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// RetryPolicy says how often and how soon a call is made again. Zero fields
// take the values of DefaultRetry.
type RetryPolicy struct {
	// Attempts counts the first one too.
	Attempts int
	// First is waited after the first failure, and doubles up to Most.
	First, Most time.Duration
	// MostAfter bounds how long a RateLimited call waits here; when the system
	// asks for more, the error goes up, where waiting is cheap and visible.
	MostAfter time.Duration
}

// DefaultRetry rides out a dropped connection or a deadlock: four attempts
// within about two seconds. Longer outages are for the step's own retries.
//
//nolint:gochecknoglobals // a constant
var DefaultRetry = RetryPolicy{Attempts: 4, First: 250 * time.Millisecond, Most: 5 * time.Second, MostAfter: 30 * time.Second}

// WithRetry makes calls that failed as Transient again after a while, and
// RateLimited ones when the system asked for it. What may not be repeated is
// not: reads that have emitted, writes with creations, bulk loads. Cancelling
// ctx ends the waiting; the error is then the last one of the system.
func WithRetry(o Object, policy RetryPolicy) Object {
	if policy.Attempts == 0 {
		policy.Attempts = DefaultRetry.Attempts
	}
	if policy.First == 0 {
		policy.First = DefaultRetry.First
	}
	if policy.Most == 0 {
		policy.Most = DefaultRetry.Most
	}
	if policy.MostAfter == 0 {
		policy.MostAfter = DefaultRetry.MostAfter
	}
	return wrap(o, policy.retry)
}

func (p RetryPolicy) retry(ctx context.Context, c call) error {
	for attempt := 1; ; attempt++ {
		_, err := c.do(ctx)
		if err == nil || attempt >= p.Attempts || ctx.Err() != nil || !c.repeatable() {
			return err
		}
		pause, again := p.pause(attempt, err)
		if !again || !waitFor(ctx, pause) {
			return err
		}
	}
}

// pause says how long to wait after a failed attempt, and whether at all. An
// error without a kind is not the connector's: emit's, or a mistake.
func (p RetryPolicy) pause(attempt int, err error) (time.Duration, bool) {
	var known *Error
	if !errors.As(err, &known) {
		return 0, false
	}
	backoff := min(p.First<<(attempt-1), p.Most)
	backoff += rand.N(backoff/4 + 1) //nolint:gosec // spreads retries, hides nothing
	if known.Kind == RateLimited {
		return max(known.After, backoff), known.After <= p.MostAfter
	}
	return backoff, known.Kind == Transient
}

// waitFor waits; it is false if ctx ended first.
func waitFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
