package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/workflows"
)

// progress shows how a run goes: a bar per step on a terminal, a line now and
// then elsewhere. It asks the run itself, and its steps' heartbeats for what
// the run has not heard of yet.
type progress struct {
	screen *screen
	run    string
	began  map[string]time.Time // when a step was first seen to move
	most   map[string]int64     // how far a step was; what it says of itself comes and goes
	drawn  int
	last   string
	said   time.Time
	over   bool
}

func newProgress(s *screen, run string) *progress {
	return &progress{screen: s, run: run, began: map[string]time.Time{}, most: map[string]int64{}}
}

const (
	drawEvery = 200 * time.Millisecond
	sayEvery  = 5 * time.Second
	// sayAgain is how long nothing may be said while nothing changes.
	sayAgain = 30 * time.Second
)

func (p *progress) ticker() *time.Ticker {
	if p.screen.terminal {
		return time.NewTicker(drawEvery)
	}
	return time.NewTicker(sayEvery)
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
	addHeartbeats(ctx, c, started, &now)
	if p.screen.terminal {
		p.draw(now)
		return
	}
	p.most[now.Step] = max(p.most[now.Step], now.Written)
	now.Written = p.most[now.Step]
	line := fmt.Sprintf("%s: %s, %d read, %d written", p.run, now.Step, now.Read, now.Written)
	if line != p.last || time.Since(p.said) >= sayAgain {
		p.screen.note("%s", line)
		p.last, p.said = line, time.Now()
	}
}

// addHeartbeats adds what steps that are going on have done so far.
func addHeartbeats(ctx context.Context, c client.Client, started workflows.Started, now *workflows.Progress) {
	description, err := c.DescribeWorkflowExecution(ctx, started.WorkflowID, started.RunID)
	if err != nil {
		return // the run's own numbers are true too, only older
	}
	for _, pending := range description.GetPendingActivities() {
		addHeartbeat(pending.GetActivityType().GetName(), pending.GetHeartbeatDetails(), now)
	}
}

func addHeartbeat(step string, details *common.Payloads, now *workflows.Progress) {
	done := int64(0)
	switch step {
	case activities.StepExtract, activities.StepTransform:
		if converter.GetDefaultDataConverter().FromPayloads(details, &done) != nil {
			return
		}
	case activities.StepLoad:
		now.Step = step
		var loaded activities.Loaded
		if converter.GetDefaultDataConverter().FromPayloads(details, &loaded) != nil {
			return
		}
		written := loaded.Created + loaded.Updated + loaded.Deleted
		now.Written += written
		done = written + loaded.Unchanged
	}
	if step == activities.StepExtract {
		now.Read += done
	}
	for i := range now.Steps {
		if now.Steps[i].Name == step {
			now.Steps[i].Done += done
		}
	}
}

func (p *progress) draw(now workflows.Progress) {
	p.erase()
	var b strings.Builder
	for _, s := range now.Steps {
		s.Done = max(min(s.Done, s.Total), p.most[s.Name])
		p.most[s.Name] = s.Done
		if _, moved := p.began[s.Name]; !moved && s.Done > 0 {
			p.began[s.Name] = time.Now().Add(-drawEvery)
		}
		fmt.Fprintf(&b, "  %-10s %s %s\n", s.Name, bar(s.Done, s.Total), p.rate(s))
		p.drawn++
	}
	p.screen.write(b.String())
}

// rate gives a step's count, its speed and how long it still takes.
func (p *progress) rate(s workflows.StepProgress) string {
	if s.Total <= 0 {
		return ""
	}
	text := fmt.Sprintf("%d/%d", s.Done, s.Total)
	if s.Unit != "" {
		text += " " + s.Unit
	}
	if s.Done > 0 && s.Done < s.Total {
		perSecond := float64(s.Done) / time.Since(p.began[s.Name]).Seconds()
		left := time.Duration(float64(s.Total-s.Done) / perSecond * float64(time.Second)).Round(time.Second)
		text += fmt.Sprintf("  %.0f/s  %s left", perSecond, max(left, time.Second))
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
	p.screen.write(strings.Repeat("\x1b[1A\x1b[2K", p.drawn))
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
