package postgres_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

// typeCase is a column type with values as SQL and as we read them.
type typeCase struct {
	native string
	typ    string
	values map[string]record.Value
}

func instant(tb testing.TB, text string) record.Value {
	tb.Helper()
	v, err := record.ParseTimestamp(text)
	require.NoError(tb, err)
	return v
}

func day(tb testing.TB, text string) record.Value {
	tb.Helper()
	v, err := record.ParseDate(text)
	require.NoError(tb, err)
	return v
}

var thousand = strings.Repeat("1234567890", 100)

func typeCases(tb testing.TB) []typeCase {
	tb.Helper()
	const trailing, leading = "a ", " a"
	return []typeCase{
		{"int2", "int", map[string]record.Value{"-32768": int64(math.MinInt16), "32767": int64(math.MaxInt16)}},
		{"int4", "int", map[string]record.Value{"-2147483648": int64(math.MinInt32), "2147483647": int64(math.MaxInt32)}},
		{"int8", "int", map[string]record.Value{
			"-9223372036854775808": int64(math.MinInt64), "9223372036854775807": int64(math.MaxInt64), "9007199254740993": int64(9007199254740993),
		}},
		{"numeric", "decimal", map[string]record.Value{
			"0": record.Decimal("0"), "0.000": record.Decimal("0"), "-0.10": record.Decimal("-0.1"), "1e-20": record.Decimal("0.00000000000000000001"),
			"10000": record.Decimal("10000"), "100000000": record.Decimal("100000000"), "12345.6789": record.Decimal("12345.6789"),
			"99999999.99990000": record.Decimal("99999999.9999"), thousand: record.Decimal(thousand), "-" + thousand + "." + thousand + "1": record.Decimal("-" + thousand + "." + thousand + "1"),
			"NaN": record.Decimal("NaN"), "Infinity": record.Decimal("Infinity"), "-Infinity": record.Decimal("-Infinity"),
			"0.00010000": record.Decimal("0.0001"), "1e1000": record.Decimal("1" + strings.Repeat("0", 1000)),
		}},
		{"numeric(12,2)", "decimal(12,2)", map[string]record.Value{"9999999999.99": record.Decimal("9999999999.99"), "1.50": record.Decimal("1.5"), "NaN": record.Decimal("NaN")}},
		{"numeric(3,-2)", "decimal(5,0)", map[string]record.Value{"12345": record.Decimal("12300")}},
		{"numeric(2,4)", "decimal(4,4)", map[string]record.Value{"0.0012": record.Decimal("0.0012")}},
		{"float4", "float", map[string]record.Value{
			"0.1": 0.1, "3.4028235e38": 3.4028235e38, "1e-45": 1e-45, "NaN": math.NaN(), "Infinity": math.Inf(1), "-0": float64(0), "16777216": float64(16777216),
		}},
		{"float8", "float", map[string]record.Value{
			"0.1": 0.1, "1.7976931348623157e308": math.MaxFloat64, "5e-324": math.SmallestNonzeroFloat64,
			"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "-0": float64(0),
		}},
		{"text", "string", map[string]record.Value{"": "", " x ": " x ", "näïve \U0001F600 e\u0301": "näïve \U0001F600 e\u0301", "it's \\n": "it's \\n", "\t\r\n": "\t\r\n"}},
		{"varchar(5)", "string(5)", map[string]record.Value{"äöüßé": "äöüßé", trailing: trailing}},
		{"char(5)", "string(5)", map[string]record.Value{"ab": "ab", "": "", leading: leading}},
		{"name", "string", map[string]record.Value{"n": "n"}},
		{`"char"`, "string", map[string]record.Value{"c": "c"}},
		{"bool", "bool", map[string]record.Value{"t": true, "f": false}},
		{"date", "date", map[string]record.Value{
			"2024-02-29": day(tb, "2024-02-29"), "0044-03-15 BC": day(tb, "-0043-03-15"), "5874897-12-31": record.Date(2_145_031_948 + 10_957),
			"infinity": record.DateInfinity, "-infinity": record.DateNegInfinity, "0001-01-01": day(tb, "0001-01-01"),
		}},
		{"time", "time", map[string]record.Value{"00:00": record.TimeOfDay(0), "24:00": record.TimeOfDay(86_400_000_000), "12:34:56.789012": record.TimeOfDay(45_296_789_012)}},
		{"timetz", "string", map[string]record.Value{"12:34:56.7+05:30": "12:34:56.7+05:30"}},
		{"timestamp", "timestamp", map[string]record.Value{
			"2024-02-29 12:34:56.789012": instant(tb, "2024-02-29T12:34:56.789012Z"), "infinity": record.TimestampInfinity, "-infinity": record.TimestampNegInfinity,
			"0044-03-15 10:00 BC": instant(tb, "-0043-03-15T10:00:00Z"), "0001-01-01": instant(tb, "0001-01-01T00:00:00Z"), "12345-06-07 08:09:10": instant(tb, "+12345-06-07T08:09:10Z"),
		}},
		{"timestamptz", "timestamp", map[string]record.Value{
			"2024-02-29 12:34:56.789012+02": instant(tb, "2024-02-29T10:34:56.789012Z"), "infinity": record.TimestampInfinity, "-infinity": record.TimestampNegInfinity,
			"4713-01-01 00:00 BC": instant(tb, "-4712-01-01T00:00:00Z"),
		}},
		{"interval", "string", map[string]record.Value{
			"1 year 2 mons 3 days 04:05:06.789": "P1Y2M3DT4H5M6.789S", "0": "PT0S", "-1 mon +2 days -3:04": "P-1M2DT-3H-4M",
			"-0.000001 s": "PT-0.000001S", "14 mons": "P1Y2M", "100:00": "PT100H", "-13 mons": "P-1Y-1M",
		}},
		{"uuid", "uuid", map[string]record.Value{"00112233-4455-6677-8899-aabbccddeeff": record.UUID{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}}},
		{"bytea", "bytes", map[string]record.Value{`\x`: record.Bytes(""), `\x00ff`: record.Bytes("\x00\xff")}},
		{"json", "json", map[string]record.Value{`{"b": 1.10, "a": [null, "\u00e9"]}`: record.JSON(`{"a":[null,"é"],"b":1.1}`), "null": record.JSON("null")}},
		{"jsonb", "json", map[string]record.Value{`{"b": 9007199254740993, "a": {}}`: record.JSON(`{"a":{},"b":9007199254740993}`), `"x"`: record.JSON(`"x"`)}},
		{"int4[]", "list<int>", map[string]record.Value{"{}": record.List{}, "{1,NULL,-3}": record.List{int64(1), nil, int64(-3)}}},
		{"text[]", "list<string>", map[string]record.Value{`{a,"",NULL,"b\"c,{\\}"}`: record.List{"a", "", nil, `b"c,{\}`}}},
		{"numeric(5,1)[]", "list<decimal>", map[string]record.Value{"{1.0,NaN,22.5}": record.List{record.Decimal("1"), record.Decimal("NaN"), record.Decimal("22.5")}}},
		{"timestamptz[]", "list<timestamp>", map[string]record.Value{`{"2024-01-01 00:00+00"}`: record.List{instant(tb, "2024-01-01T00:00:00Z")}}},
		{"bool[]", "list<bool>", map[string]record.Value{"{t,f}": record.List{true, false}}},
		{"uuid[]", "list<uuid>", map[string]record.Value{"{}": record.List{}}},
		{"bytea[]", "list<bytes>", map[string]record.Value{`{"\\x00ff"}`: record.List{record.Bytes("\x00\xff")}}},
		{"date[]", "list<date>", map[string]record.Value{"{2024-02-29}": record.List{day(tb, "2024-02-29")}}},
		{"inet[]", "list<string>", map[string]record.Value{"{10.0.0.1,::1}": record.List{"10.0.0.1/32", "::1/128"}}},
		{"interval[]", "list<string>", map[string]record.Value{"{1 day}": record.List{"P1D"}}},
		{"mood[]", "list<string>", map[string]record.Value{"{sad,happy}": record.List{"sad", "happy"}}},
		{"int4[][]", "json", map[string]record.Value{"{{1,2},{3,NULL}}": record.JSON("[[1,2],[3,null]]"), "{}": record.JSON("[]")}},
		{"text[][]", "json", map[string]record.Value{`{{"a,\"b","c"}}`: record.JSON(`[["a,\"b","c"]]`)}},
		{"jsonb[]", "json", map[string]record.Value{`{"{\"a\": 1}","\"x\"",NULL}`: record.JSON(`[{"a":1},"x",null]`)}},
		{"mood", "string", map[string]record.Value{"sad": "sad", "so-so, 'really'": "so-so, 'really'"}},
		{"cents", "decimal(10,2)", map[string]record.Value{"12.34": record.Decimal("12.34")}},
		{"positive", "int", map[string]record.Value{"7": int64(7)}},
		{"inet", "string", map[string]record.Value{"10.0.0.1": "10.0.0.1/32", "::1/64": "::1/64"}},
		{"macaddr", "string", map[string]record.Value{"08:00:2b:01:02:03": "08:00:2b:01:02:03"}},
		{"point", "string", map[string]record.Value{"(1,2.5)": "(1,2.5)"}},
		{"int4range", "string", map[string]record.Value{"[1,5)": "[1,5)"}},
		{"bit(3)", "string", map[string]record.Value{"101": "101"}},
		{"varbit(8)", "string", map[string]record.Value{"10101": "10101"}},
		{"money", "string", map[string]record.Value{"12.50": "$12.50"}},
		{"pair", "string", map[string]record.Value{`(1,"a b")`: `(1,"a b")`}},
		{"tsvector", "string", map[string]record.Value{"'a' 'b'": "'a' 'b'"}},
	}
}

const ownTypes = `create type mood as enum ('sad', 'happy', 'so-so, ''really''');
	create domain cents as numeric(10,2); create domain positive as int check (value > 0); create type pair as (a int, b text)`

// Every type is read, written with Apply and loaded in bulk, straight and by
// staging, and stays what it was.
func TestTypesAreExactBothWays(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, ownTypes)
	for i, c := range typeCases(t) {
		t.Run(c.native, func(t *testing.T) {
			t.Parallel()
			table := fmt.Sprintf("types%d", i)
			ddl := "(id int primary key, v " + c.native + ")"
			conn := db.Conn(t)
			for _, name := range []string{table, table + "_apply", table + "_load"} {
				db.Exec(t, "create table "+name+" "+ddl)
			}
			want := map[record.Value]record.Value{int64(0): nil}
			db.Exec(t, "insert into "+table+" values (0, null)")
			id := 0
			for text, v := range c.values {
				id++
				want[int64(id)] = v
				_, err := conn.Exec(t.Context(), fmt.Sprintf("insert into %s select $1::int, $2::text::%s", table, c.native), id, text)
				require.NoError(t, err, text)
			}
			h := open(t, config(db, table))
			require.Equal(t, c.typ, h.description.Schema.Fields[1].Type.String())
			rows, _ := h.readAll(snapshot())
			requireValues(t, want, rows)

			to := open(t, config(db, table+"_apply"))
			w := connectors.Writes{Columns: []string{"id", "v"}, Compare: []string{"v"}}
			for _, r := range rows {
				w.Items = append(w.Items, connectors.Item{Op: connectors.OpCreate, Set: r.values})
			}
			for j, r := range to.apply(w) {
				require.Equal(t, connectors.Done, r.Status, "%v: %v", rows[j].values, r.Err)
				requireValue(t, rows[j].values[1], r.Stored[1])
				requireValue(t, rows[j].values[1], r.Compared[0])
			}
			requireSameText(t, db, table, table+"_apply")

			for range 2 { // the second time everything is there
				loaded := loadBatch(t, db, table, table+"_load")
				require.Zero(t, loaded.Updated)
			}
			requireSameText(t, db, table, table+"_load")
			db.Exec(t, "update "+table+"_load set v = null")
			loaded := loadBatch(t, db, table, table+"_load")
			require.Equal(t, connectors.Loaded{Updated: int64(id), Unchanged: 1}, loaded)
			requireSameText(t, db, table, table+"_load")
		})
	}
}

func requireValues(tb testing.TB, want map[record.Value]record.Value, rows []row) {
	tb.Helper()
	require.Len(tb, rows, len(want))
	for _, r := range rows {
		require.Empty(tb, r.mark.Bad)
		requireValue(tb, want[r.values[0]], r.values[1])
	}
}

func requireValue(tb testing.TB, want, got record.Value) {
	tb.Helper()
	require.True(tb, record.Equal(want, got), "want %#v, got %#v", want, got)
}

func requireSameText(tb testing.TB, db *testenv.Database, a, b string) {
	tb.Helper()
	var different int
	sql := fmt.Sprintf(`select count(*) from %s a full join %s b using (id) where a.v::text is distinct from b.v::text
		and (a.v::text, b.v::text) <> ('-0', '0') and a.v::text !~ '[.]\d*0$|[{: ]'`, a, b)
	require.NoError(tb, db.Conn(tb).QueryRow(tb.Context(), sql).Scan(&different))
	require.Zero(tb, different)
}

// loadBatch loads one table from another.
func loadBatch(tb testing.TB, db *testenv.Database, from, to string) connectors.Loaded {
	tb.Helper()
	source := open(tb, config(db, from))
	w, err := source.Detect(tb.Context(), snapshot())
	require.NoError(tb, err)
	var batches []*record.Batch
	for _, p := range w.Partitions {
		require.NoError(tb, source.Read(tb.Context(), p, func(b *record.Batch) error { batches = append(batches, b); return nil }))
	}
	loaded, rejected, err := load(tb, open(tb, config(db, to)), []string{"id"}, batches...)
	require.NoError(tb, err)
	require.Empty(tb, rejected)
	return loaded
}

// load gives batches to a Loader, and the errors of rows by their first value.
func load(tb testing.TB, h *handle, key []string, batches ...*record.Batch) (connectors.Loaded, map[record.Value]error, error) {
	tb.Helper()
	loader, ok := connectors.As[connectors.Loader](h.object)
	require.True(tb, ok)
	rejected := map[record.Value]error{}
	loaded, err := loader.Load(tb.Context(), connectors.Fence{Sync: "test"}, key, func() (*record.Batch, error) {
		if len(batches) == 0 {
			return nil, nil //nolint:nilnil // the end
		}
		b := batches[0]
		batches = batches[1:]
		return b, nil
	}, func(b *record.Batch, row int, err error) error {
		rejected[b.Value(row, 0)] = err
		return nil
	})
	return loaded, rejected, err
}

func TestTimestampsOfAZone(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, `create table t (id int primary key, v timestamp); insert into t values (1, '2024-07-01 12:00'), (2, '2024-01-01 12:00'), (3, 'infinity')`)
	c := config(db, "t")
	c.Options["timezone"] = "Europe/Berlin"
	h := open(t, c)
	rows, _ := h.readAll(snapshot())
	require.Equal(t, instant(t, "2024-07-01T10:00:00Z"), rows[0].values[1])
	require.Equal(t, instant(t, "2024-01-01T11:00:00Z"), rows[1].values[1])
	require.Equal(t, record.TimestampInfinity, rows[2].values[1])
	r := h.apply(connectors.Writes{Columns: []string{"v"}, Items: []connectors.Item{
		{Op: connectors.OpUpdate, Key: key(int64(1)), Set: []record.Value{instant(t, "2025-07-01T00:00:00Z")}},
	}})
	require.Equal(t, connectors.Done, r[0].Status)
	require.Equal(t, instant(t, "2025-07-01T00:00:00Z"), r[0].Stored[0])
	var text string
	require.NoError(t, db.Conn(t).QueryRow(t.Context(), "select v::text from t where id = 1").Scan(&text))
	require.Equal(t, "2025-07-01 02:00:00", text)
}

func TestAnArrayOfAnotherShapeIsABadRow(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, `create table t (id int primary key, v int[], w text); insert into t values (1, '{{1,2},{3,4}}', 'kept'), (2, '{1}', 'good')`)
	rows, _ := open(t, config(db, "t")).readAll(snapshot())
	require.Len(t, rows, 2)
	require.Contains(t, rows[0].mark.Bad, "v: an array of 2 dimensions")
	require.Equal(t, []record.Value{int64(1), nil, "kept"}, rows[0].values)
	require.Empty(t, rows[1].mark.Bad)
	require.Equal(t, record.List{int64(1)}, rows[1].values[1])
}

func TestValuesThatPostgreSQLCannotStoreFailAlone(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, ownTypes+`; create table t (id int primary key, i int2, s varchar(3), j jsonb, m mood, p positive, n numeric(4,2), f float4, d date not null default now())`)
	h := open(t, config(db, "t"))
	columns := []string{"id", "i", "s", "j", "m", "p", "n", "f"}
	for name, set := range map[string][]record.Value{
		"overflow":        {int64(1), int64(70000), nil, nil, nil, nil, nil, nil},
		"too long":        {int64(1), nil, "abcd", nil, nil, nil, nil, nil},
		"NUL":             {int64(1), nil, "a\x00", nil, nil, nil, nil, nil},
		"invalid UTF-8":   {int64(1), nil, "\xff", nil, nil, nil, nil, nil},
		"NUL in jsonb":    {int64(1), nil, nil, record.JSON(`"\u0000"`), nil, nil, nil, nil},
		"no such label":   {int64(1), nil, nil, nil, "secret mood", nil, nil, nil},
		"domain":          {int64(1), nil, nil, nil, nil, int64(-5), nil, nil},
		"scale":           {int64(1), nil, nil, nil, nil, nil, record.Decimal("1.234"), nil},
		"precision":       {int64(1), nil, nil, nil, nil, nil, record.Decimal("123.4"), nil},
		"float4":          {int64(1), nil, nil, nil, nil, nil, nil, 1e300},
		"another kind":    {int64(1), nil, nil, nil, nil, nil, nil, "many"},
		"NULL in the key": {nil, nil, nil, nil, nil, nil, nil, nil},
	} {
		good := []record.Value{int64(len(name) + 100), int64(1), "abc", record.JSON("{}"), "sad", int64(1), record.Decimal("12.34"), 0.5}
		r := h.apply(connectors.Writes{Columns: columns, Items: []connectors.Item{
			{Op: connectors.OpCreate, Set: set}, {Op: connectors.OpCreate, Set: good},
		}})
		require.Equal(t, connectors.Failed, r[0].Status, name)
		require.Equal(t, connectors.BadRecord, connectors.KindOf(r[0].Err), name)
		require.NotContains(t, r[0].Err.Error(), "secret", name)
		require.Contains(t, []connectors.Status{connectors.Done, connectors.Exists}, r[1].Status, "%s: %v", name, r[1].Err)
	}
}
