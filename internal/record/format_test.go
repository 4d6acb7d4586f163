package record_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/internal/record"
)

func formats(t require.TestingT, given map[string]string) record.Formats {
	f, err := record.NewFormats(given)
	require.NoError(t, err)
	return f
}

func german(t require.TestingT) record.Formats {
	return formats(t, map[string]string{
		"date": "DD.MM.YYYY", "timestamp": "DD.MM.YYYY HH:mm:ss", "time": "HH:mm", "decimal": ",", "group": ".",
		"list": ",", "null": "", "true": "ja", "false": "nein",
	})
}

func TestFormatsRead(t *testing.T) {
	t.Parallel()
	f := german(t)
	for _, c := range []struct {
		kind, text string
		want       record.Value
	}{
		{"date", "28.02.2026", record.Date(20512)},
		{"date", "", nil},
		{"string", "", nil},
		{"timestamp", "28.02.2026 15:04:05", record.Timestamp(1772291045_000_000)},
		{"timestamp", "28.02.2026", record.Timestamp(1772236800_000_000)},
		{"time", "15:04", record.TimeOfDay(54_240_000_000)},
		{"decimal", "1.234,50", record.Decimal("1234.5")},
		{"decimal", "-0,5", record.Decimal("-0.5")},
		{"int", "1.234.567", int64(1_234_567)},
		{"float", "1,5", 1.5},
		{"bool", "Ja", true},
		{"bool", "nein", false},
		{"set<string>", " b ,a,,a", record.List{"a", "b"}},
		{"list<int>", "2,1", record.List{int64(2), int64(1)}},
	} {
		typ, err := record.ParseType(c.kind)
		require.NoError(t, err)
		got, err := f.Parse(typ, c.text)
		require.NoError(t, err, "%s %q", c.kind, c.text)
		require.Equal(t, c.want, got, "%s %q", c.kind, c.text)
	}
	for _, c := range [][2]string{
		{"date", "2026-02-28"},
		{"date", "30.02.2026"},
		{"date", "28.02.26"},
		{"decimal", "12.50"},
		{"decimal", "1.23,4"},
		{"int", "1,5"},
		{"bool", "yes"},
		{"list<int>", "1,x"},
		{"decimal(4,2)", "1,234"},
		{"int", ".123"},
	} {
		typ, err := record.ParseType(c[0])
		require.NoError(t, err)
		_, err = f.Parse(typ, c[1])
		require.Error(t, err, "%s %q", c[0], c[1])
		require.NotContains(t, err.Error(), c[1])
	}
}

func TestFormatsRefuseWhatTheyCannotExpress(t *testing.T) {
	t.Parallel()
	f := german(t)
	short := formats(t, map[string]string{"date": "DD.MM.YY", "null": "-"})
	for name, write := range map[string]func() (string, error){
		"separator inside":   func() (string, error) { return f.Text(record.Type{Kind: record.KindList}, record.List{"a,b"}) },
		"null element":       func() (string, error) { return f.Text(record.Type{Kind: record.KindList}, record.List{nil}) },
		"padded element":     func() (string, error) { return f.Text(record.Type{Kind: record.KindList}, record.List{" a"}) },
		"seconds cut off":    func() (string, error) { return f.Text(record.Type{}, record.TimeOfDay(1_000_000)) },
		"infinity":           func() (string, error) { return f.Text(record.Type{}, record.TimestampInfinity) },
		"microseconds":       func() (string, error) { return f.Text(record.Type{}, record.Timestamp(1)) },
		"two digits of 1900": func() (string, error) { return short.Text(record.Type{}, record.Date(-20000)) },
		"text for NULL":      func() (string, error) { return short.Text(record.Type{}, "-") },
	} {
		_, err := write()
		require.Error(t, err, name)
	}
	s, err := short.Text(record.Type{}, nil)
	require.NoError(t, err)
	require.Equal(t, "-", s)
}

func TestFormatsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, given := range []map[string]string{
		{"dates": "DD"},
		{"date": "DD.MM"},
		{"date": "tt.mm.jjjj"},
		{"decimal": "1"},
		{"decimal": ",,"},
		{"group": "."},
		{"true": "ja"},
		{"true": "x", "false": "x"},
		{"timestamp": "YYYY-MM-DD"},
		{"time": "ss"},
	} {
		_, err := record.NewFormats(given)
		require.Error(t, err, "%v", given)
	}
}

func TestFormatsZeroIsCanonicalText(t *testing.T) {
	t.Parallel()
	var f record.Formats
	v, err := f.Parse(record.Type{Kind: record.KindString}, "")
	require.NoError(t, err)
	require.Empty(t, v)
	v, err = f.Parse(record.Type{Kind: record.KindSet, Elem: record.KindString}, `["b","a"]`)
	require.NoError(t, err)
	require.Equal(t, record.List{"a", "b"}, v)
}

// What Text writes, Parse reads back as an equal value, or Text refuses it.
func TestFormatsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		f := german(rt)
		typ, v := anyTyped(rt)
		s, err := f.Text(typ, v)
		if err != nil {
			return
		}
		back, err := f.Parse(typ, s)
		require.NoError(rt, err)
		if s == "" {
			require.Nil(rt, back)
			return
		}
		require.True(rt, record.Equal(v, back), "%v of %s: %q gives %v", v, typ, s, back)
	})
}

func anyTyped(rt *rapid.T) (record.Type, record.Value) {
	switch rapid.IntRange(0, 8).Draw(rt, "kind") {
	case 0:
		return record.Type{Kind: record.KindInt}, rapid.Int64().Draw(rt, "int")
	case 1:
		d, err := record.ParseDecimal(rapid.StringMatching(`-?[0-9]{1,12}(\.[0-9]{1,6})?`).Draw(rt, "decimal"))
		require.NoError(rt, err)
		return record.Type{Kind: record.KindDecimal}, d
	case 2:
		return record.Type{Kind: record.KindFloat}, record.Float(rapid.Float64().Draw(rt, "float"))
	case 3:
		return record.Type{Kind: record.KindDate}, record.Date(rapid.Int32Range(-1_000_000, 4_000_000).Draw(rt, "date"))
	case 4:
		return record.Type{Kind: record.KindTimestamp}, record.Timestamp(rapid.Int64Range(-1e12, 1e12).Draw(rt, "s") * 1_000_000)
	case 5:
		return record.Type{Kind: record.KindTime}, record.TimeOfDay(rapid.Int64Range(0, 24*60).Draw(rt, "minute") * 60_000_000)
	case 6:
		return record.Type{Kind: record.KindBool}, rapid.Bool().Draw(rt, "bool")
	case 7:
		list := record.List{}
		for _, s := range rapid.SliceOfN(rapid.String(), 0, 4).Draw(rt, "elems") {
			list = append(list, s)
		}
		return record.Type{Kind: record.KindSet, Elem: record.KindString}, record.NewSet(list)
	default:
		return record.Type{Kind: record.KindString}, rapid.String().Draw(rt, "string")
	}
}
