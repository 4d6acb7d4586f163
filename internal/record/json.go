package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth bounds nesting, so that hostile input cannot exhaust the stack.
const maxJSONDepth = 200

// CanonicalJSON gives RFC 8785 text (keys in UTF-16 order, no spaces, shortest
// escapes) with exact numbers: a number keeps all of its digits and is never
// passed through a float. Duplicate keys keep the last value.
func CanonicalJSON(raw []byte) (Value, error) {
	tree, err := DecodeJSON(raw)
	if err != nil {
		return nil, err
	}
	return EncodeJSON(tree)
}

// DecodeJSON gives the tree of a JSON text: nil, bool, string, int64 or
// Decimal, []any, map[string]any.
func DecodeJSON(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("JSON is not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, errors.New("not valid JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return exactNumbers(tree, 0)
}

func exactNumbers(v any, depth int) (any, error) {
	if depth > maxJSONDepth {
		return nil, fmt.Errorf("JSON is nested deeper than %d", maxJSONDepth)
	}
	var err error
	switch x := v.(type) {
	case json.Number:
		d, err := ParseDecimal(x.String())
		if err != nil {
			return nil, err
		}
		if i, ok := d.Int(); ok {
			return i, nil
		}
		return d, nil
	case []any:
		for i := range x {
			if x[i], err = exactNumbers(x[i], depth+1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range x {
			if x[k], err = exactNumbers(x[k], depth+1); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// EncodeJSON gives the canonical text of a tree of maps, slices and values of
// this package; other values than JSON knows stand as their text.
func EncodeJSON(tree any) (JSON, error) {
	var b strings.Builder
	if err := writeJSON(&b, tree, 0); err != nil {
		return "", err
	}
	return JSON(b.String()), nil
}

func listJSON(l List) JSON {
	text, err := EncodeJSON([]any(l))
	if err != nil {
		return "[]"
	}
	return text
}

func writeJSON(b *strings.Builder, v any, depth int) error {
	if depth > maxJSONDepth {
		return fmt.Errorf("JSON is nested deeper than %d", maxJSONDepth)
	}
	switch x := v.(type) {
	case nil, missing:
		b.WriteString("null")
	case bool, int64:
		b.WriteString(Text(x))
	case int:
		b.WriteString(Text(int64(x)))
	case float64, Decimal:
		text, _ := numberText(x)
		if !Decimal(text).Finite() {
			writeJSONString(b, text)
			return nil
		}
		b.WriteString(text)
	case JSON:
		b.WriteString(string(x))
	case string:
		writeJSONString(b, x)
	case List:
		return writeJSON(b, []any(x), depth)
	case []any:
		b.WriteByte('[')
		for i, elem := range x {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, elem, depth+1); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case map[string]any:
		return writeJSONObject(b, x, depth)
	default:
		writeJSONString(b, Text(x))
	}
	return nil
}

func writeJSONObject(b *strings.Builder, m map[string]any, depth int) error {
	keys := make([]string, 0, len(m))
	for k, v := range m {
		if !IsMissing(v) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compareUTF16)
	b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		writeJSONString(b, k)
		b.WriteByte(':')
		if err := writeJSON(b, m[k], depth+1); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func compareUTF16(a, b string) int {
	if isASCII(a) && isASCII(b) {
		return strings.Compare(a, b)
	}
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

const hexDigits = "0123456789abcdef"

func writeJSONString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20:
			b.WriteString(`\u00`)
			b.WriteByte(hexDigits[r>>4])
			b.WriteByte(hexDigits[r&0xf])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// parseList reads a JSON array whose elements convert to the element kind.
func parseList(t Type, s string) (Value, error) {
	tree, err := DecodeJSON([]byte(s))
	if err != nil {
		return nil, err
	}
	elems, is := tree.([]any)
	if !is {
		return nil, errors.New("not a JSON array")
	}
	return convertList(t, elems)
}
