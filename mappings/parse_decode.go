package mappings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keys gives the entries of a map, each key once, and reports what is not a
// map, what occurs twice and what the language does not know there.
func (p *decoder) keys(n *node, what string, known []string) []entry {
	entries := p.entries(n, what)
	return slices.DeleteFunc(entries, func(e entry) bool {
		if slices.Contains(known, e.key.Value) {
			return false
		}
		p.fail(e.key.Pos, "unknown key %q in %s", e.key.Value, what).Hint = keyHint(e.key.Value, known)
		return true
	})
}

// keyHint suggests a key, by its spelling or by what other tools call it.
func keyHint(word string, known []string) string {
	if near := suggest(word, known); near != "" {
		return "did you mean `" + near + "`?"
	}
	if ours := foreignWord(word); slices.Contains(known, ours) {
		return "did you mean `" + ours + "`?"
	}
	return "keys here: " + strings.Join(known, " ")
}

// entries gives the entries of a map whose keys are names, each once.
func (p *decoder) entries(n *node, what string) []entry {
	if n.kind != mapValue {
		problem := p.fail(n.text.Pos, "%s must be a map, not %s", what, n.kind)
		if n.kind == scalarValue && strings.Contains(n.text.Value, ":") {
			problem.Hint = "a space is missing after the colon"
		}
		return nil
	}
	seen := map[string]Pos{}
	kept := make([]entry, 0, len(n.entries))
	for _, e := range n.entries {
		if before, twice := seen[e.key.Value]; twice {
			problem := p.fail(e.key.Pos, "%q stands twice in %s", e.key.Value, what)
			problem.Hint = fmt.Sprintf("the other one is in line %d", before.Line)
			if e.key.Value == "sync" {
				problem.Hint += "; separate definitions by a line ---"
			}
			continue
		}
		seen[e.key.Value] = e.key.Pos
		kept = append(kept, e)
	}
	return kept
}

// text gives a scalar; a key without a value is a fault.
func (p *decoder) text(n *node, what string) (Text, bool) {
	switch n.kind {
	case scalarValue:
		if !n.quoted || n.text.Value != "" {
			return n.text, true
		}
		p.fail(n.text.Pos, "%s is empty", what)
	case noValue:
		p.fail(n.text.Pos, "%s has no value", what)
	default:
		p.fail(n.text.Pos, "%s must be a text, not %s", what, n.kind).Hint = "if this is an expression that begins with [ or {, quote it"
	}
	return Text{Pos: n.text.Pos}, false
}

// literal gives the raw token of a value that is written or compared as it is.
func (p *decoder) literal(n *node, what string) (Text, bool) {
	if n.kind == scalarValue {
		return n.text, true
	}
	if n.kind == noValue {
		p.fail(n.text.Pos, "%s has no value", what).Hint = `write "" for an empty text, and leave the line out for none`
		return Text{Pos: n.text.Pos}, false
	}
	p.fail(n.text.Pos, "%s must be a text, not %s", what, n.kind)
	return Text{Pos: n.text.Pos}, false
}

// texts gives a list of scalars, or one scalar as a list of one.
func (p *decoder) texts(n *node, what string) []Text {
	if n.kind != listValue {
		if t, ok := p.text(n, what); ok {
			return []Text{t}
		}
		return nil
	}
	texts := make([]Text, 0, len(n.items))
	for _, item := range n.items {
		if t, ok := p.text(item, what); ok {
			texts = append(texts, t)
		}
	}
	if len(n.items) == 0 {
		p.fail(n.text.Pos, "%s is an empty list", what)
	}
	return texts
}

// word gives one of the words that are allowed.
func (p *decoder) word(n *node, what string, allowed ...string) string {
	t, ok := p.text(n, what)
	if !ok {
		return ""
	}
	if !slices.Contains(allowed, t.Value) {
		problem := p.fail(t.Pos, "%s cannot be %q", what, t.Value)
		problem.Hint = "it is one of: " + strings.Join(allowed, ", ")
		if near := suggest(t.Value, allowed); near != "" {
			problem.Hint = "did you mean `" + near + "`?"
		}
		return ""
	}
	return t.Value
}

func (p *decoder) boolean(n *node, what string) bool {
	t, ok := p.text(n, what)
	if !ok {
		return false
	}
	switch strings.ToLower(t.Value) {
	case "true":
		return true
	case "false":
		return false
	case "yes", "on", "y", "1":
		p.fail(t.Pos, "%s cannot be %q", what, t.Value).Hint = "did you mean `true`?"
	case "no", "off", "n", "0":
		p.fail(t.Pos, "%s cannot be %q", what, t.Value).Hint = "did you mean `false`?"
	default:
		p.fail(t.Pos, "%s cannot be %q", what, t.Value).Hint = "it is true or false"
	}
	return false
}

func (p *decoder) duration(n *node, what string) time.Duration {
	t, ok := p.text(n, what)
	if !ok {
		return 0
	}
	d, err := ParseDuration(t.Value)
	if err != nil {
		p.fail(t.Pos, "%s cannot be %q", what, t.Value).Hint = "a duration is written 30s, 15m, 72h, 2d or 1h30m"
	}
	return d
}

// ParseDuration reads a duration of the language: 30s, 15m, 72h, 2d, 1w, 1h30m;
// all above zero.
func ParseDuration(s string) (time.Duration, error) {
	var total time.Duration
	rest := s
	for _, unit := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, after, found := strings.Cut(rest, unit.letter)
		if !found {
			continue
		}
		count, err := strconv.ParseUint(number, 10, 16)
		if err != nil || count > 10_000 {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		total += time.Duration(count) * unit.length
		rest = after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		if d < 0 || d > 10_000*24*time.Hour {
			return 0, fmt.Errorf("%q is out of range", s)
		}
		total += d
	}
	if total <= 0 {
		return 0, fmt.Errorf("%q is not above zero", s)
	}
	return total, nil
}

func (p *decoder) count(n *node, what string) int64 {
	t, ok := p.text(n, what)
	if !ok {
		return 0
	}
	count, err := strconv.ParseInt(strings.ReplaceAll(t.Value, "_", ""), 10, 64)
	if err != nil || count < 0 {
		p.fail(t.Pos, "%s cannot be %q", what, t.Value).Hint = "it is a whole number"
		return 0
	}
	return count
}

func (p *decoder) percent(n *node, what string) float64 {
	t, ok := p.text(n, what)
	if !ok {
		return 0
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(t.Value, "%"), 64)
	if err != nil || !(percent >= 0 && percent <= 100) {
		p.fail(t.Pos, "%s cannot be %q", what, t.Value).Hint = "it is a number from 0 to 100"
		return 0
	}
	return percent
}
