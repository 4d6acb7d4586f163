package mappings

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// values checks a table of values: every canonical value once and of the
// field's type, and every system's token in one row only.
func (c *checker) values(r *row) {
	if len(r.Values) == 0 {
		if r.Unknown.Value != "" {
			c.fail(r.Unknown.Pos, "`unknown` without `values`")
		}
		return
	}
	c.canonicals(r)
	c.unknown(r)
	for _, p := range c.parties {
		c.tokensOf(r, p)
	}
	for _, v := range r.Values {
		for _, name := range sortedKeys(v.Cells) {
			if r.cells[name] == nil {
				c.fail(v.Canonical.Pos, "%s has a value in the row %s and no cell for the field", name, v.Canonical.Value).Hint =
					name + ": COLUMN"
			}
		}
	}
}

// canonicals finds values that are no value of the type, or the same one
// written in two ways.
func (c *checker) canonicals(r *row) {
	if r.Type.Value == "" {
		return
	}
	seen := map[string]Text{}
	for _, v := range r.Values {
		value, err := record.Parse(r.typ, v.Canonical.Value)
		if err == nil {
			value, err = record.Convert(r.typ, value)
		}
		if err != nil {
			c.fail(v.Canonical.Pos, "%q is no %s: %s", v.Canonical.Value, r.Type.Value, err)
			continue
		}
		text := record.Text(value)
		if before, twice := seen[text]; twice {
			c.fail(v.Canonical.Pos, "%s and %s are the same %s", before.Value, v.Canonical.Value, r.Type.Value)
		}
		seen[text] = v.Canonical
	}
}

func (c *checker) unknown(r *row) {
	u := r.Unknown
	if u.Value == "" || u.Value == "quarantine" || u.Value == "keep" {
		return
	}
	words := []string{"quarantine", "keep"}
	for _, v := range r.Values {
		words = append(words, v.Canonical.Value)
	}
	if !slices.Contains(words, u.Value) {
		c.fail(u.Pos, "`unknown` cannot be %q", u.Value).Hint = didYouMean(u.Value, words)
	}
}

// tokensOf checks one system's tokens. A row that does not name the system
// stands for the canonical value itself.
func (c *checker) tokensOf(r *row, p *party) {
	cell := r.cells[p.Name.Value]
	if cell == nil {
		return
	}
	column, isColumn := p.column(cell)
	rows := map[string]string{}
	for _, v := range r.Values {
		tokens, named := v.Cells[p.Name.Value]
		if !named {
			tokens = []Text{v.Canonical}
		}
		for _, token := range tokens {
			before, twice := rows[token.Value]
			switch {
			case twice && before == v.Canonical.Value:
				c.fail(token.Pos, "%q stands twice in the row %s", token.Value, v.Canonical.Value)
			case twice:
				c.fail(token.Pos, "%q means %s and %s in %s", token.Value, before, v.Canonical.Value, p.Name.Value).Hint = "each value of a system stands in one row"
			case isColumn && named:
				c.literal(p, token, column)
			}
			rows[token.Value] = v.Canonical.Value
		}
	}
}
