package activities

import (
	"context"
	"slices"
	"time"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// Planner goes through the steps of a run up to the first write, without
// Temporal and without writing anything anywhere.
type Planner struct {
	Sessions *Sessions
	Ledger   *ledger.Store
	Clock    func() time.Time
}

// Plan is what a run would do now.
type Plan struct {
	Sync    string                  `json:"sync"`
	Counts  Counts                  `json:"counts"`
	Systems map[string]SystemResult `json:"systems"`
	Changes []Change                `json:"changes"`
	// More is how many changes there are beyond those shown.
	More int64 `json:"more"`
	// Opened is how many conflicts the run would open.
	Opened int64 `json:"opens_conflicts"`
	// Ways says per system how changes are detected, and why.
	Ways []Way `json:"ways"`
	// First: some system was never synced; nothing is deleted then.
	First bool `json:"first_sync"`
	// Matched counts by which match records were joined, and Ambiguous how many
	// could not be.
	Matched   int64 `json:"matched"`
	Ambiguous int64 `json:"ambiguous"`
	Stateless bool  `json:"stateless"`
	// StatelessWhyNot says why links are kept.
	StatelessWhyNot string `json:"stateless_why_not,omitempty"`
	// Questions are the conflicts that the run would open, and Bad the records
	// that it could not take; as many of each as changes are shown.
	Questions []Question `json:"conflicts"`
	Bad       []BadRow   `json:"quarantined"`
	// Names are the fields in their order.
	Names []string `json:"-"`
	// Stops says which limit would stop the run before it writes; "" is none.
	Stops string `json:"stops,omitempty"`
}

// Question is a conflict that a run would open.
type Question struct {
	Kind   string             `json:"kind"`
	Match  string             `json:"match"`
	Field  string             `json:"field,omitempty"`
	Values map[string]*string `json:"values"`
}

// BadRow is a record that a run could not take, and why.
type BadRow struct {
	System string `json:"system"`
	Key    string `json:"key"`
	Reason string `json:"reason"`
}

// Way is how one system's changes are detected.
type Way struct {
	System string `json:"system"`
	Mode   string `json:"mode"`
	Why    string `json:"why"`
	Rows   int64  `json:"rows"`
}

// Change is one write that a run would do. Fields have their values before and
// after, as text; before is null where it is not known or there is none.
type Change struct {
	System string `json:"system"`
	Op     string `json:"op"`
	// Owed: the system is down or paused, and gets it when it is back.
	Owed   bool                  `json:"owed,omitempty"`
	Match  string                `json:"match"`
	Fields map[string][2]*string `json:"fields"`
	Rule   string                `json:"rule,omitempty"`
}

// Plan plans one definition; limit bounds the changes that are shown.
func (p *Planner) Plan(ctx context.Context, def *mappings.Definition, limit int) (*Plan, error) {
	absent := absences{unreachable: true}
	var err error
	if absent.paused, err = p.Ledger.Paused(ctx, def.Sync.Value); err != nil {
		return nil, err
	}
	if absent.remembered, err = p.Sessions.remembered(ctx, def.Sync.Value); err != nil {
		return nil, err
	}
	session, err := p.Sessions.openDefinition(ctx, def, absent)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	states, err := p.Ledger.Systems(ctx, def.Sync.Value)
	if err != nil {
		return nil, err
	}
	now := p.Clock()
	pass := Pass{Sync: def.Sync.Value, Run: "plan", Now: record.NewTimestamp(now)}
	undefined, err := p.Sessions.undefined(ctx, def.Sync.Value, states)
	if err != nil {
		return nil, err
	}
	l := &lookout{session: session, states: states, undefined: undefined, request: Request{Sync: def.Sync.Value, Trigger: "plan"}, pass: pass, now: now, tolerant: true}
	detected, err := l.detect(ctx)
	if err != nil {
		return nil, err
	}
	d := &draft{
		plan: &Plan{
			Sync: def.Sync.Value, Systems: map[string]SystemResult{}, Names: session.Mapping.Schema.Names(), Changes: []Change{}, Questions: []Question{}, Bad: []BadRow{},
			Stateless: session.Mapping.Stateless, StatelessWhyNot: session.Mapping.StatelessWhyNot,
		},
		session: session, detected: detected, limit: limit, seen: map[string]bool{}, waiting: map[string]bool{}, ops: map[string]map[string]int64{},
	}
	d.ways(states)
	if err := d.read(ctx, p.Ledger); err != nil {
		return nil, err
	}
	if err := d.resolve(ctx, p.Ledger); err != nil {
		return nil, err
	}
	if err := d.earlier(ctx, p.Ledger); err != nil {
		return nil, err
	}
	d.owe()
	return d.plan, d.guard(ctx, p.Ledger)
}

// draft is a plan in the making.
type draft struct {
	plan     *Plan
	session  *Session
	detected Detected
	groups   map[int]*group
	tally    reconcile.Tally
	limit    int
	// seen are the links that this run would change, ops what it would write by
	// system, and sum what its groups came to.
	seen map[string]bool
	// waiting are the links that owe something to a system that is away.
	waiting map[string]bool
	ops     map[string]map[string]int64
	sum     Resolved
}

func (d *draft) ways(states map[string]ledger.SystemState) {
	for _, w := range d.detected.Windows {
		if w.Down != "" {
			d.plan.Systems[w.System] = SystemResult{Down: w.Down}
		}
		if w.Mode == "" {
			continue
		}
		d.plan.First = d.plan.First || w.First
		reason := why(d.session.Systems[w.Index], states[w.System], w)
		if w.Filter != "" {
			reason += "; the database leaves out what `where` does"
		}
		d.plan.Ways = append(d.plan.Ways, Way{System: w.System, Mode: string(w.Mode), Rows: w.Rows, Why: reason})
	}
}

// why says in words how a window came to be.
func why(system *OpenSystem, state ledger.SystemState, w Window) string {
	switch {
	case !state.Listed:
		return "first time: everything is read"
	case w.Mode == connectors.ModeSnapshot && system.Definition.Modified.Value == "":
		return "no `modified` column is given, so everything is read and compared"
	case w.Mode == connectors.ModeSnapshot:
		return "everything is read and compared"
	case w.Mode == connectors.ModeCursor && w.Complete:
		return "changes by `modified`, and a complete listing that finds deletes"
	case w.Mode == connectors.ModeCursor:
		return "changes by `modified` since the last run; deletes are found by the sweep"
	case w.Mode == connectors.ModeTrigger:
		return "triggers recorded every change, deletes too"
	default:
		return "the log has every change, deletes too"
	}
}

// read reads all windows into memory; nothing of it is staged.
func (d *draft) read(ctx context.Context, store *ledger.Store) error {
	d.groups = map[int]*group{}
	for _, w := range d.detected.Windows {
		opened := d.session.Systems[w.Index]
		if len(w.Partitions) == 0 {
			continue
		}
		source, err := opened.Source()
		if err != nil {
			return err
		}
		for _, part := range w.Partitions {
			in := TransformInput{Pass: d.detected.Pass, System: w.Index, Partition: part.ID, First: w.First}
			var out Transformed
			unnamed := &nameless{key: opened.Mapping.Key, partition: part.ID}
			err := source.Read(ctx, part, func(batch *record.Batch) error {
				defer batch.Release()
				return routeBatch(ctx, store, d.session, in, batch, unnamed, inMemory{draft: d, system: w.Index}, &out)
			})
			if err != nil {
				return connectors.Wrap(connectors.Transient, "read "+w.System, err)
			}
			d.tally = AddTally(d.tally, out.Tally)
			sum := d.plan.Systems[w.System]
			sum.Read += out.Rows
			d.plan.Systems[w.System] = sum
		}
	}
	return nil
}

// inMemory is a plan's place for canonical rows.
type inMemory struct {
	draft  *draft
	system int
}

func (m inMemory) add(n int, row []record.Value, mark record.Mark) error {
	g := m.draft.groups[n]
	if g == nil {
		g = newGroup(len(m.draft.session.Systems))
		m.draft.groups[n] = g
	}
	g.take(slices.Clone(row), mark, len(m.draft.session.Mapping.Schema.Fields), m.system,
		m.draft.session.Systems[m.system].Mapping.Hash)
	return nil
}

func (m inMemory) hold(row ledger.Held) error {
	m.draft.bad(m.system, row.Key, row.Reason)
	return nil
}

// bad shows a record that the run could not take.
func (d *draft) bad(system int, key record.Key, reason string) {
	if len(d.plan.Bad) < d.limit {
		d.plan.Bad = append(d.plan.Bad, BadRow{System: d.session.Scope.Systems[system], Key: key.String(), Reason: reason})
	}
}

func (d *draft) resolve(ctx context.Context, store *ledger.Store) error {
	s := &settler{
		ledger: store, session: d.session, pass: d.detected.Pass, windows: d.detected.Windows,
		dry: func(done *settled) { d.add(done) }, at: func(Point) {},
	}
	order := []int{SerialGroup}
	for n := range d.detected.Pass.Groups {
		order = append(order, n)
	}
	for _, n := range order {
		g := d.groups[n]
		if g == nil {
			if n == SerialGroup {
				continue
			}
			g = newGroup(len(d.session.Systems))
		}
		if n != SerialGroup {
			if err := s.lookForAbsent(ctx, slotsOf(n, d.detected.Pass.Groups), g); err != nil {
				return err
			}
		}
		if _, err := s.settle(ctx, matter{observations: g.observations, fetched: g.fetched, refused: true}); err != nil {
			return err
		}
	}
	t := d.tally
	d.plan.Counts = Counts{
		Read: t.Read, Applied: t.Applied + t.Owed, Unchanged: t.Unchanged,
		Conflicts: t.Conflicts, Quarantined: t.Quarantined, Ignored: t.Ignored,
	}
	return nil
}

// add takes one group's outcome into the plan.
func (d *draft) add(done *settled) {
	d.tally = AddTally(d.tally, done.outcome.Tally)
	d.plan.Opened += done.result.Opened
	d.sum.Add(done.result)
	for _, conflict := range done.outcome.Opened {
		if conflict.Kind == reconcile.IdentityAmbiguous {
			d.plan.Ambiguous++
		}
		d.question(done, conflict)
	}
	for _, bad := range quarantined(done.bucket) {
		d.bad(bad.System, bad.Key, bad.Reason)
	}
	for _, link := range done.outcome.Links {
		joined := 0
		for _, m := range link.Members {
			if m != nil {
				joined++
			}
		}
		if joined > 1 {
			d.plan.Matched++
		}
		d.seen[link.ID] = true
		for _, payment := range done.owed[link.ID] {
			d.change(link, payment)
		}
	}
}

func (d *draft) change(link *reconcile.Link, payment reconcile.Payment) {
	name := d.session.Scope.Systems[payment.System]
	if d.ops[name] == nil {
		d.ops[name] = map[string]int64{}
	}
	d.ops[name][payment.Op]++
	sum := d.plan.Systems[name]
	away := sum.Down != ""
	switch {
	case away:
		d.waiting[link.ID] = true
	case payment.Op == reconcile.OpCreate:
		sum.Created++
	case payment.Op == reconcile.OpUpdate || payment.Op == reconcile.OpRestore:
		sum.Updated++
	default:
		sum.Deleted++
	}
	d.plan.Systems[name] = sum
	if len(d.plan.Changes) >= d.limit {
		d.plan.More++
		return
	}
	change := Change{System: name, Op: payment.Op, Owed: away, Match: showMatch(link.Match, payment.Key), Fields: map[string][2]*string{}}
	before := due{link: link, payment: payment}
	for _, f := range payment.Fields {
		old, known := before.before(payment.System, f)
		pair := [2]*string{nil, textOf(payment.Values[f])}
		if known {
			pair[0] = textOf(old)
		}
		change.Fields[d.session.Mapping.Schema.Fields[f].Name] = pair
		if rule := link.Origins[f].Rule; rule != "" {
			change.Rule = rule
		}
	}
	d.plan.Changes = append(d.plan.Changes, change)
}

func textOf(v record.Value) *string {
	if v == nil || record.IsMissing(v) {
		return nil
	}
	text := record.Text(v)
	return &text
}

// showMatch gives what people know a record by.
func showMatch(match []string, key record.Key) string {
	for _, m := range match {
		if m != "" {
			return record.Key(m).String()
		}
	}
	return key.String()
}
