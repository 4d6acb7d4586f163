package mappings

import (
	"cmp"
	"math"
	"math/bits"
	"strconv"

	"github.com/syncline-dev/syncline/internal/record"
)

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
