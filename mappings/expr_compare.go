package mappings

import (
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// comparison compares two operands by meaning; all but != give NULL where an
// operand is NULL.
type comparison func(a, b any) (any, error)

func comparisonOf(operator string) comparison {
	switch operator {
	case "!=":
		return func(a, b any) (any, error) { return !same(a, b), nil }
	case "==":
		return func(a, b any) (any, error) {
			if nothing(a) || nothing(b) {
				return void(a, b), nil
			}
			return same(a, b), nil
		}
	case "<":
		return ordered(func(c int) bool { return c < 0 })
	case "<=":
		return ordered(func(c int) bool { return c <= 0 })
	case ">":
		return ordered(func(c int) bool { return c > 0 })
	default:
		return ordered(func(c int) bool { return c >= 0 })
	}
}

func ordered(holds func(int) bool) comparison {
	return func(a, b any) (any, error) {
		if nothing(a) || nothing(b) {
			return void(a, b), nil
		}
		c, err := order(a, b)
		return err == nil && holds(c), err
	}
}

// void is the result of operands of which one is NULL or absent.
func void(a, b any) any {
	if record.IsMissing(a) || record.IsMissing(b) {
		return record.Missing
	}
	return nil
}

func (c comparison) function() function {
	return func(args ...any) (any, error) { return c(args[0], args[1]) }
}

// withLiteral is a comparison whose right side is known.
func withLiteral(operator string, c comparison, lit record.Value) function {
	text, isText := lit.(string)
	if !isText || operator != "==" && operator != "!=" {
		return func(args ...any) (any, error) { return c(args[0], lit) }
	}
	equal := operator == "=="
	return func(args ...any) (any, error) {
		if s, is := args[0].(string); is {
			return (s == text || record.Equal(s, text)) == equal, nil
		}
		return c(args[0], lit)
	}
}

// same reports whether two values mean the same; NULL and absent are the same
// nothing here.
func same(a, b any) bool {
	if nothing(a) || nothing(b) {
		return nothing(a) && nothing(b)
	}
	if c, ok := compareSmall(a, b); ok {
		return c == 0
	}
	a, b = leaf(a), leaf(b)
	if record.Equal(a, b) {
		return true
	}
	if record.KindOf(a) == record.KindOf(b) {
		return false
	}
	x, y, ok := meet(a, b)
	return ok && record.Compare(x, y) == 0
}

// order compares two values that have an order together.
func order(a, b any) (int, error) {
	if c, ok := compareSmall(a, b); ok {
		return c, nil
	}
	a, b = leaf(open(a)), leaf(open(b))
	x, y, ok := meet(a, b)
	if !ok || record.KindOf(x) == record.KindJSON {
		return 0, faultf("%s and %s have no order", kindName(a), kindName(b))
	}
	return record.Compare(x, y), nil
}

// meet brings two values of different kinds to one: a text is read as what it
// stands beside, a date is its midnight.
func meet(a, b any) (x, y any, ok bool) {
	ka, kb := record.KindOf(a), record.KindOf(b)
	switch {
	case ka == kb || isNumber(ka) && isNumber(kb):
		return a, b, true
	case ka == record.KindString && kb != record.KindString:
		y, x, ok = meet(b, a)
		return x, y, ok
	case kb == record.KindString:
		t := record.Type{Kind: ka}
		if ka == record.KindInt {
			t.Kind = record.KindDecimal
		}
		if ka == record.KindDate {
			v, err := record.ParseTimestamp(strings.TrimSpace(b.(string)))
			if err != nil {
				return a, b, false
			}
			return meet(a, v)
		}
		v, err := record.Parse(t, b.(string))
		return a, v, err == nil && v != nil
	case ka == record.KindDate && kb == record.KindTimestamp, kb == record.KindDate && ka == record.KindTimestamp:
		t := record.Type{Kind: record.KindTimestamp}
		x, errX := record.Convert(t, a)
		y, errY := record.Convert(t, b)
		return x, y, errX == nil && errY == nil
	case ka == record.KindJSON || kb == record.KindJSON:
		x, errX := record.Convert(record.Type{Kind: record.KindJSON}, a)
		y, errY := record.Convert(record.Type{Kind: record.KindJSON}, b)
		return x, y, errX == nil && errY == nil
	default:
		return a, b, false
	}
}

func opIn(args ...any) (any, error) {
	switch list := args[1].(type) {
	case map[string]any:
		return hasIn(args[1], args[0])
	default:
		elems, err := elements(list)
		if err != nil || elems == nil {
			return list, err
		}
		return inList(args[0], elems)
	}
}

func inList(v any, list []any) (any, error) {
	if nothing(v) {
		return v, nil
	}
	for _, elem := range list {
		if same(v, elem) {
			return true, nil
		}
	}
	return false, nil
}
