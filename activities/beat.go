package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
)

// pulse is what an activity said last of how far it is.
type pulse struct {
	mu   sync.Mutex
	said []any
}

type pulseKey struct{}

// keep gives the details to send.
func (p *pulse) keep(details []any) []any {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(details) > 0 {
		p.said = details
	}
	return p.said
}

// beat tells the engine that the activity goes on, and how far it is: extract
// and transform say how many rows, load says Loaded. Without details it repeats
// the last ones, which the engine would forget otherwise. It does nothing
// outside an activity, as in plan.
func beat(ctx context.Context, details ...any) {
	if !activity.IsActivity(ctx) {
		return
	}
	if p, kept := ctx.Value(pulseKey{}).(*pulse); kept {
		details = p.keep(details)
	}
	activity.RecordHeartbeat(ctx, details...)
}

// beating keeps the heartbeat alive while something that cannot report goes on.
func beating(ctx context.Context) (with context.Context, stop func()) {
	if !activity.IsActivity(ctx) {
		return ctx, func() {}
	}
	with = context.WithValue(ctx, pulseKey{}, &pulse{})
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(5 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				beat(with)
			case <-done:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return with, func() { close(done) }
}
