package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/record"
)

// Ask is a request for a run, as the `run` signal and Update carry it.
type Ask struct {
	Trigger  string   `json:"trigger,omitempty"`
	Revision int      `json:"revision,omitempty"`
	Full     bool     `json:"full,omitempty"`
	Except   []string `json:"except,omitempty"`
}

// Changed is what watchers and webhooks signal: something moved in a system.
type Changed struct {
	System string `json:"system,omitempty"`
}

// Pause holds all runs of a sync until `resume`.
type Pause struct {
	Reason string `json:"reason,omitempty"`
}

// Started answers the `run` Update once the run is on its way.
type Started struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
}

// State is what a Sync carries over when it continues as new; everything else
// that it needs is in the ledger.
type State struct {
	Sync   string `json:"sync"`
	Queue  []Ask  `json:"queue,omitempty"`
	Paused string `json:"paused,omitempty"`
}

// Sync is the one mind of a sync. It takes requests, changes and decisions,
// does one thing at a time, and ends when nothing is left to wait for: it
// stays open while conflicts are open, for their deadlines and for people.
func Sync(ctx workflow.Context, state State) error {
	if state.Sync == "" {
		state.Sync = workflow.GetInfo(ctx).WorkflowExecution.ID
	}
	m := &mind{state: state, wake: workflow.NewBufferedChannel(ctx, 1)}
	if err := workflow.UpsertTypedSearchAttributes(ctx, SearchSync.ValueSet(state.Sync)); err != nil {
		return err
	}
	if err := m.listen(ctx); err != nil {
		return err
	}
	for {
		if err := m.review(ctx); err != nil {
			return err
		}
		if err := m.work(ctx); err != nil {
			return err
		}
		m.hear(ctx)
		// While an Update waits, its run must come first; the next turn asks again.
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && len(m.decisions) == 0 && workflow.AllHandlersFinished(ctx) {
			return m.continueAsNew(ctx)
		}
		if m.idle() {
			if err := m.review(ctx); err != nil {
				return err
			}
			m.hear(ctx)
			if m.nothingLeft() && workflow.AllHandlersFinished(ctx) {
				return nil
			}
			m.wait(ctx)
		}
	}
}

// mind is a Sync's state between two waits.
type mind struct {
	state     State
	queue     []*ticket
	decisions []activities.Decision
	known     activities.Review
	failed    string
	wake      workflow.Channel
}

func (m *mind) idle() bool {
	return len(m.decisions) == 0 && (len(m.queue) == 0 || m.paused() != "")
}

// nothingLeft: no conflict is open, so nobody has to be waited for.
func (m *mind) nothingLeft() bool {
	return m.idle() && len(m.queue) == 0 && m.known.Open == 0 && m.state.Paused == ""
}

// work does what is there to do: decisions first, so that the next run sees
// them, then requests, then what deadlines brought.
func (m *mind) work(ctx workflow.Context) error {
	for len(m.decisions) > 0 {
		d := m.decisions[0]
		m.decisions = m.decisions[1:]
		if err := m.store(ctx, d); err != nil {
			return err
		}
	}
	if m.known.Paused != "" {
		m.refuse()
	}
	if m.paused() != "" {
		return nil
	}
	if len(m.queue) > 0 {
		t := m.queue[0]
		m.queue = m.queue[1:]
		return m.run(ctx, t)
	}
	if m.known.Pending > 0 {
		return m.settle(ctx, "decision")
	}
	if m.known.Due != 0 && m.known.Due <= record.NewTimestamp(workflow.Now(ctx)) {
		return m.settle(ctx, "deadline")
	}
	return nil
}

// store writes a signalled decision into the ledger. A signal has no answer,
// so what is wrong with it is said in the details.
func (m *mind) store(ctx workflow.Context, d activities.Decision) error {
	if wrong := activities.ValidateDecision(d); wrong != nil {
		m.failed = "a `decide` signal was not understood: " + wrong.Error()
		return nil //nolint:nilerr // a signal has no answer
	}
	var decided activities.Decided
	err := workflow.ExecuteActivity(step(ctx, activities.ActDecide, fmt.Sprintf("conflict %d", d.Conflict)),
		activities.ActDecide, m.state.Sync, d).Get(ctx, &decided)
	if temporal.IsCanceledError(err) {
		return err
	}
	m.failed = ""
	if err != nil {
		m.failed = "a decision was not taken: " + reason(err)
		return nil
	}
	m.known.Pending++
	return nil
}

func (m *mind) settle(ctx workflow.Context, trigger string) error {
	return m.child(ctx, activities.Request{Trigger: trigger, Settle: true, Revision: m.known.Revision}, nil)
}

func (m *mind) run(ctx workflow.Context, t *ticket) error {
	request := activities.Request{
		Trigger: orElse(t.ask.Trigger, "manual"), Revision: t.ask.Revision, Full: t.ask.Full, Except: t.ask.Except,
	}
	if request.Revision == 0 {
		request.Revision = m.known.Revision
	}
	return m.child(ctx, request, t.started)
}

// child starts a run and waits for it. How it ended is the run's own story;
// only a cancelled Sync ends with it.
func (m *mind) child(ctx workflow.Context, request activities.Request, started workflow.Settable) error {
	request.Sync = m.state.Sync
	request.Run = RunID(m.state.Sync, m.known.Next)
	m.known.Next++
	future := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:    request.Run,
		StaticSummary: clip(fmt.Sprintf("%s, run %d, %s", m.state.Sync, m.known.Next-1, request.Trigger), maxSummary),
	}), NameRun, request)
	var execution workflow.Execution
	err := future.GetChildWorkflowExecution().Get(ctx, &execution)
	if started != nil {
		started.Set(Started{WorkflowID: execution.ID, RunID: execution.RunID}, err)
	}
	if err == nil {
		m.show(ctx, "run "+execution.ID+" is going on")
		err = future.Get(ctx, nil)
	}
	if temporal.IsCanceledError(err) && ctx.Err() != nil { // the Sync itself, not only this run
		return err
	}
	m.failed = ""
	if err != nil {
		m.failed = fmt.Sprintf("run %s failed: %s", request.Run, reason(err))
		if request.Settle {
			// What a decision or deadline asked for is still in the ledger; the
			// next request or wake-up tries again instead of a hot loop.
			return workflow.Sleep(ctx, settleAgain)
		}
	}
	return nil
}

// pausedLook is how often a Sync with open conflicts looks whether the pause in
// the ledger is over; `resume` as a signal is heard at once.
const pausedLook = 10 * time.Minute

// settleAgain is the pause before a failed settling run is tried again.
const settleAgain = time.Minute

// wait sleeps until something comes in or the next deadline passes.
func (m *mind) wait(ctx workflow.Context) {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(m.wake, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	if m.state.Paused == "" && m.known.Paused != "" {
		timer := workflow.NewTimerWithOptions(ctx, pausedLook, workflow.TimerOptions{Summary: "whether the pause is over"})
		selector.AddFuture(timer, func(workflow.Future) {})
	}
	if m.known.Due != 0 && m.paused() == "" {
		until := m.known.Due.Time().Sub(workflow.Now(ctx))
		timer := workflow.NewTimerWithOptions(ctx, max(until, time.Second),
			workflow.TimerOptions{Summary: "deadline of an open conflict"})
		selector.AddFuture(timer, func(workflow.Future) {})
	}
	selector.Select(ctx)
}

// review asks the ledger what is open, and shows it.
func (m *mind) review(ctx workflow.Context) error {
	var known activities.Review // a fresh one: what is not in the answer is not so any more
	err := workflow.ExecuteActivity(step(ctx, activities.ActReview, "what is open"),
		activities.ActReview, m.state.Sync).Get(ctx, &known)
	if err != nil {
		return err
	}
	m.known = known
	m.show(ctx, "")
	return workflow.UpsertTypedSearchAttributes(ctx, SearchConflicts.ValueSet(m.known.Open))
}

func (m *mind) continueAsNew(ctx workflow.Context) error {
	for _, t := range m.queue {
		m.state.Queue = append(m.state.Queue, t.ask)
	}
	return workflow.NewContinueAsNewError(ctx, NameSync, m.state)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
