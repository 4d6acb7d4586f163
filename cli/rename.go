package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

func newRename(a *app) *cobra.Command {
	var system string
	c := &cobra.Command{
		Use:   "rename NAME NEW | rename NAME --system OLD=NEW",
		Short: "Tell that a sync, or a system of it, has a new name",
		Long: "Keep what is known of a sync, or of one of its systems, under a new name. The definition\n" +
			"is yours to change. A run that goes on meanwhile stops without harm.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			from, to, some := strings.Cut(system, "=")
			if some == (len(args) == 2) || (some && (from == "" || to == "")) {
				return usage("give the sync a new name, or a system of it with --system OLD=NEW")
			}
			if some {
				return a.renameSystem(c.Context(), args[0], from, to)
			}
			return a.renameSync(c.Context(), args[0], args[1])
		},
	}
	c.Flags().StringVar(&system, "system", "", "OLD=NEW: a system of the sync, not the sync itself")
	return c
}

func (a *app) renameSystem(ctx context.Context, sync, from, to string) error {
	house, err := a.openHouse(ctx)
	if err != nil {
		return err
	}
	err = house.Ledger.RenameSystem(ctx, sync, from, to)
	if errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("the ledger knows no system %s of a sync %s; `syncline status` shows what it knows", from, sync)
	}
	if err != nil {
		return err
	}
	return a.screen.answer(renamedView{Sync: sync, System: to, Was: from}, "%s knows %s as %s now", sync, from, to)
}

// renameSync ends what the engine has under the old name: all that matters of
// it is in the ledger.
func (a *app) renameSync(ctx context.Context, from, to string) error {
	if from == to {
		return usage(from + " has that name already")
	}
	if _, err := a.openEngine(ctx); err != nil {
		return err
	}
	err := a.house.Ledger.RenameSync(ctx, from, to)
	if errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("the ledger knows no sync %s; `syncline status` shows what it knows", from)
	}
	if err != nil {
		return err
	}
	if err := worker.RemoveSchedule(ctx, a.client(), from); err != nil {
		return fmt.Errorf("remove the schedule of %s: %w", from, err)
	}
	err = a.client().TerminateWorkflow(ctx, workflows.SyncID(from), "", "renamed to "+to)
	if _, closed := errors.AsType[*serviceerror.NotFound](err); err != nil && !closed {
		return fmt.Errorf("end %s in the engine: %w", from, err)
	}
	return a.screen.answer(renamedView{Sync: to, Was: from},
		"%s is %s now; if it has a schedule, `syncline deploy %s` sets it again", from, to, to)
}

// renamedView is what `rename` prints for scripts.
type renamedView struct {
	Sync   string `json:"sync"`
	System string `json:"system,omitempty"`
	Was    string `json:"was"`
}
