package connectors

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Registry is the set of connectors of a program; connectors/all makes the
// full one.
type Registry struct{ byName map[string]Connector }

// NewRegistry holds the given connectors.
func NewRegistry(list ...Connector) *Registry {
	r := &Registry{byName: make(map[string]Connector, len(list))}
	for _, c := range list {
		r.byName[c.Name()] = c
	}
	return r
}

// Names lists the connectors in alphabetical order.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.byName))
	for name := range r.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Get finds a connector by name.
func (r *Registry) Get(name string) (Connector, error) {
	c, ok := r.byName[name]
	if !ok {
		hint := "there are " + strings.Join(r.Names(), ", ")
		if near := Nearest(name, r.Names()); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, &Error{Kind: Permanent, Hint: hint, Err: fmt.Errorf("no connector %q", name)}
	}
	return c, nil
}

// Open opens an object with the named connector.
func (r *Registry) Open(ctx context.Context, name string, config Config) (Object, error) {
	c, err := r.Get(name)
	if err != nil {
		return nil, err
	}
	return c.Open(ctx, config)
}
