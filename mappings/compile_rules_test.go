package mappings

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// two is a sync of two systems with the given middle part.
func two(systems, rest string) string {
	if systems == "" {
		systems = "  a: {use: a, object: t}\n  b: {use: b, object: t}\n"
	}
	return "sync: s\nsystems:\n" + systems + rest
}

// TestCells is rule 1: a discovered path is that path, whatever it looks like.
func TestCells(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, two("", `
match: email
fields:
  email: {a: email, b: E-Mail}
  phone: {a: phone, b: Telefon (privat)}
  plan:  {a: metadata.plan-code, b: plan}
  first: {a: {path: First Name}, b: first}
`), map[string]Object{
		"a": table(t, "id int", "email string", "phone string", "metadata.plan-code string", "First Name string"),
		"b": table(t, "id int", "E-Mail string", "Telefon (privat) string", "plan string", "first string"),
	})
	require.Equal(t, []string{"email", "phone", "metadata.plan-code", "First Name"}, m.Systems[0].Passthrough)
	require.Equal(t, []string{"E-Mail", "Telefon (privat)", "plan", "first"}, m.Systems[1].Passthrough)
	require.Equal(t, []string{"id", "E-Mail", "Telefon (privat)", "plan", "first"}, m.Systems[1].Columns)
	require.Equal(t, []string{"E-Mail", "Telefon (privat)", "plan", "first"}, m.Systems[1].Compare)
	require.Nil(t, m.Rules.Systems[0].Predict, "everything is read back as it is written")
}

// A path that nobody may write belongs to its system; the other is told.
func TestServerPathsOwnTheirField(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, two("", "match: {first_of: [b_id, email]}\nsame: [email]\nfields:\n  b_id: {a: b_id, b: id}\n"), map[string]Object{
		"a": table(t, "id int!", "email string", "b_id int"), "b": table(t, "id int!", "email string"),
	})
	place := m.Schema.Index("b_id")
	require.Equal(t, 1, m.Rules.Fields[place].Owner)
	require.Equal(t, reconcile.None, m.Rules.Fields[m.Schema.Index("email")].Owner)
	require.False(t, m.Systems[1].Writes[place])
	require.True(t, m.Systems[0].Writes[place])
	require.Equal(t, []string{"b_id"}, m.Systems[0].Unless)
	require.Equal(t, []string{"email"}, m.Systems[1].Unless)
}

func TestTypesAreInferred(t *testing.T) {
	t.Parallel()
	day := record.Timestamp(86_400_000_000*3 + 5)
	m := mustCompile(t, two("", `
match: k
same: [k, n, d, amount, any, f]
fields:
  e: {a: {read: n * 2, write: n2}, b: e}
`), map[string]Object{
		"a": table(t, "k string(10)", "n int", "d timestamp", "amount decimal(12,2)", "any any", "f float", "n2 int"),
		"b": table(t, "k string(20)", "n decimal(10,0)", "d date", "amount decimal(8,3)", "any int", "f decimal", "e int"),
	})
	var types []string
	for _, f := range m.Schema.Fields {
		types = append(types, f.Type.String())
	}
	require.Equal(t, []string{"string", "decimal", "date", "decimal", "int", "decimal", "int"}, types)

	c := readRow(t, m, "a", "k", int64(4), day, record.Decimal("1.5"), "17", 0.25, int64(0))
	require.Empty(t, c.Bad)
	require.Equal(t, []record.Value{"k", record.Decimal("4"), record.Date(3), record.Decimal("1.5"), int64(17), record.Decimal("0.25"), int64(8)}, c.Values)
	raw := writeRow(t, m, "a", false, c.Values...)
	require.Equal(t, map[string]record.Value{
		"k": "k", "n": int64(4), "d": record.Timestamp(86_400_000_000 * 3), "amount": record.Decimal("1.5"), "any": int64(17), "f": 0.25, "n2": int64(8),
	}, raw)

	// What the column has no room for is refused, in words without the value.
	for column, v := range map[string]record.Value{"n": record.Decimal("1.5"), "amount": record.Decimal("1.234"), "k": strings.Repeat("x", 11)} {
		values := append([]record.Value(nil), c.Values...)
		values[m.Schema.Index(column)] = v
		_, err := tryWrite(t, m, "a", false, values...)
		require.ErrorContains(t, err, "field "+column+": ")
		_, err = m.Rules.Systems[0].Predict(values)
		require.ErrorContains(t, err, "field "+column+": ")
	}
}

func TestDeclaredTypes(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, two("", `
match: id
same: [id]
fields:
  total: {type: "decimal(6,2)", a: cents / 100, b: total, owner: a}
  raw:   {type: json, a: record(), b: raw, owner: a}
  tags:  {type: set<string>, a: tags, b: tags}
`), map[string]Object{
		"a": table(t, "id int", "cents int", "tags list<string>"),
		"b": table(t, "id int", "total decimal", "raw json", "tags json"),
	})
	c := readRow(t, m, "a", int64(1), int64(1050), record.List{"b", "a", "b"})
	require.Equal(t, []record.Value{
		int64(1), record.Decimal("10.5"), record.JSON(`{"cents":1050,"id":1,"tags":["b","a","b"]}`), record.List{"a", "b"},
	}, c.Values)
	require.Equal(t, record.JSON(`["a","b"]`), writeRow(t, m, "b", true, c.Values...)["tags"])

	c = readRow(t, m, "a", int64(7), int64(99_999_900), nil)
	require.Equal(t, "field total: does not fit decimal(6,2)", c.Bad)
	require.Equal(t, "total", c.BadField)
	require.Equal(t, record.Key("1:7"), c.Key, "a bad row still has its key")
	require.Equal(t, []string{"1:7"}, c.Match, "and its match")
}

func TestValues(t *testing.T) {
	t.Parallel()
	objects := map[string]Object{
		"a": table(t, "id int", "stage int", "active string"), "b": table(t, "id int", "status string", "on bool"),
	}
	yaml := two("", `
match: id
same: [id]
fields:
  stage:
    a: stage
    b: status
    values:
      lead:     {a: 1, b: prospect}
      customer: {a: [2, 007], b: [active, trial]}
      lost:     {a: 9}
    UNKNOWN
    resolve: [max, manual]
  active:
    type: bool
    a: active
    b: on
    values:
      true:  {a: yes}
      false: {a: ["NO", ""]}
`)
	m := mustCompile(t, strings.Replace(yaml, "UNKNOWN", "unknown: quarantine", 1), objects)
	require.Equal(t, []record.Value{"lead", "customer", "lost"}, m.Rules.Fields[1].Ranks)
	for raw, want := range map[int64]string{1: "lead", 2: "customer", 7: "customer", 9: "lost"} {
		require.Equal(t, want, readRow(t, m, "a", int64(0), raw, "yes").Values[1])
	}
	require.Equal(t, "lost", readRow(t, m, "b", int64(0), "lost", true).Values[1], "without a token it is the canonical value")
	require.Equal(t, "customer", readRow(t, m, "b", int64(0), "trial", true).Values[1])
	require.Nil(t, readRow(t, m, "b", int64(0), nil, nil).Values[1], "NULL is NULL")
	require.Equal(t, false, readRow(t, m, "a", int64(0), nil, nil).Values[2], `"" also means NULL`)
	require.Equal(t, false, readRow(t, m, "a", int64(0), nil, "NO").Values[2])
	bad := readRow(t, m, "b", int64(0), "other", true)
	require.Equal(t, "field stage: is not among the field's values; add it to `values`, or say `unknown:`", bad.Bad)
	require.Equal(t, map[string]record.Value{"id": int64(0), "stage": int64(2), "active": "NO"},
		writeRow(t, m, "a", false, int64(0), "customer", false))
	require.Equal(t, map[string]record.Value{"id": int64(0), "status": "active", "on": nil},
		writeRow(t, m, "b", false, int64(0), "customer", nil))
	_, err := tryWrite(t, m, "a", false, int64(0), "nothing of ours", nil)
	require.ErrorContains(t, err, "not among")
	require.Nil(t, m.Rules.Systems[0].Predict, "every value is read back")

	m = mustCompile(t, strings.Replace(yaml, "UNKNOWN", "unknown: keep", 1), objects)
	require.Equal(t, "other", readRow(t, m, "b", int64(0), "other", true).Values[1])
	require.Equal(t, "17", readRow(t, m, "a", int64(0), int64(17), nil).Values[1])
	require.Equal(t, int64(17), writeRow(t, m, "a", false, int64(0), "17", nil)["stage"])

	m = mustCompile(t, strings.Replace(yaml, "UNKNOWN", "unknown: lead", 1), objects)
	require.Equal(t, "lead", readRow(t, m, "b", int64(0), "other", true).Values[1])

	_, problems := Compile(parseOne(t, strings.Replace(yaml, "UNKNOWN", "unknown: leads", 1)), objects)
	require.ErrorContains(t, problems.Err(), "`unknown` must be quarantine, keep or a value of the table")
}

// The literals of tables and on_create are raw tokens, read as the column's
// type: 007 and 1.10 and NO stay what they are in a column of text.
func TestLiterals(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, two("  a: {use: a, object: t}\n  b: {use: b, object: t, on_create: {code: 007, version: 1.10, country: NO, n: 007}}\n",
		"match: id\nsame: [id, n]\n"), map[string]Object{
		"a": table(t, "id int", "n int"), "b": table(t, "id int", "code string", "version string", "country string", "n int"),
	})
	require.Equal(t, map[string]record.Value{"id": int64(1), "n": int64(7), "code": "007", "version": "1.10", "country": "NO"},
		writeRow(t, m, "b", true, int64(1), nil), "written where the field has no value")
	require.Equal(t, int64(5), writeRow(t, m, "b", true, int64(1), int64(5))["n"])
	require.NotContains(t, writeRow(t, m, "b", false, int64(1), nil), "code")
}

// A club's database and a spreadsheet: formats, sets, tables, text for all.
func TestTextOnlySystems(t *testing.T) {
	t.Parallel()
	csv := table(t, "Nr string", "Eintritt string", "Beitrag string", "Gruppen string", "Status string", "Name string")
	for i := range csv.Schema.Fields {
		csv.Schema.Fields[i].Native = "text"
	}
	m := mustCompile(t, two(`  db: {use: club, object: members, formats: {list: ";"}}
  sheet: {use: sheet, formats: {date: DD.MM.YYYY, decimal: ",", list: ",", "null": ""}}
`, `
match: number
fields:
  number: {db: id, sheet: Nr}
  joined: {type: date, db: joined_on, sheet: Eintritt}
  fee:    {type: decimal, db: fee, sheet: Beitrag}
  groups: {type: set<string>, db: groups, sheet: Gruppen}
  active:
    type: bool
    db: active
    sheet: Status
    values:
      true:  {sheet: aktiv}
      false: {sheet: [passiv, ""]}
  name: {db: name, sheet: Name}
`), map[string]Object{
		"db": table(t, "id int", "joined_on string", "fee decimal", "groups string", "active int", "name string"), "sheet": csv,
	})
	require.Equal(t, record.KindInt, m.Schema.Fields[0].Type.Kind, "text says nothing about types")
	db := readRow(t, m, "db", int64(7), "2026-02-28", record.Decimal("12.5"), "tennis; golf;tennis", int64(0), "Ann")
	sheet := readRow(t, m, "sheet", "7", "28.02.2026", "12,50", "golf, tennis", nil, "Ann")
	require.Empty(t, db.Bad)
	require.Empty(t, sheet.Bad)
	require.Equal(t, db.Values, sheet.Values)
	require.Equal(t, db.Match, sheet.Match)
	require.Equal(t, map[string]record.Value{
		"Nr": "7", "Eintritt": "28.02.2026", "Beitrag": "12,5", "Gruppen": "golf,tennis", "Status": "passiv", "Name": "Ann",
	}, writeRow(t, m, "sheet", true, db.Values...))
	require.Equal(t, map[string]record.Value{
		"id": int64(7), "joined_on": "2026-02-28", "fee": record.Decimal("12.5"), "groups": "golf;tennis", "active": int64(0), "name": "Ann",
	}, writeRow(t, m, "db", true, sheet.Values...))
	bad := readRow(t, m, "sheet", "x", "1.2.3", "1.5", "", "aktiv", "")
	require.Equal(t, "field number: not a whole number", bad.Bad)
	require.Equal(t, record.Key("1:x"), bad.Key)
	require.Equal(t, []string{""}, bad.Match)
}

// A target that does not exist yet is made of its cells' names, all text.
func TestTargetsToBeMade(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, two("  a: {use: a, object: t, role: source}\n  out: {use: out, role: target}\n",
		"match: id\nfields:\n  id: {a: id, out: Nr.}\n  total: {a: cents / 100, out: Total (EUR)}\n"), map[string]Object{
		"a": table(t, "id int", "cents int"), "out": {Upsert: true},
	})
	require.Equal(t, []string{"Nr.", "Total (EUR)"}, m.Systems[1].Write)
	require.Equal(t, []string{"Nr."}, m.Systems[1].Key, "the match is its key")
	c := readRow(t, m, "a", int64(3), int64(250))
	require.Equal(t, map[string]record.Value{"Nr.": "3", "Total (EUR)": "2.5"}, writeRow(t, m, "out", true, c.Values...))
	require.True(t, m.Stateless, m.StatelessWhyNot)
}

func TestSameAll(t *testing.T) {
	t.Parallel()
	systems := "  a: {use: a, object: t, role: source, deleted: gone_at}\n  b: {use: b, object: t, role: target}\n"
	objects := map[string]Object{
		"a": table(t, "id int!", "email string", "secret string", "gone_at timestamp", "made int"),
		"b": table(t, "id int", "email string", "made int!"),
	}
	m := mustCompile(t, two(systems, "match: key\nsame: {except: [secret]}\n"), objects)
	require.Equal(t, []string{"id", "email", "made"}, m.Schema.Names())
	require.Equal(t, []bool{true, true, false}, m.Systems[1].Has, "what the target computes is its own")
	require.True(t, m.Stateless, m.StatelessWhyNot)

	_, problems := Compile(parseOne(t, two(systems, "match: key\nsame: all\n")), objects)
	require.Len(t, problems, 1)
	require.Equal(t, "same: {except: [secret]}, or give b the column", problems[0].Hint)

	m = mustCompile(t, two(systems, "match: key\nsame: {except: [secret]}\nfields:\n  mail: {a: lower(email), b: email}\n"), objects)
	require.Equal(t, []string{"id", "made", "mail"}, m.Schema.Names(), "a row takes the columns that it names")
}

func TestMatches(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, two("", "match: {first_of: [ext, [name, born], digits(phone)]}\nsame: [ext, name, born, phone]\n"), map[string]Object{
		"a": table(t, "id int", "ext string", "name string", "born date", "phone string"),
		"b": table(t, "id int", "ext string", "name string", "born date", "phone string"),
	})
	c := readRow(t, m, "a", int64(1), " ", "Ann", record.Date(0), "+49 171")
	require.Equal(t, []string{"", "3:Ann10:1970-01-01", "5:49171"}, c.Match)
	c = readRow(t, m, "a", int64(1), "e\u0301", "Ann", nil, nil)
	require.Equal(t, []string{"2:é", "", ""}, c.Match, "a part that is blank makes it blank; NFC compares")
	require.Equal(t, []string{"ext"}, m.Systems[1].Unless)

	// `match: key` without a field for the key: their own keys, and nobody can
	// create.
	m = mustCompile(t, two("  a: {use: a, object: t, allow: {create: false}}\n  b: {use: b, object: t, allow: {create: false}}\n",
		"match: key\nsame: [name]\n"), map[string]Object{"a": table(t, "id int", "name string"), "b": table(t, "nr string", "name string")})
	require.Equal(t, []string{"1:7"}, readRow(t, m, "a", int64(7), "x").Match)
	require.Equal(t, []string{"1:7"}, readRow(t, m, "b", "7", "x").Match)
	require.Equal(t, []string{"nr", "name"}, m.Systems[1].Compare)
}

func TestConditions(t *testing.T) {
	t.Parallel()
	objects := map[string]Object{
		"a": table(t, "id int", "status string", "n int", "gone_at timestamp", "gone bool", "changed int"),
		"b": table(t, "id int", "status string"),
	}
	m := mustCompile(t, two("  a: {use: a, object: t, where: status != \"test\" and n > 1, deleted: gone_at, modified: changed}\n  b: {use: b, object: t}\n",
		"match: id\nsame: [id, status]\n"), objects)
	c := readRow(t, m, "a", int64(1), nil, int64(2), nil, nil, int64(1_700_000_000))
	require.True(t, c.InScope)
	require.False(t, c.Deleted)
	require.Equal(t, record.Timestamp(1_700_000_000_000_000), c.Modified)
	c = readRow(t, m, "a", int64(1), "test", int64(2), record.Timestamp(5), nil, int64(1_700_000_000_123))
	require.False(t, c.InScope)
	require.True(t, c.Deleted)
	require.Equal(t, record.Timestamp(1_700_000_000_123_000), c.Modified)
	require.False(t, readRow(t, m, "a", int64(1), "x", nil, nil, nil, nil).InScope, "NULL is not true")
	require.Equal(t, []string{"id", "status", "n", "gone_at"}, m.Systems[0].Compare, "the time of a change is no change")
	require.Equal(t, []string{"id", "status", "n", "gone_at", "changed"}, m.Systems[0].Columns)

	m = mustCompile(t, two("  a: {use: a, object: t, deleted: gone or n == -1}\n  b: {use: b, object: t}\n", "match: id\nsame: [id, status]\n"), objects)
	require.True(t, readRow(t, m, "a", int64(1), "x", int64(-1), nil, nil, nil).Deleted)
	require.False(t, readRow(t, m, "a", int64(1), "x", int64(0), nil, nil, nil).Deleted)
	require.Empty(t, m.Systems[0].SoftColumn)

	// A condition that cannot be computed makes the row bad, never out of scope.
	m = mustCompile(t, two("  a: {use: a, object: t, where: 1 / n > 0}\n  b: {use: b, object: t}\n", "match: id\nsame: [id, status]\n"), objects)
	c = readRow(t, m, "a", int64(1), "x", int64(0), nil, nil, nil)
	require.True(t, c.InScope)
	require.Equal(t, "where: division by zero", c.Bad)
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, two("", `
match: id
same: [id]
fields:
  n: {a: n, b: n, resolve: {expression: 'max(a, b ?? base)'}}
conflicts:
  resolve: [newest_wins, {priority: [b, a]}]
  kinds: {insert_exists: manual}
  deadline: 2h
  then: {system_wins: b}
  scope: record
  delete_vs_update: delete_wins
deletes: {effect: {a: hard}}
first_sync: {prefer: {system_wins: a}, only_here: {b: review}}
`), map[string]Object{"a": table(t, "id int", "n int"), "b": table(t, "id int", "n decimal")})
	r := m.Rules
	require.Equal(t, "{expression: max(a, b ?? base)}", r.Fields[1].Chain[0].Text)
	v, err := r.Fields[1].Chain[0].Eval(record.Decimal("9"), map[int]record.Value{0: record.Decimal("3")})
	require.NoError(t, err)
	require.Equal(t, record.Decimal("9"), v)
	r.Fields[1].Chain, r.Systems[0].Predict, r.Systems[1].Predict = nil, nil, nil
	require.Equal(t, reconcile.Chain{{Name: "newest_wins", Text: "newest_wins"}, {Name: "priority", Systems: []int{1, 0}, Text: "{priority: [b, a]}"}}, r.Default)
	require.Equal(t, reconcile.Chain{{Name: "manual", Text: "manual"}}, r.Kinds[reconcile.InsertExists])
	require.Equal(t, reconcile.Chain{{Name: "system_wins", Systems: []int{1}, Text: "{system_wins: b}"}}, r.Then)
	require.Equal(t, reconcile.Chain{{Name: "system_wins", Systems: []int{0}, Text: "{system_wins: a}"}}, r.Prefer)
	require.Equal(t, 2*time.Hour, r.Deadline)
	require.Equal(t, "delete_wins", r.DeleteVsUpdate)
	require.True(t, r.WholeRecord)
	require.Equal(t, "hard", r.Systems[0].Effect)
	require.Equal(t, "ignore", r.Systems[1].Effect, "nothing is deleted unless the definition says so")
	require.Equal(t, "create", r.Systems[0].OnlyHere)
	require.Equal(t, "review", r.Systems[1].OnlyHere)
}

func TestStateless(t *testing.T) {
	t.Parallel()
	objects := func() map[string]Object {
		return map[string]Object{"a": table(t, "id int", "n int", "x string"), "b": table(t, "id int", "n int", "x string")}
	}
	source, target := "  a: {use: a, object: t, role: source%s}\n", "  b: {use: b, object: t, role: target%s}\n"
	systems := func(a, b string) string {
		return strings.Replace(source, "%s", a, 1) + strings.Replace(target, "%s", b, 1)
	}
	for name, c := range map[string]struct{ systems, rest, why string }{
		"plain":            {systems("", ""), "match: key\nsame: all\n", ""},
		"where":            {systems(", where: n > 1", ""), "match: id\nsame: all\n", ""},
		"two-way":          {"", "match: key\nsame: all\n", "a is read and written"},
		"owner":            {systems("", ""), "match: id\nsame: [id]\nfields: {n: {a: n, b: n, owner: a}}\n", "n has an owner"},
		"write once":       {systems("", ""), "match: id\nsame: [id]\nfields: {n: {a: n, b: n, write_once: true}}\n", "n is written once"},
		"other match":      {systems("", ""), "match: x\nsame: all\n", "the match is not the key of a"},
		"computed match":   {systems("", ""), "match: x\nsame: [id]\nfields: {x: {a: string(id), b: x}}\n", "the match is not the key of a as it stands"},
		"two matches":      {systems("", ""), "match: {first_of: [id, x]}\nsame: all\n", "there are several ways to match"},
		"accept":           {systems("", ", accept: n > 1"), "match: id\nsame: all\n", "b accepts some records only"},
		"target where":     {systems("", ", where: n > 1"), "match: id\nsame: all\n", "b has a `where` of its own"},
		"on_create":        {systems("", ", on_create: {x: q}"), "match: id\nsame: [id, n]\n", "b has values that are written at creation only"},
		"no update":        {systems("", ", allow: {update: false}"), "match: id\nsame: all\n", "b does not take all writes"},
		"when":             {systems("", ""), "match: id\nsame: [id, n]\nfields: {x: {a: x, b: {path: x, when: n > 1}}}\n", "x has a `when`"},
		"deletes":          {systems("", ""), "match: id\nsame: all\ndeletes: {effect: hard}\n", "deletes of a are carried out in b"},
		"deletes ignored":  {systems("", ""), "match: id\nsame: all\ndeletes: {effect: ignore}\n", ""},
		"deletes in a log": {systems(", changes: log", ""), "match: id\nsame: all\ndeletes: {effect: hard}\n", ""},
		"limit":            {systems("", ""), "match: id\nsame: all\nlimits: {blank: {percent: 2}}\n", "a limit of updates needs to know them before anything is written"},
		"only here":        {systems("", ""), "match: id\nsame: all\nfirst_sync: {only_here: ignore}\n", "records that only the source has are not created"},
	} {
		given := objects()
		a := given["a"]
		a.SeesDeletes = []string{"log"}
		given["a"] = a
		m := mustCompile(t, two(c.systems, c.rest), given)
		require.Equal(t, c.why, m.StatelessWhyNot, name)
		require.Equal(t, c.why == "", m.Stateless, name)
	}
	given := objects()
	b := given["b"]
	b.Upsert = false
	given["b"] = b
	require.Equal(t, "b cannot upsert", mustCompile(t, two(systems("", ""), "match: id\nsame: all\n"), given).StatelessWhyNot)
}

// Hashes change with what is read or written of any field, and with nothing
// else.
func TestHashes(t *testing.T) {
	t.Parallel()
	objects := map[string]Object{"a": table(t, "id int", "n int", "x string"), "b": table(t, "id int", "n int", "x string")}
	base := "match: id\nsame: [id, n]\nfields: {x: {a: x, b: x}}\n"
	hashes := func(rest string) (a, b, all record.Hash) {
		m := mustCompile(t, two("", rest), objects)
		return m.Systems[0].Hash, m.Systems[1].Hash, m.Hash
	}
	a, b, all := hashes(base)
	a2, b2, all2 := hashes(base + "conflicts: {resolve: manual}\nabout: other\nschedule: {every: 5m}\n")
	require.Equal(t, []record.Hash{a, b, all}, []record.Hash{a2, b2, all2})
	a2, b2, all2 = hashes(strings.Replace(base, "{a: x,", "{a: {read: lower(x), write: x},", 1))
	require.NotEqual(t, a, a2)
	require.Equal(t, b, b2)
	require.NotEqual(t, all, all2)
	a2, b2, _ = hashes(strings.Replace(base, "b: x}", "b: x, values: {q: {b: 1}}}", 1))
	require.NotEqual(t, a, a2)
	require.NotEqual(t, b, b2)
	require.Len(t, all.String(), 32)
}

func TestCompileProblems(t *testing.T) {
	t.Parallel()
	objects := map[string]Object{
		"a": table(t, "id int!", "email string", "n int", "born date"),
		"b": table(t, "id int!", "mail string", "n string", "x int", "born int"),
	}
	for name, c := range map[string]struct{ rest, want string }{
		"types differ":       {"match: n\nfields: {n: {a: n, b: n}}\n", "test.yaml:6:10: error: field n: is int in a and string in b"},
		"no column":          {"match: n\nfields: {n: {a: n, b: nn}}\n", `there is no column "nn" of b`},
		"an expression":      {"match: n\nfields: {n: {a: n * 2, b: x}}\n", "must be written in a, and an expression can only be read"},
		"write nowhere":      {"match: n\nfields: {n: {a: n, b: {read: x, write: y}}}\n", `b has no column "y"`},
		"write an id":        {"match: n\nfields: {n: {a: n, b: {read: x, write: id}}}\n", "nobody may write id in b"},
		"write expression":   {"match: n\nfields: {n: {a: n, b: {read: x, write: {x: m + 1}}}}\n", `there is no field "m"`},
		"when of a stranger": {"match: n\nfields:\n  n: {a: n, b: {path: x, when: e != \"\"}}\n  e: {a: email}\n", "`when` depends on e, and b has no such field"},
		"match":              {"match: lower(m)\nfields: {n: {a: n, b: x}}\n", `there is no field "m"`},
		"key":                {"match: key\nfields: {n: {a: n, b: x}}\n", "`match: key` needs a field for id of a"},
		"two write one":      {"match: n\nfields:\n  n: {a: n, b: x}\n  m: {a: email, b: {read: mail, write: {x: n}}}\n", "x is written in b by n too"},
		"both fixed":         {"match: n\nfields: {n: {a: id, b: id}}\n", "nobody may write id in"},
		"soft":               {"match: n\nfields: {n: {a: n, b: x}}\ndeletes: {effect: soft}\n", "a has no column to write a soft delete into"},
		"a bad type":         {"match: n\nfields: {n: {type: \"decimal(2,9)\", a: n, b: x}}\n", "the scale must not exceed the precision"},
		"a bad value":        {"match: n\nfields: {n: {a: n, b: x, values: {q: {b: 1}}}}\n", "the value \"q\" is no int"},
		"a bad token":        {"match: n\nfields: {n: {a: n, b: x, values: {1: {b: q}}}}\n", `"q" is not what b has there (int)`},
		"a token twice":      {"match: n\nfields: {n: {a: n, b: x, values: {1: {b: 3}, 2: {b: 3}}}}\n", `"3" means two values in b`},
	} {
		defs, _ := Parse("test.yaml", []byte(two("", c.rest)))
		require.Len(t, defs, 1, name)
		m, problems := Compile(defs[0], objects)
		require.Nil(t, m, name)
		require.ErrorContains(t, problems.Err(), c.want, name)
	}
	_, problems := Compile(parseOne(t, two("", "match: n\nfields: {n: {a: n, b: x}}\n")), map[string]Object{"a": objects["a"]})
	require.ErrorContains(t, problems.Err(), "nobody said what b looks like")
}

// A row of another shape is refused, not misread.
func TestColumnsThatAreGone(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, two("", "match: id\nsame: [id, n]\nfields: {e: {a: {read: lower(email), write: email}, b: e}}\n"), map[string]Object{
		"a": table(t, "id int", "n int", "email string"), "b": table(t, "id int", "n int", "e string"),
	})
	_, err := m.Systems[0].NewReader(table(t, "id int", "email string").Schema)
	require.EqualError(t, err, `a has no column "n" any more`)
	_, err = m.Systems[0].NewReader(table(t, "id int", "n int").Schema)
	require.EqualError(t, err, `a has no column "email" any more`)
	_, err = m.Systems[1].NewWriter(table(t, "id int", "n string", "e string").Schema)
	require.EqualError(t, err, `column "n" of b is string now and was int`)

	// Columns in another order, and more of them, are read all the same.
	r, err := m.Systems[0].NewReader(table(t, "email string", "other any", "n int", "id int").Schema)
	require.NoError(t, err)
	var out Canonical
	r.Read([]record.Value{"B@X", nil, int64(2), int64(9)}, &out)
	require.Equal(t, []record.Value{int64(9), int64(2), "b@x"}, out.Values)
	require.Equal(t, record.Key("1:9"), out.Key)
	require.Equal(t, record.HashRow(int64(9), int64(2), "B@X"), r.CompareHash([]record.Value{"B@X", nil, int64(2), int64(9)}))
}
