package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/syncline-dev/syncline/internal/record"
)

// copies tells whether binary COPY takes the column's values as they are.
func (c *column) copies() bool {
	switch c.form.wire {
	case wireInterval, wireNested:
		return false
	case wireText, wireList:
		return (!c.form.cast || c.form.base == oidBPChar) && c.form.elem != wireInterval
	case wireTimestamp:
		return c.zone == ""
	default:
		return true
	}
}

// encoder gives the fast encoder of a column whose Arrow type is the column's
// own, or one that converts each value.
func (c *column) encoder(b *record.Batch, i int, stage bool) encodeFunc {
	arr := b.Arrow().Column(i)
	slow := func(dst []byte, row int) ([]byte, error) {
		v, err := c.convert(b.Value(row, i))
		if err != nil {
			return dst, err
		}
		if stage {
			return c.appendStaged(dst, v)
		}
		return c.appendOwn(dst, v)
	}
	from := b.Schema.Fields[i].Type
	if from.Kind != c.field.Type.Kind || stage && c.stage() == textStage && c.form.wire != wireText {
		return slow
	}
	fast := c.fastEncoder(arr, from)
	if fast == nil {
		return slow
	}
	if arr.NullN() == 0 {
		return fast
	}
	return func(dst []byte, row int) ([]byte, error) {
		if arr.IsNull(row) {
			return append(dst, 0xff, 0xff, 0xff, 0xff), nil
		}
		return fast(dst, row)
	}
}

// fastEncoder encodes values that are not NULL without making any Go value;
// nil if there is no such way.
func (c *column) fastEncoder(arr arrow.Array, from record.Type) encodeFunc {
	w := c.form.wire
	switch a := arr.(type) {
	case *array.Int64:
		return encodeInts(a.Int64Values(), w)
	case *array.Float64:
		if w != wireFloat8 {
			return nil
		}
		return func(dst []byte, row int) ([]byte, error) {
			at := len(dst)
			dst, err := appendBinary(append(dst, 0, 0, 0, 0), w, a.Value(row))
			return sealed(dst, at), err
		}
	case *array.Boolean:
		return func(dst []byte, row int) ([]byte, error) {
			if a.Value(row) {
				return append(dst, 0, 0, 0, 1, 1), nil
			}
			return append(dst, 0, 0, 0, 1, 0), nil
		}
	case *array.Timestamp:
		return func(dst []byte, row int) ([]byte, error) {
			return appendTimestamp(append(dst, 0, 0, 0, 8), int64(a.Value(row)))
		}
	case *array.Date32:
		return func(dst []byte, row int) ([]byte, error) {
			return appendDate(append(dst, 0, 0, 0, 4), int32(a.Value(row))), nil
		}
	case *array.Time64:
		return func(dst []byte, row int) ([]byte, error) {
			return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(a.Value(row))), nil
		}
	case *array.FixedSizeBinary:
		return func(dst []byte, row int) ([]byte, error) {
			return append(append(dst, 0, 0, 0, 16), a.Value(row)...), nil
		}
	case *array.Binary:
		return func(dst []byte, row int) ([]byte, error) {
			v := a.Value(row)
			return append(binary.BigEndian.AppendUint32(dst, uint32(len(v))), v...), nil
		}
	case *array.String:
		return c.encodeStrings(a, from)
	default:
		return nil
	}
}

func encodeInts(values []int64, w wire) encodeFunc {
	switch w {
	case wireInt2, wireInt4:
		width := byte(4)
		if w == wireInt2 {
			width = 2
		}
		return func(dst []byte, row int) ([]byte, error) {
			return appendIntBinary(append(dst, 0, 0, 0, width), w, values[row])
		}
	default:
		return func(dst []byte, row int) ([]byte, error) {
			return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(values[row])), nil
		}
	}
}

func (c *column) encodeStrings(a *array.String, from record.Type) encodeFunc {
	switch c.form.wire {
	case wireNumeric:
		return c.encodeDecimals(a, from)
	case wireText, wireJSON, wireJSONB:
		return c.encodeTexts(a)
	default:
		return nil
	}
}

func (c *column) encodeDecimals(a *array.String, from record.Type) encodeFunc {
	to := c.field.Type
	// What fits there fits here.
	fits := from.Precision > 0 && from.Scale <= to.Scale && from.Precision-from.Scale <= to.Precision-to.Scale
	bounded := to.Precision > 0 && !fits
	return func(dst []byte, row int) ([]byte, error) {
		text := a.Value(row)
		if bounded && text != "NaN" {
			d := record.Decimal(text)
			whole, frac := d.Digits()
			if !d.Finite() || whole > to.Precision-to.Scale || frac > to.Scale {
				return dst, errWide
			}
		}
		at := len(dst)
		dst, err := appendNumeric(append(dst, 0, 0, 0, 0), text)
		return sealed(dst, at), err
	}
}

func (c *column) encodeTexts(a *array.String) encodeFunc {
	length := c.field.Type.Length
	version := c.form.wire == wireJSONB
	clean := cleanText(a)
	return func(dst []byte, row int) ([]byte, error) {
		text := a.Value(row)
		if !clean || len(text) > 0 && !utf8.RuneStart(text[0]) {
			if err := storable(text); err != nil {
				return dst, err
			}
		}
		if length > 0 && len(text) > length && utf8.RuneCountInString(text) > length {
			return dst, errLong
		}
		if version {
			dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(text)+1)), 1)
		} else {
			dst = binary.BigEndian.AppendUint32(dst, uint32(len(text)))
		}
		return append(dst, text...), nil
	}
}

var (
	errLong = errors.New("longer than its column")
	errWide = errors.New("more digits than its column has")
)

// cleanText checks all values at once: with no U+0000 and valid UTF-8 as a
// whole, a value that begins with a character is valid itself.
func cleanText(a *array.String) bool {
	all := a.ValueBytes()
	return bytes.IndexByte(all, 0) < 0 && utf8.Valid(all)
}

// appendOwn appends the length and the column's own binary form.
func (c *column) appendOwn(dst []byte, v record.Value) ([]byte, error) {
	if v == nil || record.IsMissing(v) {
		return append(dst, 0xff, 0xff, 0xff, 0xff), nil
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	list, is := v.(record.List)
	if !is {
		dst, err := appendBinary(dst, c.form.wire, v)
		return sealed(dst, at), err
	}
	dst = appendArrayHeader(dst, c.form.elemOID, len(list))
	for _, elem := range list {
		if elem == nil {
			dst = append(dst, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		start := len(dst)
		var err error
		if dst, err = appendBinary(append(dst, 0, 0, 0, 0), c.form.elem, elem); err != nil {
			return dst, err
		}
		sealed(dst, start)
	}
	return sealed(dst, at), nil
}
