package mappings

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
)

// people is what most expressions of the tests see.
func people() (*record.Schema, []record.Value) {
	kind := func(k record.Kind) record.Type { return record.Type{Kind: k} }
	list := record.Type{Kind: record.KindList, Elem: record.KindString}
	fields := []struct {
		name  string
		typ   record.Type
		value record.Value
	}{
		{"email", kind(record.KindString), " Bob@X.com "},
		{"name", kind(record.KindString), "Bob"},
		{"phone", kind(record.KindString), "+49 171 2345678"},
		{"First Name", kind(record.KindString), "Robert"},
		{"none", kind(record.KindString), nil},
		{"no_number", kind(record.KindInt), nil},
		{"cents", kind(record.KindInt), int64(1999)},
		{"big", kind(record.KindInt), int64(math.MaxInt64)},
		{"fee", kind(record.KindDecimal), record.Decimal("12.50")},
		{"rate", kind(record.KindFloat), 0.5},
		{"active", kind(record.KindBool), true},
		{"unsure", kind(record.KindBool), nil},
		{"at", kind(record.KindTimestamp), record.Timestamp(1_772_290_800_000_000)}, // 2026-02-28T15:00:00Z
		{"born", kind(record.KindDate), record.Date(0)},
		{"tags", list, record.List{"a", "b", "a"}},
		{"address", kind(record.KindJSON), record.JSON(`{"city":"Köln","geo":{"lat":50.94},"lines":["x","y"],"none":null}`)},
		{"meta.plan", kind(record.KindString), "pro"},
		{"anything", kind(record.Any), int64(5)},
		{"count", kind(record.KindInt), int64(3)},
		{"uid", kind(record.KindUUID), record.UUID{1}},
		{"gone", kind(record.KindString), record.Missing},
	}
	schema := make([]record.Field, len(fields))
	row := make([]record.Value, len(fields))
	for i, f := range fields {
		schema[i] = record.Field{Name: f.name, Type: f.typ}
		row[i] = f.value
	}
	return record.NewSchema(schema...), row
}

func TestExpressions(t *testing.T) {
	t.Parallel()
	missing := record.Missing
	cases := []struct {
		rule, source string
		want         record.Value
	}{
		{"names", "phone(phone)", "+491712345678"},
		{"names", `col("First Name")`, "Robert"},
		{"names", "meta.plan", "pro"},
		{"names", "count(tags, # == \"a\")", int64(2)},
		{"names", "count", int64(3)},
		{"names", "let name = 7; name + cents", int64(2006)},
		{"names", "email | trim() | lower()", "bob@x.com"},

		{"null", "lower(none)", nil},
		{"null", "no_number + 1", nil},
		{"null", "-no_number", nil},
		{"null", "none == \"x\"", nil},
		{"null", "none != \"x\"", true},
		{"null", "none != none", false},
		{"null", "name != none", true},
		{"null", "none == nil", true},
		{"null", "nil == none", true},
		{"null", "name != nil", true},
		{"null", "gone == nil", true},
		{"null", "gone != \"x\"", true},
		{"null", "not unsure", nil},
		{"null", "unsure and true", nil},
		{"null", "unsure and false", false},
		{"null", "false and unsure", false},
		{"null", "unsure or true", true},
		{"null", "unsure or false", nil},
		{"null", "active and unsure", nil},
		{"null", "unsure ? 1 : 2", int64(2)},
		{"null", "none in [\"x\"]", nil},
		{"null", "no_number > 1", nil},
		{"null", "none contains \"x\"", nil},
		{"null", "none matches \"x\"", nil},
		{"null", "none ?? \"y\"", "y"},
		{"null", "gone ?? \"y\"", "y"},
		{"null", "name ?? nil", "Bob"},
		{"null", "gone", missing},
		{"null", "lower(gone)", missing},
		{"null", "address.street", missing},
		{"null", "address.street.number", missing},
		{"null", "address.none", nil},
		{"null", "address.none.x", nil},
		{"null", "address?.geo?.lat", record.Decimal("50.94")},
		{"null", "join([name, none, \"Lee\"], \" \")", "Bob Lee"},
		{"null", "concat(name, none, cents)", "Bob1999"},
		{"null", "filter(none_list, # > 1)", nil},

		{"numbers", "cents / 100", record.Decimal("19.99")},
		{"numbers", "cents * 100", int64(199900)},
		{"numbers", "10 / 2", record.Decimal("5")},
		{"numbers", "10 / 3", record.Decimal("3.333333333333333333333333333333333")},
		{"numbers", "2 / 3", record.Decimal("0.6666666666666666666666666666666667")},
		{"numbers", "big + 1", record.Decimal("9223372036854775808")},
		{"numbers", "big * big", record.Decimal("85070591730234615847396907784232501249")},
		{"numbers", "-big - 2", record.Decimal("-9223372036854775809")},
		{"numbers", "fee * 1.19", record.Decimal("14.875")},
		{"numbers", "0.1 + 0.2", record.Decimal("0.3")},
		{"numbers", "0.12345678901234567890123 + 0", record.Decimal("0.12345678901234567890123")},
		{"numbers", "1e3", record.Decimal("1000")},
		{"numbers", "rate * 3", 1.5},
		{"numbers", "fee + rate", 13.0},
		{"numbers", "7 % 3", int64(1)},
		{"numbers", "-7 % 3", int64(-1)},
		{"numbers", "7.5 % 2", record.Decimal("1.5")},
		{"numbers", "2 ** 10", record.Decimal("1024")},
		{"numbers", "2 ** -2", record.Decimal("0.25")},
		{"numbers", "1_000 + 0x10", int64(1016)},
		{"numbers", "sum(map([1, 2.5], # * 2))", record.Decimal("7")},

		{"compare", "cents > 19.5", true},
		{"compare", "fee == 12.5", true},
		{"compare", "rate == 0.5", true},
		{"compare", "5 == 5.0", true},
		{"compare", "big > rate", true},
		{"compare", `at > "2026-01-01"`, true},
		{"compare", `at == "2026-02-28T16:00:00+01:00"`, true},
		{"compare", `"2026-01-01" < at`, true},
		{"compare", `born < at`, true},
		{"compare", `born == "1970-01-01"`, true},
		{"compare", `string(cents) == cents`, true},
		{"compare", `anything == "5"`, true},
		{"compare", `anything > "4.5"`, true},
		{"compare", `uid == "01000000-0000-0000-0000-000000000000"`, true},
		{"compare", `"e\u0301" == "é"`, true},
		{"compare", `1 < cents < 3000`, true},
		{"compare", `cents in [1, 1999.0]`, true},
		{"compare", `born in ["1970-01-01"]`, true},
		{"compare", `cents not in [1, 2]`, true},
		{"compare", `"b" in tags`, true},
		{"compare", `name in ["Bob", nil]`, true},
		{"compare", `address == json("{\"city\":\"Köln\",\"geo\":{\"lat\":50.940},\"lines\":[\"x\",\"y\"],\"none\":null}")`, true},

		{"text", `name + " " + "Lee"`, "Bob Lee"},
		{"text", `name startsWith "B" and name endsWith "b" and name contains "o"`, true},
		{"text", `name matches "^B.b$"`, true},
		{"text", `address.city[0]`, "K"},
		{"text", `address.city[1:3]`, "öl"},
		{"text", `name[-1]`, "b"},
		{"text", `tags contains "b"`, true},

		{"lists", "filter(tags, # != \"a\")", record.List{"b"}},
		{"lists", "map(tags, upper(#))", record.List{"A", "B", "A"}},
		{"lists", "all(tags, len(#) == 1)", true},
		{"lists", "any(tags, # == \"z\")", false},
		{"lists", "none(tags, # == \"z\")", true},
		{"lists", "one(tags, # == \"b\")", true},
		{"lists", "any([1, nil], # == 2)", false},
		{"lists", "find(tags, # > \"a\")", "b"},
		{"lists", "findIndex(tags, # == \"b\")", int64(1)},
		{"lists", "reduce([1, 2, 3], #acc + #)", int64(6)},
		{"lists", "map([1, 2], #index * 10)", record.List{int64(0), int64(10)}},
		{"lists", "sortBy([\"bb\", \"a\"], len(#))", record.List{"a", "bb"}},
		{"lists", "sortBy([1, 2], #, \"desc\")", record.List{int64(2), int64(1)}},
		{"lists", "address.lines[1]", "y"},
		{"lists", "address.lines[7]", nil},
		{"lists", "tags[0:1]", record.List{"a"}},
		{"lists", "1..3", record.List{int64(1), int64(2), int64(3)}},
		{"lists", `{b: cents, a: name}`, record.JSON(`{"a":"Bob","b":1999}`)},
		{"lists", `map([{v: 1}, {v: 2}], .v)`, record.List{int64(1), int64(2)}},
		{"lists", `first(address.lines)`, "x"},
		{"lists", `first(json("[{\"value\":\"DE1\"}]"))?.value`, "DE1"},
		{"lists", `first(json("[]"))?.value`, nil},

		{"choice", `if cents > 5 { "much" } else { "little" }`, "much"},
		{"choice", `if cents > 5000 { "a" } else if cents > 1000 { "b" } else { "c" }`, "b"},
		{"choice", `(name == "Ann" ? "a" : name == "Bob" ? "b" : "c")`, "b"},
		{"choice", `active ?: false`, true},
		{"dates", "born + 31", record.Date(31)},
		{"dates", `date("1970-01-31") - born`, int64(30)},
		{"dates", `date(at)`, record.Date(20512)},
	}
	schema, row := people()
	schema = record.NewSchema(append(schema.Fields, record.Field{Name: "none_list", Type: record.Type{Kind: record.KindList, Elem: record.KindInt}})...)
	row = append(row, nil)
	for _, c := range cases {
		t.Run(c.rule+"/"+c.source, func(t *testing.T) {
			t.Parallel()
			got, err := evaluate(t, c.source, schema, row)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.want, onMachine(t, c.source, schema, row), "the virtual machine agrees")
		})
	}
}

// onMachine evaluates without the short ways around the virtual machine.
func onMachine(t *testing.T, source string, schema *record.Schema, row []record.Value) record.Value {
	t.Helper()
	p, faults := compileSource(source, scope{schema: schema})
	require.Empty(t, faults)
	p.direct, p.textFn = nil, textMap{}
	m := newMachine(schema)
	for i, v := range row {
		m.set(i, v)
	}
	v, err := m.eval(p)
	require.NoError(t, err)
	return v
}

// Faults of a record say what was expected and nothing of the record.
func TestExpressionFaults(t *testing.T) {
	t.Parallel()
	schema, row := people()
	for source, want := range map[string]string{
		`int(name)`:                    "not a whole number",
		`phone(name)`:                  `not a telephone number with its country; phone(column, "DE") gives one`,
		`anything + anything.x`:        "a whole number has no part \"x\"",
		`cents / (cents - 1999)`:       "division by zero",
		`cents % 0`:                    "division by zero",
		`address.city.street`:          `text has no part "street"`,
		`len(anything)`:                "expected a list, got a whole number",
		`lower(anything)`:              "expected text, got a whole number",
		`anything and true`:            "expected true or false, got a whole number",
		`1..5000`:                      "a range of more than 1000 numbers",
		`9 ** 999999`:                  "a power must be a whole number of at most 1000 that makes no more than 20000 digits",
		`minor(cents, tags[0])`:        "not a currency of ISO 4217",
		`anything > address`:           "a whole number and JSON have no order",
		`reduce([], #acc + #)`:         "cannot be computed from these values",
		`parse_date(name)`:             "not a date such as 2026-02-28",
		`from_unix(big)`:               "a time out of range",
		`replace(name, "B", anything)`: "expected text, got a whole number",
	} {
		p, problems := compileExpr(Text{Value: source}, scope{noun: "column", schema: schema})
		require.Empty(t, problems, source)
		m := newMachine(schema)
		for i, v := range row {
			m.set(i, v)
		}
		_, err := m.eval(p)
		require.EqualError(t, err, want, source)
		p.direct = nil
		_, err = m.eval(p)
		require.EqualError(t, err, want, "%s on the virtual machine", source)
	}
}

// What is wrong with an expression is told at its place, with what to write.
func TestExpressionProblems(t *testing.T) {
	t.Parallel()
	schema, _ := people()
	cases := []struct {
		source, message, hint string
		col                   int // from 1
	}{
		{"lower(emial)", `there is no column "emial" of crm`, "did you mean email?", 7},
		{"lowr(email)", `there is no function "lowr"`, "did you mean lower(text)?", 1},
		{"now()", `there is no function "now"`, "the result would differ from run to run; a time must come from a record", 1},
		{"keys(address)", `there is no function "keys"`, "the keys of an object have no order", 1},
		{"values(address)", `there is no function "values"`, "the members of an object have no order", 1},
		{"toPairs(address)", `there is no function "toPairs"`, "the members of an object have no order", 1},
		{"get(address, \"x\")", `there is no function "get"`, "write object.member or list[0]: what is absent is NULL", 1},
		{"groupBy(tags, #)", `there is no function "groupBy"`, "groups have no order", 1},
		{"email.lower()", "values have no methods", "functions stand in front: lower(email)", 7},
		{"lower(cents)", "lower needs text for text, and this is a whole number", "make it text with string(…)", 7},
		{"lower()", "lower has 0 arguments here", "lower(text)", 1},
		{"name + cents", "+ joins text with text, and this is a whole number", "make it text with string(…)", 8},
		{"name * 2", "* needs a number, and this is text", "make it one with int(…) or decimal(…)", 1},
		{"cents and active", "must be true or false, and this is a whole number", "`and` stands between conditions, such as value != nil", 1},
		{"active && name", "must be true or false, and this is text", "`&&` stands between conditions, such as value != nil", 11},
		{"name || email", "must be true or false, and this is text", "`||` is `or` here; texts are joined with +, and a default stands behind ??", 1},
		{"active || cents", "must be true or false, and this is a whole number", "`||` stands between conditions; a default stands behind ??", 11},
		{"!name", "must be true or false, and this is text", "`!` turns a condition around; to ask whether there is a value: value == nil", 2},
		{"active & name", `does not expect "&" here`, "write and", 8},
		{"cents ? 1 : 2", "must be true or false, and this is a whole number", "CONDITION ? THEN : ELSE, and for a default: value ?? ELSE", 1},
		{"active ? 1 : \"x\"", "is text, and the other way out is a whole number", "", 14},
		{"name ?? 5", "is a whole number in place of text", "", 9},
		{"at > \"yesterday\"", "is compared with a timestamp: not a timestamp such as 2026-02-28T15:04:05Z", "", 6},
		{"active > born", "compares true or false with a date", "", 8},
		{"cents == tags", "compares a whole number with a list", "", 7},
		{"name < nil", "nil has no order: compare with == or !=", "", 6},
		{"name in email", "`in` looks into a list, and this is text", "for a part of a text: text contains part", 9},
		{"name matches email", "matches needs its pattern as a literal text", "", 14},
		{"name matches \"(\"", "is not a regular expression: error parsing regexp: missing closing ): `(`", "", 14},
		{"name.first", `is text and has no part "first"`, "", 1},
		{"col(name)", "col needs the name as a literal text", `col("First Name")`, 1},
		{"phone", "", "", 0},
		{"trim", `there is no column "trim" of crm`, "trim is a function: trim(text, chars?)", 1},
		{"name = 5", `does not expect "=" here`, "write == to compare", 6},
		{"contains(name, email)", `does not expect "contains" here`, "write text contains part, or has(text, part)", 1},
		{"name == ", "ends too early", "", 8},
		{"name; email", "is more than one value: only `let x = …;` may stand before the last", "", 1},
		{`parse_date(name, email)`, "parse_date: needs its pattern as a literal text", "parse_date(text, pattern?)", 1},
		{`minor(cents, "xyz1")`, "minor: there is no such currency; currencies are like USD or EUR", "minor(amount, currency)", 1},
		{`phone(phone, "XX")`, "phone: there is no region of that name; regions are like DE, US or GB", "phone(text, region?)", 1},
		{"map(map(map(tags, #), #), any(tags, any(tags, any(tags, true))))", "list functions stand more than 2 deep", "", 37},
		{"99999999999999999999", "", "", -1},
		{strings.Repeat("(", 5000) + "1", "", "", -1},
		{strings.Repeat("a", 9000), "is longer than 8192 bytes", "", 1},
		{"\xff", "is not text", "", 1},
		{"", "ends too early", "", 1},
	}
	for _, c := range cases {
		name := fmt.Sprintf("%.40s", c.source)
		_, problems := compileExpr(Text{Value: c.source, Pos: Pos{Line: 3, Col: 1}}, scope{noun: "column", of: " of crm", schema: schema})
		if c.col == 0 {
			require.Empty(t, problems, name)
			continue
		}
		require.NotEmpty(t, problems, name)
		if c.col < 0 {
			continue
		}
		require.Equal(t, c.message, problems[0].Message, name)
		require.Equal(t, c.hint, problems[0].Hint, name)
		require.Equal(t, Pos{Line: 3, Col: c.col}, problems[0].Pos, name)
	}
	_, problems := compileExpr(Text{Value: "lowr(emial) + uper(name)"}, scope{noun: "column", schema: schema})
	require.Len(t, problems, 3, "all faults at once")
}

// `any` is refused where a type is promised.
func TestCheckExpression(t *testing.T) {
	t.Parallel()
	schema, _ := people()
	typ, names, problems := CheckExpression(Text{Value: "lower(email) == name"}, schema, record.KindBool)
	require.Empty(t, problems)
	require.Equal(t, record.KindBool, typ.Kind)
	require.Equal(t, []string{"email", "name"}, names)
	_, _, problems = CheckExpression(Text{Value: "anything"}, schema, record.KindBool)
	require.Equal(t, "must be true or false, and the type of this is not known", problems[0].Message)
	require.Equal(t, "say what it is: bool(anything)", problems[0].Hint)
	_, _, problems = CheckExpression(Text{Value: "cents"}, schema, record.KindBool)
	require.Equal(t, "must be true or false, and this is a whole number", problems[0].Message)
}

func TestExpressionTypes(t *testing.T) {
	t.Parallel()
	schema, _ := people()
	for source, want := range map[string]string{
		"cents / 100": "decimal", "cents + 1": "int", "fee * 2": "decimal", "rate + 1": "float", "name + email": "string",
		"lower(name)": "string", "words(name)": "list<string>", "words(name)[0]": "string", "address.city": "any",
		"active and unsure": "bool", "none ?? name": "string", "active ? cents : fee": "decimal", "first_of(none, name)": "string",
		"filter(tags, true)": "list<string>", "map(tags, len(#))": "list<int>", "count(tags, true)": "int", "at": "timestamp",
		"date(at)": "date", "born + 1": "date", "born - born": "int", `parse_date(name, "DD.MM.YYYY HH:mm")`: "timestamp",
		"record()": "json", "cents ?? anything": "any", "max(cents, fee)": "decimal", "sum(map(tags, len(#)))": "int",
		"active ? nil : born": "date", "let x = fee; x": "decimal", "-fee": "decimal", "cents > 1": "bool", "round(rate)": "float",
	} {
		p, problems := compileExpr(Text{Value: source}, scope{schema: schema})
		require.Empty(t, problems, source)
		require.Equal(t, want, p.typ.String(), source)
	}
}

// Bounds hold at run time: a text that doubles itself stops, and so does a
// number.
func TestExpressionBounds(t *testing.T) {
	t.Parallel()
	schema, row := people()
	var text, number strings.Builder
	text.WriteString("let a0 = name; ")
	number.WriteString("let a0 = fee; ")
	for i := range 60 {
		fmt.Fprintf(&text, "let a%d = a%d + a%d; ", i+1, i, i)
		fmt.Fprintf(&number, "let a%d = a%d * a%d; ", i+1, i, i)
	}
	for source, want := range map[string]string{
		text.String() + "len(a60)":           "makes a text of more than 16777216 bytes",
		number.String() + "a60":              "makes a number of too many digits",
		"map(1..1000, any(1..1000, # == 2))": "a list of more than 500 elements to go through",
		"map(1..1000, map(1..200, # * 2))":   "takes more memory than an expression may",
		`replace(replace("` + strings.Repeat("a", 4000) + `", "a", "` + strings.Repeat("b", 1000) + `"), "b", "` + strings.Repeat("c", 2000) + `")`: "makes a text of more than 16777216 bytes",
	} {
		p, problems := compileExpr(Text{Value: source}, scope{schema: schema})
		require.Empty(t, problems, "%.30s", source)
		m := newMachine(schema)
		for i, v := range row {
			m.set(i, v)
		}
		_, err := m.eval(p)
		require.EqualError(t, err, want, "%.30s", source)
	}
	long := strings.Repeat("active and ", 300) + "active"
	_, problems := compileExpr(Text{Value: long}, scope{schema: schema})
	require.NotEmpty(t, problems)
}
