package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/syncline-dev/syncline/workflows"
)

// progress shows how a run goes: a bar per step on a terminal, a line now and
// then elsewhere. It asks the run itself.
type progress struct {
	screen *screen
	run    string
	start  time.Time
	drawn  int
	last   string
	over   bool
}

func newProgress(s *screen, run string) *progress {
	return &progress{screen: s, run: run, start: time.Now()}
}

func (p *progress) ticker() *time.Ticker {
	if p.screen.terminal {
		return time.NewTicker(200 * time.Millisecond)
	}
	return time.NewTicker(5 * time.Second)
}

func (p *progress) show(ctx context.Context, c client.Client, started workflows.Started) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, started.WorkflowID, started.RunID, workflows.QueryProgress)
	if err != nil {
		return // it has just ended, or the worker is busy: the next tick tells
	}
	var now workflows.Progress
	if answer.Get(&now) != nil {
		return
	}
	if p.screen.terminal {
		p.draw(now)
		return
	}
	line := fmt.Sprintf("%s: %s, %d read, %d written", p.run, now.Step, now.Read, now.Written)
	if line != p.last {
		p.screen.note("%s", line)
		p.last = line
	}
}

func (p *progress) draw(now workflows.Progress) {
	p.erase()
	seconds := max(time.Since(p.start).Seconds(), 0.001)
	var b strings.Builder
	for _, s := range now.Steps {
		fmt.Fprintf(&b, "  %-10s %s %s\n", s.Name, bar(s.Done, s.Total), rate(s, seconds))
		p.drawn++
	}
	_, _ = fmt.Fprint(p.screen.err, b.String()) //nolint:errcheck // a terminal that went away shows nothing
}

func rate(s workflows.StepProgress, seconds float64) string {
	if s.Total <= 0 {
		return ""
	}
	text := fmt.Sprintf("%d/%d", s.Done, s.Total)
	if s.Done > 0 && s.Done < s.Total {
		perSecond := float64(s.Done) / seconds
		left := time.Duration(float64(s.Total-s.Done) / perSecond * float64(time.Second)).Round(time.Second)
		text += fmt.Sprintf("  %.0f/s  %s left", perSecond, left)
	}
	return text
}

func bar(done, total int64) string {
	const width = 24
	full := 0
	if total > 0 {
		full = int(min(done, total) * width / total)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

// erase takes the last drawing away.
func (p *progress) erase() {
	for range p.drawn {
		fmt.Fprint(p.screen.err, "\x1b[1A\x1b[2K")
	}
	p.drawn = 0
}

func (p *progress) end() {
	if !p.over {
		p.erase()
		p.over = true
	}
}

// secondInterrupt waits a moment for another Ctrl-C.
func secondInterrupt(interrupts <-chan struct{}) bool {
	select {
	case <-interrupts:
		return true
	case <-time.After(3 * time.Second):
		return false
	}
}
