package mappings

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
)

func BenchmarkExpression(b *testing.B) {
	schema := record.NewSchema(
		record.Field{Name: "email", Type: record.Type{Kind: record.KindString}},
		record.Field{Name: "cents", Type: record.Type{Kind: record.KindInt}},
		record.Field{Name: "first_name", Type: record.Type{Kind: record.KindString}},
		record.Field{Name: "last_name", Type: record.Type{Kind: record.KindString}},
		record.Field{Name: "status", Type: record.Type{Kind: record.KindString}},
		record.Field{Name: "address", Type: record.Type{Kind: record.KindJSON}},
		record.Field{Name: "fee", Type: record.Type{Kind: record.KindDecimal}},
	)
	row := []record.Value{
		"  Bob.Miller@Example.com ", int64(123456), "Bob", "Miller", "active",
		record.JSON(`{"city":"Berlin","line1":"Street 1","zip":"10115"}`), record.Decimal("12.34"),
	}
	for _, source := range []string{
		"email", "lower(email)", "lower(trim(email))", "cents / 100", "fee * 100", "cents / 7", `status != "test"`,
		`status != "test" and cents > 0`, `join([first_name, last_name], " ")`, `before(first_name, " ")`,
		`status in ["lead", "customer", "active"]`, "address.city", `status == "a" ? "x" : "y"`, `fee > 10`, "record()",
	} {
		b.Run(source, func(b *testing.B) {
			p, problems := compileExpr(Text{Value: source}, scope{noun: "column", schema: schema})
			require.Empty(b, problems)
			m := newMachine(schema)
			b.ReportAllocs()
			for b.Loop() {
				for i, v := range row {
					m.set(i, v)
				}
				if _, err := m.eval(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchMapping is 10 columns, 3 of them by expression.
func benchMapping(tb testing.TB) (*Mapping, *record.Batch) {
	tb.Helper()
	var objects map[string]Object
	t, isTest := tb.(*testing.T)
	if !isTest {
		t = &testing.T{}
	}
	objects = map[string]Object{
		"shop": table(t, "id int", "email string", "name string", "city string", "cents int", "active bool", "at timestamp",
			"fee decimal(12,2)", "note string", "zip string"),
		"dwh": table(t, "id int", "email string", "name string", "city string", "total decimal", "active bool", "at timestamp",
			"fee decimal(12,2)", "note string", "zip string"),
	}
	defs, problems := Parse("bench.yaml", []byte(`
sync: bench
systems:
  shop: {use: shop, object: customers, role: source}
  dwh:  {use: dwh, object: customers, role: target}
match: key
same: [id, city, active, at, fee, note, zip]
fields:
  email: {shop: lower(trim(email)), dwh: email}
  name:  {shop: upper(name), dwh: name}
  total: {shop: cents / 100, dwh: total}
`))
	require.False(tb, problems.Failed(), problems.Error())
	m, problems := Compile(defs[0], objects)
	require.Empty(tb, problems, problems.Error())
	require.True(tb, m.Stateless, m.StatelessWhyNot)
	schema := objects["shop"].Schema
	build := record.NewBuilder(schema)
	for i := range record.BatchRows {
		require.NoError(tb, build.Append([]record.Value{
			int64(i), fmt.Sprintf("Person%d@Example.com", i), fmt.Sprintf("Person Number %d", i), "Berlin", int64(i * 7),
			i%2 == 0, record.Timestamp(1_700_000_000_000_000 + i), record.Decimal("12.5"), "some note about it", "10115",
		}, record.Mark{}))
	}
	return m, build.Flush()
}

func BenchmarkRead(b *testing.B) {
	m, batch := benchMapping(b)
	r, err := m.Systems[0].NewReader(batch.Schema)
	require.NoError(b, err)
	var row []record.Value
	var out Canonical
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		row = batch.Row(i%batch.Rows(), row)
		r.Read(row, &out)
		i++
	}
}

func BenchmarkReadValuesOnly(b *testing.B) {
	m, batch := benchMapping(b)
	r, err := m.Systems[0].NewReader(batch.Schema)
	require.NoError(b, err)
	row := batch.Row(5, nil)
	var out Canonical
	b.ReportAllocs()
	for b.Loop() {
		r.Read(row, &out)
	}
}

func BenchmarkCompareHash(b *testing.B) {
	m, batch := benchMapping(b)
	r, err := m.Systems[0].NewReader(batch.Schema)
	require.NoError(b, err)
	row := batch.Row(5, nil)
	b.ReportAllocs()
	for b.Loop() {
		r.CompareHash(row)
	}
}

func BenchmarkWrite(b *testing.B) {
	m, batch := benchMapping(b)
	r, err := m.Systems[0].NewReader(batch.Schema)
	require.NoError(b, err)
	var out Canonical
	r.Read(batch.Row(5, nil), &out)
	w, err := m.Systems[1].NewWriter(m.Systems[1].schema)
	require.NoError(b, err)
	fields := make([]bool, len(out.Values))
	for i := range fields {
		fields[i] = true
	}
	raw := make([]record.Value, len(m.Systems[1].Write))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(out.Values, fields, true, raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPredict(b *testing.B) {
	objects := threeWayObjects(&testing.T{})
	defs, problems := Parse("bench.yaml", []byte(threeWay))
	require.False(b, problems.Failed())
	m, problems := Compile(defs[0], objects)
	require.Empty(b, problems, problems.Error())
	values := []record.Value{"bob@x.com", "Bob van Lee", record.Decimal("12.34"), "customer", true, "+49", nil, "INT"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Rules.Systems[0].Predict(values); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPipe(b *testing.B) {
	m, batch := benchMapping(b)
	p, err := m.NewPipe(m.Systems[0], m.Systems[1], batch.Schema, m.Systems[1].schema)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		out, _, err := p.Map(batch)
		if err != nil {
			b.Fatal(err)
		}
		out.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch.Rows()), "ns/row")
}
