package record

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Convert gives v as a value of the declared type, exactly or not at all: an
// error means that the type cannot represent it. NULL and Missing stay as they
// are. Errors say what was expected, never the content.
func Convert(t Type, v Value) (Value, error) {
	if v == nil || IsMissing(v) {
		return v, nil
	}
	switch t.Kind {
	case Any, KindRef:
		return v, nil
	case KindString:
		return convertString(t, v)
	case KindInt:
		return convertInt(t, v)
	case KindFloat:
		return convertFloat(v)
	case KindDecimal:
		return convertDecimal(t, v)
	case KindBool:
		return convertBool(v)
	case KindTimestamp:
		return convertTimestamp(v)
	case KindDate:
		return convertDate(v)
	case KindJSON:
		return convertJSON(v)
	case KindBytes:
		if s, is := v.(string); is {
			return Bytes(s), nil
		}
	case KindList, KindSet:
		return convertToList(t, v)
	case KindTime, KindUUID:
	}
	if sameKind(t.Kind, v) {
		return v, nil
	}
	if s, is := v.(string); is {
		return Parse(t, s)
	}
	return nil, mismatch(t, v)
}

func mismatch(t Type, v Value) error {
	return fmt.Errorf("expected %s, got %s", t, KindOf(v))
}

// KindOf gives the kind of a value; a set's value says list.
func KindOf(v Value) Kind {
	switch v.(type) {
	case string:
		return KindString
	case int64:
		return KindInt
	case float64:
		return KindFloat
	case Decimal:
		return KindDecimal
	case bool:
		return KindBool
	case Timestamp:
		return KindTimestamp
	case Date:
		return KindDate
	case TimeOfDay:
		return KindTime
	case UUID:
		return KindUUID
	case Bytes:
		return KindBytes
	case JSON:
		return KindJSON
	case List:
		return KindList
	default:
		return Any
	}
}

func sameKind(k Kind, v Value) bool { return KindOf(v) == k }

func convertString(t Type, v Value) (Value, error) {
	s, is := v.(string)
	if !is {
		if _, bad := v.(List); bad {
			return nil, mismatch(t, v)
		}
		s = Text(v)
	}
	if !utf8.ValidString(s) {
		return nil, errors.New("not valid UTF-8")
	}
	if t.Length > 0 && len(s) > t.Length && utf8.RuneCountInString(s) > t.Length {
		return nil, fmt.Errorf("longer than %d characters", t.Length)
	}
	return s, nil
}

func convertInt(t Type, v Value) (Value, error) {
	var i int64
	switch x := v.(type) {
	case int64:
		i = x
	case string:
		p, err := Parse(Type{Kind: KindInt}, x)
		if err != nil || p == nil {
			return p, err
		}
		i = p.(int64)
	case bool:
		if x {
			i = 1
		}
	case float64, Decimal:
		text, _ := numberText(x)
		n, ok := Decimal(text).Int()
		if !ok {
			return nil, errors.New("expected a whole number of 64 bits")
		}
		i = n
	default:
		return nil, mismatch(t, v)
	}
	if bits := t.Precision; bits > 0 && bits < 64 && (i < -(1<<(bits-1)) || i > 1<<(bits-1)-1) {
		return nil, fmt.Errorf("does not fit in %d bits", bits)
	}
	return i, nil
}

func convertFloat(v Value) (Value, error) {
	switch x := v.(type) {
	case float64:
		return Float(x), nil
	case string:
		return Parse(Type{Kind: KindFloat}, x)
	case int64:
		if f := float64(x); int64(f) == x && math.Abs(f) <= 1<<53 {
			return f, nil
		}
		return nil, errors.New("a whole number that a float cannot hold exactly")
	case Decimal:
		return Parse(Type{Kind: KindFloat}, string(x))
	default:
		return nil, mismatch(Type{Kind: KindFloat}, v)
	}
}

func convertDecimal(t Type, v Value) (Value, error) {
	var d Decimal
	switch x := v.(type) {
	case Decimal:
		d = x
	case int64:
		d = DecimalOfInt(x)
	case float64:
		d = Decimal(floatText(x))
	case string:
		if strings.TrimSpace(x) == "" {
			return nil, nil
		}
		p, err := ParseDecimal(strings.TrimSpace(x))
		if err != nil {
			return nil, err
		}
		d = p
	default:
		return nil, mismatch(t, v)
	}
	if t.Precision == 0 || d == "NaN" {
		return d, nil
	}
	whole, frac := d.Digits()
	if !d.Finite() || whole > t.Precision-t.Scale {
		return nil, fmt.Errorf("does not fit %s", t)
	}
	if frac > t.Scale {
		return nil, fmt.Errorf("has more than %d digits after the point; round() it or widen %s", t.Scale, t)
	}
	return d, nil
}

func convertBool(v Value) (Value, error) {
	switch x := v.(type) {
	case bool:
		return x, nil
	case string:
		return Parse(Type{Kind: KindBool}, x)
	case int64:
		if x == 0 || x == 1 {
			return x == 1, nil
		}
	}
	return nil, errors.New("expected true or false")
}

func convertTimestamp(v Value) (Value, error) {
	switch x := v.(type) {
	case Timestamp:
		return x, nil
	case Date:
		switch x {
		case DateInfinity:
			return TimestampInfinity, nil
		case DateNegInfinity:
			return TimestampNegInfinity, nil
		}
		return Timestamp(int64(x) * 86_400_000_000), nil
	case string:
		return Parse(Type{Kind: KindTimestamp}, x)
	default:
		return nil, mismatch(Type{Kind: KindTimestamp}, v)
	}
}

func convertDate(v Value) (Value, error) {
	switch x := v.(type) {
	case Date:
		return x, nil
	case Timestamp, string:
		return Parse(Type{Kind: KindDate}, Text(x))
	default:
		return nil, mismatch(Type{Kind: KindDate}, v)
	}
}

func convertJSON(v Value) (Value, error) {
	switch x := v.(type) {
	case JSON:
		return x, nil
	case string:
		return CanonicalJSON([]byte(x))
	default:
		return EncodeJSON(v)
	}
}

func convertToList(t Type, v Value) (Value, error) {
	switch x := v.(type) {
	case List:
		return convertList(t, x)
	case JSON:
		return parseList(t, string(x))
	case string:
		return Parse(t, x)
	default:
		return nil, mismatch(t, v)
	}
}

func convertList(t Type, elems []any) (Value, error) {
	list := make(List, len(elems))
	for i, elem := range elems {
		v, err := Convert(Type{Kind: t.Elem}, elem)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i+1, err)
		}
		list[i] = v
	}
	if t.Kind == KindSet {
		return NewSet(list), nil
	}
	return list, nil
}
