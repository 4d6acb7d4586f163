package mappings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// match checks that records of different systems can be recognised as one.
func (c *checker) match() {
	if c.def.Match.Key {
		c.matchKeys()
		return
	}
	reached, all := map[string]bool{}, !c.def.faulty
	for _, alternative := range c.def.Match.Alternatives {
		fields, known := c.matchFields(alternative)
		if !known {
			all = false
			continue
		}
		var have []string
		for _, p := range c.parties {
			if !slices.ContainsFunc(fields, func(r *row) bool { return r.cells[p.Name.Value] == nil }) {
				have = append(have, p.Name.Value)
				reached[p.Name.Value] = true
			}
		}
		if len(have) < 2 && !c.def.faulty {
			c.fail(alternative[0].Pos, "fewer than two systems have %s: nothing is ever matched by it", words(alternative)).Hint = "match by what two systems have"
		}
	}
	for _, p := range c.parties {
		if len(c.def.Match.Alternatives) > 0 && !reached[p.Name.Value] && all {
			c.fail(c.def.Match.Pos, "%s has nothing to be matched by", p.Name.Value).Hint = "give it a cell for a field of `match`"
		}
	}
}

func (c *checker) matchFields(alternative []Text) (fields []*row, known bool) {
	known = true
	for _, text := range alternative {
		if r := c.rowOf(text.Value); r != nil {
			fields = append(fields, r)
			continue
		}
		if c.open && !c.allKnown() {
			known = false
			continue
		}
		if !c.overFields(text, record.Any) {
			known = false
			continue
		}
		node, ok := c.parse(text)
		known = known && ok
		for _, name := range namesOf(node) {
			if r := c.rowOf(name.name); r != nil {
				fields = append(fields, r)
			}
		}
	}
	return fields, known
}

func words(texts []Text) string {
	all := make([]string, len(texts))
	for i, t := range texts {
		all[i] = t.Value
	}
	return strings.Join(all, " and ")
}

// matchKeys checks that the systems' own keys can stand for each other.
func (c *checker) matchKeys() {
	var first *party
	var length int
	for _, p := range c.parties {
		key := len(p.keys())
		if key == 0 {
			continue // not known, or told at the system
		}
		if first == nil {
			first, length = p, key
			continue
		}
		if key != length {
			c.fail(c.def.Match.Pos, "the keys of %s and %s differ: %s and %s", first.Name.Value, p.Name.Value, columnCount(length), columnCount(key)).Hint = "say the columns with `key` at the systems, or match by fields"
		}
	}
	for _, p := range c.parties {
		if p.schema == nil || !p.receives || p.Allow.NoCreate {
			continue
		}
		for _, name := range p.keys() {
			if column, is := p.schema.Field(name); is && column.ReadOnly {
				c.fail(c.def.Match.Pos, "%s chooses %s of a new record itself, so it cannot be the key of another system", p.title(), name).Hint = "match by a field, and keep the other system's id in a field of its own"
			}
		}
	}
}

// keys are the key columns, as far as they are known.
func (p *party) keys() []string {
	if len(p.Key) > 0 {
		names := make([]string, len(p.Key))
		for i, key := range p.Key {
			names[i] = key.Value
		}
		return names
	}
	if p.object == nil {
		return nil
	}
	return p.object.Key
}

func columnCount(n int) string {
	if n == 1 {
		return "one column"
	}
	return fmt.Sprintf("%d columns", n)
}
