package postgres

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/syncline-dev/syncline/internal/record"
)

// PostgreSQL counts days and microseconds from 2000-01-01.
const (
	epochDays   = 10_957
	epochMicros = epochDays * 86_400 * 1_000_000
)

// appendFunc appends one value, which is not NULL, to a vector. When it fails
// it has appended nothing.
type appendFunc func(raw []byte) error

// appender gives the decoder of one form into a vector.
func appender(f form, v *vector, checkText bool) appendFunc {
	switch f.wire {
	case wireInt2, wireInt4, wireInt8:
		return appendInt(v)
	case wireFloat4, wireFloat8:
		return appendFloat(v, f.wire)
	case wireBool:
		return sized(1, func(raw []byte) error { v.boolean(raw[0] != 0); return nil })
	case wireTimestamp, wireTimestampTZ:
		return sized(8, func(raw []byte) error {
			at, err := timestamp(raw)
			if err == nil {
				v.int64(at)
			}
			return err
		})
	case wireDate:
		return sized(4, func(raw []byte) error { v.int32(date(raw)); return nil })
	case wireTime:
		return sized(8, func(raw []byte) error { v.int64(int64(binary.BigEndian.Uint64(raw))); return nil })
	case wireUUID:
		return sized(16, func(raw []byte) error { v.fixed(raw); return nil })
	case wireBytea:
		return func(raw []byte) error { v.bytes(raw); return nil }
	case wireNumeric:
		return appendDecimal(v)
	case wireInterval:
		return sized(16, func(raw []byte) error {
			v.data = appendInterval(v.data, raw)
			v.bytes(nil)
			return nil
		})
	case wireJSON, wireJSONB, wireNested:
		return appendJSON(v, f.wire)
	case wireList:
		elem := f
		elem.wire = f.elem
		return appendList(v, appender(elem, v.elems, checkText))
	case wireText:
		return appendText(v, checkText)
	default:
		return func([]byte) error { return errors.New("a type that cannot be read") }
	}
}

func sized(n int, add appendFunc) appendFunc {
	return func(raw []byte) error {
		if len(raw) != n {
			return errShort
		}
		return add(raw)
	}
}

func appendInt(v *vector) appendFunc {
	return func(raw []byte) error {
		switch len(raw) {
		case 8:
			v.int64(int64(binary.BigEndian.Uint64(raw)))
		case 4:
			v.int64(int64(int32(binary.BigEndian.Uint32(raw))))
		case 2:
			v.int64(int64(int16(binary.BigEndian.Uint16(raw))))
		default:
			return errShort
		}
		return nil
	}
}

func appendFloat(v *vector, w wire) appendFunc {
	add := func(f float64) {
		if math.IsNaN(f) {
			f = math.NaN() // of all the NaNs, one
		}
		v.int64(int64(math.Float64bits(record.Float(f))))
	}
	if w == wireFloat4 {
		return sized(4, func(raw []byte) error {
			add(widen(math.Float32frombits(binary.BigEndian.Uint32(raw))))
			return nil
		})
	}
	return sized(8, func(raw []byte) error {
		add(math.Float64frombits(binary.BigEndian.Uint64(raw)))
		return nil
	})
}

// widen gives the float64 with the same shortest decimal text, as the server
// shows it: 0.1, not 0.10000000149011612. Narrowing gives the same float4 back.
func widen(f float32) float64 {
	wide := float64(f)
	if math.IsNaN(wide) {
		return math.NaN()
	}
	if math.IsInf(wide, 0) || math.Abs(wide) <= 1<<24 && wide == math.Trunc(wide) {
		return record.Float(wide)
	}
	var buf [32]byte
	shortest, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], wide, 'g', -1, 32)), 64)
	if err != nil {
		return wide
	}
	return shortest
}

func timestamp(raw []byte) (int64, error) {
	us := int64(binary.BigEndian.Uint64(raw))
	switch {
	case us == math.MaxInt64 || us == math.MinInt64: // the infinities
		return us, nil
	case us > math.MaxInt64-epochMicros-1:
		return 0, errors.New("a timestamp after the year 294246")
	default:
		return us + epochMicros, nil
	}
}

func date(raw []byte) int32 {
	days := int32(binary.BigEndian.Uint32(raw))
	if days == math.MaxInt32 || days == math.MinInt32 {
		return days
	}
	return days + epochDays
}

func appendDecimal(v *vector) appendFunc {
	return func(raw []byte) error {
		data, err := appendNumericText(v.data, raw)
		if err != nil {
			return err
		}
		v.data = data
		v.bytes(nil)
		return nil
	}
}

func appendText(v *vector, check bool) appendFunc {
	return func(raw []byte) error {
		if check && !utf8.Valid(raw) {
			return errNotUTF8
		}
		v.bytes(raw)
		return nil
	}
}

func appendJSON(v *vector, w wire) appendFunc {
	return func(raw []byte) error {
		if w == wireJSONB {
			if len(raw) == 0 || raw[0] != 1 {
				return errors.New("jsonb of an unknown version")
			}
			raw = raw[1:]
		}
		value, err := record.CanonicalJSON(raw)
		if err != nil {
			return err
		}
		v.text(record.Text(value))
		return nil
	}
}
