package mappings

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

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

func (p *decoder) limits(n *node) Limits {
	l := Limits{Pos: n.text.Pos}
	places := map[string]*Limit{"delete": &l.Delete, "blank": &l.Blank, "update": &l.Update, "conflict": &l.Conflict}
	for _, e := range p.keys(n, "limits", limitKeys()) {
		place := places[e.key.Value]
		before := len(p.problems)
		if e.value.kind == scalarValue {
			p.bareLimit(e)
			continue
		}
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

// bareLimit refuses a number that does not say what it counts.
func (p *decoder) bareLimit(e entry) {
	key, value := e.key.Value, e.value.text.Value
	problem := p.fail(e.value.text.Pos, "the limit %s must say whether it is a count or a percentage", key)
	if number, is := strings.CutSuffix(value, "%"); is {
		problem.Hint = key + ": {percent: " + strings.TrimSpace(number) + "}"
	} else {
		problem.Hint = fmt.Sprintf("%s: {count: %s} · %s: {percent: %s}", key, value, key, value)
	}
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
			for _, kind := range p.keys(e.value, "kinds", ConflictKinds()) {
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
