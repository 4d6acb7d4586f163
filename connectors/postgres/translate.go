package postgres

import (
	"math"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

var _ connectors.Translator = (*object)(nil)

// Translate writes a filter as a condition over the table's alias t, where SQL
// means exactly the same: != tells NULL from a value, every other operator with
// a NULL gives NULL. Orders of texts and of floats are left to the caller,
// which has neither collations nor NaN above all numbers.
func (o *object) Translate(filter connectors.Comparison) (where string, ok bool) {
	return o.current().translate(filter)
}

func (t *table) translate(f connectors.Comparison) (string, bool) {
	switch f.Op {
	case "and", "or", "not":
		return t.connect(f)
	}
	c := t.byName[f.Column]
	if c == nil || len(f.Values) == 0 {
		return "", false
	}
	if f.Op != "in" && len(f.Values) != 1 {
		return "", false
	}
	if f.Values[0] == nil && f.Op != "in" {
		switch f.Op {
		case "==":
			return "t." + quote(f.Column) + " is null", true
		case "!=":
			return "t." + quote(f.Column) + " is not null", true
		default:
			return "", false
		}
	}
	operand := c.operandSQL()
	literals := make([]string, len(f.Values))
	for i, v := range f.Values {
		text, ok := c.literalSQL(v, f.Op)
		if !ok {
			return "", false
		}
		literals[i] = text
	}
	switch f.Op {
	case "==":
		return operand + " = " + literals[0], true
	case "!=":
		return operand + " is distinct from " + literals[0], true
	case "<", "<=", ">", ">=":
		return operand + " " + f.Op + " " + literals[0], true
	case "in":
		return operand + " in (" + strings.Join(literals, ", ") + ")", true
	default:
		return "", false
	}
}

func (t *table) connect(f connectors.Comparison) (string, bool) {
	if len(f.Terms) == 0 || f.Op == "not" && len(f.Terms) != 1 {
		return "", false
	}
	terms := make([]string, len(f.Terms))
	for i, term := range f.Terms {
		text, ok := t.translate(term)
		if !ok {
			return "", false
		}
		terms[i] = "(" + text + ")"
	}
	if f.Op == "not" {
		return "not " + terms[0], true
	}
	return strings.Join(terms, " "+f.Op+" "), true
}

// operandSQL is the column as it is read, compared byte by byte if it is text.
func (c *column) operandSQL() string {
	sql := c.readSQL("t")
	if c.form.wire == wireInterval || c.form.wire == wireText && (c.folds || !c.form.assigns) {
		sql = "(" + sql + ")::text collate \"C\""
	}
	return sql
}

// literalSQL writes a value that compares with the column as it does here.
func (c *column) literalSQL(v record.Value, op string) (string, bool) {
	ordered := op != "==" && op != "!=" && op != "in"
	switch x := v.(type) {
	case string:
		return literal(x) + "::text", c.field.Type.Kind == record.KindString && !ordered && plainText(x)
	case int64, record.Decimal, float64:
		return c.numberSQL(x, ordered)
	case bool:
		return literal(record.Text(x)) + "::bool", c.form.wire == wireBool && !ordered
	case record.Timestamp:
		return literal(serverText(x)) + "::" + c.stage().name, c.form.wire == wireTimestamp || c.form.wire == wireTimestampTZ
	case record.Date:
		return literal(serverText(x)) + "::date", c.form.wire == wireDate
	case record.TimeOfDay:
		return literal(record.Text(x)) + "::time", c.form.wire == wireTime
	case record.UUID:
		return literal(record.Text(x)) + "::uuid", c.form.wire == wireUUID && !ordered
	default:
		return "", false
	}
}

func (c *column) numberSQL(v record.Value, ordered bool) (string, bool) {
	text := literal(record.Text(v))
	exact := slices.Contains([]wire{wireInt2, wireInt4, wireInt8, wireNumeric}, c.form.wire)
	switch x := v.(type) {
	case int64:
		return text + "::int8", exact
	case record.Decimal:
		return text + "::numeric", exact && x.Finite()
	case float64:
		return text + "::float8", c.form.wire == wireFloat8 && !ordered && !math.IsNaN(x) && !math.IsInf(x, 0)
	default:
		return "", false
	}
}

// plainText tells the texts that no other text equals under NFC: ASCII, but for
// the characters that some other one is composed to (the Kelvin sign, the Greek
// question mark and the Greek varia).
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] == 0 || s[i] == 'K' || s[i] == ';' || s[i] == '`' {
			return false
		}
	}
	return true
}
