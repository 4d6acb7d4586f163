package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// rowVersion is the first byte of an encoded row. A reader knows every version
// that was ever written; a new layout takes a new number.
const rowVersion = 1

// The tags of encoded values. They are stored: numbers are never reused.
const (
	tagNull byte = iota
	tagMissing
	tagString
	tagInt
	tagFloat
	tagDecimal
	tagFalse
	tagTrue
	tagTimestamp
	tagDate
	tagTime
	tagUUID
	tagBytes
	tagJSON
	tagList
)

// maxDepth bounds lists in lists, so that damaged bytes cannot exhaust the stack.
const maxDepth = 16

var errDamaged = errors.New("encoded value is damaged")

// AppendRow appends the exact binary form of a row: what DecodeRow gives back
// is the same to the byte, strings in their own bytes and NULL apart from
// Missing. It fails for a Go type that is no Value.
func AppendRow(dst []byte, values []Value) ([]byte, error) {
	dst = binary.AppendUvarint(append(dst, rowVersion), uint64(len(values)))
	var err error
	for _, v := range values {
		if dst, err = AppendValue(dst, v); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// DecodeRow reads what AppendRow wrote. The values share one copy of the data.
func DecodeRow(data []byte) ([]Value, error) {
	if len(data) == 0 || data[0] != rowVersion {
		return nil, fmt.Errorf("decode row: unknown version: %w", errDamaged)
	}
	n, rest, err := cutUvarint(string(data[1:]))
	if err != nil || n > uint64(len(rest)) {
		return nil, fmt.Errorf("decode row: %w", errDamaged)
	}
	values := make([]Value, n)
	for i := range values {
		if values[i], rest, err = DecodeValue(rest); err != nil {
			return nil, fmt.Errorf("decode row: %w", err)
		}
	}
	if rest != "" {
		return nil, fmt.Errorf("decode row: %w", errDamaged)
	}
	return values, nil
}

// AppendValue appends one value, a tag and its content. It has no version of
// its own: what holds it has.
func AppendValue(dst []byte, v Value) ([]byte, error) {
	switch x := v.(type) {
	case nil:
		return append(dst, tagNull), nil
	case missing:
		return append(dst, tagMissing), nil
	case string:
		return appendSized(dst, tagString, x), nil
	case int64:
		return binary.AppendVarint(append(dst, tagInt), x), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, tagFloat), math.Float64bits(x)), nil
	case Decimal:
		return appendSized(dst, tagDecimal, string(x)), nil
	case bool:
		if x {
			return append(dst, tagTrue), nil
		}
		return append(dst, tagFalse), nil
	case Timestamp:
		return binary.AppendVarint(append(dst, tagTimestamp), int64(x)), nil
	case Date:
		return binary.AppendVarint(append(dst, tagDate), int64(x)), nil
	case TimeOfDay:
		return binary.AppendVarint(append(dst, tagTime), int64(x)), nil
	case UUID:
		return append(append(dst, tagUUID), x[:]...), nil
	case Bytes:
		return appendSized(dst, tagBytes, string(x)), nil
	case JSON:
		return appendSized(dst, tagJSON, string(x)), nil
	case List:
		dst = binary.AppendUvarint(append(dst, tagList), uint64(len(x)))
		var err error
		for _, elem := range x {
			if dst, err = AppendValue(dst, elem); err != nil {
				return nil, err
			}
		}
		return dst, nil
	default:
		return nil, fmt.Errorf("encode value: %T is no type of a field", v)
	}
}

// DecodeValue reads one value and gives what follows it. Texts in it are parts
// of data.
func DecodeValue(data string) (v Value, rest string, err error) {
	return decodeValue(data, 0)
}

func decodeValue(data string, depth int) (Value, string, error) {
	if data == "" || depth > maxDepth {
		return nil, "", errDamaged
	}
	tag, data := data[0], data[1:]
	switch tag {
	case tagNull:
		return nil, data, nil
	case tagMissing:
		return Missing, data, nil
	case tagFalse, tagTrue:
		return tag == tagTrue, data, nil
	case tagString, tagDecimal, tagBytes, tagJSON:
		return decodeText(tag, data)
	case tagInt, tagTimestamp, tagDate, tagTime:
		return decodeInteger(tag, data)
	case tagFloat:
		if len(data) < 8 {
			return nil, "", errDamaged
		}
		bits := binary.BigEndian.Uint64([]byte(data[:8]))
		return math.Float64frombits(bits), data[8:], nil
	case tagUUID:
		if len(data) < 16 {
			return nil, "", errDamaged
		}
		return UUID([]byte(data[:16])), data[16:], nil
	case tagList:
		return decodeElements(data, depth)
	default:
		return nil, "", errDamaged
	}
}

func decodeText(tag byte, data string) (Value, string, error) {
	n, data, err := cutUvarint(data)
	if err != nil || n > uint64(len(data)) {
		return nil, "", errDamaged
	}
	text, rest := data[:n], data[n:]
	switch tag {
	case tagDecimal:
		return Decimal(text), rest, nil
	case tagBytes:
		return Bytes(text), rest, nil
	case tagJSON:
		return JSON(text), rest, nil
	default:
		return text, rest, nil
	}
}

func decodeInteger(tag byte, data string) (Value, string, error) {
	u, data, err := cutUvarint(data)
	if err != nil {
		return nil, "", err
	}
	i := int64(u>>1) ^ -int64(u&1)
	switch tag {
	case tagTimestamp:
		return Timestamp(i), data, nil
	case tagTime:
		return TimeOfDay(i), data, nil
	case tagDate:
		if i < math.MinInt32 || i > math.MaxInt32 {
			return nil, "", errDamaged
		}
		return Date(i), data, nil
	default:
		return i, data, nil
	}
}

func decodeElements(data string, depth int) (Value, string, error) {
	n, data, err := cutUvarint(data)
	if err != nil || n > uint64(len(data)) {
		return nil, "", errDamaged
	}
	list := make(List, n)
	for i := range list {
		if list[i], data, err = decodeValue(data, depth+1); err != nil {
			return nil, "", err
		}
	}
	return list, data, nil
}

func appendSized(dst []byte, tag byte, s string) []byte {
	dst = binary.AppendUvarint(append(dst, tag), uint64(len(s)))
	return append(dst, s...)
}

// cutUvarint is binary.Uvarint for strings.
func cutUvarint(s string) (uint64, string, error) {
	var x uint64
	for i := range min(len(s), binary.MaxVarintLen64) {
		b := s[i]
		if b < 0x80 {
			if i == binary.MaxVarintLen64-1 && b > 1 {
				break
			}
			return x | uint64(b)<<(7*i), s[i+1:], nil
		}
		x |= uint64(b&0x7f) << (7 * i)
	}
	return 0, "", errDamaged
}
