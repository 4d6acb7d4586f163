package mappings

import (
	"cmp"
	"errors"
	"math"
	"math/bits"
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

// A small number is a mantissa with a few digits after the point: nearly all
// numbers, and nothing is allocated for them but the result.
type small struct {
	mant  int64
	scale int
}

var tens = func() (t [19]int64) { //nolint:gochecknoglobals // a constant table
	t[0] = 1
	for i := 1; i < len(t); i++ {
		t[i] = t[i-1] * 10
	}
	return t
}()

func smallOf(v any) (small, bool) {
	switch x := v.(type) {
	case int64:
		return small{mant: x}, true
	case record.Decimal:
		return parseSmall(string(x))
	default:
		return small{}, false
	}
}

func parseSmall(s string) (small, bool) {
	n, digits := small{}, 0
	neg := len(s) > 0 && s[0] == '-'
	point := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '-' && i == 0:
		case c == '.' && !point:
			point = true
		case c >= '0' && c <= '9' && digits < 18:
			n.mant = n.mant*10 + int64(c-'0')
			digits++
			if point {
				n.scale++
			}
		default:
			return small{}, false
		}
	}
	if neg {
		n.mant = -n.mant
	}
	return n, digits > 0
}

// decimal gives the canonical text of a small number.
func (n small) decimal() record.Decimal {
	for n.scale > 0 && n.mant%10 == 0 {
		n.mant /= 10
		n.scale--
	}
	var buf [48]byte
	out := buf[:0]
	if n.scale == 0 {
		return record.Decimal(strconv.AppendInt(out, n.mant, 10))
	}
	u := uint64(n.mant)
	if n.mant < 0 {
		out = append(out, '-')
		u = -u
	}
	var digits [20]byte
	d := strconv.AppendUint(digits[:0], u, 10)
	if len(d) <= n.scale {
		out = append(out, '0', '.')
		for range n.scale - len(d) {
			out = append(out, '0')
		}
		return record.Decimal(append(out, d...))
	}
	out = append(out, d[:len(d)-n.scale]...)
	out = append(out, '.')
	return record.Decimal(append(out, d[len(d)-n.scale:]...))
}

// smallArithmetic answers what fits into 64 bits; ok is false for the rest.
func smallArithmetic(op byte, a, b any) (any, bool) {
	x, okX := smallOf(a)
	y, okY := smallOf(b)
	if !okX || !okY {
		return nil, false
	}
	_, intA := a.(int64)
	_, intB := b.(int64)
	var n small
	ok := false
	switch op {
	case '+', '-':
		n, ok = addSmall(x, y, op == '-')
	case '*':
		if n.mant, ok = mulInt(x.mant, y.mant); ok {
			n.scale = x.scale + y.scale
		}
	case '/':
		n, ok = divSmall(x, y)
		return n.decimal(), ok
	case '%':
		if x, y, ok = align(x, y); ok && y.mant != 0 && y.mant != -1 {
			n = small{mant: x.mant % y.mant, scale: x.scale}
		} else {
			return nil, false
		}
	}
	if !ok {
		return nil, false
	}
	if intA && intB {
		return n.mant, true
	}
	return n.decimal(), true
}

func align(x, y small) (small, small, bool) {
	if x.scale == y.scale {
		return x, y, true
	}
	ok := false
	if x.scale < y.scale {
		x, ok = x.widen(y.scale)
	} else {
		y, ok = y.widen(x.scale)
	}
	return x, y, ok
}

func (n small) widen(scale int) (small, bool) {
	if scale-n.scale >= len(tens) {
		return n, false
	}
	mant, ok := mulInt(n.mant, tens[scale-n.scale])
	return small{mant: mant, scale: scale}, ok
}

// compareSmall orders two numbers that fit into 64 bits.
func compareSmall(a, b any) (int, bool) {
	x, ok := smallOf(a)
	if !ok {
		return 0, false
	}
	y, ok := smallOf(b)
	if !ok {
		return 0, false
	}
	if x, y, ok = align(x, y); !ok {
		return 0, false
	}
	return cmp.Compare(x.mant, y.mant), true
}

func addSmall(x, y small, minus bool) (small, bool) {
	x, y, ok := align(x, y)
	if !ok || y.mant == math.MinInt64 {
		return small{}, false
	}
	if minus {
		y.mant = -y.mant
	}
	sum := x.mant + y.mant
	if (sum > x.mant) != (y.mant > 0) && y.mant != 0 {
		return small{}, false
	}
	return small{mant: sum, scale: x.scale}, true
}

func mulInt(a, b int64) (int64, bool) {
	if a == math.MinInt64 || b == math.MinInt64 {
		return 0, false
	}
	neg := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(abs64(a), abs64(b))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, false
	}
	if neg {
		return -int64(lo), true //nolint:gosec // lo was compared with the bound
	}
	return int64(lo), true //nolint:gosec // lo was compared with the bound
}

func abs64(a int64) uint64 {
	if a < 0 {
		return uint64(-a)
	}
	return uint64(a)
}

// divSmall divides where the quotient ends within 64 bits.
func divSmall(x, y small) (small, bool) {
	if y.mant == 0 || x.mant == math.MinInt64 || y.mant == math.MinInt64 {
		return small{}, false
	}
	n := small{mant: x.mant, scale: x.scale - y.scale}
	for n.mant%y.mant != 0 || n.scale < 0 {
		mant, ok := mulInt(n.mant, 10)
		if !ok {
			return small{}, false
		}
		n.mant = mant
		n.scale++
	}
	n.mant /= y.mant
	return n, n.scale < 30
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
