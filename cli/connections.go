package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/mappings"
	"github.com/syncline-dev/syncline/worker"
)

func newConnections(a *app) *cobra.Command {
	return group("connections", "List and test the connections", newConnectionsList(a), newConnectionsTest(a))
}

// place is where systems are reached: an entry of connections.yaml, or a
// system of a definition that says it itself (SYNC.SYSTEM).
type place struct {
	name   string
	system *mappings.System
	sync   string
}

// placeView is a place as `connections list` prints it; it has no options,
// because they may hold secrets.
type placeView struct {
	Connection string   `json:"connection"`
	Connector  string   `json:"connector"`
	Used       []string `json:"used_by"`
}

func places(project *mappings.Project) []place {
	var all []place
	for _, name := range sortedKeys(project.Connections) {
		all = append(all, place{name: name, system: &mappings.System{
			Name: mappings.Text{Value: name}, Use: mappings.Text{Value: name},
		}})
	}
	for _, def := range project.Definitions {
		for _, system := range def.Systems {
			if system.Use.Value == "" && system.Connector.Value != "" {
				all = append(all, place{name: def.Sync.Value + "." + system.Name.Value, system: system, sync: def.Sync.Value})
			}
		}
	}
	return all
}

// pick gives the named places, or all.
func pick(all []place, names []string) ([]place, error) {
	if len(names) == 0 {
		return all, nil
	}
	var found []place
	for _, name := range names {
		i := slices.IndexFunc(all, func(p place) bool { return p.name == name })
		if i < 0 {
			known := make([]string, len(all))
			for i, p := range all {
				known[i] = p.name
			}
			return nil, &exitError{
				code: exitUsage, err: fmt.Errorf("there is no connection %q", name),
				next: "there are " + orElse(strings.Join(known, ", "), "none yet: `syncline init` writes a connections.yaml"),
			}
		}
		found = append(found, all[i])
	}
	return found, nil
}

func newConnectionsList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the connections and who uses them", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			project, problems := house.Project()
			for _, p := range places(project) {
				view := placeView{Connection: p.name, Connector: p.system.Connector.Value, Used: []string{}}
				if p.sync == "" {
					view.Connector = project.Connections[p.name].Connector.Value
				}
				for _, def := range project.Definitions {
					for _, system := range def.Systems {
						if def.Sync.Value == p.sync && system == p.system || p.sync == "" && system.Use.Value == p.name {
							view.Used = append(view.Used, def.Sync.Value)
						}
					}
				}
				if a.screen.json {
					if err := a.screen.print(view); err != nil {
						return err
					}
					continue
				}
				a.screen.say("%-20s %-10s %s", a.screen.bold(p.name), view.Connector, a.screen.dim(strings.Join(view.Used, ", ")))
			}
			if len(places(project)) == 0 {
				if err := problems.In(a.flags.definitions).Err(); err != nil {
					return err
				}
				a.screen.note("there are no connections yet: `syncline init` writes a first one")
			}
			return nil
		},
	}
}

// probe is how one connection answered.
type probe struct {
	Connection string  `json:"connection"`
	OK         bool    `json:"ok"`
	Objects    int     `json:"objects"`
	Seconds    float64 `json:"seconds"`
	Kind       string  `json:"kind,omitempty"`
	Error      string  `json:"error,omitempty"`
}

func newConnectionsTest(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "test [CONNECTION...]", Short: "Open each connection, and say what answers",
		RunE: func(c *cobra.Command, names []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			project, problems := house.Project()
			all := places(project)
			if len(all) == 0 && len(names) == 0 {
				return orNothing(problems.In(a.flags.definitions).Err())
			}
			if all, err = pick(all, names); err != nil {
				return err
			}
			failed := 0
			for _, p := range all {
				found := probePlace(c.Context(), house, p)
				if !found.OK {
					failed++
				}
				if err := a.showProbe(found); err != nil {
					return err
				}
			}
			if failed > 0 {
				return &exitError{
					code: exitUnreachable, err: fmt.Errorf("%d of %s did not open", failed, count(len(all), "connection")),
					next: "mend them in connections.yaml or where they live, and test again",
				}
			}
			return nil
		},
	}
}

func orNothing(err error) error {
	if err != nil {
		return err
	}
	return &exitError{code: exitFailed, err: errors.New("there are no connections yet"), next: "`syncline init` writes a first one"}
}

// probePlace opens one connection and asks it what there is.
func probePlace(ctx context.Context, house *worker.House, p place) probe {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	began := time.Now()
	objects, err := discover(ctx, house, p)
	found := probe{Connection: p.name, OK: err == nil, Objects: len(objects), Seconds: time.Since(began).Seconds()}
	if err != nil {
		found.Kind, found.Error = string(connectors.KindOf(err)), probeText(err)
	}
	return found
}

// probeText says on one line why a connection did not open. Of what is wrong in
// the definitions, such as a variable that is not set, the place is known.
func probeText(err error) string {
	var problems mappings.Problems
	if !errors.As(err, &problems) {
		return err.Error()
	}
	var told []string
	for _, p := range problems {
		text := p.Message
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		told = append(told, text)
	}
	return strings.Join(told, "; ")
}

func (a *app) showProbe(p probe) error {
	s := a.screen
	if s.json {
		return s.print(p)
	}
	if p.OK {
		there := count(p.Objects, "object")
		if p.Objects == 0 {
			there = "opens, and has nothing yet"
		}
		s.say("%s %-20s %s, %.0f ms", s.green("✓"), p.Connection, there, p.Seconds*1000)
		return nil
	}
	s.say("%s %-20s %s: %s", s.red("✗"), p.Connection, p.Kind, p.Error)
	return nil
}

// discover lists what a connection has: the objects of a database, or the one
// that the connection itself is.
func discover(ctx context.Context, house *worker.House, p place) ([]string, error) {
	connector, config, err := configOf(house, p, "")
	if err != nil {
		return nil, err
	}
	c, err := house.Registry.Get(connector)
	if err != nil {
		return nil, err
	}
	if d, ok := c.(connectors.Discoverer); ok {
		return d.Discover(ctx, config)
	}
	description, err := describe(ctx, c, config)
	if err != nil {
		return nil, err
	}
	if len(description.Schema.Fields) == 0 {
		return nil, nil // the first run makes it
	}
	return []string{p.name}, nil
}

func describe(ctx context.Context, c connectors.Connector, config connectors.Config) (connectors.Description, error) {
	object, err := c.Open(ctx, config)
	if err != nil {
		return connectors.Description{}, err
	}
	defer object.Close()
	return object.Describe(ctx)
}

// configOf gives how a connector reaches an object of a place.
func configOf(house *worker.House, p place, object string) (string, connectors.Config, error) {
	connector, options, err := house.Connect(p.system)
	config := connectors.Config{
		Sync: orElse(p.sync, "discover"), System: p.name, Options: options, Object: object,
		Formats: p.system.Formats, Logger: house.Config.Logger,
	}
	return connector, config, err
}
