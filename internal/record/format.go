package record

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Formats are the text formats of one system: how a cell of text stands for a
// value of a declared type. The zero Formats reads and writes the canonical
// text of Parse and Text. It is a plain value and safe for concurrent use.
//
//	date       a pattern: DD.MM.YYYY, D/M/YY, YYYY-MM-DD
//	timestamp  a pattern: DD.MM.YYYY HH:mm:ss; without a zone it is UTC
//	time       a pattern: HH:mm
//	decimal    the character before the fraction: ","
//	group      the character between thousands: "."; without it there is none
//	list       what separates the elements of a list or set: ";"
//	null       the text that stands for NULL
//	true       the text that stands for true
//	false      the text that stands for false
//
// Patterns are made of YYYY YY MM M DD D HH H mm m ss s, SSS to SSSSSS for the
// fraction of a second, and Z for a zone; everything else stands for itself.
type Formats struct {
	Date, Timestamp, Time       string
	Decimal, Group, List        string
	Null, True, False           string
	hasNull                     bool
	dateLayout, stampLayout     string
	timeLayout, elementsDivider string
}

// NewFormats reads the `formats:` of a system. A null text counts only where it
// is given: `null: ""` makes "" NULL in strings too.
func NewFormats(given map[string]string) (Formats, error) {
	var f Formats
	places := map[string]*string{
		"date": &f.Date, "timestamp": &f.Timestamp, "time": &f.Time, "decimal": &f.Decimal, "group": &f.Group,
		"list": &f.List, "null": &f.Null, "true": &f.True, "false": &f.False,
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		place, known := places[name]
		if !known {
			return Formats{}, fmt.Errorf("no format %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(places)), " "))
		}
		*place = given[name]
	}
	_, f.hasNull = given["null"]
	return f.compile()
}

// compile checks the formats and works the patterns out once.
func (f Formats) compile() (Formats, error) {
	for _, p := range []struct {
		name, pattern string
		layout        *string
		need          string
	}{
		{"date", f.Date, &f.dateLayout, "YMD"},
		{"timestamp", f.Timestamp, &f.stampLayout, "YMDH"},
		{"time", f.Time, &f.timeLayout, "H"},
	} {
		if p.pattern == "" {
			continue
		}
		layout, has := goLayout(p.pattern)
		if strings.Trim(p.need, has) != "" {
			return Formats{}, fmt.Errorf("format %s: %q is no pattern such as DD.MM.YYYY or HH:mm:ss", p.name, p.pattern)
		}
		*p.layout = layout
	}
	for name, sep := range map[string]string{"decimal": f.Decimal, "group": f.Group} {
		if len([]rune(sep)) > 1 || strings.ContainsAny(sep, "0123456789+-eE") {
			return Formats{}, fmt.Errorf("format %s: %q is not one separating character", name, sep)
		}
	}
	if point := f.point(); f.Group == point {
		return Formats{}, errors.New("formats decimal and group must differ")
	}
	if (f.True == "") != (f.False == "") || (f.True != "" && f.True == f.False) {
		return Formats{}, errors.New("formats true and false must both be given, and differ")
	}
	if f.elementsDivider = strings.TrimSpace(f.List); f.elementsDivider == "" {
		f.elementsDivider = f.List
	}
	return f, nil
}

//nolint:gochecknoglobals // a constant table; longer tokens stand before shorter ones
var patternTokens = []struct{ token, layout, has string }{
	{"YYYY", "2006", "Y"},
	{"YY", "06", "Y"},
	{"MM", "01", "M"},
	{"M", "1", "M"},
	{"DD", "02", "D"},
	{"D", "2", "D"},
	{"HH", "15", "H"},
	{"H", "15", "H"},
	{"mm", "04", "m"},
	{"m", "4", "m"},
	{"ss", "05", "s"},
	{"s", "5", "s"},
	{"SSSSSS", "000000", "S"},
	{"SSSSS", "00000", "S"},
	{"SSSS", "0000", "S"},
	{"SSS", "000", "S"},
	{"SS", "00", "S"},
	{"S", "0", "S"},
	{"Z", "Z07:00", "Z"},
}

// goLayout translates a pattern; has lists the parts that it holds.
func goLayout(pattern string) (layout, has string) {
	var b, parts strings.Builder
next:
	for rest := pattern; rest != ""; {
		for _, t := range patternTokens {
			if after, is := strings.CutPrefix(rest, t.token); is {
				b.WriteString(t.layout)
				parts.WriteString(t.has)
				rest = after
				continue next
			}
		}
		b.WriteByte(rest[0])
		rest = rest[1:]
	}
	return b.String(), parts.String()
}

// IsNull reports whether the text is the one that stands for NULL.
func (f Formats) IsNull(s string) bool { return f.hasNull && s == f.Null }

// Parse reads a value of a declared type from a cell's text. The null text is
// NULL; so is "" for every type but string, bytes, and, where a separator is
// given, list and set, which it leaves empty. Errors say what was expected,
// never the content.
func (f Formats) Parse(t Type, s string) (Value, error) {
	if f.IsNull(s) {
		return nil, nil
	}
	v, err := f.parse(t, s)
	if err != nil || v == nil {
		return nil, err
	}
	return Convert(t, v)
}

func (f Formats) parse(t Type, s string) (Value, error) {
	trimmed := strings.TrimSpace(s)
	switch {
	case (t.Kind == KindList || t.Kind == KindSet) && f.List != "":
		return f.parseElements(t, s)
	case trimmed == "":
		return Parse(t, s)
	case t.Kind == KindDate && f.Date != "":
		at, err := f.parseTime(f.dateLayout, f.Date, trimmed)
		return NewDate(at), err
	case t.Kind == KindTimestamp && f.Timestamp+f.Date != "":
		return f.parseTimestamp(trimmed)
	case t.Kind == KindTime && f.Time != "":
		at, err := f.parseTime(f.timeLayout, f.Time, trimmed)
		return TimeOfDay(at.Sub(at.Truncate(24*time.Hour)) / time.Microsecond), err
	case t.Kind == KindBool && f.True != "":
		switch {
		case strings.EqualFold(trimmed, f.True):
			return true, nil
		case strings.EqualFold(trimmed, f.False):
			return false, nil
		}
		return nil, fmt.Errorf("neither %q nor %q", f.True, f.False)
	case t.Kind == KindDecimal || t.Kind == KindFloat || t.Kind == KindInt:
		plain, err := f.plainNumber(trimmed)
		if err != nil {
			return nil, err
		}
		return Parse(t, plain)
	}
	return Parse(t, s)
}

func (f Formats) parseTime(layout, pattern, s string) (time.Time, error) {
	if layout == "" {
		layout, _ = goLayout(pattern)
	}
	at, err := time.Parse(layout, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("not of the form %s", pattern)
	}
	return at, nil
}

// parseTimestamp also takes a day alone, as midnight UTC: many systems have
// columns of timestamps of which they keep only the day.
func (f Formats) parseTimestamp(s string) (Value, error) {
	if f.Date != "" {
		if at, err := f.parseTime(f.dateLayout, f.Date, s); err == nil {
			return NewTimestamp(at), nil
		}
	}
	if f.Timestamp == "" {
		return ParseTimestamp(s)
	}
	at, err := f.parseTime(f.stampLayout, f.Timestamp, s)
	if err != nil {
		return nil, err
	}
	return NewTimestamp(at), nil
}

func (f Formats) point() string {
	if f.Decimal == "" {
		return "."
	}
	return f.Decimal
}

// plainNumber drops the separators of thousands, which must stand before each
// three digits or nowhere, and makes the decimal separator a point.
func (f Formats) plainNumber(s string) (string, error) {
	if f.Group == "" && f.point() == "." {
		return s, nil
	}
	whole, frac, hasFrac := strings.Cut(s, f.point())
	if f.Group != "" && strings.Contains(whole, f.Group) {
		groups := strings.Split(whole, f.Group)
		for i, g := range groups {
			digits := strings.TrimLeft(g, "+-")
			if (i > 0 && len(g) != 3) || (i == 0 && (digits == "" || len(digits) > 3)) {
				return "", fmt.Errorf("not a number with %q before every three digits", f.Group)
			}
		}
		whole = strings.Join(groups, "")
	}
	if f.point() != "." && (strings.Contains(whole, ".") || strings.Contains(frac, ".")) {
		return "", fmt.Errorf("a point in a number whose decimal separator is %q; if it separates thousands, say so in formats.group", f.Decimal)
	}
	if !hasFrac {
		return whole, nil
	}
	return whole + "." + frac, nil
}

// parseElements splits by the separator; spaces around elements and empty
// elements do not count.
func (f Formats) parseElements(t Type, s string) (Value, error) {
	list := List{}
	for part := range strings.SplitSeq(s, f.divider()) {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		v, err := f.parse(Type{Kind: t.Elem}, part)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", len(list)+1, err)
		}
		list = append(list, v)
	}
	return list, nil
}

func (f Formats) divider() string {
	if f.elementsDivider != "" {
		return f.elementsDivider
	}
	return f.List
}

// Text writes a value as a cell's text; NULL and Missing give the null text. An
// error means that these formats cannot express the value: an element that
// holds the separator, a year that does not fit the pattern, a text that would
// be read back as NULL.
func (f Formats) Text(t Type, v Value) (string, error) {
	if v == nil || IsMissing(v) {
		return f.Null, nil
	}
	s, err := f.text(t, v)
	if err != nil {
		return "", err
	}
	if f.hasNull && s == f.Null && s != "" {
		return "", errors.New("a text that stands for NULL here")
	}
	return s, nil
}

func (f Formats) text(t Type, v Value) (string, error) {
	switch x := v.(type) {
	case Date:
		if f.Date != "" {
			return f.timeText(f.dateLayout, f.Date, x.Time(), x != DateInfinity && x != DateNegInfinity)
		}
	case Timestamp:
		if f.Timestamp != "" {
			return f.timeText(f.stampLayout, f.Timestamp, x.Time(), x != TimestampInfinity && x != TimestampNegInfinity)
		}
	case TimeOfDay:
		if f.Time != "" {
			return f.timeText(f.timeLayout, f.Time, time.Unix(0, int64(x)*1000).UTC(), x < 86_400_000_000)
		}
	case bool:
		switch {
		case f.True != "" && x:
			return f.True, nil
		case f.True != "":
			return f.False, nil
		}
	case Decimal, float64:
		if s, _ := numberText(x); f.point() != "." {
			return strings.Replace(s, ".", f.point(), 1), nil
		}
	case List:
		if f.List != "" {
			return f.elementsText(t, x)
		}
	}
	return Text(v), nil
}

// timeText refuses what the pattern would cut off: the text must be read back
// as the same instant.
func (f Formats) timeText(layout, pattern string, at time.Time, finite bool) (string, error) {
	if layout == "" {
		layout, _ = goLayout(pattern)
	}
	s := at.Format(layout)
	back, err := time.Parse(layout, s)
	if err != nil || !finite || !sameClock(layout, back, at) {
		return "", fmt.Errorf("cannot be written exactly as %s", pattern)
	}
	return s, nil
}

// sameClock compares two times; a layout without a date only holds the clock.
func sameClock(layout string, a, b time.Time) bool {
	if strings.Contains(layout, "06") {
		return a.Equal(b)
	}
	return a.Format("15:04:05.000000") == b.Format("15:04:05.000000")
}

func (f Formats) elementsText(t Type, list List) (string, error) {
	parts := make([]string, len(list))
	for i, elem := range list {
		s, err := f.text(Type{Kind: t.Elem}, elem)
		if err != nil {
			return "", fmt.Errorf("element %d: %w", i+1, err)
		}
		if s == "" || strings.TrimSpace(s) != s || strings.Contains(s, f.divider()) {
			return "", fmt.Errorf("element %d: cannot stand in a list separated by %q", i+1, f.List)
		}
		parts[i] = s
	}
	return strings.Join(parts, f.List), nil
}
