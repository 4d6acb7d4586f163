package activities

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// OpenSystem is one system of a session.
type OpenSystem struct {
	Mapping    *mappings.SystemMapping
	Definition *mappings.System
	// Object is nil for a system that is away.
	Object connectors.Object
	// Description is what it looks like now, or looked like when it was last
	// reached.
	Description connectors.Description
	// Away says why the system is neither read nor written; nil if it is there.
	Away error
}

// Source gives the system as a source.
func (o *OpenSystem) Source() (connectors.Source, error) {
	if o.Away != nil {
		return nil, o.Away
	}
	source, ok := o.Object.(connectors.Source)
	if !ok {
		return nil, connectors.Errorf(connectors.Permanent, "%s cannot be read", o.Mapping.Name)
	}
	return source, nil
}

// Sink gives the system as a sink.
func (o *OpenSystem) Sink() (connectors.Sink, error) {
	if o.Away != nil {
		return nil, o.Away
	}
	sink, ok := o.Object.(connectors.Sink)
	if !ok {
		return nil, connectors.Errorf(connectors.Permanent, "%s cannot be written", o.Mapping.Name)
	}
	return sink, nil
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
		return nil, atSystem(name, err)
	}
	object = connectors.WithRetry(object, passing)
	if s.Wrap != nil {
		object = s.Wrap(object)
	}
	return object, nil
}

// atSystem says in which system it happened, where the connector does not.
func atSystem(name string, err error) error {
	if known, is := errors.AsType[*connectors.Error](err); is {
		if slices.Contains(strings.FieldsFunc(known.Doing, func(r rune) bool { return r == ' ' || r == '(' }), name) {
			return err
		}
	}
	return connectors.Wrap(connectors.Transient, "system "+name, err)
}

// passing rides out a dropped connection or a deadlock where it happened: some
// fractions of a second. What takes longer is for the step's own retries, where
// waiting is visible and holds nothing.
//
//nolint:gochecknoglobals // a constant
var passing = connectors.RetryPolicy{Attempts: 3, First: 100 * time.Millisecond, Most: time.Second, MostAfter: 5 * time.Second}

// Describe asks one system of a definition what it looks like.
func (s *Sessions) Describe(ctx context.Context, def *mappings.Definition, system *mappings.System) (connectors.Description, error) {
	opened, err := s.openSystem(ctx, def, system)
	if err != nil {
		return connectors.Description{}, err
	}
	defer opened.Object.Close()
	remembered, err := s.remembered(ctx, def.Sync.Value)
	if err == nil {
		err = vanished(opened, remembered.described[system.Name.Value])
	}
	return opened.Description, err
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

// vanished fails if an object is not there that an earlier step or run has met:
// made anew, it would have some of its rows only. Another object under a known
// name is no reason to make anything either.
func vanished(system *OpenSystem, met connectors.Description) error {
	if met.Schema == nil || len(met.Schema.Fields) == 0 || len(system.Description.Schema.Fields) > 0 {
		return nil
	}
	name := system.Definition.Name.Value
	if met.Identity != system.Description.Identity {
		return otherIdentity(name)
	}
	return &connectors.Error{
		Kind: connectors.NotFound, Doing: "system " + name,
		Err: errors.New("it was there when it was last met and is gone; made anew, it would have a part of its rows only, so nothing was written"),
		Hint: "put it back (of a CSV file that was written, `.syncline-backup` beside it is how it was before the last write), " +
			"or give a new one another name and another path in the definition",
	}
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
			system.Description.Schema = targetSchema(system.Mapping)
			system.Object = missing{system.Object, system.Description}
			continue
		}
		if err := creator.Create(ctx, targetSchema(system.Mapping), system.Mapping.Key); err != nil {
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

func targetSchema(system *mappings.SystemMapping) *record.Schema {
	fields := make([]record.Field, len(system.Write))
	for i, column := range system.Write {
		fields[i] = record.Field{Name: column, Type: record.Type{Kind: record.KindString}, Nullable: true}
	}
	return record.NewSchema(fields...)
}

// MappingObject is what a description says to the mapping room.
func MappingObject(d connectors.Description) mappings.Object {
	object := mappings.Object{
		Schema: d.Schema, Key: d.Key, Exists: len(d.Schema.Fields) > 0,
		Token: d.Can.Token, Transactions: d.Can.Transactions, KeysReusable: d.Can.KeysReusable,
		ServerKeys: d.Can.ServerKeys, Writable: d.Can.Writable, ReadOnlyBecause: d.Can.ReadOnlyBecause, Upsert: d.Can.Upsert,
	}
	for _, mode := range d.Can.Modes {
		object.Modes = append(object.Modes, string(mode))
	}
	for _, mode := range d.Can.SeesDeletes {
		object.SeesDeletes = append(object.SeesDeletes, string(mode))
	}
	return object
}
