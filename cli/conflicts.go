package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/mappings"
	"github.com/syncline-dev/syncline/worker"
)

func newConflicts(a *app) *cobra.Command {
	return group("conflicts", "List, show and decide what no policy decided",
		newConflictsList(a), newConflictsShow(a), newConflictsDecide(a))
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
			if err := a.meant(c.Context(), house, filter); err != nil {
				return err
			}
			rows, err := house.Ledger.Conflicts(c.Context(), filter)
			if err != nil {
				return err
			}
			if !a.screen.json {
				a.listConflicts(rows)
				return nil
			}
			views := make([]conflictView, len(rows))
			for i, row := range rows {
				views[i] = viewConflict(row)
			}
			return a.screen.print(views)
		},
	}
	c.Flags().StringVar(&filter.Kind, "kind", "", "only this kind")
	c.Flags().StringVar(&filter.Field, "field", "", "only this field")
	c.Flags().StringVar(&filter.State, "status", "open", "open, decided, closed or all")
	c.Flags().IntVar(&filter.Limit, "limit", 200, "at most so many")
	return c
}

// meant refuses a filter that nothing can ever be found by: misspelt, it would
// say that nothing waits.
func (a *app) meant(ctx context.Context, house *worker.House, filter ledger.ConflictFilter) error {
	for _, word := range []struct {
		flag, given string
		known       []string
	}{
		{"status", filter.State, []string{"open", "decided", "closed", "all"}},
		{"kind", filter.Kind, mappings.ConflictKinds()},
	} {
		if word.given != "" && !slices.Contains(word.known, word.given) {
			return usage(fmt.Sprintf("there is no --%s %s; there are %s", word.flag, word.given, strings.Join(word.known, ", ")))
		}
	}
	if filter.Sync == "" {
		return nil
	}
	return a.known(ctx, house, filter.Sync, "")
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
			if row.State == stateOpen {
				a.screen.say("\ndecide:  syncline conflicts decide %d %s", view.ID, flagsFor(row))
			}
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
