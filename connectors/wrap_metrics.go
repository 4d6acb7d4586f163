package connectors

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Observer is told of every call of an object when it has ended. It must be
// quick and safe for concurrent use. Method is describe, detect, read, fetch,
// find, apply, load or create.
type Observer interface {
	Observe(system, method string, rows int64, took time.Duration, err error)
}

// WithMetrics tells the observer of every call; system is the name to tell it.
func WithMetrics(o Object, system string, observer Observer) Object {
	return wrap(o, func(ctx context.Context, c call) error {
		began := time.Now()
		rows, err := c.do(ctx)
		observer.Observe(system, c.method, rows, time.Since(began), err)
		return err
	})
}

// Count is what happened in one method of one system so far.
type Count struct {
	Calls, Errors, Rows int64
	Seconds             float64
	// Kinds counts the errors by their kind.
	Kinds map[Kind]int64
}

// Metrics is an Observer that counts. Its zero value is ready.
type Metrics struct {
	mu     sync.Mutex
	counts map[Measured]Count
}

// Measured names what is counted.
type Measured struct{ System, Method string }

// Observe counts a call.
func (m *Metrics) Observe(system, method string, rows int64, took time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[Measured]Count{}
	}
	of := Measured{system, method}
	c := m.counts[of]
	c.Calls++
	c.Rows += rows
	c.Seconds += took.Seconds()
	if err != nil {
		c.Errors++
		kinds := maps.Clone(c.Kinds)
		if kinds == nil {
			kinds = map[Kind]int64{}
		}
		kinds[KindOf(err)]++
		c.Kinds = kinds
	}
	m.counts[of] = c
}

// Counts gives all counts so far.
func (m *Metrics) Counts() map[Measured]Count {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.counts)
}
