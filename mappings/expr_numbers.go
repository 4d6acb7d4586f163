package mappings

import (
	"errors"
	"math"
	"strconv"

	"github.com/cockroachdb/apd/v3"

	"github.com/syncline-dev/syncline/internal/record"
)

const (
	// quotientDigits are the significant digits of a quotient that has no end.
	quotientDigits = 34
	// maxDigits bounds the numbers that arithmetic makes.
	maxDigits = 20_000
	maxPower  = 1_000
)

var (
	errNoNumber     = &fault{message: "expected a number"}
	errDivideByZero = &fault{message: "division by zero"}
	errTooLarge     = &fault{message: "makes a number of too many digits"}
)

// arithmeticOf is an exact operator: integers and decimals combine exactly,
// and nothing is a float unless an operand is one. `+` also joins texts and
// moves dates.
func arithmeticOf(operator string) function {
	op := operator[0]
	if operator == "**" {
		op = '^'
	}
	return nullable(func(args ...any) (any, error) {
		return arithmetic(op, args[0], args[1])
	})
}

func arithmetic(op byte, a, b any) (any, error) {
	switch x := a.(type) {
	case string:
		if y, is := b.(string); is && op == '+' {
			return joined(x, y)
		}
		if op == '+' {
			return nil, faultf("+ joins text with text, got %s", kindName(b))
		}
	case record.Date:
		return moveDate(op, x, b)
	}
	x, y, floats, err := floatOperands(a, b)
	if err != nil {
		return nil, err
	}
	if floats {
		return floatArithmetic(op, x, y)
	}
	if v, ok := smallArithmetic(op, a, b); ok {
		return v, nil
	}
	return bigArithmetic(op, a, b)
}

func moveDate(op byte, day record.Date, by any) (any, error) {
	if other, is := by.(record.Date); is && op == '-' {
		return int64(day) - int64(other), nil
	}
	days, err := whole(by)
	if err != nil || (op != '+' && op != '-') {
		return nil, faultf("a date takes + or - a number of days")
	}
	if op == '-' {
		days = -days
	}
	moved := int64(day) + int64(days)
	if day == record.DateInfinity || day == record.DateNegInfinity {
		return day, nil
	}
	if moved >= int64(record.DateInfinity) || moved <= int64(record.DateNegInfinity) {
		return nil, faultf("a date out of range")
	}
	return record.Date(moved), nil
}

// floatOperands gives both operands as floats if one of them is a float.
func floatOperands(a, b any) (x, y float64, floats bool, err error) {
	fa, isA := a.(float64)
	fb, isB := b.(float64)
	if !isA && !isB {
		if !isNumber(record.KindOf(a)) || !isNumber(record.KindOf(b)) {
			return 0, 0, false, errNoNumber
		}
		return 0, 0, false, nil
	}
	if !isA {
		fa, err = toFloat(a)
	} else if !isB {
		fb, err = toFloat(b)
	}
	return fa, fb, true, err
}

func toFloat(v any) (float64, error) {
	switch x := v.(type) {
	case float64:
		return x, nil
	case int64:
		return float64(x), nil
	case record.Decimal:
		f, err := strconv.ParseFloat(string(x), 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, errNoNumber
		}
		return f, nil
	default:
		return 0, errNoNumber
	}
}

func floatArithmetic(op byte, x, y float64) (any, error) {
	switch op {
	case '+':
		x += y
	case '-':
		x -= y
	case '*':
		x *= y
	case '/':
		if y == 0 {
			return nil, errDivideByZero
		}
		x /= y
	case '%':
		if y == 0 {
			return nil, errDivideByZero
		}
		x = math.Mod(x, y)
	default:
		x = math.Pow(x, y)
	}
	return record.Float(x), nil
}

// bigArithmetic answers everything else, exactly; only a quotient without an
// end is rounded, half away from zero.
func bigArithmetic(op byte, a, b any) (any, error) {
	x, y := bigOf(a), bigOf(b)
	if x == nil || y == nil {
		return nil, errNoNumber
	}
	ctx := apd.Context{MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfUp}
	var err error
	z := new(apd.Decimal)
	switch op {
	case '+':
		_, err = ctx.Add(z, x, y)
	case '-':
		_, err = ctx.Sub(z, x, y)
	case '*':
		_, err = ctx.Mul(z, x, y)
	case '/', '%':
		if y.IsZero() {
			return nil, errDivideByZero
		}
		ctx.Precision = uint32(max(quotientDigits, x.NumDigits()+y.NumDigits())) //nolint:gosec // bounded by maxDigits
		if op == '/' {
			_, err = ctx.Quo(z, x, y)
		} else {
			_, err = ctx.Rem(z, x, y)
		}
	default:
		return power(x, y)
	}
	if err != nil || z.NumDigits() > maxDigits {
		return nil, errTooLarge
	}
	return exact(z)
}

func power(x, y *apd.Decimal) (any, error) {
	n, err := y.Int64()
	if err != nil || n > maxPower || n < -maxPower || x.NumDigits()*max(n, -n) > maxDigits {
		return nil, faultf("a power must be a whole number of at most %d that makes no more than %d digits", maxPower, maxDigits)
	}
	ctx := apd.Context{MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Rounding: apd.RoundHalfUp}
	z := apd.New(1, 0)
	for range max(n, -n) {
		if _, err := ctx.Mul(z, z, x); err != nil {
			return nil, errTooLarge
		}
	}
	if n < 0 {
		if z.IsZero() {
			return nil, errDivideByZero
		}
		ctx.Precision = uint32(max(quotientDigits, z.NumDigits())) //nolint:gosec // bounded above
		if _, err := ctx.Quo(z, apd.New(1, 0), z); err != nil {
			return nil, errTooLarge
		}
	}
	return exact(z)
}

func exact(z *apd.Decimal) (any, error) {
	if z.Exponent > maxDigits || z.Exponent < -maxDigits {
		return nil, errTooLarge
	}
	d, err := record.NewDecimal(z)
	if err != nil {
		return nil, errTooLarge
	}
	return d, nil
}

func bigOf(v any) *apd.Decimal {
	switch x := v.(type) {
	case int64:
		return apd.New(x, 0)
	case record.Decimal:
		return x.APD()
	default:
		return nil
	}
}

func negate(v any) (any, error) {
	switch x := v.(type) {
	case int64:
		if x != math.MinInt64 {
			return -x, nil
		}
	case float64:
		return record.Float(-x), nil
	}
	return arithmetic('-', int64(0), v)
}

var opNegate = nullable(func(args ...any) (any, error) { return negate(args[0]) }) //nolint:gochecknoglobals // a function

var opPlus = nullable(func(args ...any) (any, error) { //nolint:gochecknoglobals // a function
	if !isNumber(record.KindOf(args[0])) {
		return nil, errNoNumber
	}
	return args[0], nil
})
