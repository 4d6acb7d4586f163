package mappings

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// syncName is what a sync may be called: it is part of workflow ids, file
// names and addresses. Braces are for definitions with `each`.
var syncName = regexp.MustCompile(`^[A-Za-z0-9_{][A-Za-z0-9_.{}-]*$`) //nolint:gochecknoglobals // compiled once

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

// perSystem reads a word for all systems, or a map of a word for each; "" is
// the key for all.
func (p *decoder) perSystem(n *node, what string, systems, allowed []string) map[string]string {
	if n.kind != mapValue {
		if w := p.word(n, what, allowed...); w != "" {
			return map[string]string{"": w}
		}
		return nil
	}
	words := map[string]string{}
	for _, e := range p.entries(n, what) {
		if p.isSystem(e.key, systems) {
			if w := p.word(e.value, what, allowed...); w != "" {
				words[e.key.Value] = w
			}
		}
	}
	return words
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

func (p *decoder) limits(n *node) Limits {
	l := Limits{Pos: n.text.Pos}
	places := map[string]*Limit{"delete": &l.Delete, "blank": &l.Blank, "update": &l.Update, "conflict": &l.Conflict}
	for _, e := range p.keys(n, "limits", limitKeys()) {
		place := places[e.key.Value]
		before := len(p.problems)
		for _, bound := range p.keys(e.value, "the limit "+e.key.Value, []string{"count", "percent"}) {
			place.Set = true
			if bound.key.Value == "count" {
				place.Count = p.count(bound.value, "count")
			} else {
				place.Percent = p.percent(bound.value, "percent")
			}
		}
		if place.Set && place.Count == 0 && place.Percent == 0 && len(p.problems) == before {
			problem := p.fail(e.key.Pos, "a limit of 0 would be none")
			problem.Hint = "count: 1 stops at the second"
			if e.key.Value == "delete" || e.key.Value == "update" {
				problem.Hint += "; to forbid it altogether say `allow: {" + e.key.Value + ": false}` at the system"
			}
		}
	}
	return l
}

func (p *decoder) firstSync(n *node, systems []string) FirstSync {
	f := FirstSync{Pos: n.text.Pos}
	for _, e := range p.keys(n, "first_sync", []string{"prefer", "only_here"}) {
		if e.key.Value == "prefer" {
			f.Prefer = p.chain(e.value, "prefer", systems)
		} else {
			f.OnlyHere = p.perSystem(e.value, "only_here", systems, onlyHere())
		}
	}
	return f
}

func (p *decoder) conflicts(n *node, systems []string) Conflicts {
	c := Conflicts{Pos: n.text.Pos}
	for _, e := range p.keys(n, "conflicts", conflictKeys()) {
		switch e.key.Value {
		case "resolve":
			c.Resolve = p.chain(e.value, "resolve", systems)
		case "kinds":
			c.Kinds = map[string][]Policy{}
			for _, kind := range p.keys(e.value, "kinds", conflictKinds()) {
				c.Kinds[kind.key.Value] = p.chain(kind.value, kind.key.Value, systems)
			}
		case "delete_vs_update":
			c.DeleteVsUpdate = p.word(e.value, "delete_vs_update", deleteVsUpdate()...)
		case "deadline":
			c.Deadline = p.duration(e.value, "deadline")
		case "then":
			c.Then = p.chain(e.value, "then", systems)
		case "scope":
			c.Scope = p.word(e.value, "scope", "field", "record")
		}
	}
	if c.Deadline > 0 && len(c.Then) == 0 {
		p.fail(c.Pos, "`deadline` without `then`: nothing says what happens when it passes").Hint = "then: {system_wins: NAME} · then: skip"
	}
	if c.Deadline == 0 && len(c.Then) > 0 {
		p.fail(c.Then[0].Name.Pos, "`then` without `deadline` never happens").Hint = "deadline: 72h"
	}
	return c
}

func (p *decoder) schedule(n *node) Schedule {
	s := Schedule{Pos: n.text.Pos}
	var zone Text
	for _, e := range p.keys(n, "schedule", scheduleKeys()) {
		switch e.key.Value {
		case "every":
			s.Every = p.duration(e.value, "every")
		case "jitter":
			s.Jitter = p.duration(e.value, "jitter")
		case "cron":
			if t, ok := p.text(e.value, "cron"); ok {
				s.Cron = t.Value
				p.cron(t)
			}
		case "timezone":
			zone, _ = p.text(e.value, "timezone")
			s.Timezone = zone.Value
		}
	}
	if s.Timezone != "" {
		if _, err := time.LoadLocation(s.Timezone); err != nil || s.Timezone == "Local" {
			p.fail(zone.Pos, "there is no time zone %q", s.Timezone).Hint = "names are like Europe/Berlin, America/New_York or UTC"
		}
	}
	switch {
	case n.kind != mapValue:
	case s.Every > 0 && s.Cron != "":
		p.fail(s.Pos, "`every` and `cron` stand together").Hint = "a schedule has one of them"
	case s.Every == 0 && s.Cron == "" && !p.problems.Failed():
		p.fail(s.Pos, "this schedule says neither `every` nor `cron`").Hint = "schedule: {every: 15m}"
	case s.Every > 0 && s.Every < time.Second:
		p.fail(s.Pos, "`every` is below a second")
	case s.Every > 0 && s.Jitter >= s.Every:
		p.fail(s.Pos, "`jitter` must be shorter than `every`")
	}
	return s
}

func (p *decoder) cron(t Text) {
	hint := `five fields: minute hour day month weekday, as in cron: "30 6 * * 1-5"`
	if len(strings.Fields(t.Value)) != 5 {
		p.fail(t.Pos, "%q is no cron expression", t.Value).Hint = hint
		return
	}
	if _, err := cron.ParseStandard(t.Value); err != nil {
		p.fail(t.Pos, "%q is no cron expression: %s", t.Value, err).Hint = hint
	}
}

func systemNames(systems []*System) []string {
	names := make([]string, len(systems))
	for i, s := range systems {
		names[i] = s.Name.Value
	}
	return names
}
