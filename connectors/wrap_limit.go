package connectors

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter holds calls back so that a system is not asked more often than it
// wants. One Limiter may serve many objects of one system. It is safe for
// concurrent use.
type Limiter struct {
	bucket *rate.Limiter
	most   rate.Limit

	mu     sync.Mutex
	paused time.Time // nobody calls before
}

// NewLimiter lets perSecond calls through, after a burst of as many as come in
// one second. Zero sets no limit until the system names one.
func NewLimiter(perSecond float64) *Limiter {
	limit, burst := rate.Limit(perSecond), max(1, int(perSecond))
	if perSecond <= 0 {
		limit, burst = rate.Inf, 1
	}
	return &Limiter{bucket: rate.NewLimiter(limit, burst), most: limit}
}

// WithLimit sends every call through the limiter. When the system answers
// RateLimited, all calls wait until it may be asked again, and the rate is
// halved; it recovers by a hundredth of what was configured with each call
// that goes through. The refused call itself is not repeated: that is
// WithRetry's.
func WithLimit(o Object, limiter *Limiter) Object { return wrap(o, limiter.limit) }

func (l *Limiter) limit(ctx context.Context, c call) error {
	if err := l.wait(ctx); err != nil {
		return Wrap(Transient, c.method+": waiting for the rate limit", err)
	}
	_, err := c.do(ctx)
	l.learn(err)
	return err
}

func (l *Limiter) wait(ctx context.Context) error {
	for {
		l.mu.Lock()
		pause := time.Until(l.paused)
		l.mu.Unlock()
		if pause <= 0 {
			return l.bucket.Wait(ctx)
		}
		if !waitFor(ctx, pause) {
			return ctx.Err()
		}
	}
}

// slowest is one call in ten seconds.
const slowest = rate.Limit(0.1)

func (l *Limiter) learn(err error) {
	var known *Error
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.bucket.Limit()
	switch {
	case errors.As(err, &known) && known.Kind == RateLimited:
		if until := time.Now().Add(known.After); until.After(l.paused) {
			l.paused = until
		}
		if now != rate.Inf {
			l.bucket.SetLimit(max(now/2, slowest))
		}
	case err == nil && now < l.most:
		l.bucket.SetLimit(min(now+l.most/100, l.most))
	}
}
