package activities

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
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

type opening struct {
	once    sync.Once
	session *Session
	err     error
}

// Session is one run's systems, opened, and its definition, compiled.
type Session struct {
	Definition *mappings.Definition
	Mapping    *mappings.Mapping
	Scope      ledger.Scope
	Systems    []*OpenSystem
}

// OpenSystem is one system of a session.
type OpenSystem struct {
	Mapping     *mappings.SystemMapping
	Definition  *mappings.System
	Object      connectors.Object
	Description connectors.Description
}

// For gives the session of a run.
func (s *Sessions) For(ctx context.Context, pass Pass) (*Session, error) {
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
	o.once.Do(func() {
		// The session outlives the step that opens it.
		session, err := s.Open(context.WithoutCancel(ctx), pass.Sync, pass.Revision)
		s.mu.Lock() // Where may look meanwhile
		defer s.mu.Unlock()
		o.session, o.err = session, err
	})
	if o.err != nil {
		s.mu.Lock()
		if s.open[pass.Run] == o {
			delete(s.open, pass.Run)
		}
		s.mu.Unlock()
	}
	return o.session, o.err
}

// Close ends the session of a run, if this process has one.
func (s *Sessions) Close(run string) {
	s.mu.Lock()
	o := s.open[run]
	delete(s.open, run)
	s.mu.Unlock()
	if o != nil && o.session != nil {
		o.session.Close()
	}
}

// Open opens a session that is nobody else's: the caller closes it.
func (s *Sessions) Open(ctx context.Context, name string, revision int) (*Session, error) {
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
	return s.OpenDefinition(ctx, definitions[0])
}

// OpenDefinition opens a session for a definition that is at hand.
func (s *Sessions) OpenDefinition(ctx context.Context, def *mappings.Definition) (*Session, error) {
	session := &Session{Definition: def}
	objects := make(map[string]mappings.Object, len(def.Systems))
	for _, system := range def.Systems {
		opened, err := s.openSystem(ctx, def, system)
		if err != nil {
			session.Close()
			return nil, err
		}
		session.Systems = append(session.Systems, opened)
		objects[system.Name.Value] = MappingObject(opened.Description)
	}
	mapping, problems := mappings.Compile(def, objects)
	if err := problems.Err(); err != nil {
		session.Close()
		return nil, &connectors.Error{
			Kind: connectors.SchemaChanged, Doing: "compile the definition of " + def.Sync.Value, Err: err,
			Hint: "run `syncline check` and mend the definition or the system; nothing was written",
		}
	}
	session.Mapping = mapping
	session.Scope = ledger.Scope{Sync: def.Sync.Value, Fields: mapping.Schema.Fields}
	for i, system := range mapping.Systems {
		session.Systems[i].Mapping = system
		session.Scope.Systems = append(session.Scope.Systems, system.Name)
	}
	if err := session.createMissing(ctx, s.ReadOnly); err != nil {
		session.Close()
		return nil, err
	}
	return session, nil
}

// OpenObject opens one system of a definition by itself; the caller closes it.
func (s *Sessions) OpenObject(ctx context.Context, def *mappings.Definition, system *mappings.System) (connectors.Object, error) {
	name := system.Name.Value
	connector, options, err := s.Connect(system)
	if err != nil {
		return nil, err
	}
	config := connectors.Config{
		Sync: def.Sync.Value, System: name, Options: options, Object: system.Object.Value,
		Modified: system.Modified.Value, Deleted: system.Deleted.Value, Formats: system.Formats,
		Logger: s.Logger.With("sync", def.Sync.Value, "system", name),
	}
	for _, key := range system.Key {
		config.Key = append(config.Key, key.Value)
	}
	object, err := s.Registry.Open(ctx, connector, config)
	if err != nil {
		return nil, connectors.Wrap(connectors.Transient, "open "+name, err)
	}
	if s.Wrap != nil {
		object = s.Wrap(object)
	}
	return object, nil
}

// Describe asks one system of a definition what it looks like.
func (s *Sessions) Describe(ctx context.Context, def *mappings.Definition, system *mappings.System) (connectors.Description, error) {
	opened, err := s.openSystem(ctx, def, system)
	if err != nil {
		return connectors.Description{}, err
	}
	opened.Object.Close()
	return opened.Description, nil
}

func (s *Sessions) openSystem(ctx context.Context, def *mappings.Definition, system *mappings.System) (*OpenSystem, error) {
	name := system.Name.Value
	object, err := s.OpenObject(ctx, def, system)
	if err != nil {
		return nil, err
	}
	description, err := object.Describe(ctx)
	if err != nil {
		object.Close()
		return nil, connectors.Wrap(connectors.Transient, "describe "+name, err)
	}
	return &OpenSystem{Definition: system, Object: object, Description: description}, nil
}

// createMissing makes the targets that the first run makes, such as a new CSV
// file, and describes them again.
func (s *Session) createMissing(ctx context.Context, readOnly bool) error {
	for _, system := range s.Systems {
		if len(system.Description.Schema.Fields) > 0 {
			continue
		}
		creator, ok := connectors.As[connectors.Creator](system.Object)
		if !ok {
			return connectors.Errorf(connectors.NotFound, "%s has no columns", system.Mapping.Name)
		}
		if readOnly {
			system.Description.Schema = targetSchema(s.Mapping, system.Mapping)
			system.Object = missing{system.Object, system.Description}
			continue
		}
		if err := creator.Create(ctx, targetSchema(s.Mapping, system.Mapping), system.Mapping.Key); err != nil {
			return connectors.Wrap(connectors.Permanent, "create "+system.Mapping.Name, err)
		}
		description, err := system.Object.Describe(ctx)
		if err != nil {
			return connectors.Wrap(connectors.Transient, "describe "+system.Mapping.Name, err)
		}
		system.Description = description
	}
	return nil
}

func targetSchema(m *mappings.Mapping, system *mappings.SystemMapping) *record.Schema {
	fields := make([]record.Field, len(system.Write))
	for i, column := range system.Write {
		fields[i] = record.Field{Name: column, Type: record.Type{Kind: record.KindString}, Nullable: true}
	}
	_ = m
	return record.NewSchema(fields...)
}

// Close lets go of all connections.
func (s *Session) Close() {
	for _, system := range s.Systems {
		system.Object.Close()
	}
}

// MappingObject is what a description says to the mapping room.
func MappingObject(d connectors.Description) mappings.Object {
	object := mappings.Object{
		Schema: d.Schema, Key: d.Key, Exists: len(d.Schema.Fields) > 0,
		Token: d.Can.Token, Transactions: d.Can.Transactions, KeysReusable: d.Can.KeysReusable,
		ServerKeys: d.Can.ServerKeys, Writable: d.Can.Writable, Upsert: d.Can.Upsert,
	}
	for _, mode := range d.Can.Modes {
		object.Modes = append(object.Modes, string(mode))
	}
	for _, mode := range d.Can.SeesDeletes {
		object.SeesDeletes = append(object.SeesDeletes, string(mode))
	}
	return object
}

// Source gives the system as a source.
func (o *OpenSystem) Source() (connectors.Source, error) {
	source, ok := o.Object.(connectors.Source)
	if !ok {
		return nil, connectors.Errorf(connectors.Permanent, "%s cannot be read", o.Mapping.Name)
	}
	return source, nil
}

// Sink gives the system as a sink.
func (o *OpenSystem) Sink() (connectors.Sink, error) {
	sink, ok := o.Object.(connectors.Sink)
	if !ok {
		return nil, connectors.Errorf(connectors.Permanent, "%s cannot be written", o.Mapping.Name)
	}
	return sink, nil
}

// Rules are the mapping's rules, less what this run leaves alone.
func (s *Session) Rules(pass Pass) *reconcile.Rules {
	if len(pass.Except) == 0 && len(pass.Unlisted) == 0 {
		return s.Mapping.Rules
	}
	rules := *s.Mapping.Rules
	rules.Systems = append([]reconcile.SystemRule(nil), rules.Systems...)
	for _, i := range pass.Unlisted {
		rules.Systems[i].Unlisted = true
	}
	for i := range rules.Systems {
		writes := append([]bool(nil), rules.Systems[i].Writes...)
		for _, name := range pass.Except {
			if at := s.Mapping.Schema.Index(name); at >= 0 {
				writes[at] = false
			}
		}
		rules.Systems[i].Writes = writes
	}
	return &rules
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
