package record

import (
	"errors"
	"strconv"
	"strings"
)

// Key names a row in one system: the canonical texts of its key columns, each
// with its length before it (`5:alice`, `2:173:abc`), so that composite keys
// never run into each other. The zero Key names nothing.
type Key string

// NewKey encodes the values of the key columns in their order. A key with a
// NULL or absent part names nothing, and ok is false.
func NewKey(values ...Value) (key Key, ok bool) {
	var b strings.Builder
	for _, v := range values {
		if v == nil || IsMissing(v) {
			return "", false
		}
		text := Text(v)
		b.WriteString(strconv.Itoa(len(text)))
		b.WriteByte(':')
		b.WriteString(text)
	}
	return Key(b.String()), len(values) > 0
}

// Parts decodes the texts of the key columns.
func (k Key) Parts() ([]string, error) {
	var parts []string
	rest := string(k)
	for rest != "" {
		size, after, found := strings.Cut(rest, ":")
		n, err := strconv.Atoi(size)
		if !found || err != nil || n < 0 || n > len(after) {
			return nil, errors.New("malformed key")
		}
		parts = append(parts, after[:n])
		rest = after[n:]
	}
	return parts, nil
}

// Values decodes the key columns into values of their types.
func (k Key) Values(columns []Field) ([]Value, error) {
	parts, err := k.Parts()
	if err != nil {
		return nil, err
	}
	if len(parts) != len(columns) {
		return nil, errors.New("key has another number of columns than the object")
	}
	values := make([]Value, len(parts))
	for i, part := range parts {
		if values[i], err = Parse(columns[i].Type, part); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// String shows the key to people: its parts, separated by commas.
func (k Key) String() string {
	parts, err := k.Parts()
	if err != nil {
		return string(k)
	}
	return strings.Join(parts, ",")
}
