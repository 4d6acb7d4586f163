package mappings

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/syncline-dev/syncline/internal/record"
)

// function is what every operator and every helper is for the virtual machine.
// It never keeps or changes its arguments, and its errors are faults.
type function = func(args ...any) (any, error)

func faultf(format string, args ...any) error {
	return &fault{message: fmt.Sprintf(format, args...)}
}

// nothing reports NULL and absent.
func nothing(v any) bool { return v == nil || record.IsMissing(v) }

// nullable gives NULL for an operand that is NULL, and absent for one that is
// absent: what cannot be known is not guessed.
func nullable(fn function) function {
	return func(args ...any) (any, error) {
		null := false
		for _, a := range args {
			if a == nil {
				null = true
			} else if record.IsMissing(a) {
				return record.Missing, nil
			}
		}
		if null {
			return nil, nil //nolint:nilnil // NULL is a value
		}
		return fn(args...)
	}
}

func opNothing(args ...any) (any, error) { return nothing(args[0]), nil }

func opSomething(args ...any) (any, error) { return !nothing(args[0]), nil }

// opTruth makes a condition of a value: NULL and absent are not true.
func opTruth(args ...any) (any, error) {
	if b, is := args[0].(bool); is {
		return b, nil
	}
	if nothing(args[0]) {
		return false, nil
	}
	return nil, faultf("expected true or false, got %s", kindName(args[0]))
}

func opFalse(args ...any) (any, error) {
	if b, is := args[0].(bool); is {
		return !b, nil
	}
	if nothing(args[0]) {
		return false, nil
	}
	return nil, faultf("expected true or false, got %s", kindName(args[0]))
}

func opNot(args ...any) (any, error) {
	if b, is := args[0].(bool); is {
		return !b, nil
	}
	if nothing(args[0]) {
		return args[0], nil
	}
	return nil, faultf("expected true or false, got %s", kindName(args[0]))
}

// opAnd and opOr get a left side that has not decided: NULL, or the value that
// leaves all to the right.
func opAnd(args ...any) (any, error) { return logic(args[0], args[1], false) }

func opOr(args ...any) (any, error) { return logic(args[0], args[1], true) }

func logic(left, right any, decides bool) (any, error) {
	if b, is := right.(bool); is {
		if b == decides || !nothing(left) {
			return b, nil
		}
		return left, nil
	}
	if nothing(right) {
		return right, nil
	}
	return nil, faultf("expected true or false, got %s", kindName(right))
}

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

func matcher(pattern string) (function, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return nullable(func(args ...any) (any, error) {
		s, err := text(args[0])
		return err == nil && re.MatchString(s), err
	}), nil
}

func textTestOf(operator string) function {
	test := strings.Contains
	switch operator {
	case "startsWith":
		test = strings.HasPrefix
	case "endsWith":
		test = strings.HasSuffix
	}
	return nullable(func(args ...any) (any, error) {
		if operator == "contains" {
			if _, isText := args[0].(string); !isText {
				return hasIn(args...)
			}
		}
		s, err := text(args[0])
		if err != nil {
			return nil, err
		}
		part, err := text(args[1])
		return err == nil && test(s, part), err
	})
}

// text gives the operand of something that works on text.
func text(v any) (string, error) {
	if s, is := v.(string); is {
		return s, nil
	}
	return "", faultf("expected text, got %s", kindName(v))
}

// whole gives the operand of something that counts.
func whole(v any) (int, error) {
	switch x := v.(type) {
	case int64:
		if int64(int32(x)) == x { //nolint:gosec // the conversion is the test
			return int(x), nil
		}
	case int:
		return x, nil
	case record.Decimal:
		if i, ok := x.Int(); ok {
			return whole(i)
		}
	}
	return 0, faultf("expected a small whole number, got %s", kindName(v))
}

func kindName(v any) string {
	switch v.(type) {
	case nil:
		return "NULL"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	if record.IsMissing(v) {
		return "nothing"
	}
	return kindWords(record.KindOf(v))
}

func opWhole(args ...any) (any, error) {
	if i, is := args[0].(int); is {
		return int64(i), nil
	}
	return args[0], nil
}

// opSlice cuts characters out of a text or elements out of a list; places from
// the end are negative, and places outside are the ends.
func opSlice(args ...any) (any, error) {
	if nothing(args[0]) {
		return args[0], nil
	}
	cut := func(n int) (int, int, error) {
		from, to := 0, n
		var err error
		if from, err = whole(args[1]); err == nil && args[2] != nil {
			to, err = whole(args[2])
		}
		if from < 0 {
			from += n
		}
		if to < 0 {
			to += n
		}
		from, to = min(max(from, 0), n), min(max(to, 0), n)
		return from, max(from, to), err
	}
	if s, is := args[0].(string); is {
		runes := []rune(s)
		from, to, err := cut(len(runes))
		return string(runes[from:to]), err
	}
	elems, err := elements(args[0])
	if err != nil {
		return nil, err
	}
	from, to, err := cut(len(elems))
	return elems[from:to:to], err
}

func opRange(args ...any) (any, error) {
	if nothing(args[0]) || nothing(args[1]) {
		return nil, nil //nolint:nilnil // NULL is a value
	}
	from, err := whole(args[0])
	if err != nil {
		return nil, err
	}
	to, err := whole(args[1])
	if err != nil {
		return nil, err
	}
	if to-from >= maxRange {
		return nil, faultf("a range of more than %d numbers", maxRange)
	}
	list := make([]any, 0, max(to-from+1, 0))
	for i := from; i <= to; i++ {
		list = append(list, int64(i))
	}
	return list, nil
}

// joined refuses texts that would grow without bound.
func joined(parts ...string) (any, error) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > maxText {
		return nil, faultf("makes a text of more than %d bytes", maxText)
	}
	return strings.Join(parts, ""), nil
}

func runeCount(s string) int { return utf8.RuneCountInString(s) }
