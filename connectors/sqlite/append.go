package sqlite

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// appender decodes one column's cells straight into its Arrow builder. It gives
// the bytes taken beside fixed-width columns, and why a cell is bad.
type appender func(s *bare.Stmt, i int) (size int, bad string)

// appendTo gives the appender of a column: a short way for the cells that it
// is made for, and the codec for all others.
func (c *codec) appendTo(to array.Builder) appender {
	slow := func(s *bare.Stmt, i int) (int, string) { return c.appendValue(to, s, i) }
	switch b := to.(type) {
	case *array.StringBuilder:
		if c.kind == record.KindString {
			return appendText(b, slow)
		}
		if c.kind == record.KindDecimal {
			return c.appendDecimal(b, slow)
		}
	case *array.Int64Builder:
		return short(slow, func(s *bare.Stmt, i int) bool {
			if s.Class(i) != bare.Integer {
				return false
			}
			b.Append(s.Int(i))
			return true
		})
	case *array.Float64Builder:
		return short(slow, func(s *bare.Stmt, i int) bool {
			if s.Class(i) != bare.Float {
				return false
			}
			b.Append(record.Float(s.Float(i)))
			return true
		})
	case *array.BooleanBuilder:
		return short(slow, func(s *bare.Stmt, i int) bool {
			n := s.Int(i)
			if s.Class(i) != bare.Integer || n < 0 || n > 1 {
				return false
			}
			b.Append(n == 1)
			return true
		})
	case *array.TimestampBuilder:
		if c.formats.Date == "" && c.formats.Timestamp == "" {
			return short(slow, appendISOTime(b))
		}
	}
	return slow
}

// short goes the short way with the cells that it takes.
func short(slow appender, take func(s *bare.Stmt, i int) bool) appender {
	return func(s *bare.Stmt, i int) (int, string) {
		if take(s, i) {
			return 0, ""
		}
		return slow(s, i)
	}
}

func appendISOTime(b *array.TimestampBuilder) func(s *bare.Stmt, i int) bool {
	return func(s *bare.Stmt, i int) bool {
		if s.Class(i) != bare.Text {
			return false
		}
		at, ok := record.ISOTimestamp(s.TextView(i))
		if ok {
			b.Append(arrow.Timestamp(at))
		}
		return ok
	}
}

func appendText(b *array.StringBuilder, slow appender) appender {
	return func(s *bare.Stmt, i int) (int, string) {
		if s.Class(i) != bare.Text {
			return slow(s, i)
		}
		view := s.TextView(i)
		if !utf8.ValidString(view) {
			return slow(s, i)
		}
		b.Append(view)
		return len(view), ""
	}
}

// appendDecimal writes the digits of numbers that fit their column: shortest
// text has no zeros at its end, so it is canonical.
func (c *codec) appendDecimal(b *array.StringBuilder, slow appender) appender {
	var buf []byte
	return func(s *bare.Stmt, i int) (int, string) {
		switch s.Class(i) {
		case bare.Integer:
			buf = strconv.AppendInt(buf[:0], s.Int(i), 10)
		case bare.Float:
			f := s.Float(i)
			if f == 0 || math.IsInf(f, 0) {
				return slow(s, i)
			}
			buf = strconv.AppendFloat(buf[:0], f, 'f', -1, 64)
		default:
			return slow(s, i)
		}
		if c.typ.Precision > 0 {
			whole, frac := record.Decimal(buf).Digits()
			if whole > c.typ.Precision-c.typ.Scale || frac > c.typ.Scale {
				return slow(s, i)
			}
		}
		b.BinaryBuilder.Append(buf)
		return len(buf), ""
	}
}

func (c *codec) appendValue(to array.Builder, s *bare.Stmt, i int) (size int, bad string) {
	v, bad := c.value(s, i)
	if v == nil {
		to.AppendNull()
		return 0, bad
	}
	switch b := to.(type) {
	case *array.StringBuilder:
		text := record.Text(v)
		b.Append(text)
		return len(text), ""
	case *array.Int64Builder:
		b.Append(v.(int64))
	case *array.Float64Builder:
		b.Append(v.(float64))
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.(record.Timestamp)))
	case *array.Date32Builder:
		b.Append(arrow.Date32(v.(record.Date)))
	case *array.Time64Builder:
		b.Append(arrow.Time64(v.(record.TimeOfDay)))
	case *array.FixedSizeBinaryBuilder:
		u := v.(record.UUID)
		b.Append(u[:])
	case *array.BinaryBuilder:
		raw := []byte(v.(record.Bytes))
		b.Append(raw)
		return len(raw), ""
	}
	return 0, ""
}
