package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// signals is what becomes of Ctrl-C and of being asked to end. A command that
// can detach from what it waits for takes Ctrl-C over; everywhere else the
// first ends the command's context and the second the process.
type signals struct {
	from   chan os.Signal
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	taken chan struct{} // who took Ctrl-C over; nil for nobody
	ended bool
}

var errInterrupted = errors.New("interrupted")

// listen hears signals from here on.
func listen(ctx context.Context) (context.Context, *signals) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &signals{from: make(chan os.Signal, 4), cancel: cancel}
	signal.Notify(s.from, os.Interrupt, syscall.SIGTERM)
	go func() {
		for sig := range s.from {
			s.take(sig)
		}
	}()
	return ctx, s
}

func (s *signals) take(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sig == os.Interrupt && s.taken != nil {
		select {
		case s.taken <- struct{}{}:
		default: // it knows already
		}
		return
	}
	if s.ended {
		os.Exit(exitInterrupted) //nolint:gocritic // nothing deferred matters any more
	}
	s.ended = true
	s.cancel(errInterrupted)
}

// interrupts gives Ctrl-C to the caller until it calls back.
func (s *signals) interrupts() (<-chan struct{}, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := make(chan struct{}, 2)
	s.taken = taken
	return taken, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken = nil
	}
}

// explain says that an error is only the interruption.
func (s *signals) explain(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var coded *exitError
	if err == nil || !s.ended || (errors.As(err, &coded) && coded.code == exitInterrupted) {
		return err
	}
	return &exitError{code: exitInterrupted, err: errInterrupted, next: "what is in the ledger stays; the next run goes on from there"}
}

func (s *signals) stop() {
	signal.Stop(s.from)
	close(s.from)
	s.cancel(nil)
}

// wait returns with Ctrl-C or when the context ends: the ordinary end of what
// stays up.
func (s *signals) wait(ctx context.Context) {
	interrupts, giveBack := s.interrupts()
	defer giveBack()
	select {
	case <-interrupts:
	case <-ctx.Done():
	}
}
