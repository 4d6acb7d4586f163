package mappings

import (
	"errors"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

func timeHelpers() []helper {
	part := func(name, doc, result string, of func(record.Timestamp) int64) helper {
		return helper{
			name: name, params: []string{"time"}, gives: "int", doc: doc,
			examples: []example{{name + `(date("2026-02-28"))`, result}},
			call: func(args ...any) (any, error) {
				t, err := instant(args[0])
				if err != nil {
					return nil, err
				}
				return of(t), nil
			},
		}
	}
	return []helper{
		{
			name: "parse_date", params: []string{"text", "pattern?"}, gives: "date", make: makeParseDate,
			doc: "A date read by a pattern of YYYY YY MM M DD D; with HH or H in the pattern, and mm ss, it is a timestamp in UTC. " +
				"Without a pattern, YYYY-MM-DD. An empty text is NULL.",
			examples: []example{
				{`parse_date("28.02.2026", "DD.MM.YYYY")`, "2026-02-28"},
				{`parse_date("2/28/26 15:04", "M/D/YY HH:mm")`, "2026-02-28T15:04:00Z"},
			},
		},
		{
			name: "format_date", params: []string{"time", "pattern"}, gives: "string", make: makeFormatDate,
			doc:      "A date or timestamp (in UTC) as text by a pattern.",
			examples: []example{{`format_date(date("2026-02-28"), "DD.MM.YYYY")`, "28.02.2026"}},
		},
		{
			name: "from_unix", params: []string{"number", "unit?"}, gives: "timestamp", call: fromUnix,
			doc:      `A timestamp from the seconds since 1970; the unit may be "ms" or "us" instead of "s".`,
			examples: []example{{`from_unix(1772290800)`, "2026-02-28T15:00:00Z"}, {`from_unix(1772290800123, "ms")`, "2026-02-28T15:00:00.123Z"}},
		},
		{
			name: "to_unix", params: []string{"time"}, gives: "int", call: toUnix,
			doc: "The whole seconds since 1970.", examples: []example{{`to_unix(timestamp("2026-02-28T15:00:00Z"))`, "1772290800"}},
		},
		{
			name: "date", params: []string{"value"}, gives: "date", call: toDate,
			doc:      "The day: of a timestamp (in UTC), of a text such as 2026-02-28.",
			examples: []example{{`date("2026-02-28")`, "2026-02-28"}, {`date(timestamp("2026-02-28T15:04:05Z"))`, "2026-02-28"}, {`date("2026-02-28") + 1`, "2026-03-01"}},
		},
		{
			name: "timestamp", params: []string{"value"}, gives: "timestamp", call: toType(record.KindTimestamp),
			doc:      "The instant: midnight UTC of a date, or a text in RFC 3339.",
			examples: []example{{`timestamp("2026-02-28 16:04:05+01:00")`, "2026-02-28T15:04:05Z"}},
		},
		part("year", "The year, in UTC.", "2026", func(t record.Timestamp) int64 { return int64(t.Time().Year()) }),
		part("month", "The month from 1 to 12, in UTC.", "2", func(t record.Timestamp) int64 { return int64(t.Time().Month()) }),
		part("day", "The day of the month, in UTC.", "28", func(t record.Timestamp) int64 { return int64(t.Time().Day()) }),
	}
}

func instant(v any) (record.Timestamp, error) {
	t, err := record.Convert(record.Type{Kind: record.KindTimestamp}, leaf(v))
	if err != nil {
		return 0, faultf("expected a timestamp or a date, got %s", kindName(v))
	}
	ts, is := t.(record.Timestamp)
	if !is || ts == record.TimestampInfinity || ts == record.TimestampNegInfinity {
		return 0, faultf("expected a finite timestamp or date")
	}
	return ts, nil
}

func makeParseDate(args []typed) (function, record.Type, error) {
	typ := record.Type{Kind: record.KindDate}
	formats, name := record.Formats{}, "date"
	if len(args) == 2 {
		pattern, is := args[1].lit.(string)
		if !is {
			return nil, typ, errors.New("needs its pattern as a literal text")
		}
		if strings.Contains(pattern, "H") {
			typ.Kind, name = record.KindTimestamp, "timestamp"
		}
		var err error
		if formats, err = record.NewFormats(map[string]string{name: pattern}); err != nil {
			return nil, typ, err
		}
	}
	return func(args ...any) (any, error) {
		s, err := text(args[0])
		if err != nil {
			return nil, err
		}
		v, err := formats.Parse(typ, s)
		if err != nil {
			return nil, faultf("%s", err)
		}
		return v, nil
	}, typ, nil
}

func makeFormatDate(args []typed) (function, record.Type, error) {
	typ := record.Type{Kind: record.KindString}
	pattern, is := args[1].lit.(string)
	if !is {
		return nil, typ, errors.New("needs its pattern as a literal text")
	}
	kind, name := record.KindDate, "date"
	if strings.ContainsAny(pattern, "Hms") {
		kind, name = record.KindTimestamp, "timestamp"
	}
	formats, err := record.NewFormats(map[string]string{name: pattern})
	if err != nil {
		return nil, typ, err
	}
	return func(args ...any) (any, error) {
		v := leaf(args[0])
		if kind == record.KindDate {
			v, err := toDate(v)
			if err != nil {
				return nil, err
			}
			return formatted(formats, kind, v)
		}
		t, err := instant(v)
		if err != nil {
			return nil, err
		}
		return formatted(formats, kind, t)
	}, typ, nil
}

func formatted(formats record.Formats, kind record.Kind, v record.Value) (any, error) {
	s, err := formats.Text(record.Type{Kind: kind}, v)
	if err != nil {
		return nil, faultf("%s", err)
	}
	return s, nil
}

func fromUnix(args ...any) (any, error) {
	per := int64(1_000_000)
	if len(args) == 2 {
		switch args[1] {
		case "s":
		case "ms":
			per = 1_000
		case "us":
			per = 1
		default:
			return nil, faultf(`the unit must be "s", "ms" or "us"`)
		}
	}
	us, err := arithmetic('*', args[0], per)
	if err != nil {
		return nil, err
	}
	if us, err = roundTo(us, 0, "down"); err != nil {
		return nil, err
	}
	n, err := record.Convert(record.Type{Kind: record.KindInt}, us)
	if err != nil {
		return nil, faultf("a time out of range")
	}
	return record.Timestamp(n.(int64)), nil
}

func toUnix(args ...any) (any, error) {
	t, err := instant(args[0])
	if err != nil {
		return nil, err
	}
	return t.Time().Unix(), nil
}

func toDate(args ...any) (any, error) {
	v := leaf(args[0])
	if s, is := v.(string); is {
		if d, err := record.ParseDate(s); err == nil {
			return d, nil
		}
	}
	switch x := v.(type) {
	case record.Date:
		return x, nil
	case record.Timestamp:
		switch x {
		case record.TimestampInfinity:
			return record.DateInfinity, nil
		case record.TimestampNegInfinity:
			return record.DateNegInfinity, nil
		}
		return record.NewDate(x.Time()), nil
	}
	t, err := instant(v)
	if err != nil {
		return nil, err
	}
	return record.NewDate(t.Time()), nil
}
