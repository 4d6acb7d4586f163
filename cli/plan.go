package cli

import (
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
		s.say("%s  %d read, %s", s.bold(system), sum.Read,
			strings.Join([]string{
				s.green(fmt.Sprintf("+%d", sum.Created)), s.yellow(fmt.Sprintf("~%d", sum.Updated)), s.red(fmt.Sprintf("-%d", sum.Deleted)),
			}, " "))
		for _, change := range bySystem[system] {
			a.showChange(change)
		}
	}
	if plan.More > 0 {
		s.say("\nand %s: --limit %d shows them", count(plan.More, "more change"), plan.More+int64(len(plan.Changes)))
	}
	c := plan.Counts
	s.say("\n%d read · %d changed · %d unchanged · %d in conflict · %d quarantined · %d ignored. Nothing was written.",
		c.Read, c.Applied, c.Unchanged, c.Conflicts, c.Quarantined, c.Ignored)
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

func (a *app) showChange(change activities.Change) {
	s := a.screen
	sign, paint := "~", s.yellow
	switch change.Op {
	case "create":
		sign, paint = "+", s.green
	case "delete", "soft":
		sign, paint = "-", s.red
	}
	line := fmt.Sprintf("  %s %s", sign, change.Match)
	if change.Rule != "" && change.Op == "update" {
		line += "  " + s.dim("("+change.Rule+")")
	}
	s.say("%s", paint(line))
	for _, field := range sortedKeys(change.Fields) {
		pair := change.Fields[field]
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
