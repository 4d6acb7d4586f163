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
		return appendNumericHeader(dst, 0, 0, numericNaN, 0), nil
	case "Infinity":
		return appendNumericHeader(dst, 0, 0, numericInf, 0), nil
	case "-Infinity":
		return appendNumericHeader(dst, 0, 0, numericNegInf, 0), nil
	}
	var sign uint16
	if strings.HasPrefix(text, "-") {
		sign = numericNegative
		text = text[1:]
	}
	whole, frac := text, ""
	if i := strings.IndexByte(text, '.'); i >= 0 {
		whole, frac = text[:i], text[i+1:]
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > 131_072 || len(frac) > 16_383 {
		return dst, errors.New("more digits than numeric can hold")
	}
	wholeGroups := (len(whole) + numericBase - 1) / numericBase
	fracGroups := (len(frac) + numericBase - 1) / numericBase
	at := len(dst)
	dst = appendNumericHeader(dst, 0, 0, sign, len(frac))
	pad := wholeGroups*numericBase - len(whole)
	first, last, group := -1, -1, 0
	for g := range wholeGroups + fracGroups {
		group = 0
		for d := range numericBase {
			pos := g*numericBase + d - pad
			digit := byte('0')
			switch {
			case pos < 0:
			case pos < len(whole):
				digit = whole[pos]
			case pos-len(whole) < len(frac):
				digit = frac[pos-len(whole)]
			}
			if digit < '0' || digit > '9' {
				return dst[:at], errors.New("not a decimal number")
			}
			group = group*10 + int(digit-'0')
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
	binary.BigEndian.PutUint16(dst[at+2:], uint16(int16(wholeGroups-1-first)))
	return dst, nil
}

func appendNumericHeader(dst []byte, groups, weight int, sign uint16, scale int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(groups))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(weight)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	return binary.BigEndian.AppendUint16(dst, uint16(scale))
}
