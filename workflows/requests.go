package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
)

// ticket is a queued request and whoever waits for it to start.
type ticket struct {
	ask     Ask
	started workflow.Settable
}

// listen takes signals and Updates from here on. Handlers only put things into
// queues; the main loop does the work, one thing at a time.
func (m *mind) listen(ctx workflow.Context) error {
	for _, ask := range m.state.Queue {
		m.queue = append(m.queue, &ticket{ask: ask})
	}
	m.state.Queue = nil
	on(ctx, SignalRun, func(ask Ask) { m.enqueue(&ticket{ask: ask}) }, m.nudge)
	on(ctx, SignalChanged, func(Changed) { m.enqueue(&ticket{ask: Ask{Trigger: "changed"}}) }, m.nudge)
	on(ctx, SignalDecide, func(d activities.Decision) { m.decisions = append(m.decisions, d) }, m.nudge)
	on(ctx, SignalPause, func(p Pause) { m.state.Paused = orElse(p.Reason, "paused") }, m.nudge)
	on(ctx, SignalResume, func(Pause) { m.state.Paused = "" }, m.nudge)

	err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateRun, m.handleRun,
		workflow.UpdateHandlerOptions{Description: "start a run; answers when it is on its way"})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, UpdateDecide, m.handleDecide, workflow.UpdateHandlerOptions{
		Validator:   activities.ValidateDecision,
		Description: "decide an open conflict",
	})
}

// on handles a signal for as long as the workflow lives.
func on[T any](ctx workflow.Context, signal string, take func(T), nudge func(workflow.Context)) {
	channel := workflow.GetSignalChannel(ctx, signal)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var payload T
			if !channel.Receive(ctx, &payload) {
				return
			}
			take(payload)
			nudge(ctx)
		}
	})
}

// hear lets every signal that has arrived into the queues. Without it a signal
// that came together with the answer of a step would still be on its way to
// them when the Sync ends, and be lost.
func (m *mind) hear(ctx workflow.Context) {
	heard := workflow.NewChannel(ctx)
	workflow.Go(ctx, func(workflow.Context) { heard.Close() }) // runs after all that wait already
	heard.Receive(ctx, nil)
}

func (m *mind) nudge(workflow.Context) { m.wake.SendAsync(true) }

// enqueue joins requests that nobody waits for and that ask for the same: a
// hundred changes while a run is going on are one run afterwards.
func (m *mind) enqueue(t *ticket) {
	for _, waiting := range m.queue {
		if waiting.started == nil && t.started == nil && sameAsk(waiting.ask, t.ask) {
			return
		}
	}
	m.queue = append(m.queue, t)
}

func sameAsk(a, b Ask) bool {
	return a.Trigger == b.Trigger && a.Revision == b.Revision && a.Full == b.Full && slices.Equal(a.Except, b.Except)
}

func (m *mind) handleRun(ctx workflow.Context, ask Ask) (Started, error) {
	if m.state.Paused != "" {
		return Started{}, pausedError(m.state.Paused)
	}
	future, settable := workflow.NewFuture(ctx)
	m.enqueue(&ticket{ask: ask, started: settable})
	m.nudge(ctx)
	var started Started
	err := future.Get(ctx, &started)
	return started, err
}

// handleDecide stores the decision, or says at once why it cannot be one; the
// run that applies it follows.
func (m *mind) handleDecide(ctx workflow.Context, d activities.Decision) (activities.Decided, error) {
	var decided activities.Decided
	err := workflow.ExecuteActivity(step(ctx, activities.ActDecide, fmt.Sprintf("conflict %d", d.Conflict)),
		activities.ActDecide, m.state.Sync, d).Get(ctx, &decided)
	if err == nil {
		m.known.Pending++
		m.nudge(ctx)
	}
	return decided, err
}

// paused says why a person holds the sync: by a signal, or in the ledger.
func (m *mind) paused() string { return orElse(m.state.Paused, m.known.Paused) }

func pausedError(reason string) error {
	return temporal.NewNonRetryableApplicationError("the sync is paused: "+reason, string(activities.KindPaused), nil)
}

// refuse tells whoever waits for a run that a person holds the sync in the
// ledger. What nobody waits for is let go: the first run after the pause finds
// all changes anyway.
func (m *mind) refuse() {
	for _, t := range m.queue {
		if t.started != nil {
			t.started.Set(Started{}, pausedError(m.known.Paused))
		}
	}
	m.queue = nil
}
