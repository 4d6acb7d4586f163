package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// workload is one thing to do, and what it is held against.
type workload struct {
	name  string
	about string
	rows  int
	bar   bar
	// alone is the bar when there is no rival on this machine.
	alone bar
	// sync is the definition that runs.
	sync string
	// setup makes the data, once.
	setup func(ctx context.Context, p *place) error
	// reset brings the target back to where a turn begins, untimed.
	reset func(ctx context.Context, p *place) error
	// again: turns go on from a run before the first round; otherwise every
	// turn of ours is a first sync, with a state folder of its own.
	again bool
	// control is the shell command to compare with; "" for none.
	control string
	// rival starts a control that is more than a command, in a place where setup
	// was done; nil for none.
	rival func(ctx context.Context, p *place) (*rival, error)
	// directly: the control is the same run without Temporal.
	directly bool
	// verify checks a target after a turn of ours or, with control, of theirs.
	verify func(ctx context.Context, p *place, control bool) error
	// records is how many records a run handles, in rows of the source.
	records float64
}

// bar is what must be reached.
type bar struct {
	Least float64 `json:"least"`
	Unit  unit    `json:"unit"`
}

type unit string

// The units of bars.
const (
	timesControl     unit = "times the control's speed"
	recordsPerSecond unit = "records a second"
	secondsAtMost    unit = "seconds at most"
	percentAtMost    unit = "percent more time at most"
)

func (b bar) show(v float64) string {
	switch b.Unit {
	case timesControl:
		return fmt.Sprintf("%.2f×", v)
	case recordsPerSecond:
		return fmt.Sprintf("%.0f/s", v)
	case percentAtMost:
		return fmt.Sprintf("%+.1f %%", v)
	case secondsAtMost:
		return fmt.Sprintf("%.2f s", v)
	default:
		return fmt.Sprint(v)
	}
}

// String is the bar as it stands in the table.
func (b bar) String() string {
	if b.Unit == secondsAtMost || b.Unit == percentAtMost {
		return "≤ " + b.show(b.Least)
	}
	return "≥ " + b.show(b.Least)
}

func (b bar) reached(v float64) bool {
	if b.Unit == secondsAtMost || b.Unit == percentAtMost {
		return v <= b.Least
	}
	return v >= b.Least
}

// run takes turns with the control and reports.
func (w workload) run(ctx context.Context, o options) (r report, err error) {
	rows := w.rows
	if o.rows > 0 {
		rows = o.rows
	}
	fmt.Fprintf(os.Stderr, "%s: %d rows: making the data\n", w.name, rows)
	p, err := newPlace(ctx, rows)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if o.profile != "" {
		if p.profile, err = filepath.Abs(o.profile); err != nil {
			return r, err
		}
	}
	r = report{
		Workload: w.name, About: w.about, Control: w.control, Rows: rows, Bar: w.bar,
		Timed: "ours: from asking the engine for the run to its result; control: the shell command",
	}
	if w.directly {
		r.Control = "the same workflow and steps in Temporal's test environment"
	}
	if r.Machine, err = p.machine(ctx); err != nil {
		return r, err
	}
	if err := w.prepare(ctx, p); err != nil {
		return r, err
	}
	against, err := w.invite(ctx, rows)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, against.end(ctx)) }()
	if against != nil {
		r.Control, r.Timed = against.name, "ours: from asking the engine for the run to its result; control: "+against.timed
	} else if w.rival != nil {
		w.bar, r.Bar = w.alone, w.alone
	}
	for round := range o.rounds {
		if err := w.round(ctx, p, against, &r); err != nil {
			return r, fmt.Errorf("round %d: %w", round+1, err)
		}
		line := fmt.Sprintf("%s: round %d: ours %.2f s", w.name, round+1, r.Rounds[round].Seconds)
		if len(r.ControlRounds) > 0 {
			line += fmt.Sprintf(", control %.2f s", r.ControlRounds[round])
		}
		fmt.Fprintln(os.Stderr, line)
	}
	w.conclude(&r)
	return r, nil
}

func (w workload) prepare(ctx context.Context, p *place) error {
	if err := w.setup(ctx, p); err != nil {
		return fmt.Errorf("make the data: %w", err)
	}
	if err := p.define(w.name, "sync: "+w.name+"\n"+strings.TrimSpace(w.sync)+"\n"); err != nil {
		return err
	}
	if !w.again {
		return nil
	}
	_, err := p.sync(ctx, w.name, false)
	return err
}

// round is one turn of each.
func (w workload) round(ctx context.Context, p *place, against *rival, r *report) error {
	if !w.again {
		if err := p.fresh(); err != nil {
			return err
		}
	}
	if err := w.begin(ctx, p); err != nil {
		return err
	}
	m, err := p.sync(ctx, w.name, false)
	if err != nil {
		return err
	}
	r.Rounds = append(r.Rounds, m)
	if err := w.verify(ctx, p, false); err != nil {
		return fmt.Errorf("after %s: %w", m.Result.Run, err)
	}
	if against != nil {
		return w.meet(ctx, against, r)
	}
	if w.control == "" && !w.directly {
		return nil
	}
	if err := w.begin(ctx, p); err != nil {
		return err
	}
	var seconds float64
	if w.directly {
		if err := p.fresh(); err != nil {
			return err
		}
		m, err = p.sync(ctx, w.name, true)
		seconds = m.Seconds
	} else {
		before := p.serverCPU()
		seconds, err = p.shell(ctx, w.control)
		r.controlCPU = append(r.controlCPU, p.serverCPU()-before)
	}
	if err != nil {
		return err
	}
	r.ControlRounds = append(r.ControlRounds, seconds)
	if err := w.verify(ctx, p, true); err != nil {
		return fmt.Errorf("after the control: %w", err)
	}
	return nil
}

func (w workload) begin(ctx context.Context, p *place) error {
	if w.reset != nil {
		if err := w.reset(ctx, p); err != nil {
			return fmt.Errorf("begin a turn: %w", err)
		}
	}
	return p.checkpoint(ctx)
}

// conclude sums up the rounds. A ratio is taken within each round, so that
// what slows the machine for a while slows both.
func (w workload) conclude(r *report) {
	var ours, values []float64
	var cpu, servers []float64
	for i, m := range r.Rounds {
		ours = append(ours, m.Seconds)
		cpu = append(cpu, m.CPUSeconds)
		servers = append(servers, m.ServerCPU)
		r.PeakRSS = max(r.PeakRSS, m.PeakRSS)
		r.HistoryEvents = max(r.HistoryEvents, m.HistoryEvents)
		r.HistoryBytes = max(r.HistoryBytes, m.HistoryBytes)
		switch w.bar.Unit {
		case timesControl:
			values = append(values, r.ControlRounds[i]/m.Seconds)
		case percentAtMost:
			values = append(values, 100*(m.Seconds/r.ControlRounds[i]-1))
		case recordsPerSecond:
			values = append(values, w.records*float64(r.Rows)/m.Seconds)
		case secondsAtMost:
			values = append(values, m.Seconds)
		}
	}
	r.Ours, r.Value, r.CPUSeconds = spreadOf(ours), spreadOf(values), spreadOf(cpu).Median
	r.ServerCPU, r.ControlCPU = spreadOf(servers).Median, spreadOf(r.controlCPU).Median
	if len(r.ControlRounds) > 0 {
		theirs := spreadOf(r.ControlRounds)
		r.Theirs = &theirs
	}
	r.Reached = w.bar.reached(r.Value.Median)
}
