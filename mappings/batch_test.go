package mappings

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/internal/record"
)

const pipeYAML = `
sync: s
systems:
  a: {use: a, object: t, role: source, where: n != 0, deleted: gone}
  b: {use: b, object: t, role: target}
match: key
same: [id, tags, born, fee]
fields:
  email: {a: lower(trim(email)), b: email}
  total: {a: n / 100, b: total}
  stage: {a: stage, b: stage, values: {lead: {a: 1}, customer: {a: [2, 3]}}}
  both:
    a: city
    b: {read: 'join([x, y], "-")', write: {x: 'before(both, "-")', y: 'after(both, "-")'}}
  code: {a: doc.code, b: code}
`

func pipeObjects(t *testing.T) map[string]Object {
	t.Helper()
	return map[string]Object{
		"a": table(t, "id int", "email string", "n int", "stage int", "city string", "tags list<string>", "born date", "fee decimal",
			"doc json", "gone bool"),
		"b": table(t, "id int", "email string(20)", "total decimal", "stage string", "x string", "y string", "tags list<string>",
			"born date", "fee decimal(6,2)", "code string"),
	}
}

// pipeRows maps rows at once and gives, by the source's key, what comes out.
func pipeRows(t require.TestingT, m *Mapping, rows [][]record.Value, marks []record.Mark) (map[string][]record.Value, *record.Batch, PipeCounts) {
	a, b := m.Systems[0], m.Systems[1]
	build := record.NewBuilder(a.schema)
	for i, row := range rows {
		mark := record.Mark{}
		if i < len(marks) {
			mark = marks[i]
		}
		require.NoError(t, build.Append(row, mark))
	}
	batch := build.Flush()
	p, err := m.NewPipe(a, b, a.schema, b.schema)
	require.NoError(t, err)
	out, counts, err := p.Map(batch)
	require.NoError(t, err)
	got := map[string][]record.Value{}
	for row := range out.Rows() {
		values := out.Row(row, nil)
		got[record.Text(values[out.Schema.Index("id")])] = values
	}
	return got, out, counts
}

func TestPipe(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, pipeYAML, pipeObjects(t))
	require.True(t, m.Stateless, m.StatelessWhyNot)
	row := func(id int64, change func([]record.Value)) []record.Value {
		values := []record.Value{
			id, " Bob@X.com ", int64(1999), int64(3), "Ann-Lee",
			record.List{"x", nil},
			record.Date(5), record.Decimal("1.5"),
			record.JSON(`{"code":"c"}`), nil,
		}
		if change != nil {
			change(values)
		}
		return values
	}
	rows := [][]record.Value{
		row(1, nil),
		row(2, func(v []record.Value) { v[2] = int64(0) }),                  // out of where
		row(3, func(v []record.Value) { v[7] = record.Decimal("1.234") }),   // too fine for the target
		row(4, func(v []record.Value) { v[3] = int64(9) }),                  // not in the table
		row(5, func(v []record.Value) { v[9] = true }),                      // deleted there
		row(6, func(v []record.Value) { v[1] = strings.Repeat("x", 21) }),   // too long
		row(7, func(v []record.Value) { v[1], v[4], v[6] = nil, nil, nil }), // NULL
		row(8, func(v []record.Value) { v[8], v[6] = record.JSON(`{}`), record.Missing }),
		row(9, nil), row(10, nil), row(11, nil),
	}
	marks := make([]record.Mark, len(rows))
	marks[8] = record.Mark{Op: record.Deleted}
	marks[9] = record.Mark{Op: record.Absent}
	marks[10] = record.Mark{Bad: "the column email is not valid UTF-8"}
	got, out, counts := pipeRows(t, m, rows, marks)
	require.Equal(t, []string{"id", "tags", "born", "fee", "email", "total", "stage", "x", "y", "code"}, out.Schema.Names())
	require.Equal(t, map[string][]record.Value{
		"1": {int64(1), record.List{"x", nil}, record.Date(5), record.Decimal("1.5"), "bob@x.com", record.Decimal("19.99"), "customer", "Ann", "Lee", "c"},
		"7": {int64(7), record.List{"x", nil}, nil, record.Decimal("1.5"), nil, record.Decimal("19.99"), "customer", nil, nil, "c"},
		"8": {int64(8), record.List{"x", nil}, record.Missing, record.Decimal("1.5"), "bob@x.com", record.Decimal("19.99"), "customer", "Ann", "Lee", record.Missing},
	}, got)
	require.Equal(t, int64(4), counts.Ignored)
	require.Equal(t, int64(4), counts.Rejected)
	require.ElementsMatch(t, []Reject{
		{Row: 2, Reason: "field fee: has more than 2 digits after the point; round() it or widen decimal(6,2)"},
		{Row: 3, Reason: "field stage: is not among the field's values; add it to `values`, or say `unknown:`"},
		{Row: 5, Reason: "field email: longer than 20 characters"},
		{Row: 10, Reason: "the column email is not valid UTF-8"},
	}, counts.Rejects)
}

// Deletes that a source reports are handed on where the definition carries
// them out: only the key counts then.
func TestPipeDeletes(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(pipeYAML, "role: source", "role: source, changes: log", 1) + "deletes: {effect: hard}\n"
	objects := pipeObjects(t)
	a := objects["a"]
	a.SeesDeletes = []string{"log"}
	objects["a"] = a
	m := mustCompile(t, yaml, objects)
	require.True(t, m.Stateless, m.StatelessWhyNot)
	rows := [][]record.Value{
		{int64(1), nil, nil, nil, nil, nil, nil, nil, nil, nil},
		{int64(2), "a@b", int64(1), int64(1), "x", nil, nil, nil, nil, true},
		{int64(3), "a@b", int64(1), int64(1), "x", nil, nil, nil, nil, false},
	}
	got, out, counts := pipeRows(t, m, rows, []record.Mark{{Op: record.Deleted}})
	require.Len(t, got, 3)
	require.Zero(t, counts.Ignored+counts.Rejected)
	require.Equal(t, record.Deleted, out.Mark(0).Op)
	require.Equal(t, record.Deleted, out.Mark(1).Op)
	require.Equal(t, record.Present, out.Mark(2).Op)
}

// Columns that need nothing done are the same Arrow columns, not copies.
func TestPipeHandsColumnsOn(t *testing.T) {
	t.Parallel()
	m, batch := benchMapping(t)
	p, err := m.NewPipe(m.Systems[0], m.Systems[1], batch.Schema, m.Systems[1].schema)
	require.NoError(t, err)
	out, counts, err := p.Map(batch)
	require.NoError(t, err)
	require.Zero(t, counts.Ignored+counts.Rejected)
	for _, name := range []string{"id", "city", "active", "at", "fee", "note", "zip"} {
		require.Same(t, batch.Arrow().Column(batch.Schema.Index(name)).Data(), out.Arrow().Column(out.Schema.Index(name)).Data(), name)
	}
	out.Release()
	require.Equal(t, "Berlin", batch.Value(0, 3), "the raw batch lives on")
}

// TestPipeIsReaderAndWriter: what a pipe makes of a batch is what the reader
// and the writer make of its rows one by one.
func TestPipeIsReaderAndWriter(t *testing.T) {
	t.Parallel()
	m := mustCompile(t, pipeYAML, pipeObjects(t))
	a, b := m.Systems[0], m.Systems[1]
	reader, err := a.NewReader(a.schema)
	require.NoError(t, err)
	writer, err := b.NewWriter(b.schema)
	require.NoError(t, err)
	all := make([]bool, len(m.Schema.Fields))
	for i := range all {
		all[i] = true
	}
	rapid.Check(t, func(t *rapid.T) {
		rows := make([][]record.Value, rapid.IntRange(0, 20).Draw(t, "rows"))
		for i := range rows {
			rows[i] = drawRow(t, a.schema)
			rows[i][0] = int64(i)
		}
		got, out, counts := pipeRows(t, m, rows, nil)
		require.Equal(t, len(rows), out.Rows()+int(counts.Ignored+counts.Rejected))
		for i, row := range rows {
			var c Canonical
			reader.Read(row, &c)
			raw := make([]record.Value, len(b.Write))
			piped, handedOn := got[strconv.Itoa(i)]
			if c.Bad != "" || !c.InScope || c.Deleted {
				require.False(t, handedOn, "%v: %+v", row, c)
				continue
			}
			if err := writer.Write(c.Values, all, true, raw); err != nil {
				require.False(t, handedOn, "%v: %v", row, err)
				continue
			}
			require.True(t, handedOn, "%v: %+v", row, counts.Rejects)
			for at, column := range b.Write {
				require.Equal(t, raw[at], piped[out.Schema.Index(column)], "%s of %v", column, row)
			}
		}
	})
}

// drawRow gives values of the schema's kinds, NULL and absent among them.
func drawRow(t *rapid.T, schema *record.Schema) []record.Value {
	row := make([]record.Value, len(schema.Fields))
	for i, f := range schema.Fields {
		row[i] = drawValue(f.Type).Draw(t, f.Name)
	}
	return row
}

func drawValue(typ record.Type) *rapid.Generator[record.Value] {
	return rapid.Custom(func(t *rapid.T) record.Value {
		if n := rapid.IntRange(0, 9).Draw(t, "nothing"); n == 0 {
			return nil
		} else if n == 1 {
			return record.Missing
		}
		switch typ.Kind {
		case record.KindInt:
			return rapid.OneOf(rapid.Int64Range(-3, 5), rapid.Int64()).Draw(t, "int")
		case record.KindFloat:
			return record.Float(rapid.Float64().Draw(t, "float"))
		case record.KindDecimal:
			return record.Decimal(rapid.SampledFrom([]string{"0", "1.5", "-2.25", "1.234", "99999.99", "123456789012345678901234567890.123"}).Draw(t, "decimal"))
		case record.KindBool:
			return rapid.Bool().Draw(t, "bool")
		case record.KindDate:
			return record.Date(rapid.Int32Range(-100_000, 100_000).Draw(t, "date"))
		case record.KindTimestamp:
			return record.Timestamp(rapid.Int64Range(-1e15, 1e15).Draw(t, "timestamp"))
		case record.KindList, record.KindSet:
			list := record.List{}
			for range rapid.IntRange(0, 3).Draw(t, "len") {
				list = append(list, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "element"))
			}
			return list
		case record.KindJSON:
			return drawJSON(t, 3)
		default:
			return rapid.OneOf(rapid.SampledFrom([]string{"", " Bob@X.com ", "Ann-Lee", "é", "e\u0301", "7", "1.50", "2026-02-28"}), rapid.String()).Draw(t, "text")
		}
	})
}

func drawJSON(t *rapid.T, depth int) record.JSON {
	text, err := record.EncodeJSON(drawTree(t, depth))
	require.NoError(t, err)
	return text
}

func drawTree(t *rapid.T, depth int) any {
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	if depth == 0 && kind > 4 {
		kind = 0
	}
	switch kind {
	case 0:
		return rapid.OneOf(rapid.SampledFrom([]string{"", "a", "code", `"`, `\`, "é\n", "}", ","}), rapid.String()).Draw(t, "string")
	case 1:
		return rapid.Int64().Draw(t, "int")
	case 2:
		return record.Decimal("1.25")
	case 3:
		return rapid.Bool().Draw(t, "bool")
	case 4:
		return nil
	case 5:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "len"))
		for i := range list {
			list[i] = drawTree(t, depth-1)
		}
		return list
	default:
		object := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			key := rapid.OneOf(rapid.SampledFrom([]string{"code", "a", "b", "é", `q"`, ""}), rapid.String()).Draw(t, "key")
			object[key] = drawTree(t, depth-1)
		}
		return object
	}
}
