package mappings

import (
	"regexp"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// systemName is what a system may be called: expressions of `resolve` use it as
// a name.
var systemName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

func (p *decoder) systems(n *node) []*System {
	var systems []*System
	for _, e := range p.entries(n, "systems") {
		switch {
		case slices.Contains(reservedSystems(), e.key.Value):
			p.fail(e.key.Pos, "%q is a reserved name; no system can have it", e.key.Value).Hint = "other words mean something in the language: name the system after what it is, such as crm"
		case !systemName.MatchString(e.key.Value) || len(e.key.Value) > 60:
			p.fail(e.key.Pos, "%q cannot be the name of a system", e.key.Value).Hint = "letters, digits and underscores, a letter first"
		}
		systems = append(systems, p.system(e))
	}
	if n.kind == mapValue && len(systems) < 2 {
		p.fail(n.text.Pos, "a sync needs two systems or more").Hint = "systems: {NAME: {use: CONNECTION, object: TABLE}, …}"
	}
	return systems
}

func (p *decoder) system(from entry) *System {
	s := &System{Name: from.key, Pos: from.key.Pos, Role: "both"}
	what := "system " + from.key.Value
	inline := slices.ContainsFunc(from.value.entries, func(e entry) bool { return e.key.Value == "connector" })
	for _, e := range p.entries(from.value, what) {
		known := slices.Contains(systemKeys(), e.key.Value)
		near := suggest(e.key.Value, systemKeys())
		switch {
		case known:
			p.systemKey(s, e)
		case inline && (near == "" || slices.Contains(connectionKeys(), e.key.Value)):
			if t, ok := p.literal(e.value, e.key.Value); ok {
				if s.Options == nil {
					s.Options = map[string]Text{}
				}
				s.Options[e.key.Value] = t
			}
		default:
			problem := p.fail(e.key.Pos, "unknown key %q in %s", e.key.Value, what)
			problem.Hint = keyHint(e.key.Value, systemKeys())
			if near == "" && slices.Contains(connectionKeys(), e.key.Value) {
				problem.Hint = "the settings of a connection stand in connections.yaml, or here beside `connector:`"
			}
		}
	}
	switch {
	case from.value.kind != mapValue:
	case s.Use.Value == "" && s.Connector.Value == "":
		p.fail(s.Pos, "%s says neither `use` nor `connector`", what).Hint = "use: CONNECTION, from connections.yaml"
	case s.Use.Value != "" && s.Connector.Value != "":
		p.fail(s.Connector.Pos, "%s says both `use` and `connector`", what).Hint = "`use` names an entry of connections.yaml; `connector` writes one here"
	}
	return s
}

func (p *decoder) systemKey(s *System, e entry) {
	texts := map[string]*Text{
		"use": &s.Use, "connector": &s.Connector, "object": &s.Object, "modified": &s.Modified,
		"deleted": &s.Deleted, "where": &s.Where, "accept": &s.Accept,
	}
	if place, is := texts[e.key.Value]; is {
		*place, _ = p.text(e.value, e.key.Value)
		return
	}
	switch e.key.Value {
	case "key":
		s.Key = p.texts(e.value, "key")
		p.twice(s.Key, "key")
	case "changes":
		p.changes(s, e.value)
	case "sweep":
		s.Sweep = p.duration(e.value, "sweep")
	case "leaving":
		s.Leaving = p.word(e.value, "leaving", "unlink", "delete")
	case "on_create":
		for _, literal := range p.entries(e.value, "on_create") {
			if value, ok := p.literal(literal.value, literal.key.Value); ok {
				s.OnCreate = append(s.OnCreate, Literal{Column: literal.key, Value: value})
			}
		}
	case "allow":
		for _, write := range p.keys(e.value, "allow", []string{"create", "update", "delete"}) {
			refused := !p.boolean(write.value, write.key.Value)
			switch write.key.Value {
			case "create":
				s.Allow.NoCreate = refused
			case "update":
				s.Allow.NoUpdate = refused
			case "delete":
				s.Allow.NoDelete = refused
			}
		}
	case "role":
		if role := p.word(e.value, "role", roles()...); role != "" {
			s.Role = role
		}
	case "formats":
		p.formats(s, e)
	case "open":
		if t, ok := p.text(e.value, "open"); ok {
			s.Open = t.Value
		}
	case "rows":
		p.putOff("rows", e.key.Pos)
	}
}

func (p *decoder) changes(s *System, n *node) {
	if n.kind == mapValue {
		for _, e := range p.keys(n, "changes", []string{"with"}) {
			if _, ok := p.text(e.value, "with"); ok {
				p.putOff("changes: {with}", e.key.Pos)
			}
		}
		return
	}
	s.Changes = Text{Value: p.word(n, "changes", changeModes()...), Pos: n.text.Pos}
}

func (p *decoder) formats(s *System, from entry) {
	s.Formats = map[string]string{}
	for _, e := range p.entries(from.value, "formats") {
		if value, ok := p.literal(e.value, "the format "+e.key.Value); ok {
			s.Formats[e.key.Value] = value.Value
		}
	}
	if _, err := record.NewFormats(s.Formats); err != nil {
		p.fail(from.key.Pos, "%s", err).Hint = `formats: {date: DD.MM.YYYY, decimal: ",", list: ";", "null": ""}`
	}
}

// connectionKeys are settings that connectors take; a misspelt key of a system
// is told from a setting by them.
func connectionKeys() []string {
	return []string{
		"url", "path", "host", "port", "user", "password", "database", "schema", "sslmode", "timezone", "token", "email",
		"spec", "delimiter", "quote", "encoding", "header", "compression", "sslrootcert", "sslcert", "sslkey",
		"read_only", "foreign_keys", "busy_timeout", "timestamps", "overlap",
	}
}

// columnsIn lists the {column} places of a link template.
func columnsIn(template string) []string {
	var names []string
	for rest := template; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return names
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return names
		}
		names = append(names, name)
		rest = tail
	}
}
