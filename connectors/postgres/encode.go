package postgres

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/syncline-dev/syncline/internal/record"
)

var (
	errNUL      = errors.New("contains U+0000, which PostgreSQL cannot store")
	errNotUTF8  = errors.New("not valid UTF-8")
	errInt      = errors.New("does not fit the integer column")
	errFloat    = errors.New("does not fit in a float of 32 bits")
	errMoment   = errors.New("a timestamp that PostgreSQL cannot store")
	errNotValue = errors.New("not a value of the column's kind")
)

// convert gives a value as the column can store it exactly, or says why not.
func (c *column) convert(v record.Value) (record.Value, error) {
	v, err := record.Convert(c.field.Type, v)
	if err != nil || v == nil || record.IsMissing(v) {
		return v, err
	}
	if f, is := v.(float64); is && c.form.wire == wireFloat4 {
		if narrow := float32(f); math.IsInf(float64(narrow), 0) && !math.IsInf(f, 0) {
			return nil, errFloat
		}
	}
	return v, nil
}

// appendStaged appends the length and the binary form of a converted value, as
// its stage type takes it.
func (c *column) appendStaged(dst []byte, v record.Value) ([]byte, error) {
	if v == nil || record.IsMissing(v) {
		return append(dst, 0xff, 0xff, 0xff, 0xff), nil
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	var err error
	if c.stage() == textStage {
		dst, err = c.appendStagedText(dst, v)
	} else {
		dst, err = appendBinary(dst, c.form.wire, v)
	}
	if err != nil {
		return dst[:at], err
	}
	return sealed(dst, at), nil
}

// sealed writes the length of what was appended behind at.
func sealed(dst []byte, at int) []byte {
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func (c *column) appendStagedText(dst []byte, v record.Value) ([]byte, error) {
	var text string
	var err error
	switch x := v.(type) {
	case record.List:
		text = listLiteral(x)
	case record.JSON:
		text = string(x)
		if c.form.wire == wireNested {
			text, err = nestedLiteral(text, c.form.elem == wireJSON || c.form.elem == wireJSONB)
		}
	default:
		text = serverText(v)
	}
	if err != nil {
		return dst, err
	}
	if err := storable(text); err != nil {
		return dst, err
	}
	return append(dst, text...), nil
}

func storable(text string) error {
	if strings.IndexByte(text, 0) >= 0 {
		return errNUL
	}
	if !utf8.ValidString(text) {
		return errNotUTF8
	}
	return nil
}

// appendBinary appends the binary form of a value, without its length.
func appendBinary(dst []byte, w wire, v record.Value) ([]byte, error) {
	switch x := v.(type) {
	case int64:
		return appendIntBinary(dst, w, x)
	case float64:
		if w == wireFloat4 {
			return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(x))), nil
		}
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(x)), nil
	case record.Decimal:
		return appendNumeric(dst, string(x))
	case bool:
		if x {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case record.Timestamp:
		return appendTimestamp(dst, int64(x))
	case record.Date:
		return appendDate(dst, int32(x)), nil
	case record.TimeOfDay:
		return binary.BigEndian.AppendUint64(dst, uint64(x)), nil
	case record.UUID:
		return append(dst, x[:]...), nil
	case record.Bytes:
		return append(dst, x...), nil
	case record.JSON:
		if w == wireJSONB {
			dst = append(dst, 1)
		}
		return append(dst, x...), storable(string(x))
	case string:
		return append(dst, x...), storable(x)
	default:
		return dst, errNotValue
	}
}

func appendIntBinary(dst []byte, w wire, i int64) ([]byte, error) {
	switch w {
	case wireInt2:
		if i < math.MinInt16 || i > math.MaxInt16 {
			return dst, errInt
		}
		return binary.BigEndian.AppendUint16(dst, uint16(i)), nil
	case wireInt4:
		if i < math.MinInt32 || i > math.MaxInt32 {
			return dst, errInt
		}
		return binary.BigEndian.AppendUint32(dst, uint32(i)), nil
	default:
		return binary.BigEndian.AppendUint64(dst, uint64(i)), nil
	}
}

func appendTimestamp(dst []byte, us int64) ([]byte, error) {
	if us != math.MaxInt64 && us != math.MinInt64 {
		if us < math.MinInt64+epochMicros+1 {
			return dst, errMoment
		}
		us -= epochMicros
	}
	return binary.BigEndian.AppendUint64(dst, uint64(us)), nil
}

func appendDate(dst []byte, days int32) []byte {
	if days != math.MaxInt32 && days != math.MinInt32 {
		days -= epochDays
	}
	return binary.BigEndian.AppendUint32(dst, uint32(days))
}

// serverText gives the text under which the server reads a value. It differs
// from the canonical text in the years that have not four digits.
func serverText(v record.Value) string {
	switch x := v.(type) {
	case record.Timestamp:
		if x == record.TimestampInfinity || x == record.TimestampNegInfinity {
			return x.String()
		}
		return serverYear(time.UnixMicro(int64(x)).UTC(), "-01-02 15:04:05.999999Z07:00")
	case record.Date:
		if x == record.DateInfinity || x == record.DateNegInfinity {
			return x.String()
		}
		return serverYear(x.Time(), "-01-02")
	default:
		return record.Text(v)
	}
}

func serverYear(at time.Time, layout string) string {
	year, era := at.Year(), ""
	if year <= 0 {
		year, era = 1-year, " BC"
	}
	digits := strconv.Itoa(year)
	return strings.Repeat("0", max(4-len(digits), 0)) + digits + at.Format(layout) + era
}

// arrayParam encodes a column of values as one binary array parameter of the
// column's stage type. Missing is NULL.
type arrayParam struct {
	buf   []byte
	count int
	stage stage
}

func newArrayParam(s stage) *arrayParam {
	return &arrayParam{stage: s, buf: appendArrayHeader(make([]byte, 0, 1024), s.oid, 1)}
}

func (a *arrayParam) null() {
	a.buf = append(a.buf, 0xff, 0xff, 0xff, 0xff)
	a.count++
}

func (a *arrayParam) add(c *column, v record.Value) error {
	buf, err := c.appendStaged(a.buf, v)
	a.buf = buf
	if err == nil {
		a.count++
	}
	return err
}

// bytes ends the array.
func (a *arrayParam) bytes() []byte {
	if a.count == 0 {
		return appendArrayHeader(nil, a.stage.oid, 0)
	}
	binary.BigEndian.PutUint32(a.buf[12:], uint32(a.count))
	return a.buf
}

// textArray encodes texts as a parameter.
func textArray(values []string) []byte {
	buf := appendArrayHeader(nil, oidText, len(values))
	for _, v := range values {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(v)))
		buf = append(buf, v...)
	}
	return buf
}
