package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/text/unicode/norm"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/mappings"
)

func newPlan(a *app) *cobra.Command {
	var (
		limit   int
		exit    bool
		changes error = &exitError{code: exitChanges}
	)
	c := &cobra.Command{
		Use:   "plan NAME",
		Short: "Show what a run would write, and write nothing",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			def, err := a.find(house, args[0])
			if err != nil {
				return err
			}
			planner := &activities.Planner{Sessions: house.Sessions, Ledger: house.Ledger, Clock: time.Now}
			plan, err := planner.Plan(c.Context(), def, limit)
			if err != nil {
				return unwritten(err)
			}
			sortChanges(plan)
			if a.screen.json {
				if err := a.screen.print(plan); err != nil {
					return err
				}
			} else {
				a.showPlan(plan, matchInWords(def.Match))
			}
			if exit && (len(plan.Changes) > 0 || plan.More > 0) {
				return changes
			}
			return nil
		},
	}
	c.Flags().IntVar(&limit, "limit", 50, "show at most so many changes")
	c.Flags().BoolVar(&exit, "exit-code", false, "exit with 2 when there are changes")
	return c
}

func (a *app) showPlan(plan *activities.Plan, match string) {
	s := a.screen
	s.say("%s %s", s.bold("plan of"), s.bold(plan.Sync))
	if plan.First {
		s.say("  a first sync: it joins what matches and creates what is missing, and it never deletes")
	}
	for _, w := range plan.Ways {
		s.say("  %-12s %s: %s", w.System, w.Mode, w.Why)
	}
	if plan.Stateless {
		s.say("  no links are kept: rows are upserted by their key, without a journal")
	}
	if plan.First || plan.Ambiguous > 0 {
		s.say("  matched by %s: %d; ambiguous, so never guessed: %d", match, plan.Matched, plan.Ambiguous)
	}
	bySystem := map[string][]activities.Change{}
	for _, change := range plan.Changes {
		bySystem[change.System] = append(bySystem[change.System], change)
	}
	for _, system := range inOrder(plan) {
		sum := plan.Systems[system]
		s.say("")
		if sum.Down != "" {
			s.say("%s  %s\n  what follows waits until it is back", s.bold(system), a.away(sum.Down))
		} else {
			s.say("%s  %d read, %s", s.bold(system), sum.Read,
				strings.Join([]string{
					s.green(fmt.Sprintf("+%d", sum.Created)), s.yellow(fmt.Sprintf("~%d", sum.Updated)), s.red(fmt.Sprintf("-%d", sum.Deleted)),
				}, " "))
		}
		for _, change := range bySystem[system] {
			a.showChange(change, plan.Names)
		}
	}
	if plan.More > 0 {
		s.say("\nand %s: --limit %d shows them", count(plan.More, "more change"), plan.More+int64(len(plan.Changes)))
	}
	a.showQuestions(plan)
	c := plan.Counts
	waits := ""
	if c.Owed > 0 {
		waits = fmt.Sprintf(" · %d owed", c.Owed)
	}
	s.say("\n%d read · %d changed%s · %d unchanged · %d in conflict · %d quarantined · %d ignored. Nothing was written.",
		c.Read, c.Applied, waits, c.Unchanged, c.Conflicts, c.Quarantined, c.Ignored)
	if plan.Stops != "" {
		s.say("%s", s.yellow("A run would stop before it writes, and wait for approval: "+plan.Stops))
	}
}

// showQuestions shows what a run would leave to people.
func (a *app) showQuestions(plan *activities.Plan) {
	s := a.screen
	if len(plan.Questions) > 0 {
		s.say("\n%s", s.bold("conflicts that it would open"))
	}
	for _, q := range plan.Questions {
		what := q.Kind
		if q.Field != "" {
			what = q.Field + ", " + q.Kind
		}
		s.say("%s", s.yellow(fmt.Sprintf("  ? %s  %s", orElse(q.Match, "(no match)"), what)))
		for _, side := range sortedKeys(q.Values) {
			s.say("      %-14s %s", side, shown(q.Values[side]))
		}
	}
	if len(plan.Bad) > 0 {
		s.say("\n%s", s.bold("records that it could not take"))
	}
	for _, bad := range plan.Bad {
		s.say("%s", s.yellow(fmt.Sprintf("  ! %s %s  %s", bad.System, orElse(bad.Key, "(no key)"), bad.Reason)))
	}
}

// sortChanges brings the changes of each system into an order that people can
// look something up in; by what they are, then by what they are known by.
func sortChanges(plan *activities.Plan) {
	systems, ops := inOrder(plan), []string{"delete", "soft", "update", "restore", "create"}
	slices.SortStableFunc(plan.Changes, func(x, y activities.Change) int {
		return cmp.Or(
			cmp.Compare(slices.Index(systems, x.System), slices.Index(systems, y.System)),
			cmp.Compare(slices.Index(ops, x.Op), slices.Index(ops, y.Op)),
			cmp.Compare(x.Match, y.Match),
		)
	})
}

// inOrder lists the systems as the definition does.
func inOrder(plan *activities.Plan) []string {
	var names []string
	for _, w := range plan.Ways {
		names = append(names, w.System)
	}
	for _, name := range sortedKeys(plan.Systems) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func matchInWords(m mappings.Match) string {
	if m.Key {
		return "key"
	}
	var ways []string
	for _, together := range m.Alternatives {
		var parts []string
		for _, part := range together {
			parts = append(parts, part.Value)
		}
		ways = append(ways, strings.Join(parts, " and "))
	}
	return strings.Join(ways, ", else ")
}

func (a *app) showChange(change activities.Change, order []string) {
	s := a.screen
	sign, paint := "~", s.yellow
	switch change.Op {
	case "create":
		sign, paint = "+", s.green
	case "delete", "soft":
		sign, paint = "-", s.red
	}
	line := paint(fmt.Sprintf("  %s %s", sign, orElse(change.Match, "(no match)")))
	switch {
	case change.Op == "soft":
		line += "  " + s.dim("(marked as deleted)")
	case change.Rule != "" && change.Op == "update":
		line += "  " + s.dim("("+change.Rule+")")
	}
	s.say("%s", line)
	if change.Op == "delete" || change.Op == "soft" {
		return
	}
	for _, field := range order {
		pair, written := change.Fields[field]
		if !written {
			continue
		}
		if change.Op == "create" {
			if pair[1] != nil {
				s.say("      %-14s %s", field, shown(pair[1]))
			}
			continue
		}
		s.say("      %-14s %s → %s", field, shown(pair[0]), shown(pair[1]))
	}
}

// shown gives a value for people: NULL apart from the empty string, long texts
// cut, controls made visible.
func shown(text *string) string {
	if text == nil {
		return "∅"
	}
	runes := []rune(norm.NFC.String(*text)) // so that columns align
	if len(runes) > 60 {
		runes = append(slices.Clone(runes[:59]), '…')
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' {
			return '·'
		}
		return r
	}, string(runes))
	if clean == "" || clean != strings.TrimSpace(clean) {
		return fmt.Sprintf("%q", clean)
	}
	return clean
}
