package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

func newConflicts(a *app) *cobra.Command {
	return group("conflicts", "List, show and decide what no policy decided",
		newConflictsList(a), newConflictsShow(a), newConflictsDecide(a))
}

// conflictView is a conflict as `conflicts list -o json` prints it.
type conflictView struct {
	ID       int64              `json:"id"`
	Sync     string             `json:"sync"`
	Kind     string             `json:"kind"`
	Match    string             `json:"match"`
	Field    string             `json:"field"`
	Base     *string            `json:"base"`
	Values   map[string]*string `json:"values"`
	Seen     string             `json:"seen"`
	Since    string             `json:"since"`
	Deadline *string            `json:"deadline"`
	State    string             `json:"state"`

	order []string
}

func newConflictsList(a *app) *cobra.Command {
	var filter ledger.ConflictFilter
	c := &cobra.Command{
		Use:   "list [NAME]",
		Short: "List open conflicts",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			if len(args) > 0 {
				filter.Sync = args[0]
			}
			rows, err := house.Ledger.Conflicts(c.Context(), filter)
			if err != nil {
				return err
			}
			views := make([]conflictView, len(rows))
			for i, row := range rows {
				views[i] = viewConflict(row)
			}
			if a.screen.json {
				return a.screen.print(views)
			}
			a.listConflicts(views)
			return nil
		},
	}
	c.Flags().StringVar(&filter.Kind, "kind", "", "only this kind")
	c.Flags().StringVar(&filter.Field, "field", "", "only this field")
	c.Flags().StringVar(&filter.State, "status", "open", "open, closed or all")
	c.Flags().IntVar(&filter.Limit, "limit", 200, "at most so many")
	return c
}

func viewConflict(row ledger.ConflictRow) conflictView {
	v := conflictView{
		ID: row.Conflict.ID, Sync: row.Sync, Kind: string(row.Kind), Field: row.FieldName, Match: showMatch(row),
		Base: textOf(row.Base), Values: map[string]*string{}, Seen: row.Digest, State: row.State,
		Since: row.Opened.String(),
	}
	if row.Deadline != 0 {
		text := row.Deadline.String()
		v.Deadline = &text
	}
	for _, candidate := range row.Candidates {
		name := candidateName(row, candidate)
		v.order = append(v.order, name)
		v.Values[name] = candidateText(candidate)
	}
	return v
}

func candidateName(row ledger.ConflictRow, c reconcile.Candidate) string {
	if c.System < 0 || c.System >= len(row.AllSystems) {
		return "base"
	}
	if c.Link != "" {
		return row.AllSystems[c.System] + " " + c.Key.String()
	}
	return row.AllSystems[c.System]
}

func candidateText(c reconcile.Candidate) *string {
	if c.Deleted {
		text := "(deleted)"
		return &text
	}
	if c.Link != "" {
		text := "link " + c.Link
		return &text
	}
	return textOf(c.Value)
}

func textOf(v record.Value) *string {
	if v == nil || record.IsMissing(v) {
		return nil
	}
	text := record.Text(v)
	return &text
}

func showMatch(row ledger.ConflictRow) string {
	for _, m := range row.Match {
		if m != "" {
			return record.Key(m).String()
		}
	}
	return row.Key.String()
}

func (a *app) listConflicts(views []conflictView) {
	s := a.screen
	if len(views) == 0 {
		s.say("%s no conflicts", s.green("✓"))
		return
	}
	for _, v := range views {
		what := v.Kind
		if v.Field != "" {
			what = v.Field + ", " + v.Kind
		}
		s.say("%s  %s  %s  %s", s.bold(fmt.Sprintf("%4d", v.ID)), v.Sync, s.bold(v.Match), what)
		for _, name := range v.order {
			s.say("      %-12s %s", name, shown(v.Values[name]))
		}
		if v.Deadline != nil {
			s.say("      %s", s.dim("decides itself "+*v.Deadline))
		}
	}
	s.say("\ndecide with: syncline conflicts decide ID --take SYSTEM")
}

func newConflictsShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one conflict, side by side",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			row, err := findConflict(c.Context(), house.Ledger, args[0])
			if err != nil {
				return err
			}
			view := viewConflict(row)
			if a.screen.json {
				return a.screen.print(view)
			}
			a.sideBySide(view, row)
			return nil
		},
	}
}

func findConflict(ctx context.Context, store *ledger.Store, text string) (ledger.ConflictRow, error) {
	id, err := parseID(text)
	if err != nil {
		return ledger.ConflictRow{}, err
	}
	rows, err := store.Conflicts(ctx, ledger.ConflictFilter{IDs: []int64{id}})
	if err != nil {
		return ledger.ConflictRow{}, err
	}
	if len(rows) == 0 {
		return ledger.ConflictRow{}, &exitError{
			code: exitFailed, err: fmt.Errorf("there is no conflict %d", id), next: "`syncline conflicts list` shows the open ones",
		}
	}
	return rows[0], nil
}

// sideBySide shows what each side says, with the part that differs marked.
func (a *app) sideBySide(v conflictView, row ledger.ConflictRow) {
	s := a.screen
	s.say("conflict %d · %s · %s", v.ID, s.bold(v.Match), v.Kind)
	if v.Field != "" {
		s.say("field    %s", s.bold(v.Field))
	}
	s.say("since    %s", v.Since)
	if v.Base != nil || v.Field != "" {
		s.say("%-12s %s", "base", shown(v.Base))
	}
	for i, name := range v.order {
		text := shown(v.Values[name])
		if v.Base != nil && v.Values[name] != nil {
			text = a.marked(*v.Base, text)
		}
		at := ""
		if row.Candidates[i].At != 0 {
			at = s.dim("  changed " + row.Candidates[i].At.String())
		}
		s.say("%-12s %s%s", name, text, at)
	}
	if v.Deadline != nil {
		s.say("if nobody decides, the definition's `then` does at %s", *v.Deadline)
	} else {
		s.say("if nobody decides, it stays open and every other field flows on")
	}
	s.say("hash     %s", v.Seen)
}

// marked sets apart the part of text that differs from base.
func (a *app) marked(base, text string) string {
	b, t := []rune(base), []rune(text)
	start := 0
	for start < len(b) && start < len(t) && b[start] == t[start] {
		start++
	}
	end := 0
	for end < len(b)-start && end < len(t)-start && b[len(b)-1-end] == t[len(t)-1-end] {
		end++
	}
	middle := string(t[start : len(t)-end])
	if middle == "" {
		return text
	}
	return string(t[:start]) + a.screen.yellow("["+middle+"]") + string(t[len(t)-end:])
}

func untilDeadline(text string) (time.Duration, error) {
	if days, found := cutDays(text); found {
		return days, nil
	}
	return time.ParseDuration(text)
}
