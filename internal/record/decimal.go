package record

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Decimal is an exact number of any size as canonical text: no exponent, no
// leading or trailing zeros, no "-0"; or "NaN", "Infinity", "-Infinity".
// Equal decimals are equal strings.
type Decimal string

// maxDecimalDigits bounds what an exponent in the input may unfold to.
const maxDecimalDigits = 150_000

// ParseDecimal reads decimal text, with or without an exponent, and gives its
// canonical form. The error names the text's length, never its content.
func ParseDecimal(s string) (Decimal, error) {
	if plain, ok := trimPlain(s); ok {
		return Decimal(plain), nil
	}
	d, _, err := apd.NewFromString(s)
	if err != nil {
		return "", fmt.Errorf("not a decimal number (%d characters)", len(s))
	}
	return NewDecimal(d)
}

// NewDecimal gives the canonical form of a number computed with apd.
func NewDecimal(d *apd.Decimal) (Decimal, error) {
	switch d.Form {
	case apd.NaN, apd.NaNSignaling:
		return "NaN", nil
	case apd.Infinite:
		if d.Negative {
			return "-Infinity", nil
		}
		return "Infinity", nil
	case apd.Finite:
	}
	if d.Exponent > maxDecimalDigits || d.Exponent < -maxDecimalDigits {
		return "", fmt.Errorf("decimal exponent %d is out of range", d.Exponent)
	}
	text, _ := trimPlain(d.Text('f'))
	return Decimal(text), nil
}

// DecimalOfInt gives the canonical form of an integer.
func DecimalOfInt(i int64) Decimal { return Decimal(strconv.FormatInt(i, 10)) }

// APD gives the number for arithmetic.
func (d Decimal) APD() *apd.Decimal {
	n, _, err := apd.NewFromString(string(d))
	if err != nil {
		return &apd.Decimal{Form: apd.NaN}
	}
	return n
}

// Int gives the number as an int64, if it is one exactly.
func (d Decimal) Int() (int64, bool) {
	i, err := strconv.ParseInt(string(d), 10, 64)
	return i, err == nil
}

// Finite is false for NaN and the infinities.
func (d Decimal) Finite() bool { return d != "NaN" && d != "Infinity" && d != "-Infinity" }

// Digits counts the digits before and after the decimal point.
func (d Decimal) Digits() (integer, fraction int) {
	s := strings.TrimPrefix(string(d), "-")
	whole, frac, _ := strings.Cut(s, ".")
	if whole == "0" {
		whole = ""
	}
	return len(whole), len(frac)
}

// trimPlain canonicalises plain digits with an optional sign and point; ok is
// false for anything else, which then takes the slow way.
func trimPlain(s string) (string, bool) {
	neg := false
	digits := s
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		neg = digits[0] == '-'
		digits = digits[1:]
	}
	point, ok := plainPoint(digits)
	if !ok {
		return "", false
	}
	digits = trimZeros(digits, point)
	if digits == "0" {
		return "0", true
	}
	if !neg {
		return digits, true
	}
	if s[0] == '-' && len(digits) == len(s)-1 {
		return s, true
	}
	return "-" + digits, true
}

// plainPoint finds the decimal point of digits, or -1; ok is false for
// anything but digits with at most one point.
func plainPoint(digits string) (point int, ok bool) {
	point = -1
	for i := range len(digits) {
		switch c := digits[i]; {
		case c >= '0' && c <= '9':
		case c == '.' && point < 0:
			point = i
		default:
			return 0, false
		}
	}
	return point, digits != "" && digits != "."
}

// trimZeros takes the zeros away that mean nothing.
func trimZeros(digits string, point int) string {
	if point >= 0 {
		end := len(digits)
		for end > point+1 && digits[end-1] == '0' {
			end--
		}
		if end == point+1 {
			end = point
		}
		digits = digits[:end]
	}
	start := 0
	for start < len(digits)-1 && digits[start] == '0' && digits[start+1] != '.' {
		start++
	}
	digits = digits[start:]
	if digits == "" || digits[0] == '.' {
		digits = "0" + digits
	}
	return digits
}

// numberText is the text that equal numbers share, whatever their kind.
func numberText(v Value) (string, bool) {
	switch x := v.(type) {
	case int64:
		return strconv.FormatInt(x, 10), true
	case Decimal:
		return string(x), true
	case float64:
		return floatText(x), true
	default:
		return "", false
	}
}

func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	}
	text, _ := trimPlain(strconv.FormatFloat(f, 'f', -1, 64))
	return text
}

func compareNumbers(a, b Value) int {
	if x, is := a.(int64); is {
		if y, is := b.(int64); is {
			return cmp(x, y)
		}
	}
	x, okX := numberText(a)
	y, okY := numberText(b)
	if !okX || !okY {
		return 0
	}
	if x == "NaN" || y == "NaN" { // NaN is above all numbers, as in PostgreSQL
		if x == "NaN" {
			return 1
		}
		return -1
	}
	return Decimal(x).APD().Cmp(Decimal(y).APD())
}
