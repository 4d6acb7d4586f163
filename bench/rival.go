package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// errNoRival says that this machine has not what a rival needs: the workload
// runs without a control then.
var errNoRival = errors.New("no control on this machine")

// rival is a control that is more than a shell command: a program that stands
// by, with a pair of servers of its own, so that it neither slows nor disturbs
// the turns of ours.
type rival struct {
	name  string // as the report calls it
	timed string
	place *place
	// turn does the work once and tells the seconds that it took.
	turn func(ctx context.Context) (float64, error)
	// rest is done before a turn, once the edits are there, untimed.
	rest func(ctx context.Context) error
	// close ends the program; its servers are the caller's.
	close func(ctx context.Context) error
}

// invite makes the rival's place, with the same data, and starts it. Without
// what it needs there is no rival, and no error.
func (w workload) invite(ctx context.Context, rows int) (*rival, error) {
	if w.rival == nil {
		return nil, nil //nolint:nilnil // nothing to compare with is an answer
	}
	p, err := newPlace(ctx, rows)
	if err != nil {
		return nil, err
	}
	if err := w.setup(ctx, p); err != nil {
		return nil, errors.Join(fmt.Errorf("make the control's data: %w", err), p.close())
	}
	r, err := w.rival(ctx, p)
	if errors.Is(err, errNoRival) {
		fmt.Fprintf(os.Stderr, "%s: %v; it runs without\n", w.name, err)
		return nil, p.close()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the control: %w", err), p.close())
	}
	r.place = p
	return r, nil
}

func (r *rival) end(ctx context.Context) error {
	if r == nil {
		return nil
	}
	return errors.Join(r.close(ctx), r.place.close())
}

// meet is one turn of the rival.
func (w workload) meet(ctx context.Context, v *rival, r *report) error {
	if err := w.reset(ctx, v.place); err != nil {
		return fmt.Errorf("begin a turn: %w", err)
	}
	if err := v.rest(ctx); err != nil {
		return fmt.Errorf("begin a turn: %w", err)
	}
	if err := v.place.checkpoint(ctx); err != nil {
		return err
	}
	// Its sessions live on, so that the servers' processor time is not known.
	seconds, err := v.turn(ctx)
	if err != nil {
		return err
	}
	r.ControlRounds = append(r.ControlRounds, seconds)
	if err := w.verify(ctx, v.place, true); err != nil {
		return fmt.Errorf("after the control: %w", err)
	}
	return nil
}
