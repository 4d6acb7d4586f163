package reconcile

import (
	"slices"

	"github.com/cockroachdb/apd/v3"

	"github.com/syncline-dev/syncline/internal/record"
)

// union gives all elements of all sides; a list keeps the order of the systems.
func union(t record.Type, sides []contender) (record.Value, bool) {
	var all record.List
	for _, c := range sides {
		switch v := c.value.(type) {
		case nil:
		case record.List:
			for _, elem := range v {
				if !slices.ContainsFunc(all, func(have record.Value) bool { return record.Equal(have, elem) }) {
					all = append(all, elem)
				}
			}
		default:
			return nil, false
		}
	}
	if t.Kind == record.KindSet {
		all = record.NewSet(all)
	}
	return all, true
}

// delta adds every side's own difference to the base, exactly.
func delta(t record.Type, base record.Value, sides []contender) (record.Value, bool) {
	sum, ok := number(base)
	if !ok {
		return nil, false
	}
	for _, c := range sides {
		if c.base {
			continue
		}
		now, okNow := number(c.value)
		was, okWas := number(c.was)
		if c.first || !okNow || !okWas {
			return nil, false
		}
		var diff, total apd.Decimal
		exact := apd.BaseContext.WithPrecision(0)
		if _, err := exact.Sub(&diff, now, was); err != nil {
			return nil, false
		}
		if _, err := exact.Add(&total, sum, &diff); err != nil {
			return nil, false
		}
		sum = &total
	}
	d, err := record.NewDecimal(sum)
	if err != nil {
		return nil, false
	}
	v, err := record.Convert(numeric(t, base), d)
	return v, err == nil
}

// numeric is the declared type, or that of the value where none is declared.
func numeric(t record.Type, like record.Value) record.Type {
	if t.Kind == record.Any {
		return record.Type{Kind: record.KindOf(like)}
	}
	return t
}

func number(v record.Value) (*apd.Decimal, bool) {
	switch v.(type) {
	case int64, float64, record.Decimal:
		d := record.Decimal(record.Text(v))
		return d.APD(), d.Finite()
	default:
		return nil, false
	}
}

// evaluate asks the definition's expression. One that fails, or whose result
// is not of the field's type, leaves it to people; Missing decides nothing.
func (w *work) evaluate(f int, sides []contender, p Policy) verdict {
	if p.Eval == nil {
		return verdict{outcome: undecidedYet}
	}
	values := make(map[int]record.Value, len(sides))
	for _, c := range w.ordered(sides) {
		if c.system == None {
			continue
		}
		if _, said := values[c.system]; !said || !c.base {
			values[c.system] = c.value
		}
	}
	v, err := p.Eval(w.base[f], values)
	if err != nil {
		return verdict{outcome: forPeople, index: -1}
	}
	if record.IsMissing(v) {
		return verdict{outcome: undecidedYet}
	}
	if v, err = record.Convert(w.r.rules.Fields[f].Type, v); err != nil {
		return verdict{outcome: forPeople, index: -1}
	}
	return made(v, true)
}

// made is a verdict whose value nobody said as it is.
func made(v record.Value, ok bool) verdict {
	if !ok {
		return verdict{outcome: undecidedYet}
	}
	return verdict{outcome: decided, value: v, from: None, index: -1}
}
