package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/workflows"
)

// ended makes sense of how a run workflow ended.
func (a *app) ended(started workflows.Started, result activities.Result, err error) (activities.Result, error) {
	if err == nil {
		return result, nil
	}
	result.Run, result.Sync = started.WorkflowID, workflows.SyncOf(started.WorkflowID)
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		if app.HasDetails() {
			_ = app.Details(&result) // a run that failed early has none
		}
		result.Outcome = activities.OutcomeFailed
		if result.Reason == "" {
			result.Reason = app.Message()
		}
		return result, &exitError{
			code: codeOf(connectors.Kind(app.Type())), err: fmt.Errorf("%s failed: %s", started.WorkflowID, app.Message()),
			next: nextFor(connectors.Kind(app.Type()), result), see: a.engine.WorkflowURL(started.WorkflowID, started.RunID),
		}
	}
	var cancelled *temporal.CanceledError
	var terminated *temporal.TerminatedError
	if errors.As(err, &cancelled) || errors.As(err, &terminated) {
		result.Outcome, result.Reason = activities.OutcomeFailed, "it was cancelled"
		return result, &exitError{
			code: exitFailed, err: errors.New(started.WorkflowID + " was cancelled"),
			next: "what was written stays and is in the journal; positions were not moved, so the next run finds the rest",
		}
	}
	if silent(err) {
		return result, &exitError{
			code: exitUnreachable, err: errors.New("the engine does not answer any more; how " + started.WorkflowID + " goes on is not known here"),
			next: "if `syncline up` was stopped, start it again: the run goes on from where it was, and `syncline runs follow " +
				started.WorkflowID + "` waits for it",
		}
	}
	return result, plainError(err)
}

// silent reports whether an error says that nobody answers.
func silent(err error) bool {
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &unavailable) || errors.As(err, &late)
}

func nextFor(kind connectors.Kind, result activities.Result) string {
	switch kind {
	case connectors.Unauthorized, connectors.Transient:
		return "nothing more was written and positions were not moved; `syncline connections test` checks the connection, then run it again"
	case connectors.SchemaChanged, connectors.NotFound:
		return "nothing more was written and positions were not moved; `syncline check` shows what does not fit"
	case connectors.Fenced:
		return "`syncline runs list " + result.Sync + "` shows who took over"
	case connectors.NoSpace:
		return "nothing more was written and positions were not moved; what is owed is in the ledger"
	case connectors.RateLimited, connectors.Conflict, connectors.BadRecord, connectors.Incomplete, connectors.Permanent:
		return "nothing more was written and positions were not moved; `syncline runs show " + result.Run + "` has the details"
	default:
		return ""
	}
}

// plainError takes Temporal's frame off an error.
func plainError(err error) error {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return errors.New(app.Message())
	}
	return err
}

// resultView is a run as scripts get it. A run that is not done says why.
type resultView struct {
	Run     string                             `json:"run"`
	Sync    string                             `json:"sync"`
	Outcome string                             `json:"outcome"`
	Counts  activities.Counts                  `json:"counts"`
	Targets int                                `json:"targets,omitempty"`
	Systems map[string]activities.SystemResult `json:"systems"`
	Seconds float64                            `json:"seconds"`
	URL     string                             `json:"url"`
	Reason  string                             `json:"reason,omitempty"`
}

func viewResult(r activities.Result) resultView {
	v := resultView{
		Run: r.Run, Sync: r.Sync, Outcome: r.Outcome, Counts: r.Counts, Targets: r.Targets,
		Systems: r.Systems, Seconds: r.Seconds, URL: r.URL, Reason: r.Reason,
	}
	if v.Systems == nil {
		v.Systems = map[string]activities.SystemResult{}
	}
	return v
}

// report prints a result and gives its exit code.
func (a *app) report(result activities.Result) error {
	if result.URL == "" && a.engine != nil {
		result.URL = a.engine.WorkflowURL(result.Run, "")
	}
	if a.screen.json {
		if err := a.screen.print(viewResult(result)); err != nil {
			return err
		}
	} else {
		a.showResult(result)
	}
	switch result.Outcome {
	case activities.OutcomeDone:
		return nil
	case activities.OutcomeWaiting:
		return &exitError{code: exitWaiting}
	case activities.OutcomeStopped:
		return &exitError{
			code: exitStopped, err: errors.New("stopped before anything was written: " + result.Reason),
			next: fmt.Sprintf("look at it with `syncline plan %s`, then `syncline approve %s`", result.Sync, result.Run),
		}
	default:
		return &exitError{code: exitFailed, err: errors.New(result.Reason)}
	}
}

func (a *app) showResult(r activities.Result) {
	s := a.screen
	c := r.Counts
	mark := s.green("✓")
	if r.Outcome != activities.OutcomeDone {
		mark = s.yellow("!")
	}
	s.say("%s %s %s in %.1f s", mark, s.bold(r.Run), r.Outcome, r.Seconds)
	parts := []string{fmt.Sprintf("%d read", c.Read)}
	if r.Targets > 1 {
		parts[0] = fmt.Sprintf("%d read, each counted for %d targets", c.Read/int64(r.Targets), r.Targets)
	}
	for _, p := range []struct {
		n    int64
		what string
	}{
		{c.Applied, "applied"},
		{c.Owed, "owed"},
		{c.Unchanged, "unchanged"},
		{c.Conflicts, "in conflict"},
		{c.Quarantined, "quarantined"},
		{c.Ignored, "ignored"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	s.say("  %s", strings.Join(parts, " · "))
	for _, name := range sortedKeys(r.Systems) {
		w := r.Systems[name]
		line := fmt.Sprintf("  %-12s %d read, %d created, %d updated, %d deleted", name, w.Read, w.Created, w.Updated, w.Deleted)
		if w.Down != "" {
			line += "  " + a.away(w.Down)
		}
		s.say("%s", line)
	}
	if r.Outcome == activities.OutcomeWaiting && r.Reason != "" {
		s.say("  %s", s.yellow("waits: "+r.Reason))
	}
	if r.Open > 0 {
		s.say("  %s", s.yellow(fmt.Sprintf("%s: syncline conflicts list %s", verb(r.Open, "conflict", "waits", "wait"), r.Sync)))
	}
	if r.Held > 0 {
		s.say("  %s", s.yellow(fmt.Sprintf("%s: syncline quarantine list %s", verb(r.Held, "record", "is quarantined", "are quarantined"), r.Sync)))
	}
	if r.URL != "" {
		s.say("  %s", s.dim(r.URL))
	}
}

// away says why a system was left out.
func (a *app) away(why string) string {
	if strings.HasPrefix(why, "paused") {
		return a.screen.yellow(why)
	}
	return a.screen.red("down: " + why)
}
