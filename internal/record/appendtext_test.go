package record

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func someFormats(t require.TestingT) []Formats {
	var all []Formats
	for _, given := range []map[string]string{
		nil,
		{"null": ""},
		{"null": "0"},
		{"null": "true"},
		{"true": "ja", "false": "nein"},
		{"true": "Y", "false": "y"},
		{"true": " x ", "false": "-"},
		{"date": "DD.MM.YYYY", "decimal": ",", "group": "."},
		{"date": "YYYY-MM-DD", "timestamp": "DD.MM.YYYY HH:mm:ss"},
		{"date": "MM/DD/YYYY", "group": "'"},
		{"date": "YYYYMMDD"},
		{"date": "D.M.YY"},
		{"timestamp": "YYYY-MM-DD HH:mm:ss"},
	} {
		f, err := NewFormats(given)
		require.NoError(t, err)
		all = append(all, f)
	}
	return append(all, Formats{Date: "DD.MM.YYYY"}) // not compiled
}

func someTypes() []Type {
	return []Type{
		{Kind: KindInt},
		{Kind: KindInt, Precision: 16},
		{Kind: KindInt, Precision: 32},
		{Kind: KindInt, Precision: 64},
		{Kind: KindFloat},
		{Kind: KindBool},
		{Kind: KindDate},
		{Kind: KindTimestamp},
		{Kind: KindUUID},
		{Kind: KindTime},
		{Kind: KindJSON},
		{Kind: KindDecimal},
		{Kind: KindDecimal, Precision: 5, Scale: 2},
		{Kind: KindDecimal, Precision: 3},
		{Kind: KindString},
		{Kind: KindString, Length: 4},
		{Kind: KindBytes},
		{Kind: KindList, Elem: KindInt},
	}
}

// sameAsParse holds the short way against Parse and gives whether it was taken.
func sameAsParse(t require.TestingT, f Formats, typ Type, s string) bool {
	schema := ArrowSchema(NewSchema(Field{Name: "a", Type: typ}))
	b := array.NewBuilder(memory.DefaultAllocator, schema.Field(0).Type)
	defer b.Release()
	short := f.AppendText(b, typ)
	if short == nil {
		return false
	}
	taken := short(s)
	arr := b.NewArray()
	defer arr.Release()
	if !taken {
		require.Zero(t, arr.Len(), "%q was refused and appended", s)
		return false
	}
	want, err := f.Parse(typ, s)
	require.NoError(t, err, "%s %q", typ, s)
	require.Equal(t, 1, arr.Len())
	require.False(t, arr.IsNull(0))
	require.Equal(t, fmt.Sprintf("%T %v", want, want), fmt.Sprintf("%T %v", valueAt(typ, arr, 0), valueAt(typ, arr, 0)), "%s %q", typ, s)
	return true
}

// The short way must take what nearly all cells look like.
func TestTextsThatTakeTheShortWay(t *testing.T) {
	t.Parallel()
	german, err := NewFormats(map[string]string{"date": "DD.MM.YYYY", "true": "ja", "false": "nein", "decimal": ","})
	require.NoError(t, err)
	for _, c := range []struct {
		f     Formats
		typ   Type
		texts string
	}{
		{Formats{}, Type{Kind: KindInt}, "0 7 -7 007 123456789012345678"},
		{Formats{}, Type{Kind: KindInt, Precision: 16}, "32767 -32768"},
		{Formats{}, Type{Kind: KindFloat}, "0 -0 1.5 1e9 NaN inf 0x1p4"},
		{Formats{}, Type{Kind: KindBool}, "true f 1 0"},
		{Formats{}, Type{Kind: KindDate}, "2026-02-28 0000-01-01 9999-12-31 2024-02-29 1900-02-28"},
		{Formats{}, Type{Kind: KindTimestamp}, "2026-02-28T10:00:00 2026-02-28T10:00:00.5Z 1969-12-31T23:59:59.999999+02:30"},
		{Formats{}, Type{Kind: KindUUID}, "0f8fad5b-d9cb-469f-a165-70867728950E"},
		{Formats{}, Type{Kind: KindDecimal, Precision: 5, Scale: 2}, "1 1.20 001.2 .5 5. -1.25 -100"},
		{Formats{}, Type{Kind: KindString, Length: 4}, "four ö"},
		{german, Type{Kind: KindDate}, "28.02.2026"},
		{german, Type{Kind: KindBool}, "ja NEIN"},
	} {
		for s := range strings.FieldsSeq(c.texts) {
			require.True(t, sameAsParse(t, c.f, c.typ, s), "%s %q", c.typ, s)
		}
	}
	require.True(t, sameAsParse(t, Formats{}, Type{Kind: KindTimestamp}, "2026-02-28 10:00:00+00"))
}

// oddTexts are cells at the edges of what the short way takes.
func oddTexts() []string {
	return []string{
		"", " ", "0", "-0", "+1", "-", "+", "--1", " 1", "1 ", "1_000", "1,5", "1.000", "1.000,5", "1'000", "0x10", "1e3", "1E400", ".", "-.5", "-5.",
		"-0.50", "-0.0", "-01", "00", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "32768", "-32769", "2147483648",
		"999.99", "1000", "0.001", "NaN", "nan", "Infinity", "-inf", "TRUE", "True", "t", "oN", "ja", "JA", "Nein", " x ", "x", "Y", "y", "-",
		"2026-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "2026-1-1", "20260101", "02026-01-01",
		"+12026-01-01", "-0001-01-01", "infinity", "-infinity", "01.02.2026", "31.04.2026", "1.2.26", "01/02/2026", "13/02/2026", "01.02.2026x",
		"2026-01-01T", "2026-01-01 00:00:00", "2026-01-01T24:00:00", "2026-01-01T10:60:00", "2026-01-01T10:00:60", "2026-01-01 10:00",
		"2026-01-01T10:00:00.", "2026-01-01T10:00:00.1234567", "2026-01-01T10:00:00.000001Z", "2026-01-01T10:00:00,5", "2026-01-01T10:00:00z",
		"2026-01-01T10:00:00+24:00", "2026-01-01T10:00:00+02", "2026-01-01 10:00:00-0230", "2026-01-01T10:00:00 +02", "2026-01-01T10:00:00-00:00",
		"2026-01-01T10:00:00+2", "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "01.02.2026 10:00:00", "2026-01-01\t10:00:00",
		"0f8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5bd9cb469fa16570867728950e", "{0f8fad5b-d9cb-469f-a165-70867728950e}",
		"0f8fad5b-d9cb-469f-a165-70867728950g", "0f8fad5b-d9cb-469f-a165-7086772895-e", "0f8fad5b-d9c--469f-a165-70867728950e",
		"\xff", "a\xffb", "ö", "öööö", "ööööö", "\u00a01", "１", "K", "[1]", "{}", "null",
	}
}

func TestTheShortWayReadsAsParseDoes(t *testing.T) {
	t.Parallel()
	for _, f := range someFormats(t) {
		for _, typ := range someTypes() {
			for _, s := range oddTexts() {
				sameAsParse(t, f, typ, s)
			}
		}
	}
}

func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom(oddTexts()),
		rapid.StringMatching(`[+-]?0*[0-9]{0,20}(\.[0-9]{0,6}0*)?([eE][+-]?[0-9]{1,2})?`),
		rapid.StringMatching(`[0-9]{4}-[0-3][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9])?(\.[0-9]{1,9})?(Z|[+-][0-2][0-9](:?[0-6][0-9])?)?)?`),
		rapid.StringMatching(`[0-3][0-9][./-][0-1][0-9][./-][0-9]{4}`),
		rapid.StringMatching(`[0-9a-fA-Fg]{8}-?[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
		rapid.String(),
	)
}

func TestTheShortWayReadsAnyTextAsParseDoes(t *testing.T) {
	t.Parallel()
	formats, types := someFormats(t), someTypes()
	rapid.Check(t, func(t *rapid.T) {
		s := anyText().Draw(t, "text")
		f := formats[rapid.IntRange(0, len(formats)-1).Draw(t, "formats")]
		for _, typ := range types {
			sameAsParse(t, f, typ, s)
		}
	})
}

// The quick reading of a timestamp gives what the layouts give.
func TestISOTimestampsAreThoseOfTheLayouts(t *testing.T) {
	t.Parallel()
	check := func(t require.TestingT, s string) {
		at, ok := ISOTimestamp(s)
		if day, isDay := ISODate(s); isDay {
			at, ok = Timestamp(int64(day)*86_400_000_000), true
		}
		if !ok {
			return
		}
		want, err := parseAnyTimestamp(s)
		require.NoError(t, err, s)
		require.Equal(t, want, at, s)
	}
	for _, s := range oddTexts() {
		check(t, s)
	}
	for year := 0; year < 10_000; year += 7 {
		for month := 1; month <= 12; month++ {
			check(t, fmt.Sprintf("%04d-%02d-01", year, month))
			check(t, fmt.Sprintf("%04d-%02d-29 12:00:00", year, month))
		}
	}
	rapid.Check(t, func(t *rapid.T) { check(t, anyText().Draw(t, "text")) })
}

func FuzzAppendText(f *testing.F) {
	for _, s := range oddTexts() {
		f.Add(s)
	}
	formats, types := someFormats(f), someTypes()
	f.Fuzz(func(t *testing.T, s string) {
		for _, f := range formats {
			for _, typ := range types {
				sameAsParse(t, f, typ, s)
			}
		}
	})
}
