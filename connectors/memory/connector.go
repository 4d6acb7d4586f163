package memory

import (
	"context"
	"errors"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Connector opens tables of the stores of this process. Options: `store` names
// the store; `password`, if the store wants one; `create: "true"` opens tables
// that are not there yet.
type Connector struct{}

// New makes the connector.
func New() *Connector { return &Connector{} }

// Name is the word of `connector:` in a definition.
func (*Connector) Name() string { return "memory" }

// Open opens a table.
func (c *Connector) Open(ctx context.Context, config connectors.Config) (connectors.Object, error) {
	store, err := c.login(config)
	if err != nil {
		return nil, err
	}
	var opened connectors.Object
	err = store.call(ctx, "open", config.Object, func(Fault) error {
		if store.Table(config.Object) == nil && config.Options["create"] != "true" {
			return connectors.Errorf(connectors.NotFound, "store %s has no table %q", store.name, config.Object)
		}
		opened = newObject(store, config)
		return nil
	})
	return opened, err
}

// Discover lists the store's tables.
func (c *Connector) Discover(ctx context.Context, config connectors.Config) ([]string, error) {
	store, err := c.login(config)
	if err != nil {
		return nil, err
	}
	var names []string
	err = store.call(ctx, "discover", "", func(Fault) error {
		names = store.Tables()
		return nil
	})
	return names, err
}

func (c *Connector) login(config connectors.Config) (*Store, error) {
	name := config.Options["store"]
	if name == "" {
		return nil, connectors.Errorf(connectors.Permanent, "a memory system needs `store:`, the name of a store")
	}
	store := Named(name)
	store.mu.Lock()
	defer store.mu.Unlock()
	if store.password != config.Options["password"] {
		return nil, &connectors.Error{
			Kind: connectors.Unauthorized, Doing: "open store " + name, Err: errors.New("wrong password"),
			Hint: "set `password:`",
		}
	}
	return store, nil
}

// object is one opened table. The types below give it exactly the methods that
// its personality has.
type object struct {
	store  *Store
	name   string
	config connectors.Config
}

type (
	readable struct{ *object }
	writable struct{ *object }
	both     struct {
		readable
		writable
	}
	database struct{ both }
)

func newObject(store *Store, config connectors.Config) connectors.Object {
	o := &object{store: store, name: config.Object, config: config}
	p := Database()
	if t := store.Table(config.Object); t != nil {
		p = t.shape.Personality
	}
	switch {
	case p.ReadOnly:
		return readable{o}
	case p.WriteOnly:
		return writable{o}
	case p.ItemByItem || p.ServerKeys:
		return both{readable{o}, writable{o}}
	default:
		return database{both{readable{o}, writable{o}}}
	}
}

// Describe says what the table looks like now.
func (o *object) Describe(ctx context.Context) (connectors.Description, error) {
	d := connectors.Description{Schema: record.NewSchema(), Rows: -1}
	err := o.store.call(ctx, "describe", o.name, func(Fault) error {
		t := o.store.Table(o.name)
		if t == nil {
			d.Can = Shape{}.capabilities()
			return nil
		}
		t.mu.RLock()
		defer t.mu.RUnlock()
		d.Schema, d.Key, d.Identity = t.shape.described(), t.shape.Key, t.identity
		d.Rows, d.Can = int64(len(t.rows)), t.shape.capabilities()
		return nil
	})
	return d, err
}

// Close does nothing: there is nothing to let go of.
func (*object) Close() {}

// Describe and Close are those of the table, whichever half is asked.
func (b both) Describe(ctx context.Context) (connectors.Description, error) {
	return b.readable.Describe(ctx)
}

// Close does nothing.
func (both) Close() {}

// Create makes the table if it is not there.
func (d database) Create(ctx context.Context, schema *record.Schema, key []string) error {
	o := d.readable.object
	return o.store.call(ctx, "create", o.name, func(Fault) error {
		if o.store.Table(o.name) == nil {
			o.store.Create(o.name, Shape{Schema: schema, Key: key, Modified: o.config.Modified})
		}
		return nil
	})
}

// table gives the table that a call is about.
func (o *object) table(doing string) (*Table, error) {
	if t := o.store.Table(o.name); t != nil {
		return t, nil
	}
	return nil, connectors.Wrap(connectors.NotFound, doing+" "+o.name, errors.New("the table is gone"))
}
