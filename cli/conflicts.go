package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/internal/ledger"
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
	c.Flags().StringVar(&filter.State, "status", "open", "open, closed or all")
	c.Flags().IntVar(&filter.Limit, "limit", 200, "at most so many")
	return c
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
