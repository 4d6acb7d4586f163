package activities

import (
	"context"
	"slices"
	"time"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// Sizes of the pieces that a run is cut into.
const (
	// partitionRows is the least rows of a partition; large tables get larger
	// partitions, so that history does not grow with the table.
	partitionRows = 50_000
	// maxPartitions bounds the partitions of one system.
	maxPartitions = 48
	// groupRows is about how many records of one system a group has. Two groups
	// in flight are what a run has in memory: a record of ten fields costs some
	// 3 KB there with its link, its bases and what was decided.
	groupRows = 16_000
	// maxGroups bounds the groups.
	maxGroups = 64
	// smallTable is up to how many rows a cursor's run lists all keys, so that
	// deletes are found at once.
	smallTable = 100_000
	// defaultSweep is how often larger tables are listed.
	defaultSweep = 24 * time.Hour
)

// Detect is the first step: it takes the run's epoch and finds out, for each
// system, what has to be read. It reads positions and counts only. Run twice,
// it gives the same epoch and a window at least as new.
type Detect struct {
	Sessions *Sessions
	Ledger   *ledger.Store
	Clock    func() time.Time
}

// Run detects.
func (d *Detect) Run(ctx context.Context, request Request) (Detected, error) {
	detected, err := d.detect(ctx, request)
	return detected, asTemporal(err)
}

func (d *Detect) detect(ctx context.Context, request Request) (Detected, error) {
	now := d.Clock()
	pass := Pass{
		Sync: request.Sync, Run: request.Run, Revision: request.Revision, Now: record.NewTimestamp(now),
		Settle: request.Settle, Except: request.Except,
	}
	session, err := d.Sessions.For(ctx, pass)
	if err != nil {
		return Detected{}, err
	}
	run, err := d.Ledger.BeginRun(ctx, ledger.Begin{
		Sync: request.Sync, Run: request.Run, Trigger: request.Trigger, At: now,
		Fields: session.Mapping.Schema.Fields, Systems: session.Scope.Systems, WorkflowURL: request.URL,
	})
	if err != nil {
		return Detected{}, err
	}
	pass.Number, pass.Epoch = run.Number, run.Epoch
	d.Sessions.at(PointBegun)
	states, err := d.Ledger.Systems(ctx, request.Sync)
	if err != nil {
		return Detected{}, err
	}
	detected, err := plan(ctx, session, states, request, pass, now)
	if err != nil {
		return Detected{}, err
	}
	for _, system := range session.Systems {
		name := system.Mapping.Name
		if states[name].Identity == "" {
			if err := d.Ledger.SetIdentity(ctx, pass.fence(), name, system.Description.Identity); err != nil {
				return Detected{}, err
			}
		}
	}
	return detected, nil
}

// plan finds the windows; it writes nothing, so that `plan` uses it too.
func plan(ctx context.Context, session *Session, states map[string]ledger.SystemState, request Request, pass Pass,
	now time.Time,
) (Detected, error) {
	detected := Detected{Pass: pass, Stateless: session.Mapping.Stateless && !request.Settle}
	most := int64(0)
	for i, system := range session.Systems {
		name := system.Mapping.Name
		state := states[name]
		if state.Identity != "" && state.Identity != system.Description.Identity {
			return detected, otherIdentity(name)
		}
		if system.Mapping.Receives {
			detected.Targets = append(detected.Targets, name)
		}
		window := Window{System: name, Index: i, First: !state.Listed}
		if needsReading(session.Mapping, system.Mapping, detected.Stateless) && !request.Settle {
			if err := detectSystem(ctx, system, state, request.Full, now, &window); err != nil {
				return detected, err
			}
		}
		if window.First && !window.Complete && !detected.Stateless {
			detected.Pass.Unlisted = append(detected.Pass.Unlisted, i)
		}
		most = max(most, window.Rows)
		detected.Windows = append(detected.Windows, window)
	}
	detected.Pass.Groups = int(min(max(most/groupRows, 1), maxGroups))
	return detected, nil
}

// needsReading: a target is read as well, because a link has to be found
// before anything is created; only a stateless target is written blindly.
func needsReading(_ *mappings.Mapping, system *mappings.SystemMapping, stateless bool) bool {
	return system.Reads || !stateless
}

func otherIdentity(name string) error {
	return &connectors.Error{
		Kind: connectors.Permanent,
		Err:  errOtherIdentity(name),
		Hint: "if it really moved, take a new name for it in the definition, or another state folder; nothing was written",
	}
}

func detectSystem(ctx context.Context, system *OpenSystem, state ledger.SystemState, full bool, now time.Time, window *Window) error {
	source, err := system.Source()
	if err != nil {
		return err
	}
	ask := connectors.Ask{
		Mode: chooseMode(system), Columns: system.Mapping.Columns, Since: state.Position,
		PartitionRows: max(partitionRows, system.Description.Rows/maxPartitions+1),
	}
	ask.Full = full || !state.Listed || state.Behind || sweepDue(system, state, ask.Mode, now)
	found, err := source.Detect(ctx, ask)
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
