package postgres

import (
	"encoding/binary"
	"errors"
	"strings"
)

// The binary form of numeric: counts and sign, then groups of four digits.
const (
	numericHeader   = 8
	numericBase     = 4 // decimal digits in a group
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericInf      = 0xD000
	numericNegInf   = 0xF000
)

var errShort = errors.New("value is cut short")

// appendNumericText appends a numeric's canonical decimal text to dst.
func appendNumericText(dst, raw []byte) ([]byte, error) {
	if len(raw) < numericHeader {
		return dst, errShort
	}
	groups := int(binary.BigEndian.Uint16(raw))
	weight := int(int16(binary.BigEndian.Uint16(raw[2:])))
	sign := binary.BigEndian.Uint16(raw[4:])
	switch sign {
	case numericNaN:
		return append(dst, "NaN"...), nil
	case numericInf:
		return append(dst, "Infinity"...), nil
	case numericNegInf:
		return append(dst, "-Infinity"...), nil
	}
	digits := raw[numericHeader:]
	if len(digits) < 2*groups {
		return dst, errShort
	}
	if groups == 0 {
		return append(dst, '0'), nil
	}
	if sign == numericNegative {
		dst = append(dst, '-')
	}
	start := len(dst)
	for i := range max(weight+1, 0) {
		group := 0
		if i < groups {
			group = int(binary.BigEndian.Uint16(digits[2*i:]))
		}
		dst = appendGroup(dst, group, len(dst) == start)
	}
	if len(dst) == start {
		dst = append(dst, '0')
	}
	if weight+1 >= groups {
		return dst, nil
	}
	return appendFraction(dst, digits, groups, weight), nil
}

func appendFraction(dst, digits []byte, groups, weight int) []byte {
	point := len(dst)
	dst = append(dst, '.')
	for range -weight - 1 {
		dst = append(dst, "0000"...)
	}
	for i := max(weight+1, 0); i < groups; i++ {
		dst = appendGroup(dst, int(binary.BigEndian.Uint16(digits[2*i:])), false)
	}
	end := len(dst)
	for end > point+1 && dst[end-1] == '0' {
		end--
	}
	if end == point+1 {
		end = point
	}
	return dst[:end]
}

func appendGroup(dst []byte, group int, first bool) []byte {
	if !first {
		return append(dst, byte('0'+group/1000), byte('0'+group/100%10), byte('0'+group/10%10), byte('0'+group%10))
	}
	switch {
	case group >= 1000:
		return append(dst, byte('0'+group/1000), byte('0'+group/100%10), byte('0'+group/10%10), byte('0'+group%10))
	case group >= 100:
		return append(dst, byte('0'+group/100), byte('0'+group/10%10), byte('0'+group%10))
	case group >= 10:
		return append(dst, byte('0'+group/10), byte('0'+group%10))
	case group > 0:
		return append(dst, byte('0'+group))
	default:
		return dst
	}
}

// appendNumeric appends the binary form of canonical decimal text to dst.
func appendNumeric(dst []byte, text string) ([]byte, error) {
	switch text {
	case "NaN":
		return appendNumericHeader(dst, numericNaN, 0), nil
	case "Infinity":
		return appendNumericHeader(dst, numericInf, 0), nil
	case "-Infinity":
		return appendNumericHeader(dst, numericNegInf, 0), nil
	}
	var sign uint16
	if strings.HasPrefix(text, "-") {
		sign = numericNegative
		text = text[1:]
	}
	d := digits{whole: text}
	if i := strings.IndexByte(text, '.'); i >= 0 {
		d.whole, d.frac = text[:i], text[i+1:]
	}
	d.whole = strings.TrimLeft(d.whole, "0")
	if len(d.whole) > 131_072 || len(d.frac) > 16_383 {
		return dst, errors.New("more digits than numeric can hold")
	}
	whole := (len(d.whole) + numericBase - 1) / numericBase
	d.pad = whole*numericBase - len(d.whole)
	at := len(dst)
	dst = appendNumericHeader(dst, sign, len(d.frac))
	first, last := -1, -1
	for g := range whole + (len(d.frac)+numericBase-1)/numericBase {
		group := d.group(g)
		if group < 0 {
			return dst[:at], errors.New("not a decimal number")
		}
		if group != 0 {
			last = g
			if first < 0 {
				first = g
			}
		}
		if first >= 0 {
			dst = binary.BigEndian.AppendUint16(dst, uint16(group))
		}
	}
	if first < 0 {
		binary.BigEndian.PutUint16(dst[at+4:], 0) // zero has no sign
		return dst, nil
	}
	count := last - first + 1
	dst = dst[:at+numericHeader+2*count]
	binary.BigEndian.PutUint16(dst[at:], uint16(count))
	binary.BigEndian.PutUint16(dst[at+2:], uint16(int16(whole-1-first)))
	return dst, nil
}

// digits are those of a number, with pad zeros before the first.
type digits struct {
	whole, frac string
	pad         int
}

// group gives four digits as a number; -1 if one is none.
func (d *digits) group(g int) int {
	group := 0
	for pos := g*numericBase - d.pad; pos < (g+1)*numericBase-d.pad; pos++ {
		digit := byte('0')
		switch {
		case pos < 0:
		case pos < len(d.whole):
			digit = d.whole[pos]
		case pos-len(d.whole) < len(d.frac):
			digit = d.frac[pos-len(d.whole)]
		}
		if digit < '0' || digit > '9' {
			return -1
		}
		group = group*10 + int(digit-'0')
	}
	return group
}

// appendNumericHeader begins a number without groups, which is also the form of
// what is no number.
func appendNumericHeader(dst []byte, sign uint16, scale int) []byte {
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, sign)
	return binary.BigEndian.AppendUint16(dst, uint16(scale))
}
