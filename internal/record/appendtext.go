package record

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// AppendText gives a short way for a column of cells of text: a function that
// appends the value of a cell straight to the builder of a column, as Parse with
// every one of the types would read it, without a value in between. All types
// must be of one kind; they differ in their bounds. The function gives false,
// and has appended nothing, for a text that is not of the usual form, NULL, or
// at fault: Parse is to say what it is. It is nil where there is no short way.
func (f Formats) AppendText(to array.Builder, types ...Type) func(s string) bool {
	short := f.appendText(to, types)
	if short == nil || !f.hasNull {
		return short
	}
	return func(s string) bool { return s != f.Null && short(s) }
}

func (f Formats) appendText(to array.Builder, types []Type) func(s string) bool {
	plain := f.Group == "" && f.point() == "."
	switch b := to.(type) {
	case *array.Int64Builder:
		return appendInt(b, types)
	case *array.Float64Builder:
		if plain {
			return appendFloat(b)
		}
	case *array.BooleanBuilder:
		return f.appendBool(b)
	case *array.Date32Builder:
		return f.appendDate(b)
	case *array.TimestampBuilder:
		if f.Date == "" && f.Timestamp == "" {
			return appendStamp(b)
		}
	case *array.FixedSizeBinaryBuilder:
		return appendUUID(b)
	case *array.StringBuilder:
		switch kind := types[0].Kind; {
		case kind == KindString:
			return appendString(b, types)
		case kind == KindDecimal && plain:
			return appendDecimal(b, types)
		}
	}
	return nil
}

func appendInt(b *array.Int64Builder, types []Type) func(s string) bool {
	bits := 64
	for _, t := range types {
		if t.Precision > 0 {
			bits = min(bits, t.Precision)
		}
	}
	least, most := int64(-1)<<(bits-1), int64(1)<<(bits-1)-1
	const certain = 18 // digits that an int64 always holds
	return func(s string) bool {
		digits := s
		if s != "" && s[0] == '-' {
			digits = s[1:]
		}
		if digits == "" || len(digits) > certain {
			return false
		}
		n := int64(0)
		for i := range len(digits) {
			d := digits[i] - '0'
			if d > 9 {
				return false
			}
			n = n*10 + int64(d)
		}
		if len(digits) < len(s) {
			n = -n
		}
		if n < least || n > most {
			return false
		}
		b.Append(n)
		return true
	}
}

func appendFloat(b *array.Float64Builder) func(s string) bool {
	return func(s string) bool {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return false
		}
		b.Append(Float(v))
		return true
	}
}

func (f Formats) appendBool(b *array.BooleanBuilder) func(s string) bool {
	is := func(s string) (v, ok bool) {
		switch s {
		case "true", "t", "1", "yes", "y", "on":
			return true, true
		case "false", "f", "0", "no", "n", "off":
			return false, true
		}
		return false, false
	}
	if f.True != "" {
		is = func(s string) (v, ok bool) {
			if s == "" || strings.TrimSpace(s) != s {
				return false, false
			}
			v = strings.EqualFold(s, f.True)
			return v, v || strings.EqualFold(s, f.False)
		}
	}
	return func(s string) bool {
		v, ok := is(s)
		if ok {
			b.Append(v)
		}
		return ok
	}
}

func (f Formats) appendDate(b *array.Date32Builder) func(s string) bool {
	parse := ISODate
	if f.Date != "" {
		layout := f.dateLayout
		if layout == "" {
			layout, _ = goLayout(f.Date)
		}
		pattern, fixed := fixedDay(layout)
		if !fixed {
			return nil
		}
		parse = pattern.parse
	}
	return func(s string) bool {
		day, ok := parse(s)
		if ok {
			b.Append(arrow.Date32(day))
		}
		return ok
	}
}

func appendStamp(b *array.TimestampBuilder) func(s string) bool {
	return func(s string) bool {
		at, ok := ISOTimestamp(s)
		if ok {
			b.Append(arrow.Timestamp(at))
		}
		return ok
	}
}

func appendUUID(b *array.FixedSizeBinaryBuilder) func(s string) bool {
	var u UUID // reused
	return func(s string) bool {
		if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return false
		}
		at := 0
		for i := range u {
			if at == 8 || at == 13 || at == 18 || at == 23 {
				at++
			}
			high, low := nibble(s[at]), nibble(s[at+1])
			if high|low > 15 {
				return false
			}
			u[i] = high<<4 | low
			at += 2
		}
		b.Append(u[:])
		return true
	}
}

func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	default:
		return 0xff
	}
}

func appendString(b *array.StringBuilder, types []Type) func(s string) bool {
	most := 0
	for _, t := range types {
		if t.Length > 0 && (most == 0 || t.Length < most) {
			most = t.Length
		}
	}
	return func(s string) bool {
		if most > 0 && len(s) > most || !utf8.ValidString(s) {
			return false
		}
		b.Append(s)
		return true
	}
}

func appendDecimal(b *array.StringBuilder, types []Type) func(s string) bool {
	return func(s string) bool {
		if s == "" || s[0] == '-' && !canonicalNegative(s) {
			return false
		}
		text, ok := trimPlain(s)
		if !ok {
			return false
		}
		whole, frac := Decimal(text).Digits()
		for _, t := range types {
			if t.Precision > 0 && (whole > t.Precision-t.Scale || frac > t.Scale) {
				return false
			}
		}
		b.Append(text)
		return true
	}
}

// canonicalNegative tells numbers below zero that trimPlain gives back as they
// are; for others it would make a text of its own.
func canonicalNegative(s string) bool {
	last := s[len(s)-1]
	return len(s) > 1 && s[1] >= '1' && s[1] <= '9' && last != '.' && (last != '0' || strings.IndexByte(s, '.') < 0)
}
