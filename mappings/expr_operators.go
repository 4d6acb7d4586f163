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
