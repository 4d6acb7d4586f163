package postgres

import (
	"strings"

	"github.com/syncline-dev/syncline/connectors"
)

// selectList is the columns in their wire form, and the token if wanted.
func selectList(columns []*column, alias string, token bool) string {
	parts := make([]string, 0, len(columns)+1)
	for _, c := range columns {
		parts = append(parts, c.readSQL(alias))
	}
	if token {
		parts = append(parts, alias+".xmin")
	}
	return strings.Join(parts, ", ")
}

// condition writes a partition's bounds as a where clause.
func (t *table) condition(s spec) (string, error) {
	var terms []string
	if s.Above != nil {
		unseen, err := t.newer(s.Above)
		if err != nil {
			return "", err
		}
		terms = append(terms, unseen...)
	}
	between, err := t.between(s)
	if err != nil {
		return "", err
	}
	if between != "" {
		terms = append(terms, between)
	}
	if s.Where != "" {
		terms = append(terms, "("+s.Where+")")
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " where " + strings.Join(terms, " and "), nil
}

// between writes the range of a partition; "" for no bounds.
func (t *table) between(s spec) (string, error) {
	by, err := t.pick(append([]string{}, s.By...))
	if err != nil {
		return "", err
	}
	var bounds []string
	for _, b := range []struct {
		op     string
		values []string
	}{{" > ", s.After}, {" <= ", s.Upto}} {
		if b.values == nil {
			continue
		}
		if len(b.values) != len(by) {
			return "", connectors.Errorf(connectors.Permanent, "malformed partition")
		}
		bounds = append(bounds, rowOf(by, func(c *column, _ int) string { return "t." + quote(c.field.Name) })+
			b.op+rowOf(by, func(c *column, i int) string { return literal(b.values[i]) + "::" + c.typeName }))
	}
	if len(bounds) == 0 {
		return "", nil
	}
	terms := []string{strings.Join(bounds, " and ")}
	for _, c := range by {
		if s.Nulls && c.field.Nullable {
			terms = append(terms, "t."+quote(c.field.Name)+" is null")
		}
	}
	return "(" + strings.Join(terms, " or ") + ")", nil
}

// newer writes what is new since a position.
func (t *table) newer(a *above) ([]string, error) {
	columns, err := t.pick([]string{a.Column})
	if err != nil {
		return nil, err
	}
	name, as := "t."+quote(a.Column), "::"+columns[0].typeName
	var terms []string
	if a.Low != "" {
		terms = append(terms, name+" >= "+literal(a.Low)+as)
	}
	if a.Xmin == "" || !t.token {
		return terms, nil
	}
	written := "age(t.xmin) <= age(" + literal(a.Xmin) + "::xid)"
	if a.Cursor != "" {
		written = "(" + name + " > " + literal(a.Cursor) + as + " or " + written + ")"
	}
	return append(terms, written), nil
}

// rowOf writes (a, b, c).
func rowOf(columns []*column, each func(c *column, i int) string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = each(c, i)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, ", ") + ")"
}
