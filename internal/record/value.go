package record

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Value is one field of one record: nil (NULL), Missing, or one of the Go
// types in the package comment. Anything else is a programming error.
type Value = any

type missing struct{}

// String makes Missing readable in test output.
func (missing) String() string { return "missing" }

// Missing marks a path that is absent: the system said nothing about it.
var Missing = missing{} //nolint:gochecknoglobals // a sentinel value, never reassigned

// IsMissing reports whether v is absent, which is not the same as NULL.
func IsMissing(v Value) bool { _, is := v.(missing); return is }

// Timestamp is an instant in microseconds since 1970-01-01 UTC.
type Timestamp int64

// Date is a calendar day, counted from 1970-01-01.
type Date int32

// TimeOfDay is microseconds since midnight; 24:00 is allowed.
type TimeOfDay int64

// UUID is 16 bytes in network order.
type UUID [16]byte

// Bytes is a byte string; it is a string so that it compares and hashes.
type Bytes string

// JSON is canonical JSON text, as CanonicalJSON returns it.
type JSON string

// List is the value of a list and, sorted and without doubles, of a set.
type List []Value

// The infinities of PostgreSQL's timestamps and dates.
const (
	TimestampInfinity    = Timestamp(math.MaxInt64)
	TimestampNegInfinity = Timestamp(math.MinInt64)
	DateInfinity         = Date(math.MaxInt32)
	DateNegInfinity      = Date(math.MinInt32)
)

// Equal reports whether two values of the same declared type mean the same:
// strings under NFC, numbers by value, lists element by element. NULL equals
// NULL and Missing equals Missing, but not each other.
func Equal(a, b Value) bool {
	switch x := a.(type) {
	case nil:
		return b == nil
	case string:
		y, is := b.(string)
		return is && (x == y || nfc(x) == nfc(y))
	case float64:
		y, is := b.(float64)
		return is && (x == y || (math.IsNaN(x) && math.IsNaN(y)))
	case List:
		y, is := b.(List)
		return is && slices.EqualFunc(x, y, Equal)
	default:
		if _, is := b.(List); is {
			return false
		}
		if a == b {
			return true
		}
		return equalNumbers(a, b)
	}
}

func equalNumbers(a, b Value) bool {
	x, isX := numberText(a)
	y, isY := numberText(b)
	return isX && isY && x == y
}

// EqualRows compares two rows of one schema field by field.
func EqualRows(a, b []Value) bool { return slices.EqualFunc(a, b, Equal) }

// Compare orders two values of one kind: -1, 0 or 1. Values that have no
// order among themselves (different kinds) are ordered by kind, so that
// sorting is total and repeatable. NULL comes before everything.
func Compare(a, b Value) int {
	if Equal(a, b) {
		return 0
	}
	ka, kb := rank(a), rank(b)
	if ka != kb {
		return cmp(ka, kb)
	}
	switch x := a.(type) {
	case string:
		return strings.Compare(nfc(x), nfc(b.(string)))
	case bool:
		if x {
			return 1
		}
		return -1
	case Timestamp:
		return cmp(x, b.(Timestamp))
	case Date:
		return cmp(x, b.(Date))
	case TimeOfDay:
		return cmp(x, b.(TimeOfDay))
	case UUID:
		y := b.(UUID)
		return bytes.Compare(x[:], y[:])
	case Bytes:
		return strings.Compare(string(x), string(b.(Bytes)))
	case JSON:
		return strings.Compare(string(x), string(b.(JSON)))
	case List:
		return slices.CompareFunc(x, b.(List), Compare)
	default:
		return compareNumbers(a, b)
	}
}

func rank(v Value) int {
	switch v.(type) {
	case nil:
		return 0
	case missing:
		return 1
	case bool:
		return 2
	case int64, float64, Decimal:
		return 3
	case string:
		return 4
	case Timestamp:
		return 5
	case Date:
		return 6
	case TimeOfDay:
		return 7
	case UUID:
		return 8
	case Bytes:
		return 9
	case JSON:
		return 10
	case List:
		return 11
	default:
		return 12
	}
}

func cmp[T ~int | ~int32 | ~int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// Blank reports whether a value says nothing: NULL, Missing, "" or a string of
// spaces. A blank match value never matches.
func Blank(v Value) bool {
	switch x := v.(type) {
	case nil, missing:
		return true
	case string:
		return strings.TrimSpace(x) == ""
	default:
		return false
	}
}

func nfc(s string) string {
	if isASCII(s) {
		return s
	}
	return norm.NFC.String(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// NewSet sorts the elements and drops doubles, so that order never matters.
func NewSet(elems List) List {
	sorted := slices.Clone(elems)
	slices.SortFunc(sorted, Compare)
	return slices.CompactFunc(sorted, Equal)
}
