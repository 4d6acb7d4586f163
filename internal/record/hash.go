package record

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/zeebo/xxh3"
)

// Hash is 128 bits over canonical values: the same on every machine and in
// every version, equal for equal values whatever type they came from (5, 5.0
// and the decimal "5" hash alike). It is no protection against forgery.
type Hash [16]byte

// String gives 32 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Zero reports the hash of nothing.
func (h Hash) Zero() bool { return h == Hash{} }

// Hasher hashes rows one after the other without allocating for each.
type Hasher struct{ buf []byte }

// Row hashes the values in order. NULL and Missing hash differently.
func (h *Hasher) Row(values []Value) Hash {
	h.buf = h.buf[:0]
	for _, v := range values {
		h.buf = appendCanonical(h.buf, v)
	}
	return hashOf(h.buf)
}

// HashRow hashes one row; in loops use a Hasher.
func HashRow(values ...Value) Hash {
	var h Hasher
	return h.Row(values)
}

// HashText hashes texts, each with its length.
func HashText(parts ...string) Hash {
	var buf []byte
	for _, p := range parts {
		buf = appendText(buf, 's', p)
	}
	return hashOf(buf)
}

func hashOf(buf []byte) Hash {
	sum := xxh3.Hash128(buf)
	var out Hash
	binary.BigEndian.PutUint64(out[:8], sum.Hi)
	binary.BigEndian.PutUint64(out[8:], sum.Lo)
	return out
}

// appendCanonical writes a tag and the canonical content, so that no two
// different rows share their bytes.
func appendCanonical(buf []byte, v Value) []byte {
	switch x := v.(type) {
	case nil:
		return append(buf, '0')
	case missing:
		return append(buf, '-')
	case string:
		return appendText(buf, 's', nfc(x))
	case int64, float64, Decimal:
		text, _ := numberText(x)
		return appendText(buf, 'n', text)
	case bool:
		if x {
			return append(buf, 'b', 1)
		}
		return append(buf, 'b', 0)
	case Timestamp:
		return binary.BigEndian.AppendUint64(append(buf, 't'), uint64(x))
	case Date:
		return binary.BigEndian.AppendUint32(append(buf, 'd'), uint32(x))
	case TimeOfDay:
		return binary.BigEndian.AppendUint64(append(buf, 'c'), uint64(x))
	case UUID:
		return append(append(buf, 'u'), x[:]...)
	case Bytes:
		return appendText(buf, 'x', string(x))
	case JSON:
		return appendText(buf, 'j', string(x))
	case List:
		buf = binary.AppendUvarint(append(buf, 'l'), uint64(len(x)))
		for _, elem := range x {
			buf = appendCanonical(buf, elem)
		}
		return buf
	default:
		return appendText(buf, '?', Text(v))
	}
}

func appendText(buf []byte, tag byte, s string) []byte {
	buf = binary.AppendUvarint(append(buf, tag), uint64(len(s)))
	return append(buf, s...)
}

// FoldMatch gives the text under which a match value is compared: its
// canonical text in NFC. Composite matches are joined with their lengths.
func FoldMatch(values ...Value) (string, bool) {
	var b strings.Builder
	for _, v := range values {
		if Blank(v) {
			return "", false
		}
		k, _ := NewKey(nfc(Text(v)))
		b.WriteString(string(k))
	}
	return b.String(), true
}
