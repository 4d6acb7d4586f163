package postgres

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// appendList decodes an array of one dimension. Its elements are checked
// before any is appended, so that a bad one leaves nothing behind.
func appendList(v *vector, add appendFunc) appendFunc {
	return func(raw []byte) error {
		count, data, err := listHeader(raw)
		if err != nil {
			return err
		}
		var failed error
		for range count {
			size, rest, err := field(data)
			if err != nil {
				return err
			}
			if size < 0 {
				v.elems.null()
				data = rest
				continue
			}
			if err := add(rest[:size]); err != nil {
				v.elems.null()
				failed = err
			}
			data = rest[size:]
		}
		v.list()
		if failed != nil {
			return partial{failed}
		}
		return nil
	}
}

// partial is the error of a value that was appended in spite of it.
type partial struct{ error }

func listHeader(raw []byte) (count int, data []byte, err error) {
	if len(raw) < 12 {
		return 0, nil, errShort
	}
	switch dims := binary.BigEndian.Uint32(raw); dims {
	case 0:
		return 0, nil, nil
	case 1:
	default:
		return 0, nil, fmt.Errorf("an array of %d dimensions in a column that is declared with one", dims)
	}
	if len(raw) < 20 {
		return 0, nil, errShort
	}
	count = int(binary.BigEndian.Uint32(raw[12:]))
	data = raw[20:]
	if count < 0 || count > len(data)/4 {
		return 0, nil, errShort
	}
	for rest, i := data, 0; i < count; i++ {
		size, after, err := field(rest)
		if err != nil {
			return 0, nil, err
		}
		rest = after[max(size, 0):]
	}
	return count, data, nil
}

// appendArrayHeader begins the binary form of an array of one dimension.
func appendArrayHeader(dst []byte, elem uint32, count int) []byte {
	dims := uint32(1)
	if count == 0 {
		dims = 0
	}
	dst = binary.BigEndian.AppendUint32(dst, dims)
	dst = binary.BigEndian.AppendUint32(dst, 1) // may hold NULLs
	dst = binary.BigEndian.AppendUint32(dst, elem)
	if count == 0 {
		return dst
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(count))
	return binary.BigEndian.AppendUint32(dst, 1) // lower bound
}

func field(data []byte) (size int, rest []byte, err error) {
	if len(data) < 4 {
		return 0, nil, errShort
	}
	size = int(int32(binary.BigEndian.Uint32(data)))
	if size > len(data)-4 {
		return 0, nil, errShort
	}
	return size, data[4:], nil
}

// listLiteral writes a list as the text of an array: {"a",NULL,"b"}.
func listLiteral(list record.List) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, elem := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		if elem == nil {
			b.WriteString("NULL")
			continue
		}
		writeElement(&b, serverText(elem))
	}
	b.WriteByte('}')
	return b.String()
}

func writeElement(b *strings.Builder, text string) {
	b.WriteByte('"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	b.WriteByte('"')
}

// nestedLiteral writes a JSON array, perhaps of arrays, as the text of an array
// column; elements that are JSON themselves stay JSON.
func nestedLiteral(text string, isJSON bool) (string, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return "", errors.New("not valid JSON")
	}
	elems, is := tree.([]any)
	if !is {
		return "", errors.New("expected a JSON array for an array column")
	}
	var b strings.Builder
	if err := writeNested(&b, elems, isJSON); err != nil {
		return "", err
	}
	return b.String(), nil
}

func writeNested(b *strings.Builder, elems []any, isJSON bool) error {
	b.WriteByte('{')
	for i, elem := range elems {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeNestedElement(b, elem, isJSON); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func writeNestedElement(b *strings.Builder, elem any, isJSON bool) error {
	if list, is := elem.([]any); is && !isJSON {
		return writeNested(b, list, false)
	}
	if isJSON && elem != nil {
		text, err := json.Marshal(elem)
		if err != nil {
			return errors.New("not valid JSON")
		}
		writeElement(b, string(text))
		return nil
	}
	switch x := elem.(type) {
	case nil:
		b.WriteString("NULL")
	case string:
		writeElement(b, x)
	case json.Number:
		writeElement(b, x.String())
	case bool:
		writeElement(b, record.Text(x))
	default:
		return errors.New("an object cannot be written to an array of another type")
	}
	return nil
}
