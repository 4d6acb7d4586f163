package sqlite

import (
	"slices"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Translate writes a filter as SQL, where it means exactly the same: NULL tests,
// whole numbers, truths, and equality of plain texts. Texts that Unicode can
// compose in several ways, their order, and numbers that SQLite rounds are left
// to the definition's own expressions.
//
// Rows in which a column of the filter holds something else than its type says
// pass the filter: they are bad rows, which must be seen.
func (o *object) Translate(filter connectors.Comparison) (string, bool) {
	o.mu.Lock()
	t := o.cached
	o.mu.Unlock()
	if t == nil {
		return "", false
	}
	tr := translation{t: t}
	sql, ok := tr.expression(filter)
	if !ok {
		return "", false
	}
	parts := []string{"(" + sql + ") IS TRUE"}
	for _, c := range tr.used {
		parts = append(parts, misfit(&t.columns[c]))
	}
	return strings.Join(parts, " OR "), true
}

type translation struct {
	t    *table
	used []int
}

func (tr *translation) expression(c connectors.Comparison) (string, bool) {
	switch c.Op {
	case "and", "or", "not":
		terms := make([]string, len(c.Terms))
		for i, term := range c.Terms {
			sql, ok := tr.expression(term)
			if !ok {
				return "", false
			}
			terms[i] = "(" + sql + ")"
		}
		switch {
		case c.Op == "not" && len(terms) == 1:
			return "NOT " + terms[0], true
		case c.Op != "not" && len(terms) > 0:
			return strings.Join(terms, " "+strings.ToUpper(c.Op)+" "), true
		}
		return "", false
	}
	place := tr.t.schema.Index(c.Column)
	if place < 0 || len(c.Values) == 0 {
		return "", false
	}
	if !slices.Contains(tr.used, place) {
		tr.used = append(tr.used, place)
	}
	return compare(&tr.t.columns[place], c.Op, c.Values)
}

// compare writes a column against literals. != tells NULL from a value.
func compare(c *column, op string, values []record.Value) (string, bool) {
	name := quote(c.Name)
	if len(values) == 1 && values[0] == nil {
		switch op {
		case "==":
			return name + " IS NULL", true
		case "!=":
			return name + " IS NOT NULL", true
		}
		return "", false
	}
	literals := make([]string, len(values))
	for i, v := range values {
		var ok bool
		if literals[i], ok = literal(c, v); !ok {
			return "", false
		}
	}
	if c.Type.Kind == record.KindString {
		name += " COLLATE BINARY"
	}
	switch op {
	case "in":
		return name + " IN (" + strings.Join(literals, ", ") + ")", true
	case "==":
		return name + " = " + literals[0], len(values) == 1
	case "!=":
		return name + " IS NOT " + literals[0], len(values) == 1
	case "<", "<=", ">", ">=":
		return name + " " + op + " " + literals[0], len(values) == 1 && c.Type.Kind == record.KindInt
	default:
		return "", false
	}
}

func literal(c *column, v record.Value) (string, bool) {
	switch x := v.(type) {
	case int64:
		return strconv.FormatInt(x, 10), c.Type.Kind == record.KindInt
	case bool:
		if x {
			return "1", c.Type.Kind == record.KindBool
		}
		return "0", c.Type.Kind == record.KindBool
	case string:
		return "'" + strings.ReplaceAll(x, "'", "''") + "'", c.Type.Kind == record.KindString && plainText(x)
	default:
		return "", false
	}
}

// plainText tells the texts that no other text equals under NFC: ASCII, but for
// the characters that some other one is composed to (the Kelvin sign, the Greek
// question mark and the Greek varia).
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == 'K' || s[i] == ';' || s[i] == '`' {
			return false
		}
	}
	return true
}

// misfit tells the cells that do not fit their column.
func misfit(c *column) string {
	name := quote(c.Name)
	switch c.Type.Kind {
	case record.KindInt:
		return "typeof(" + name + ") NOT IN ('integer', 'null')"
	case record.KindBool:
		return "typeof(" + name + ") NOT IN ('integer', 'null') OR " + name + " NOT IN (0, 1)"
	case record.KindString:
		return "typeof(" + name + ") NOT IN ('text', 'null')"
	default:
		return "FALSE" // only tested for NULL
	}
}
