package mappings

import (
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// opPath reads members of JSON one after the other. Absent members make the
// result absent, NULL stays NULL.
func opPath(v any, keys []string) (any, error) {
	for _, key := range keys {
		if nothing(v) {
			return v, nil
		}
		if text, is := v.(record.JSON); is {
			if member, found, ok := jsonMember(string(text), key); ok {
				if !found {
					return record.Missing, nil
				}
				v = jsonValue(member)
				continue
			}
		}
		v = open(v)
		m, is := v.(map[string]any)
		if !is {
			if _, isList := v.([]any); isList || record.KindOf(v) != record.Any {
				return nil, faultf("%s has no part %q", kindName(v), key)
			}
			return v, nil
		}
		member, found := m[key]
		if !found {
			return record.Missing, nil
		}
		v = member
	}
	return v, nil
}

// jsonMember finds a member in the text of an object without decoding all of
// it. ok is false for anything but canonical JSON and plain names, which then
// take the slow way.
func jsonMember(text, key string) (value string, found, ok bool) {
	if len(text) < 2 || text[0] != '{' || strings.ContainsAny(key, "\\\"") {
		return "", false, false
	}
	if text[1] == '}' {
		return "", false, true
	}
	for at := 1; ; {
		name := jsonEnd(text, at)
		if name < 0 || text[at] != '"' || name >= len(text) || text[name] != ':' {
			return "", false, false
		}
		end := jsonEnd(text, name+1)
		if end < 0 || end >= len(text) {
			return "", false, false
		}
		raw := text[at+1 : name-1]
		if raw == key {
			return text[name+1 : end], true, true
		}
		if strings.IndexByte(raw, '\\') >= 0 {
			return "", false, false
		}
		switch text[end] {
		case ',':
			at = end + 1
		case '}':
			return "", false, end == len(text)-1
		default:
			return "", false, false
		}
	}
}

// jsonEnd gives the place behind the value that begins at a place, or -1.
func jsonEnd(text string, at int) int {
	depth := 0
	for i := at; i < len(text); i++ {
		switch text[i] {
		case '"':
			if i = stringEnd(text, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// stringEnd gives the place of the quote that ends a string, or -1.
func stringEnd(text string, at int) int {
	for i := at + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// jsonValue gives a value of JSON text; objects, arrays and what needs care
// stay text until they are looked into.
func jsonValue(text string) any {
	switch {
	case text == "null":
		return nil
	case text == "true":
		return true
	case text == "false":
		return false
	case len(text) >= 2 && text[0] == '"' && strings.IndexByte(text, '\\') < 0:
		return text[1 : len(text)-1]
	case text != "" && (text[0] == '{' || text[0] == '['):
		return record.JSON(text)
	}
	return open(record.JSON(text))
}

// opAt reads one element by its place (negative: from the end) or one member
// by its name. A place outside is NULL, a name that is not there is absent.
func opAt(args ...any) (any, error) {
	v, key := args[0], args[1]
	if nothing(v) {
		return v, nil
	}
	if nothing(key) {
		return key, nil
	}
	if name, is := key.(string); is {
		return opPath(v, []string{name})
	}
	place, err := whole(key)
	if err != nil {
		return nil, err
	}
	if s, is := v.(string); is {
		runes := []rune(s)
		if place < 0 {
			place += len(runes)
		}
		if place < 0 || place >= len(runes) {
			return nil, nil //nolint:nilnil // NULL is a value
		}
		return string(runes[place]), nil
	}
	elems, err := elements(v)
	if err != nil {
		return nil, err
	}
	if place < 0 {
		place += len(elems)
	}
	if place < 0 || place >= len(elems) {
		return nil, nil //nolint:nilnil // NULL is a value
	}
	return elems[place], nil
}

// open decodes JSON text into its tree; everything else stays what it is.
func open(v any) any {
	text, is := v.(record.JSON)
	if !is {
		return v
	}
	tree, err := record.DecodeJSON([]byte(text))
	if err != nil {
		return v
	}
	return tree
}

// elements gives the elements of a list in any of its forms; nil for NULL and
// absent.
func elements(v any) ([]any, error) {
	switch list := v.(type) {
	case nil:
		return nil, nil
	case []any:
		return list, nil
	case record.List:
		return list, nil
	case []string:
		elems := make([]any, len(list))
		for i, s := range list {
			elems[i] = s
		}
		return elems, nil
	case record.JSON:
		tree := open(list)
		if elems, is := tree.([]any); is {
			return elems, nil
		}
		if tree == nil {
			return nil, nil
		}
	}
	if record.IsMissing(v) {
		return nil, nil
	}
	return nil, faultf("expected a list, got %s", kindName(v))
}

// opElements is what a closure such as filter goes through, bounded so that an
// evaluation ends soon; NULL was caught before it.
func opElements(most int) function {
	return func(args ...any) (any, error) {
		elems, err := elements(args[0])
		if len(elems) > most {
			return nil, faultf("a list of more than %d elements to go through", most)
		}
		if elems == nil {
			elems = []any{}
		}
		return elems, err
	}
}

// hasIn tells whether a list has an element, an object a member, a text a part.
func hasIn(args ...any) (any, error) {
	switch v := open(args[0]).(type) {
	case string:
		part, err := text(args[1])
		return err == nil && strings.Contains(v, part), err
	case map[string]any:
		name, err := text(args[1])
		_, found := v[name]
		return err == nil && found, err
	default:
		elems, err := elements(v)
		if err != nil {
			return nil, err
		}
		return inList(args[1], elems)
	}
}

// leaf makes a value of the record room of what an expression worked with:
// trees become JSON or lists.
func leaf(v any) record.Value {
	switch x := v.(type) {
	case int:
		return int64(x)
	case map[string]any, []any:
		settled, err := settle(x)
		if err != nil {
			return nil
		}
		return settled
	default:
		return v
	}
}

// settle is leaf for the result of an expression: it tells what cannot be
// stored.
func settle(v any) (record.Value, error) {
	switch x := v.(type) {
	case int:
		return int64(x), nil
	case map[string]any:
		text, err := record.EncodeJSON(x)
		if err != nil {
			return nil, faultf("%s", err)
		}
		return text, nil
	case []any:
		list := make(record.List, len(x))
		for i, elem := range x {
			v, err := settle(elem)
			if err != nil {
				return nil, err
			}
			if nested, is := v.(record.List); is {
				if v, err = record.EncodeJSON([]any(nested)); err != nil {
					return nil, faultf("%s", err)
				}
			}
			if record.IsMissing(v) {
				v = nil
			}
			list[i] = v
		}
		return list, nil
	case nil, string, int64, float64, record.Decimal, bool, record.Timestamp, record.Date, record.TimeOfDay,
		record.UUID, record.Bytes, record.JSON, record.List:
		return v, nil
	}
	if record.IsMissing(v) {
		return v, nil
	}
	return nil, faultf("is no value that can be stored")
}
