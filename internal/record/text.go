package record

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Text gives a value's canonical text; Parse of its type reads it back. NULL
// and Missing have no text and give "".
func Text(v Value) string {
	switch x := v.(type) {
	case string:
		return x
	case int64:
		return strconv.FormatInt(x, 10)
	case Decimal:
		return string(x)
	case float64:
		return floatText(x)
	case bool:
		return strconv.FormatBool(x)
	case Timestamp:
		return x.String()
	case Date:
		return x.String()
	case TimeOfDay:
		return x.String()
	case UUID:
		return x.String()
	case Bytes:
		return `\x` + hex.EncodeToString([]byte(x))
	case JSON:
		return string(x)
	case List:
		return string(listJSON(x))
	default:
		return ""
	}
}

// Parse reads a value of a type from its text; "" is NULL for every kind but
// string, bytes and any. Errors say what was expected, never the content.
func Parse(t Type, s string) (Value, error) {
	switch t.Kind {
	case Any, KindString, KindRef:
		if !utf8.ValidString(s) {
			return nil, errors.New("not valid UTF-8")
		}
		return s, nil
	case KindBytes:
		if hexText, is := strings.CutPrefix(s, `\x`); is {
			raw, err := hex.DecodeString(hexText)
			if err != nil {
				return nil, errors.New("not hexadecimal after \\x")
			}
			return Bytes(raw), nil
		}
		return Bytes(s), nil
	default: // all others are trimmed, and "" is NULL
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, nil
	}
	switch t.Kind {
	case KindInt:
		return parseInt(s)
	case KindFloat:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, errors.New("not a number")
		}
		return Float(f), nil
	case KindDecimal:
		return ParseDecimal(s)
	case KindBool:
		return parseBool(s)
	case KindTimestamp:
		return ParseTimestamp(s)
	case KindDate:
		return ParseDate(s)
	case KindTime:
		return ParseTimeOfDay(s)
	case KindUUID:
		return ParseUUID(s)
	case KindJSON:
		return CanonicalJSON([]byte(s))
	case KindList, KindSet:
		return parseList(t, s)
	default:
		return nil, fmt.Errorf("no text form for %s", t)
	}
}

func parseInt(s string) (Value, error) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, nil
	}
	d, err := ParseDecimal(s)
	if err != nil {
		return nil, errors.New("not a whole number")
	}
	i, ok := d.Int()
	if !ok {
		return nil, errors.New("not a whole number of 64 bits")
	}
	return i, nil
}

func parseBool(s string) (Value, error) {
	switch strings.ToLower(s) {
	case "true", "t", "yes", "y", "on", "1":
		return true, nil
	case "false", "f", "no", "n", "off", "0":
		return false, nil
	default:
		return nil, errors.New("neither true nor false")
	}
}

// Float canonicalises a float: -0 becomes 0.
func Float(f float64) float64 {
	if f == 0 {
		return 0
	}
	return f
}

// ParseUUID reads the usual form with or without dashes and braces.
func ParseUUID(s string) (Value, error) {
	plain := strings.ReplaceAll(strings.Trim(s, "{}"), "-", "")
	var u UUID
	if len(plain) != 32 {
		return nil, errors.New("not a UUID")
	}
	if _, err := hex.Decode(u[:], []byte(plain)); err != nil {
		return nil, errors.New("not a UUID")
	}
	return u, nil
}

// String gives the usual form with dashes.
func (u UUID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// NewTimestamp truncates to microseconds UTC.
func NewTimestamp(t time.Time) Timestamp { return Timestamp(t.UnixMicro()) }

// Time gives the instant in UTC. The infinities give the ends of time.Time's
// year range.
func (t Timestamp) Time() time.Time {
	switch t {
	case TimestampInfinity:
		return time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	case TimestampNegInfinity:
		return time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	default:
		return time.UnixMicro(int64(t)).UTC()
	}
}

// String gives RFC 3339 in UTC with as many fraction digits as needed, years
// beyond 9999 or before 1 with their sign, or infinity.
func (t Timestamp) String() string {
	switch t {
	case TimestampInfinity:
		return "infinity"
	case TimestampNegInfinity:
		return "-infinity"
	default:
		at := time.UnixMicro(int64(t)).UTC()
		return yearText(at.Year()) + at.Format("-01-02T15:04:05.999999Z")
	}
}

// Time gives midnight UTC of the day.
func (d Date) Time() time.Time { return time.Unix(int64(d)*86_400, 0).UTC() }

// String gives YYYY-MM-DD, or infinity.
func (d Date) String() string {
	switch d {
	case DateInfinity:
		return "infinity"
	case DateNegInfinity:
		return "-infinity"
	default:
		at := d.Time()
		return yearText(at.Year()) + at.Format("-01-02")
	}
}

// NewDate gives the day of a time in its own zone.
func NewDate(t time.Time) Date {
	return Date(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86_400)
}

// String gives HH:MM:SS with as many fraction digits as needed.
func (t TimeOfDay) String() string {
	us := int64(t)
	s := fmt.Sprintf("%02d:%02d:%02d", us/3_600_000_000, us/60_000_000%60, us/1_000_000%60)
	if frac := us % 1_000_000; frac != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%06d", frac), "0")
	}
	return s
}

func yearText(y int) string {
	switch {
	case y > 9999:
		return "+" + strconv.Itoa(y)
	case y < 0:
		return fmt.Sprintf("-%04d", -y)
	default:
		return fmt.Sprintf("%04d", y)
	}
}

// cutYear splits a leading year, signed when beyond four digits, from the rest
// of a date; the rest begins with the dash before the month.
func cutYear(s string) (year int, rest string, ok bool) {
	sign := 1
	body := s
	if strings.HasPrefix(body, "-") || strings.HasPrefix(body, "+") {
		if body[0] == '-' {
			sign = -1
		}
		body = body[1:]
	}
	i := strings.IndexByte(body, '-')
	if i < 4 {
		return 0, "", false
	}
	y, err := strconv.Atoi(body[:i])
	return sign * y, body[i:], err == nil
}

//nolint:gochecknoglobals // a constant table
var timestampLayouts = []string{
	"-01-02T15:04:05Z07:00", "-01-02 15:04:05Z07:00", "-01-02 15:04:05Z07", "-01-02T15:04:05Z07",
	"-01-02T15:04:05Z0700", "-01-02 15:04:05Z0700",
	"-01-02T15:04:05", "-01-02 15:04:05", "-01-02T15:04", "-01-02 15:04", "-01-02",
}

// ParseTimestamp reads RFC 3339 and its usual neighbours (a space for the T,
// no zone = UTC, a date alone = midnight UTC) and the infinities.
func ParseTimestamp(s string) (Value, error) {
	switch s {
	case "infinity":
		return TimestampInfinity, nil
	case "-infinity":
		return TimestampNegInfinity, nil
	}
	if at, ok := ISOTimestamp(s); ok {
		return at, nil
	}
	if day, ok := ISODate(s); ok {
		return Timestamp(int64(day) * 86_400_000_000), nil
	}
	return parseAnyTimestamp(s)
}

// parseAnyTimestamp tries one layout after the other.
func parseAnyTimestamp(s string) (Value, error) {
	year, rest, ok := cutYear(s)
	if ok {
		leap := leapAnchor(year)
		for _, layout := range timestampLayouts {
			at, err := time.Parse("2006"+layout, fmt.Sprintf("%04d", leap)+rest)
			if err == nil {
				return NewTimestamp(at.AddDate(year-leap, 0, 0)), nil
			}
		}
	}
	return nil, errors.New("not a timestamp such as 2026-02-28T15:04:05Z")
}

// leapAnchor is a four-digit year with the same calendar as year.
func leapAnchor(year int) int {
	if year >= 0 && year <= 9999 {
		return year
	}
	return 2000 + ((year%400)+400)%400
}

// ParseDate reads YYYY-MM-DD (a time after it is refused unless midnight) and
// the infinities.
func ParseDate(s string) (Value, error) {
	switch s {
	case "infinity":
		return DateInfinity, nil
	case "-infinity":
		return DateNegInfinity, nil
	}
	if day, ok := ISODate(s); ok {
		return day, nil
	}
	v, err := ParseTimestamp(s)
	if err != nil {
		return nil, errors.New("not a date such as 2026-02-28")
	}
	const day = 86_400_000_000
	us := int64(v.(Timestamp))
	if us%day != 0 {
		return nil, errors.New("a date with a time of day; declare it a timestamp")
	}
	return Date(us / day), nil
}

// ParseTimeOfDay reads HH:MM[:SS[.ffffff]].
func ParseTimeOfDay(s string) (Value, error) {
	if s == "24:00" || s == "24:00:00" {
		return TimeOfDay(86_400_000_000), nil
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if at, err := time.Parse(layout, s); err == nil {
			return TimeOfDay(at.Sub(at.Truncate(24*time.Hour)) / time.Microsecond), nil
		}
	}
	return nil, errors.New("not a time such as 15:04:05")
}
