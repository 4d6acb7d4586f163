package mappings

import (
	"fmt"
	"maps"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// hashes gives each side the hash by which a changed mapping is recognised:
// over all that decides which canonical value a raw one becomes, and back.
func (c *compilation) hashes() {
	all := []string{"mapping 1"}
	for _, s := range c.m.Systems {
		parts := []string{"side 1", s.Name}
		parts = append(parts, s.Key...)
		var formats []string
		for _, name := range slices.Sorted(maps.Keys(s.system.Formats)) {
			formats = append(formats, "format", name, s.system.Formats[name])
		}
		parts = append(parts, formats...)
		s.FieldHashes = make([]record.Hash, len(c.fields))
		for i, f := range c.fields {
			if cell := s.cells[i]; cell != nil {
				words := cellParts(f, s.Name, cell)
				parts = append(parts, words...)
				s.FieldHashes[i] = record.HashText(append(words, formats...)...)
			}
		}
		for _, a := range c.m.matches {
			parts = append(parts, "match", fmt.Sprint(a.key))
			for _, p := range a.parts {
				parts = append(parts, p.text.Value)
			}
		}
		s.Hash = record.HashText(parts...)
		all = append(all, s.Hash.String())
	}
	c.m.Hash = record.HashText(all...)
}

// cellParts are the words of one cell. A column's kind counts, its bounds do
// not: a wider column holds the same values.
func cellParts(f *compiledField, system string, cell *cell) []string {
	parts := []string{
		"field", f.Name.Value, f.typ.String(), "read", cell.written.reading().Value, bare(cell.typ).String(),
		"when", cell.written.When.Value, "unknown", f.Unknown.Value, fmt.Sprint(f.truncate),
	}
	for _, w := range cell.writes {
		parts = append(parts, "write", w.column, w.text.Value, bare(w.typ).String())
	}
	for _, row := range f.Values {
		parts = append(parts, "value", row.Canonical.Value)
		for _, token := range row.Cells[system] {
			parts = append(parts, "is", token.Value)
		}
	}
	return parts
}
