package memory

import (
	"encoding/json"
	"slices"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// filter is a Comparison that travels as JSON.
type filter struct {
	Op     string    `json:"op"`
	Column string    `json:"column,omitempty"`
	Values []literal `json:"values,omitempty"`
	Terms  []filter  `json:"terms,omitempty"`
}

type literal struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// Translate accepts every Comparison.
func (o readable) Translate(c connectors.Comparison) (string, bool) {
	text, err := json.Marshal(toFilter(c))
	return string(text), err == nil
}

func toFilter(c connectors.Comparison) filter {
	f := filter{Op: c.Op, Column: c.Column}
	for _, v := range c.Values {
		l := literal{Kind: "null"}
		if v != nil {
			l = literal{Kind: record.KindOf(v).String(), Text: record.Text(v)}
		}
		f.Values = append(f.Values, l)
	}
	for _, term := range c.Terms {
		f.Terms = append(f.Terms, toFilter(term))
	}
	return f
}

func parseFilter(where string) (*filter, error) {
	if where == "" {
		return nil, nil //nolint:nilnil // no filter is a filter that holds always
	}
	var f filter
	if err := json.Unmarshal([]byte(where), &f); err != nil {
		return nil, connectors.Errorf(connectors.Permanent, "malformed filter")
	}
	return &f, nil
}

func (l literal) value() record.Value {
	if l.Kind == "null" {
		return nil
	}
	t, err := record.ParseType(l.Kind)
	if err != nil {
		return l.Text
	}
	v, err := record.Parse(t, l.Text)
	if err != nil {
		return l.Text
	}
	return v
}

// holds is true where eval says true; NULL does not hold.
func (f *filter) holds(schema *record.Schema, row []record.Value) bool {
	return f.eval(schema, row) == true
}

// eval gives true, false or nil, which is NULL: every operator with a NULL
// operand gives NULL, but != tells NULL from anything else, and comparing with
// the literal NULL asks whether something is NULL.
func (f *filter) eval(schema *record.Schema, row []record.Value) record.Value {
	switch f.Op {
	case "and", "or":
		return f.connect(schema, row)
	case "not":
		if v, is := f.Terms[0].eval(schema, row).(bool); is {
			return !v
		}
		return nil
	}
	at := schema.Index(f.Column)
	if at < 0 {
		return nil
	}
	v := row[at]
	literals := make([]record.Value, len(f.Values))
	for i, l := range f.Values {
		literals[i] = l.value()
	}
	switch {
	case f.Op == "!=":
		return !record.Equal(v, literals[0])
	case f.Op == "==" && literals[0] == nil:
		return v == nil
	case v == nil:
		return nil
	case f.Op == "in":
		return slices.ContainsFunc(literals, func(l record.Value) bool { return record.Equal(v, l) })
	}
	return compare(f.Op, record.Compare(v, literals[0]))
}

// connect is SQL's three-valued AND and OR.
func (f *filter) connect(schema *record.Schema, row []record.Value) record.Value {
	decides := f.Op == "or" // what one term alone decides
	var result record.Value = !decides
	for _, term := range f.Terms {
		switch term.eval(schema, row) {
		case decides:
			return decides
		case nil:
			result = nil
		}
	}
	return result
}

func compare(op string, order int) bool {
	switch op {
	case "==":
		return order == 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}
