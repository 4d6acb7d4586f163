package mappings

import (
	"fmt"

	"golang.org/x/text/unicode/norm"

	"github.com/syncline-dev/syncline/internal/record"
)

// valueTable translates one system's values of a field. It is immutable.
type valueTable struct {
	// read has the canonical value by what is read, write what is written by
	// the canonical value; both by their folded form.
	read, write map[record.Value]record.Value
	// keep takes values that are not in the table as they are, after in.
	keep bool
	// other is the canonical value of everything that is not in the table.
	other    record.Value
	hasOther bool
	in       converter
	// plain: no row names the system, so that it has the canonical values in
	// its own type; the table only says which there are.
	plain bool
}

// newValueTable reads the rows of `values` for one system. Where a row does not
// name it, it has the canonical value itself.
func newValueTable(f *Field, typ record.Type, s *SystemMapping, c *cell) (*valueTable, Problems) {
	t := &valueTable{read: map[record.Value]record.Value{}, write: map[record.Value]record.Value{}, in: c.in, plain: !hasTable(f.Values, s.Name)}
	var problems Problems
	fail := func(at Text, format string, args ...any) {
		problems = append(problems, Problem{Pos: at.Pos, Severity: SeverityError, Message: fmt.Sprintf(format, args...)})
	}
	for _, row := range f.Values {
		canonical, err := record.Parse(typ, row.Canonical.Value)
		if err != nil {
			fail(row.Canonical, "the value %q is no %s: %v", row.Canonical.Value, typ, err)
			continue
		}
		if t.plain {
			t.read[fold(canonical)], t.write[fold(canonical)] = canonical, canonical
			continue
		}
		tokens := row.Cells[s.Name]
		if len(tokens) == 0 {
			tokens = []Text{row.Canonical}
		}
		for i, token := range tokens {
			raws, err := s.tokenValues(c, token.Value)
			if err != nil {
				fail(token, "%q is not what %s has there (%s): %v", token.Value, s.Name, c.typ, err)
				continue
			}
			for _, raw := range raws {
				if before, twice := t.read[fold(raw)]; twice && !record.Equal(before, canonical) {
					fail(token, "%q means two values in %s", token.Value, s.Name)
				}
				t.read[fold(raw)] = canonical
			}
			if i == 0 {
				t.write[fold(canonical)] = raws[0]
			}
		}
	}
	switch f.Unknown.Value {
	case "", "quarantine":
	case "keep":
		t.keep = true
	default:
		other, err := record.Parse(typ, f.Unknown.Value)
		if _, known := t.write[fold(other)]; err != nil || !known {
			fail(f.Unknown, "`unknown` must be quarantine, keep or a value of the table, not %q", f.Unknown.Value)
		}
		t.other, t.hasOther = other, true
	}
	return t, problems
}

// tokenValues reads a literal of a table as the column's type. An empty one
// also means NULL, and in a column without a type a number also stands for its
// text. The first is what is written.
func (s *SystemMapping) tokenValues(c *cell, token string) ([]record.Value, error) {
	typ := bare(c.typ)
	if typ.Kind == record.Any {
		values := []record.Value{token}
		if d, err := record.ParseDecimal(token); err == nil {
			values = append(values, d)
		}
		if token == "" {
			values = append(values, nil)
		}
		return values, nil
	}
	v, err := record.Parse(typ, token)
	if err != nil {
		return nil, err
	}
	if token == "" && v != nil {
		return []record.Value{v, nil}, nil
	}
	return []record.Value{v}, nil
}

// fold makes values that mean the same the same key of a map.
func fold(v record.Value) record.Value {
	switch x := v.(type) {
	case string:
		if !norm.NFC.IsNormalString(x) {
			return norm.NFC.String(x)
		}
	case record.Decimal:
		if i, ok := x.Int(); ok {
			return i
		}
	case float64:
		d, err := record.Convert(record.Type{Kind: record.KindDecimal}, x)
		if err == nil {
			return fold(d)
		}
	case record.List:
		return record.JSON(record.Text(x))
	}
	return v
}

// fromSystem gives the canonical value of what was read.
func (t *valueTable) fromSystem(v record.Value) (record.Value, error) {
	if record.IsMissing(v) {
		return v, nil
	}
	if t.plain && t.in != nil && v != nil {
		var err error
		if v, err = t.in(v); err != nil {
			return nil, err
		}
	}
	if canonical, known := t.read[fold(v)]; known {
		return canonical, nil
	}
	switch {
	case v == nil:
		return nil, nil //nolint:nilnil // NULL is a value
	case t.hasOther:
		return t.other, nil
	case !t.keep:
		return nil, faultf("is not among the field's values; add it to `values`, or say `unknown:`")
	case t.in != nil && !t.plain:
		return t.in(v)
	default:
		return v, nil
	}
}

// toSystem gives what is written for a canonical value; converted tells
// whether it came from the table.
func (t *valueTable) toSystem(v record.Value) (raw record.Value, converted bool, err error) {
	if nothing(v) {
		return v, false, nil
	}
	if raw, known := t.write[fold(v)]; known {
		return raw, !t.plain, nil
	}
	if !t.keep {
		return nil, false, faultf("is not among the field's values")
	}
	return v, false, nil
}

// identity reports whether all values of the table are read back as they were
// written.
func (t *valueTable) identity() bool {
	if t.plain {
		return t.in == nil
	}
	for canonical, raw := range t.write {
		if back, known := t.read[fold(raw)]; !known || fold(back) != canonical {
			return false
		}
	}
	return true
}
