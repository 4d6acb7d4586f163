package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/mappings"
)

// needsReading: a target is read as well, because a link has to be found
// before anything is created; only a stateless target is written blindly.
func needsReading(system *mappings.SystemMapping, stateless bool) bool {
	return system.Reads || !stateless
}

func otherIdentity(name string) error {
	return &connectors.Error{
		Kind: connectors.Permanent,
		Err:  errOtherIdentity(name),
		Hint: "if it really moved, take a new name for it in the definition, or another state folder; nothing was written",
	}
}

func (l *lookout) detectSystem(ctx context.Context, system *OpenSystem, state ledger.SystemState, stateless bool, window *Window) error {
	source, err := system.Source()
	if err != nil {
		return err
	}
	ask := connectors.Ask{
		Mode: chooseMode(system), Columns: system.Mapping.Columns, Since: state.Position,
		PartitionRows: max(partitionRows, system.Description.Rows/l.partitions(stateless)+1), Bare: stateless,
	}
	if ask.Mode != connectors.ModeSnapshot && ask.Mode != connectors.ModeCursor {
		window.Filter = "" // what a log or triggers report is not filtered
	}
	ask.Where = window.Filter
	ask.Full = l.request.Full || !state.Listed || state.Behind || sweepDue(system, state, ask.Mode, l.now)
	found, err := source.Detect(ctx, ask)
	if errors.Is(err, connectors.ErrPositionLost) && !stateless {
		// What a complete listing does not show is looked for by its key; without
		// links nobody would, so there a person has to say that it may be done.
		ask.Full = true
		found, err = source.Detect(ctx, ask)
	}
	if err != nil {
		return connectors.Wrap(connectors.Transient, "detect changes in "+window.System, err)
	}
	window.Mode, window.Complete, window.To = found.Mode, found.Complete, found.To
	window.Partitions, window.Rows = found.Partitions, found.Rows
	return nil
}

// chooseMode is what `changes:` says, or the best that the system can do: a log
// or triggers where they are there, a cursor where `modified` is given, else a
// snapshot.
func chooseMode(system *OpenSystem) connectors.Mode {
	if mode := system.Definition.Changes.Value; mode != "" && mode != "auto" {
		return connectors.Mode(mode)
	}
	for _, mode := range system.Description.Can.Modes {
		if mode == connectors.ModeCursor && system.Definition.Modified.Value == "" {
			continue
		}
		return mode
	}
	return connectors.ModeSnapshot
}

// sweepDue: a cursor sees no deletes, so a complete listing goes with it, on
// every run while the table is small, and now and then when it is large.
func sweepDue(system *OpenSystem, state ledger.SystemState, mode connectors.Mode, now time.Time) bool {
	if slices.Contains(system.Description.Can.SeesDeletes, mode) {
		return false
	}
	if mode == connectors.ModeSnapshot {
		return false // a snapshot is complete by itself
	}
	every := system.Definition.Sweep
	if every == 0 {
		if system.Description.Rows <= smallTable {
			return true
		}
		every = defaultSweep
	}
	return now.Sub(state.LastSweep) >= every
}
