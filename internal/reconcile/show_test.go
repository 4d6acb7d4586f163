package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// show writes an outcome the way a person would tell it.
func show(rules *Rules, out *Outcome) string {
	p := &printer{rules: rules}
	for _, l := range out.Links {
		p.link(l)
	}
	for _, m := range out.Loose {
		p.line("loose %s%s", p.member(m), p.match(m))
	}
	for _, c := range out.Opened {
		if c.LinkID == "" {
			p.line("%s", p.conflict(c))
		}
	}
	for _, l := range out.Links {
		payments, err := Owed(rules, l)
		if err != nil {
			p.line("owed of %s: %v", l.ID, err)
		}
		for _, pay := range payments {
			p.payment(l, pay)
		}
	}
	for _, n := range out.Notes {
		p.note(n)
	}
	if len(out.Closed) > 0 {
		p.line("closed %v", out.Closed)
	}
	if len(out.Applied) > 0 {
		p.line("applied decisions %v", out.Applied)
	}
	if len(out.Refused) > 0 {
		p.line("refused decisions %v", out.Refused)
	}
	for s, t := range out.PerSystem {
		if t.Read > 0 {
			p.line("%s %s", rules.Systems[s].Name, tallyText(t))
		}
	}
	return p.b.String()
}

type printer struct {
	rules *Rules
	b     strings.Builder
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.b, format+"\n", args...)
}

func (p *printer) system(s int) string {
	if s == None {
		return "base"
	}
	return p.rules.Systems[s].Name
}

func (p *printer) link(l *Link) {
	head := "link"
	if l.Tombstone {
		head = "tombstone"
	}
	var fields []string
	for f, v := range l.Base {
		if record.IsMissing(v) {
			continue
		}
		o := l.Origins[f]
		at := ""
		if o.At != 0 {
			at = fmt.Sprintf(" at %d", int64(o.At))
		}
		fields = append(fields, fmt.Sprintf("%s=%s (%s r%d%s)", p.rules.Fields[f].Name, value(v), p.system(o.System), o.Rev, at))
	}
	p.line("%s %s r%d %s: %s", head, l.ID, l.Rev, strings.Join(l.Match, "|"), strings.Join(fields, ", "))
	for _, m := range l.Members {
		if m != nil {
			p.line("  %s", p.member(m))
		}
	}
	for _, c := range l.Conflicts {
		p.line("  %s", p.conflict(c))
	}
}

func (p *printer) match(m *Member) string {
	if len(m.Match) == 0 {
		return ""
	}
	return " as " + strings.Join(m.Match, "|")
}

func (p *printer) member(m *Member) string {
	text := fmt.Sprintf("%s %s %s", p.system(m.System), m.Key, m.State)
	if m.Why != "" {
		text += " (" + m.Why + ")"
	}
	if m.LinkID != "" {
		text += fmt.Sprintf(" r%d", m.Acked)
	}
	if !m.SinceWrite {
		text += " unseen"
	}
	if m.Flips > 0 {
		text += fmt.Sprintf(" flips %d", m.Flips)
	}
	if m.Order != "" {
		text += " order " + m.Order
	}
	var holds []string
	for f := range p.rules.Fields {
		if v, differs := m.Seen[f]; differs {
			holds = append(holds, p.rules.Fields[f].Name+"="+value(v))
		}
	}
	if len(holds) > 0 {
		text += " holds " + strings.Join(holds, ", ")
	}
	return text
}

func (p *printer) conflict(c *Conflict) string {
	text := "conflict"
	if c.ID != 0 {
		text += fmt.Sprintf(" %d", c.ID)
	}
	text += " " + string(c.Kind)
	if c.Field != None {
		text += fmt.Sprintf(" %s: base %s", p.rules.Fields[c.Field].Name, value(c.Base))
	}
	if c.System != None && c.about() {
		text += fmt.Sprintf(" of %s %s", p.system(c.System), c.Key)
	}
	for _, side := range c.Candidates {
		text += ", " + p.candidate(c, side)
	}
	if c.Deadline != 0 {
		text += fmt.Sprintf("; opened %d, deadline %d", int64(c.Opened), int64(c.Deadline))
	}
	switch c.SkipUntil {
	case 0:
	case record.TimestampInfinity:
		text += "; skipped"
	default:
		text += fmt.Sprintf("; skipped until %d", int64(c.SkipUntil))
	}
	return text
}

func (p *printer) candidate(c *Conflict, side Candidate) string {
	switch {
	case side.Link != "":
		return "link " + side.Link
	case side.Deleted && !c.about():
		return p.system(side.System) + " deleted"
	case c.about():
		return p.system(side.System) + " " + string(side.Key)
	case side.Base:
		return "base of " + p.system(side.System) + " " + value(side.Value)
	default:
		return p.system(side.System) + " " + value(side.Value)
	}
}

func (p *printer) payment(l *Link, pay Payment) {
	text := fmt.Sprintf("owed %s %s %s", p.system(pay.System), pay.Op, pay.LinkID)
	if pay.Key != "" {
		text += " " + string(pay.Key)
	}
	if pay.Uncertain {
		text += " (uncertain)"
	}
	var fields []string
	for _, f := range pay.Fields {
		fields = append(fields, p.rules.Fields[f].Name+"="+value(l.Base[f]))
	}
	if len(fields) > 0 {
		text += ": " + strings.Join(fields, ", ")
	}
	p.line("%s", text)
}

func (p *printer) note(n Note) {
	text := "note " + n.LinkID
	if n.Field != None {
		text += fmt.Sprintf(" %s: %s to %s", p.rules.Fields[n.Field].Name, value(n.Before), value(n.After))
	}
	text += " by " + n.Rule
	if n.From != None {
		text += " of " + p.system(n.From)
	}
	for i, lost := range n.Lost {
		text += map[bool]string{true: ", over ", false: " and "}[i == 0]
		switch {
		case lost.Deleted:
			text += p.system(lost.System) + " deleted"
		case lost.Base:
			text += "base of " + p.system(lost.System) + " " + value(lost.Value)
		default:
			text += p.system(lost.System) + " " + value(lost.Value)
		}
	}
	p.line("%s", text)
}

func tallyText(t Tally) string {
	parts := []string{fmt.Sprintf("read %d:", t.Read)}
	for _, part := range []struct {
		n    int64
		name string
	}{
		{t.Applied, "applied"},
		{t.Owed, "owed"},
		{t.Unchanged, "unchanged"},
		{t.Conflicts, "conflict"},
		{t.Quarantined, "quarantined"},
		{t.Ignored, "ignored"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.name))
		}
	}
	return strings.Join(parts, " ")
}

func value(v record.Value) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case record.List:
		parts := make([]string, len(x))
		for i, elem := range x {
			parts[i] = value(elem)
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, " ") + "]"
	}
	if record.IsMissing(v) {
		return "-"
	}
	if text := record.Text(v); text != "" {
		return text
	}
	return `""`
}
