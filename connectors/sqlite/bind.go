package sqlite

import (
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// binder binds one column's value of a row to a parameter.
type binder func(s *bare.Stmt, param, row int) error

// bindFor binds straight from Arrow where the column takes the value as it is;
// everything else goes through the codec. Missing values are NULL: an upsert of
// a whole row has nothing to leave alone.
func bindFor(c *column, batch *record.Batch, col int) binder {
	slow := func(s *bare.Stmt, param, row int) error {
		raw, err := c.codec.raw(batch.Value(row, col))
		if err != nil {
			return err
		}
		return s.Bind(param, raw)
	}
	from, to := batch.Schema.Fields[col].Type.Kind, c.codec.kind
	if from != to {
		return slow
	}
	arr := batch.Arrow().Column(col)
	switch arr := arr.(type) {
	case *array.String:
		if to == record.KindString {
			return orNull(arr, bindText(arr))
		}
		if to == record.KindDecimal {
			return orNull(arr, bindDecimal(c, arr, slow))
		}
	case *array.Int64:
		return orNull(arr, func(s *bare.Stmt, param, row int) error { return s.BindInt(param, arr.Value(row)) })
	case *array.Float64:
		return orNull(arr, func(s *bare.Stmt, param, row int) error {
			if math.IsNaN(arr.Value(row)) {
				return slow(s, param, row)
			}
			return s.BindFloat(param, arr.Value(row))
		})
	case *array.Boolean:
		if c.codec.formats.True == "" {
			return orNull(arr, func(s *bare.Stmt, param, row int) error { return s.Bind(param, arr.Value(row)) })
		}
	case *array.Timestamp:
		if c.codec.formats.Timestamp == "" && c.codec.unit == 0 {
			return orNull(arr, bindTimestamp(c, arr, slow))
		}
	}
	return slow
}

func orNull(arr arrow.Array, bind binder) binder {
	return func(s *bare.Stmt, param, row int) error {
		if arr.IsNull(row) {
			return s.BindNull(param)
		}
		return bind(s, param, row)
	}
}

func bindText(arr *array.String) binder {
	return func(s *bare.Stmt, param, row int) error {
		v := arr.Value(row)
		if !utf8.ValidString(v) {
			return errors.New("not valid UTF-8")
		}
		return s.BindText(param, v)
	}
}

// exactDigits is how many digits of a decimal a float always keeps.
const exactDigits = 15

// bindDecimal takes the short way for numbers that are certain to be kept.
func bindDecimal(c *column, arr *array.String, slow binder) binder {
	return func(s *bare.Stmt, param, row int) error {
		text := record.Decimal(arr.Value(row))
		whole, frac := text.Digits()
		if whole+frac > exactDigits || !text.Finite() ||
			(c.Type.Precision > 0 && (whole > c.Type.Precision-c.Type.Scale || frac > c.Type.Scale)) {
			return slow(s, param, row)
		}
		if frac == 0 {
			i, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil {
				return slow(s, param, row)
			}
			return s.BindInt(param, i)
		}
		f, err := strconv.ParseFloat(string(text), 64)
		if err != nil {
			return slow(s, param, row)
		}
		return s.BindFloat(param, f)
	}
}

// bindTimestamp writes the instants of years with four digits.
func bindTimestamp(c *column, arr *array.Timestamp, slow binder) binder {
	const first, last = -62_167_219_200_000_000, 253_402_300_799_999_999 // of the years 0 and 9999
	var buf []byte
	return func(s *bare.Stmt, param, row int) error {
		at := record.Timestamp(arr.Value(row))
		if at < first || at > last {
			return slow(s, param, row)
		}
		buf = appendISO(buf[:0], at, c.codec.style)
		return s.BindTextBytes(param, buf)
	}
}

// appendISO writes what rawMoment does, without the detour over time.Time's
// layouts.
func appendISO(dst []byte, at record.Timestamp, st style) []byte {
	year, month, day := at.Time().Date()
	micros := int64(at) % 86_400_000_000
	if micros < 0 {
		micros += 86_400_000_000
	}
	dst = appendDigits(dst, int64(year), 4)
	dst = appendDigits(append(dst, '-'), int64(month), 2)
	dst = appendDigits(append(dst, '-'), int64(day), 2)
	sep := byte(' ')
	if st.timeT {
		sep = 'T'
	}
	seconds := micros / 1_000_000
	dst = appendDigits(append(dst, sep), seconds/3_600, 2)
	dst = appendDigits(append(dst, ':'), seconds/60%60, 2)
	dst = appendDigits(append(dst, ':'), seconds%60, 2)
	if frac := micros % 1_000_000; frac != 0 {
		dst = appendDigits(append(dst, '.'), frac, 6)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	if st.timeZ {
		dst = append(dst, 'Z')
	}
	return dst
}

func appendDigits(dst []byte, n int64, width int) []byte {
	at := len(dst)
	for range width {
		dst = append(dst, '0')
	}
	for i := at + width - 1; i >= at; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}
