package memory

import (
	"context"
	"errors"
	"time"

	"github.com/syncline-dev/syncline/connectors"
)

// Fault is something that goes wrong in calls of the connector. Without a Kind
// a fault only does what its other fields say.
type Fault struct {
	// Method is the call that it hits: open, describe, detect, read, fetch,
	// find, apply, load, request (one of the requests that an Apply sends where
	// there are no transactions); "" is any. Object is the table; "" is any.
	Method, Object string
	// Skip lets that many calls pass first; Every hits only every nth call after
	// that. Times bounds how often it hits: 0 is once, -1 always.
	Skip, Every, Times int
	// Kind is the kind of the error to give, and After goes with RateLimited.
	Kind  connectors.Kind
	After time.Duration
	// Late does the work first: the reply is lost, not the request.
	Late bool
	// Delay is waited before anything else.
	Delay time.Duration
	// Hook is called before the work; its error ends the call.
	Hook func(ctx context.Context) error
	// Rows lets a read give that many rows and then fail with Kind, or, Silent,
	// end as if that were all: the worst that a connector can do.
	Rows   int
	Silent bool
	// Shuffle gives an Apply's results in the wrong order.
	Shuffle bool

	seen int
}

// Fail plans a fault. Several may be planned; the first that applies hits.
func (s *Store) Fail(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal forgets all planned faults.
func (s *Store) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Calls counts the calls of a method so far, failed ones included.
func (s *Store) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

func (s *Store) hit(method, object string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[method]++
	for _, f := range s.faults {
		if f.Times == 0 || (f.Method != "" && f.Method != method) || (f.Object != "" && f.Object != object) {
			continue
		}
		f.seen++
		if n := f.seen - f.Skip; n <= 0 || (f.Every > 1 && n%f.Every != 0) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return *f
	}
	return Fault{}
}

// call runs the work of one call, with the fault that is planned for it.
func (s *Store) call(ctx context.Context, method, object string, work func(Fault) error) error {
	if err := ctx.Err(); err != nil {
		return connectors.Wrap(connectors.Transient, method+" "+object, err)
	}
	f := s.hit(method, object)
	if f.Delay > 0 {
		wait := time.NewTimer(f.Delay)
		defer wait.Stop()
		select {
		case <-ctx.Done():
			return connectors.Wrap(connectors.Transient, method+" "+object, ctx.Err())
		case <-wait.C:
		}
	}
	if f.Hook != nil {
		if err := f.Hook(ctx); err != nil {
			return connectors.Wrap(connectors.Transient, method+" "+object, err)
		}
	}
	if f.Kind != "" && !f.Late && f.Rows == 0 {
		return f.error(method, object)
	}
	if err := work(f); err != nil {
		return err
	}
	if f.Kind != "" && f.Late {
		return f.error(method, object)
	}
	return nil
}

var errPlanned = errors.New("a planned fault")

func (f Fault) error(method, object string) error {
	return &connectors.Error{Kind: f.Kind, Doing: method + " " + object, After: f.After, Err: errPlanned}
}
