package record

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Kind is the sort of value a field holds.
type Kind uint8

// The kinds of the definition language. Any is a column whose type the system
// does not say; it carries strings, numbers or bools as they come.
const (
	Any Kind = iota
	KindString
	KindInt
	KindFloat
	KindDecimal
	KindBool
	KindTimestamp
	KindDate
	KindTime
	KindUUID
	KindBytes
	KindJSON
	KindList
	KindSet
	KindRef
)

var kindNames = [...]string{ //nolint:gochecknoglobals // a constant table
	"any", "string", "int", "float", "decimal", "bool", "timestamp", "date",
	"time", "uuid", "bytes", "json", "list", "set", "ref",
}

// String gives the kind's word in the definition language.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Type is a declared type: a kind and its bounds.
type Type struct {
	Kind Kind
	// Elem is the kind of a list's or set's elements.
	Elem Kind
	// Precision and Scale bound a decimal; both 0 means unbounded. A column
	// whose type bounds an int to fewer than 64 bits says so in Precision.
	Precision, Scale int
	// Length bounds a string in characters; 0 means unbounded.
	Length int
	// Ref names the sync that a ref points into.
	Ref string
}

var typePattern = regexp.MustCompile(`^([a-z]+)(?:\((\d+)(?:\s*,\s*(\d+))?\)|\(([A-Za-z][\w.{}-]*)\)|<([a-z]+)>)?$`)

// ParseType reads a type of the definition language, such as `int`,
// `decimal(12,2)`, `set<string>` or `ref(people)`.
func ParseType(s string) (Type, error) {
	m := typePattern.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return Type{}, fmt.Errorf("%q is not a type", s)
	}
	kind, ok := parseKind(m[1])
	if !ok {
		return Type{}, fmt.Errorf("%q is not a type; types are string int float decimal(p,s) bool timestamp date time uuid bytes json list<T> set<T> ref(sync)", s)
	}
	t := Type{Kind: kind}
	switch {
	case kind == KindDecimal && m[2] != "":
		t.Precision, _ = strconv.Atoi(m[2])
		t.Scale, _ = strconv.Atoi(m[3])
		if t.Precision == 0 || t.Scale > t.Precision {
			return Type{}, fmt.Errorf("%q: the scale must not exceed the precision", s)
		}
	case kind == KindString && m[2] != "" && m[3] == "":
		t.Length, _ = strconv.Atoi(m[2])
	case kind == KindRef && m[4] != "":
		t.Ref = m[4]
	case (kind == KindList || kind == KindSet) && m[5] != "":
		if t.Elem, ok = parseKind(m[5]); !ok || t.Elem >= KindJSON {
			return Type{}, fmt.Errorf("%q: %q is no type for elements", s, m[5])
		}
	case kind == KindRef:
		return Type{}, fmt.Errorf("%q: a ref names its sync: ref(people)", s)
	case kind == KindList || kind == KindSet:
		return Type{}, fmt.Errorf("%q: say what it holds: %s<string>", s, m[1])
	case m[2] != "" || m[4] != "" || m[5] != "":
		return Type{}, fmt.Errorf("%q: %s takes no arguments", s, m[1])
	}
	return t, nil
}

func parseKind(s string) (Kind, bool) {
	for k, name := range kindNames {
		if name == s && Kind(k) != Any {
			return Kind(k), true
		}
	}
	return Any, false
}

// String gives the type as the definition language writes it.
func (t Type) String() string {
	switch {
	case t.Kind == KindDecimal && t.Precision > 0:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case t.Kind == KindString && t.Length > 0:
		return fmt.Sprintf("string(%d)", t.Length)
	case t.Kind == KindList, t.Kind == KindSet:
		return t.Kind.String() + "<" + t.Elem.String() + ">"
	case t.Kind == KindRef:
		return "ref(" + t.Ref + ")"
	default:
		return t.Kind.String()
	}
}
