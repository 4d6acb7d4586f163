package mappings

import (
	"slices"
	"strings"
)

// promises warns about what a system cannot do, as far as it matters here.
func (c *checker) promises() {
	for _, p := range c.parties {
		if p.object == nil || !p.object.Exists {
			continue
		}
		o := p.object
		if p.receives && len(c.rivals(nil)) > 0 {
			switch {
			case !o.Token && !o.Transactions:
				c.warn(p.Pos, "%s has no version token and no transactions: a change made there between our reading and our writing can be lost", p.title())
			case !o.Transactions:
				c.warn(p.Pos, "%s has no transactions: a run that is killed leaves what it wrote so far, and the next one goes on", p.title())
			}
		}
		if p.reads && o.KeysReusable && !c.def.Match.Key {
			c.warn(p.Pos, "keys may be used again in %s: a record there whose match values change waits for a person", p.title())
		}
		if p.reads && c.deletesMatter(p) && !c.seesDeletes(p) {
			c.warn(p.Pos, "deletes in %s are not seen", p.title()).Hint = "`deleted: COLUMN` names what marks a deleted record there"
		}
		c.unfilled(p)
	}
}

// unfilled warns of columns that must have a value and get none.
func (c *checker) unfilled(p *party) {
	if p.schema == nil || p.object == nil || !p.object.Exists || !p.object.Writable || !p.receives || p.Allow.NoCreate {
		return
	}
	w := &birth{c: c, p: p}
	var without []string
	for _, column := range p.schema.Fields {
		given := slices.ContainsFunc(p.OnCreate, func(l Literal) bool { return l.Column.Value == column.Name })
		given = given || p.object.ServerKeys && slices.Contains(p.keys(), column.Name)
		if !column.Nullable && !column.HasDefault && !column.ReadOnly && !given && !w.written(column.Name) {
			without = append(without, column.Name)
		}
	}
	if len(without) > 0 {
		c.warn(p.Pos, "%s refuses new records: nothing gives a value to %s", p.title(), strings.Join(without, ", ")).Hint = "on_create: {" + without[0] + ": VALUE}, or a field that writes it"
	}
}

// deletesMatter reports whether a delete in p would do anything elsewhere.
func (c *checker) deletesMatter(p *party) bool {
	return slices.ContainsFunc(c.parties, func(other *party) bool {
		effect := c.def.Deletes.Effect[other.Name.Value]
		if effect == "" {
			effect = c.def.Deletes.Effect[""]
		}
		return other != p && other.receives && !other.Allow.NoDelete && (effect == "hard" || effect == "soft")
	})
}

// seesDeletes: by the mode itself, by a mark on the record, or by listing all
// records, which every mode falls back to where a snapshot can be taken.
func (c *checker) seesDeletes(p *party) bool {
	if p.Deleted.Value != "" || slices.Contains(p.object.Modes, "snapshot") {
		return true
	}
	return slices.ContainsFunc(p.object.Modes, func(mode string) bool {
		chosen := p.Changes.Value == "" || p.Changes.Value == "auto" || p.Changes.Value == mode
		return chosen && slices.Contains(p.object.SeesDeletes, mode)
	})
}
