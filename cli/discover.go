package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/worker"
)

func newDiscover(a *app) *cobra.Command {
	var definition bool
	c := &cobra.Command{
		Use:   "discover [CONNECTION [OBJECT]]",
		Short: "List what a connection has, or the columns of one object",
		Long: "List the tables of a connection, or the columns of one with types and keys; without\n" +
			"any name, of the only connection that there is.\n" +
			"--definition prints the skeleton of a definition for it.",
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			project, _ := house.Project() // what is wrong with definitions is for check to say
			found, err := pick(places(project), args[:min(len(args), 1)])
			if err != nil {
				return err
			}
			if len(found) != 1 {
				return whichPlace(found)
			}
			ctx, cancel := context.WithTimeout(c.Context(), checkTimeout)
			defer cancel()
			object := ""
			if len(args) > 1 {
				object = args[1]
			}
			return a.discover(ctx, house, found[0], object, definition)
		},
	}
	c.Flags().BoolVar(&definition, "definition", false, "print the skeleton of a definition")
	return c
}

// whichPlace asks for one of several connections.
func whichPlace(all []place) error {
	if len(all) == 0 {
		return &exitError{code: exitUsage, err: errors.New("there are no connections yet"), next: "`syncline init` writes a first one"}
	}
	commands := make([]string, len(all))
	for i, p := range all {
		commands[i] = "syncline discover " + p.name
	}
	return &exitError{code: exitUsage, err: errors.New("which connection?"), next: strings.Join(commands, "\n       ")}
}

func (a *app) discover(ctx context.Context, house *worker.House, p place, object string, definition bool) error {
	connector, config, err := configOf(house, p, object)
	if err != nil {
		return err
	}
	c, err := house.Registry.Get(connector)
	if err != nil {
		return err
	}
	if d, ok := c.(connectors.Discoverer); ok && object == "" {
		names, err := d.Discover(ctx, config)
		if err != nil {
			return err
		}
		return a.listObjects(p, names)
	}
	description, err := describe(ctx, c, config)
	if err != nil {
		return err
	}
	switch {
	case definition:
		a.screen.say("%s", skeleton(p, object, description))
		return nil
	case a.screen.json:
		return a.screen.print(viewDescription(p, object, description))
	default:
		a.showDescription(p, object, description)
		return nil
	}
}

func (a *app) listObjects(p place, names []string) error {
	if a.screen.json {
		return a.screen.print(map[string]any{"connection": p.name, "objects": names})
	}
	for _, name := range names {
		a.screen.say("%s", name)
	}
	if len(names) == 0 {
		a.screen.note("%s has nothing that can be synced", p.name)
		return nil
	}
	a.screen.note("\nthe columns of one: syncline discover %s %s", p.name, names[0])
	return nil
}

type columnView struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Native   string `json:"native,omitempty"`
	Key      bool   `json:"key"`
	Nullable bool   `json:"nullable"`
	ReadOnly bool   `json:"read_only"`
}

type descriptionView struct {
	Connection string       `json:"connection"`
	Object     string       `json:"object,omitempty"`
	Rows       int64        `json:"rows"`
	Columns    []columnView `json:"columns"`
	Modes      []string     `json:"modes"`
	Writable   bool         `json:"writable"`
	// ReadOnlyBecause says why it is not writable.
	ReadOnlyBecause string `json:"read_only_because,omitempty"`
}

func viewDescription(p place, object string, d connectors.Description) descriptionView {
	v := descriptionView{
		Connection: p.name, Object: object, Rows: d.Rows, Writable: d.Can.Writable, ReadOnlyBecause: d.Can.ReadOnlyBecause,
		Columns: []columnView{}, Modes: []string{},
	}
	for _, f := range d.Schema.Fields {
		v.Columns = append(v.Columns, columnView{
			Name: f.Name, Type: f.Type.String(), Native: f.Native, Key: slices.Contains(d.Key, f.Name),
			Nullable: f.Nullable, ReadOnly: f.ReadOnly,
		})
	}
	for _, mode := range d.Can.Modes {
		v.Modes = append(v.Modes, string(mode))
	}
	return v
}

func (a *app) showDescription(p place, object string, d connectors.Description) {
	s := a.screen
	v := viewDescription(p, object, d)
	rows := "rows unknown"
	if v.Rows >= 0 {
		rows = "about " + count(v.Rows, "row")
	}
	writable := ""
	if !v.Writable {
		writable = ", only to be read"
		if v.ReadOnlyBecause != "" {
			writable += " (" + v.ReadOnlyBecause + ")"
		}
	}
	s.say("%s %s  %s%s; changes by %s", s.bold(p.name), s.bold(object), rows, writable, orElse(strings.Join(v.Modes, ", "), "nothing"))
	for _, column := range v.Columns {
		var notes []string
		for _, note := range []struct {
			is   bool
			text string
		}{{column.Key, "key"}, {!column.Nullable && !column.Key, "not null"}, {column.ReadOnly, "read-only"}} {
			if note.is {
				notes = append(notes, note.text)
			}
		}
		s.say("  %-24s %-16s %-20s %s", column.Name, column.Type, s.dim(column.Native), strings.Join(notes, ", "))
	}
	if len(v.Columns) == 0 {
		s.say("  it is not there yet: the first run makes it")
	}
}

// skeleton is the beginning of a definition: this object, another one that is
// to be named, and its columns.
func skeleton(p place, object string, d connectors.Description) string {
	name := p.name
	if p.sync != "" {
		name = p.system.Name.Value
	}
	sync := orElse(object[strings.LastIndex(object, ".")+1:], name)
	var b strings.Builder
	fmt.Fprintf(&b, "sync: %s\nabout: Say what it is for.\n\nsystems:\n  %s:\n", sync, name)
	if p.sync == "" {
		fmt.Fprintf(&b, "    use: %s\n", p.name)
	} else {
		fmt.Fprintf(&b, "    connector: %s\n", p.system.Connector.Value)
	}
	if object != "" {
		fmt.Fprintf(&b, "    object: %s\n", object)
	}
	if len(d.Key) > 0 {
		fmt.Fprintf(&b, "    key: %s\n", flow(d.Key))
	}
	if modified := likelyModified(d.Schema); modified != "" {
		fmt.Fprintf(&b, "    modified: %s\n", modified)
	}
	b.WriteString("  other:                  # the system on the other side\n    use: CONNECTION\n    object: OBJECT\n\n")
	fmt.Fprintf(&b, "match: %s\n", likelyMatch(d))
	b.WriteString("fields:                   # a row per field, a column per system\n")
	for _, f := range d.Schema.Fields {
		if slices.Contains(d.Key, f.Name) || f.Name == likelyModified(d.Schema) {
			continue
		}
		fmt.Fprintf(&b, "  %s: {%s: %s, other: %s}\n", quoted(f.Name), name, quoted(f.Name), quoted(f.Name))
	}
	fmt.Fprintf(&b, "\nconflicts: {resolve: [{priority: [%s, other]}]}\nfirst_sync: {prefer: {system_wins: %s}, only_here: create}", name, name)
	return b.String()
}

func flow(names []string) string {
	if len(names) == 1 {
		return quoted(names[0])
	}
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = quoted(name)
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// quoted puts names in quotes that YAML would take for something else.
func quoted(name string) string {
	plain := func(r rune) bool {
		return r == '_' || r == '-' || r == '.' || r == ' ' || r > 127 || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	words := []string{"", "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"}
	odd := strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) >= 0
	if odd || slices.Contains(words, strings.ToLower(name)) || name != strings.Trim(name, "- .") {
		return fmt.Sprintf("%q", name)
	}
	return name
}

// likelyModified guesses the column of the last change.
func likelyModified(schema *record.Schema) string {
	for _, name := range []string{"updated_at", "modified_at", "changed_at", "last_modified", "modified", "updated"} {
		if f, ok := schema.Field(name); ok && f.Type.Kind == record.KindTimestamp {
			return f.Name
		}
	}
	return ""
}

// likelyMatch guesses by what records are recognised elsewhere.
func likelyMatch(d connectors.Description) string {
	for _, f := range d.Schema.Fields {
		name := strings.ToLower(f.Name)
		if strings.Contains(name, "email") || strings.Contains(name, "e-mail") || name == "sku" || strings.HasSuffix(name, "_number") {
			return quoted(f.Name)
		}
	}
	return "key"
}
