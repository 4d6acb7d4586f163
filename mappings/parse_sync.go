package mappings

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// syncName is what a sync may be called: it is part of workflow ids, file
// names and addresses. Braces are for definitions with `each`.
var syncName = regexp.MustCompile(`^[A-Za-z0-9_{][A-Za-z0-9_.{}-]*$`)

// definition reads the whole of one definition.
func (p *decoder) definition(root *node) *Definition {
	d := &Definition{Pos: root.text.Pos, Source: strings.Join(p.doc.lines, "\n"), first: p.doc.first}
	byKey := map[string]*node{}
	for _, e := range p.keys(root, "a definition", syncKeys()) {
		byKey[e.key.Value] = e.value
		switch e.key.Value {
		case "each", "drift":
			p.putOff(e.key.Value, e.key.Pos)
		case "live":
			if d.Live = p.boolean(e.value, "live"); d.Live {
				p.putOff("live", e.key.Pos)
			}
		}
	}
	if root.kind != mapValue {
		return nil
	}
	p.head(d, byKey)
	// Systems come first, whatever the order in the file: everything else
	// names them.
	if n := byKey["systems"]; n != nil {
		d.Systems = p.systems(n)
	} else {
		p.fail(root.text.Pos, "this definition has no `systems`").Hint = "systems: {NAME: {use: CONNECTION, object: TABLE}, …}"
	}
	p.body(d, byKey)
	slices.SortStableFunc(p.later, func(a, b Text) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) })
	d.Later = p.later
	d.faulty = p.problems.Failed()
	return d
}

func (p *decoder) head(d *Definition, byKey map[string]*node) {
	if n := byKey["sync"]; n == nil {
		p.fail(d.Pos, "this definition has no name").Hint = "begin it with `sync: NAME`"
	} else if name, ok := p.text(n, "sync"); ok {
		d.Sync = name
		if !syncName.MatchString(name.Value) || len(name.Value) > 100 {
			p.fail(name.Pos, "%q cannot be the name of a sync", name.Value).Hint = "up to 100 letters, digits, dots, dashes and underscores"
		} else if strings.ContainsAny(name.Value, "{}") && byKey["each"] == nil {
			p.fail(name.Pos, "%q cannot be the name of a sync without `each`", name.Value)
		}
	}
	if n := byKey["about"]; n != nil {
		if about, ok := p.text(n, "about"); ok {
			d.About = about.Value
		}
	}
}

func (p *decoder) body(d *Definition, byKey map[string]*node) {
	names := systemNames(d.Systems)
	if n := byKey["match"]; n != nil {
		d.Match = p.match(n)
	} else {
		p.fail(d.Pos, "this definition does not say by what records are matched").Hint = "match: email · match: [a, b] · match: key · match: {first_of: [id, email]}"
	}
	if n := byKey["same"]; n != nil {
		d.Same = p.same(n)
	}
	if n := byKey["fields"]; n != nil {
		d.Fields = p.fields(n, names)
	}
	if byKey["same"] == nil && len(d.Fields) == 0 && byKey["fields"] == nil {
		p.fail(d.Pos, "this definition has no fields").Hint = "say `same: all`, `same: [names]` or `fields:`"
	}
	if n := byKey["conflicts"]; n != nil {
		d.Conflicts = p.conflicts(n, names)
	}
	if n := byKey["deletes"]; n != nil {
		d.Deletes.Pos = n.text.Pos
		for _, e := range p.keys(n, "deletes", []string{"effect"}) {
			d.Deletes.Effect = p.perSystem(e.value, "effect", names, effects())
		}
	}
	if n := byKey["limits"]; n != nil {
		d.Limits = p.limits(n)
	}
	if n := byKey["first_sync"]; n != nil {
		d.FirstSync = p.firstSync(n, names)
	}
	for _, s := range d.Systems {
		s.FirstOnly = d.FirstSync.OnlyHere[s.Name.Value]
		if s.FirstOnly == "" {
			s.FirstOnly = d.FirstSync.OnlyHere[""]
		}
	}
	if n := byKey["schedule"]; n != nil {
		d.Schedule = p.schedule(n)
	}
}

func (p *decoder) match(n *node) Match {
	m := Match{Pos: n.text.Pos}
	switch n.kind {
	case scalarValue:
		if n.text.Value == "key" && !n.quoted {
			m.Key = true
			return m
		}
		if t, ok := p.text(n, "match"); ok {
			m.Alternatives = [][]Text{{t}}
		}
	case listValue:
		m.Alternatives = [][]Text{p.texts(n, "match")}
	case mapValue:
		for _, e := range p.keys(n, "match", []string{"first_of"}) {
			if e.value.kind != listValue {
				p.fail(e.value.text.Pos, "first_of must be a list, not %s", e.value.kind)
				continue
			}
			for _, item := range e.value.items {
				m.Alternatives = append(m.Alternatives, p.texts(item, "an alternative of first_of"))
			}
		}
	default:
		p.fail(m.Pos, "match has no value")
	}
	m.Alternatives = slices.DeleteFunc(m.Alternatives, func(a []Text) bool { return len(a) == 0 })
	return m
}

func (p *decoder) same(n *node) Same {
	s := Same{Pos: n.text.Pos}
	switch {
	case n.kind == scalarValue && n.text.Value == "all":
		s.All = true
	case n.kind == mapValue:
		s.All = true
		for _, e := range p.keys(n, "same", []string{"except"}) {
			s.Except = p.texts(e.value, "except")
		}
	case n.kind == noValue:
		p.fail(n.text.Pos, "same has no value").Hint = "same: all · same: [names] · same: {except: [names]}"
	default:
		s.Names = p.texts(n, "same")
	}
	p.twice(s.Names, "same")
	p.twice(s.Except, "except")
	return s
}

// twice reports names that a list holds more than once.
func (p *decoder) twice(names []Text, what string) {
	for i, name := range names {
		if slices.ContainsFunc(names[:i], func(t Text) bool { return t.Value == name.Value }) {
			p.fail(name.Pos, "%q stands twice in %s", name.Value, what)
		}
	}
}

// isSystem reports a name that is no system of this definition.
func (p *decoder) isSystem(name Text, systems []string) bool {
	if slices.Contains(systems, name.Value) {
		return true
	}
	if len(systems) > 0 { // without systems that fault is told already
		p.fail(name.Pos, "there is no system %q", name.Value).Hint = didYouMean(name.Value, systems)
	}
	return false
}

func systemNames(systems []*System) []string {
	names := make([]string, len(systems))
	for i, s := range systems {
		names[i] = s.Name.Value
	}
	return names
}
