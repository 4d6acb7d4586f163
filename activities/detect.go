package activities

import (
	"context"
	"slices"
	"time"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/record"
)

// Sizes of the pieces that a run is cut into.
const (
	// partitionRows is the least rows of a partition; large tables get larger
	// partitions, so that history does not grow with the table.
	partitionRows = 100_000
	// maxPartitions bounds the partitions of one system.
	maxPartitions = 48
	// maxStreamed bounds what the partitions of a stateless run go through: a
	// step of one of them is six events of the run's history at most.
	maxStreamed = 150
	// wholeRows is how many records of one system are decided all at once.
	wholeRows = 8_000
	// groupRows is about how many records of one system a group has. A group is
	// one commit of the ledger, and the more that one has, the fewer times the
	// pages are written whose order is not that of the groups.
	groupRows = 64_000
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
	paused, err := d.Ledger.Paused(ctx, request.Sync)
	if err != nil {
		return Detected{}, err
	}
	last := lastTry(ctx)
	session, err := d.Sessions.begin(ctx, pass, absences{paused: paused, unreachable: last})
	if err != nil {
		return Detected{}, err
	}
	if session.Mapping.Stateless && len(request.Except) > 0 {
		return Detected{}, connectors.Errorf(connectors.Permanent,
			"%s streams and keeps nothing of what is owed, so a field that is left alone would never be made up for", request.Sync)
	}
	for _, name := range request.Except {
		if session.Mapping.Schema.Index(name) < 0 {
			return Detected{}, connectors.Errorf(connectors.Permanent, "%s has no field %s that could be left alone", request.Sync, name)
		}
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
	if !request.Full {
		// Without links, or without a key, what somebody asked to try again is
		// found by listing all.
		if request.Full, err = d.asked(ctx, session.Scope, session.Mapping.Stateless); err != nil {
			return Detected{}, err
		}
	}
	undefined, err := d.Sessions.undefined(ctx, request.Sync, states)
	if err != nil {
		return Detected{}, err
	}
	l := &lookout{session: session, states: states, undefined: undefined, request: request, pass: pass, now: now, tolerant: last}
	detected, err := l.detect(ctx)
	if err != nil {
		return Detected{}, err
	}
	return detected, d.note(ctx, session, states, detected.Pass)
}

// asked: somebody asked to try a quarantined row again; whichever, or one
// without a key.
func (d *Detect) asked(ctx context.Context, scope ledger.Scope, whichever bool) (bool, error) {
	for _, name := range scope.Systems {
		again, err := d.Ledger.Retries(ctx, scope.Sync, name)
		if err != nil {
			return false, err
		}
		if whichever && len(again) > 0 || slices.ContainsFunc(again, isPlace) {
			return true, nil
		}
	}
	return false, nil
}

// note keeps in the ledger who the systems are, what they look like and how
// they are read.
func (d *Detect) note(ctx context.Context, session *Session, states map[string]ledger.SystemState, pass Pass) error {
	for _, system := range session.Systems {
		name := system.Mapping.Name
		if system.Away != nil {
			continue
		}
		if states[name].Identity == "" {
			if err := d.Ledger.SetIdentity(ctx, pass.fence(), name, system.Description.Identity); err != nil {
				return err
			}
		}
		read, err := readAlso(states[name].Mappings, system.Mapping, session.Mapping.Schema)
		if err != nil {
			return err
		}
		if read != states[name].Mappings {
			if err := d.Ledger.SetMappings(ctx, pass.fence(), name, read); err != nil {
				return err
			}
		}
		text, err := remember(system.Description)
		if err != nil {
			return err
		}
		if text == states[name].Described {
			continue
		}
		if err := d.Ledger.SetDescribed(ctx, pass.fence(), name, text); err != nil {
			return err
		}
	}
	return nil
}

// lookout finds the windows; it writes nothing, so that `plan` uses it too.
type lookout struct {
	session *Session
	states  map[string]ledger.SystemState
	// undefined is what other syncs have met that no definition names any more.
	undefined map[string][]ledger.Met
	request   Request
	pass      Pass
	now       time.Time
	// tolerant: a system that cannot be reached is down, and the others go on.
	tolerant bool
	// down is why the first of them is.
	down error
}

func (l *lookout) detect(ctx context.Context) (Detected, error) {
	detected := Detected{Pass: l.pass, Stateless: l.session.Mapping.Stateless && !l.request.Settle}
	if err := l.renamed(); err != nil {
		return detected, err
	}
	detected.Pass.Anew = !detected.Stateless && l.anew()
	l.request.Full = l.request.Full || detected.Pass.Anew
	most := int64(0)
	for i, system := range l.session.Systems {
		if system.Mapping.Receives {
			detected.Targets = append(detected.Targets, system.Mapping.Name)
		}
		window, err := l.window(ctx, i, detected.Stateless)
		if err != nil {
			return detected, err
		}
		if window.Down != "" {
			detected.Pass.Down = append(detected.Pass.Down, i)
		}
		if window.First && !window.Complete && !detected.Stateless {
			detected.Pass.Unlisted = append(detected.Pass.Unlisted, i)
		}
		most = max(most, window.Rows)
		detected.Windows = append(detected.Windows, window)
	}
	detected.Pass.Groups = groupsFor(most)
	return detected, l.goOn(&detected)
}

// anew: a system that can be reached was never listed, and another one was.
func (l *lookout) anew() bool {
	newcomer, settled := false, false
	for _, system := range l.session.Systems {
		listed := l.states[system.Mapping.Name].Listed
		newcomer = newcomer || (!listed && system.Away == nil)
		settled = settled || listed
	}
	return newcomer && settled && !l.request.Settle
}

// partitions bounds into how many a system is cut. Those of a stateless run go
// through extract and resolve once, and through transform and load for each
// target.
func (l *lookout) partitions(stateless bool) int64 {
	if !stateless {
		return maxPartitions
	}
	targets := int64(0)
	for _, system := range l.session.Systems {
		if system.Mapping.Receives {
			targets++
		}
	}
	return max(maxStreamed/(2+2*targets), 1)
}

// window says what there is to read in one system; nothing, if it is away.
func (l *lookout) window(ctx context.Context, i int, stateless bool) (Window, error) {
	system := l.session.Systems[i]
	name := system.Mapping.Name
	state := l.states[name]
	window := Window{System: name, Index: i, First: !state.Listed}
	if state.Identity != "" && state.Identity != system.Description.Identity {
		return window, otherIdentity(name)
	}
	err := system.Away
	if err == nil && !l.request.Settle && needsReading(system.Mapping, stateless) {
		if stateless {
			window.Filter = pushDown(system.Mapping, system.Object)
		}
		err = l.detectSystem(ctx, system, state, stateless, &window)
		if err != nil && (!l.tolerant || !isDown(err)) {
			return window, err
		}
	}
	if err != nil {
		window.Down, window.DownKind = downText(err), connectors.KindOf(err)
		if window.DownKind != KindPaused && l.down == nil {
			l.down = err
		}
	}
	return window, nil
}

// goOn decides whether the systems that are there can do anything useful. A
// stateless run keeps no debts, so that it needs all of them.
func (l *lookout) goOn(detected *Detected) error {
	if len(detected.Pass.Down) == 0 {
		return nil
	}
	reads := false
	for i, system := range l.session.Systems {
		reads = reads || (system.Mapping.Reads && detected.Windows[i].Down == "")
	}
	if l.down != nil && (detected.Stateless || !reads) {
		return l.down
	}
	if detected.Stateless {
		for i := range detected.Windows {
			w := &detected.Windows[i]
			w.Mode, w.Partitions, w.Rows, w.Complete = "", nil, 0, false
		}
	}
	return nil
}
