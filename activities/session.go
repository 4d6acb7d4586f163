package activities

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/mappings"
)

// Connect gives a system's connector and its options with secrets substituted.
// It is called anew for every run, so that a rotated secret counts.
type Connect func(system *mappings.System) (connector string, options map[string]string, err error)

// Sessions opens what the steps of a run share in one process: the compiled
// definition and the systems' connections. A session is opened by the first
// step that needs it, in whichever worker, and closed by finish; nothing is
// lost with it. Safe for concurrent use.
type Sessions struct {
	Ledger   *ledger.Store
	Registry *connectors.Registry
	Connect  Connect
	Logger   *slog.Logger
	// Defined tells whether a definition describes a sync; nil if nobody knows.
	Defined func(sync string) bool
	// ReadOnly: nothing is ever made; a target that the first run would make
	// is taken for empty.
	ReadOnly bool
	// At hears of every labelled point; nil for nobody. Wrap is put around
	// every opened object; nil for nothing. Both are for fault tests.
	At   func(Point)
	Wrap func(connectors.Object) connectors.Object

	mu   sync.Mutex
	open map[string]*opening
}

// opening is a run's session in this process, or the attempt to open it.
type opening struct {
	mu      sync.Mutex // held while something is opened
	session *Session   // what is there, guarded by Sessions.mu; never changed in place
}

// Session is one run's systems, opened, and its definition, compiled.
type Session struct {
	Definition *mappings.Definition
	Mapping    *mappings.Mapping
	Scope      ledger.Scope
	Systems    []*OpenSystem
}

// For gives the session of a run. needs are the systems without which the step
// can do nothing (AllSystems: any): if one of them could not be reached when the
// session was opened, it is tried again. Where that fails too, the system's
// Source and Sink say why.
func (s *Sessions) For(ctx context.Context, pass Pass, needs ...int) (*Session, error) {
	return s.within(ctx, pass, absences{down: pass.Down, unreachable: true}, needs)
}

// AllSystems stands for every system of a session.
const AllSystems = -1

// begin gives the session of a run for its first step.
func (s *Sessions) begin(ctx context.Context, pass Pass, absent absences) (*Session, error) {
	return s.within(ctx, pass, absent, nil)
}

func (s *Sessions) within(ctx context.Context, pass Pass, absent absences, needs []int) (*Session, error) {
	// The session outlives the step that opens it.
	ctx = context.WithoutCancel(ctx)
	s.mu.Lock()
	if s.open == nil {
		s.open = map[string]*opening{}
	}
	o := s.open[pass.Run]
	if o == nil {
		o = &opening{}
		s.open[pass.Run] = o
	}
	s.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	session := s.known(o)
	if session == nil {
		opened, err := s.openRun(ctx, pass, absent)
		if err != nil {
			s.forget(pass.Run, o)
			return nil, err
		}
		session = opened
		s.keep(o, session)
	}
	again, err := s.reach(ctx, pass, session, needs)
	if again != session {
		s.keep(o, again)
	}
	return again, err
}

func (s *Sessions) known(o *opening) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return o.session
}

func (s *Sessions) keep(o *opening, session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.session = session
}

func (s *Sessions) forget(run string, o *opening) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[run] == o {
		delete(s.open, run)
	}
}

// Close ends the session of a run, if this process has one.
func (s *Sessions) Close(run string) {
	s.mu.Lock()
	o := s.open[run]
	delete(s.open, run)
	s.mu.Unlock()
	if o == nil {
		return
	}
	if session := s.known(o); session != nil {
		session.Close()
	}
}

// Open opens a session that is nobody else's: the caller closes it.
func (s *Sessions) Open(ctx context.Context, name string, revision int) (*Session, error) {
	def, err := s.definition(ctx, name, revision)
	if err != nil {
		return nil, err
	}
	return s.OpenDefinition(ctx, def)
}

// OpenDefinition opens a session for a definition that is at hand.
func (s *Sessions) OpenDefinition(ctx context.Context, def *mappings.Definition) (*Session, error) {
	remembered, err := s.remembered(ctx, def.Sync.Value)
	if err != nil {
		return nil, err
	}
	return s.openDefinition(ctx, def, absences{remembered: remembered})
}

func (s *Sessions) openRun(ctx context.Context, pass Pass, absent absences) (*Session, error) {
	def, err := s.definition(ctx, pass.Sync, pass.Revision)
	if err != nil {
		return nil, err
	}
	if absent.remembered, err = s.remembered(ctx, pass.Sync); err != nil {
		return nil, err
	}
	return s.openDefinition(ctx, def, absent)
}

// definition gives a stored revision.
func (s *Sessions) definition(ctx context.Context, name string, revision int) (*mappings.Definition, error) {
	stored, err := s.Ledger.Revision(ctx, name, revision)
	if err != nil {
		return nil, fmt.Errorf("definition of %s, revision %d: %w", name, revision, err)
	}
	definitions, problems := mappings.Parse(fmt.Sprintf("%s (revision %d)", name, stored.Number), []byte(stored.YAML))
	if err := problems.Err(); err != nil {
		return nil, connectors.Wrap(connectors.Permanent, "the stored definition", err)
	}
	if len(definitions) != 1 {
		return nil, connectors.Errorf(connectors.Permanent, "the stored definition of %s has %d documents", name, len(definitions))
	}
	return definitions[0], nil
}

// faults are the problems that stop a definition, without the warnings beside
// them.
func faults(problems mappings.Problems) mappings.Problems {
	return slices.DeleteFunc(slices.Clone(problems), func(p mappings.Problem) bool { return p.Severity == mappings.SeverityWarning })
}

func (s *Sessions) openDefinition(ctx context.Context, def *mappings.Definition, absent absences) (*Session, error) {
	session := &Session{Definition: def}
	objects := make(map[string]mappings.Object, len(def.Systems))
	for i, system := range def.Systems {
		opened, err := s.openOrAway(ctx, def, i, absent)
		if err != nil {
			session.Close()
			return nil, err
		}
		session.Systems = append(session.Systems, opened)
		if err := vanished(opened, absent.remembered.described[system.Name.Value]); err != nil {
			session.Close()
			return nil, err
		}
		objects[system.Name.Value] = MappingObject(opened.Description)
	}
	// What check refuses is not run either: a table without a key would be filled
	// again and again.
	problems := mappings.Check(def, objects)
	var mapping *mappings.Mapping
	if !problems.Failed() {
		mapping, problems = mappings.Compile(def, objects)
	}
	if err := problems.Err(); err != nil {
		session.Close()
		return nil, &connectors.Error{
			Kind: connectors.SchemaChanged, Doing: "the definition of " + def.Sync.Value + " does not fit its systems", Err: faults(problems),
			Hint: "run `syncline check` and mend the definition or the system; nothing was written",
		}
	}
	session.Mapping = mapping
	session.Scope = ledger.Scope{Sync: def.Sync.Value, Fields: mapping.Schema.Fields}
	for i, system := range mapping.Systems {
		session.Systems[i].Mapping = system
		mapping.Rules.Systems[i].Kept = kept(absent.remembered.readBy[system.Name], system, mapping.Schema)
		session.Scope.Systems = append(session.Scope.Systems, system.Name)
	}
	if err := session.createMissing(ctx, s.ReadOnly); err != nil {
		session.Close()
		return nil, err
	}
	return session, nil
}

// Close lets go of all connections.
func (s *Session) Close() {
	for _, system := range s.Systems {
		if system.Object != nil {
			system.Object.Close()
		}
	}
}

// Rules are the mapping's rules, with what this run knows of the systems. What
// the run leaves alone (Pass.Except) is merged and owed all the same: only load
// passes it over, so that the next run pays it.
func (s *Session) Rules(pass Pass) *reconcile.Rules {
	if len(pass.Unlisted) == 0 {
		return s.Mapping.Rules
	}
	rules := *s.Mapping.Rules
	rules.Systems = append([]reconcile.SystemRule(nil), rules.Systems...)
	for _, i := range pass.Unlisted {
		rules.Systems[i].Unlisted = true
	}
	return &rules
}

// except takes the fields that the run leaves alone out of a payment; false if
// nothing is left of it.
func (s *Session) except(pass Pass, payment *reconcile.Payment) bool {
	if len(pass.Except) == 0 || payment.Op == reconcile.OpDelete || payment.Op == reconcile.OpSoft {
		return true
	}
	var fields []int
	for _, f := range payment.Fields {
		if !slices.Contains(pass.Except, s.Mapping.Schema.Fields[f].Name) {
			fields = append(fields, f)
		}
	}
	payment.Partial = len(fields) < len(payment.Fields)
	payment.Fields = fields
	return len(fields) > 0 || !payment.Partial
}

func (p Pass) fence() ledger.Fence {
	return ledger.Fence{Sync: p.Sync, Run: p.Run, Epoch: p.Epoch}
}

// targetFence is the run's fence as a connector takes it.
func targetFence(store *ledger.Store, p Pass) connectors.Fence {
	return connectors.Fence{
		Sync: p.Sync, Epoch: p.Epoch,
		Check: func(ctx context.Context) error { return asFenced(store.CheckFence(ctx, p.fence())) },
	}
}
