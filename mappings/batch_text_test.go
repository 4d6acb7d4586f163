package mappings

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/internal/record"
)

// textMapping is a file of text into a table of types.
func textMapping(t *testing.T, formats string) *Mapping {
	t.Helper()
	dwh := table(t, "id int", "n int", "fee decimal(6,2)", "active bool", "born date", "at timestamp", "score float",
		"name string(8)", "ref uuid", "note string")
	dwh.Schema.Fields[1].Type.Precision = 16
	m := mustCompile(t, `
sync: text
systems:
  file: {use: file, object: f, role: source, formats: {`+formats+`}}
  dwh:  {use: dwh, object: t, role: target}
match: id
same: all
`, map[string]Object{
		"file": table(t, "id string", "n string", "fee string", "active string", "born string", "at string", "score string", "name string",
			"ref string", "note string"),
		"dwh": dwh,
	})
	require.True(t, m.Stateless, m.StatelessWhyNot)
	return m
}

func textPipe(t require.TestingT, m *Mapping, short bool) *Pipe {
	p, err := m.NewPipe(m.Systems[0], m.Systems[1], m.Systems[0].schema, m.Systems[1].schema)
	require.NoError(t, err)
	if !short {
		for i := range p.columns {
			p.columns[i].parse = -1
		}
	}
	return p
}

// Cells parsed straight into columns are those that are parsed one by one, and
// the same rows are rejected for the same reasons.
func TestPipeParsesTextAsValuesAre(t *testing.T) {
	t.Parallel()
	var all []*Mapping
	for _, formats := range []string{
		"", `null: ""`, `null: "1"`, `"true": ja, "false": nein`, `date: DD.MM.YYYY, decimal: ",", group: "."`, `timestamp: "YYYY-MM-DD HH:mm:ss"`,
	} {
		all = append(all, textMapping(t, formats))
	}
	cells := []string{
		"", " ", "1", "-1", "+1", " 1", "40000", "1.5", "1.234", "1,5", "1.000,5", "12345", "true", "T", "ja", "nein", "2026-02-28", "2026-02-30",
		"28.02.2026", "2026-02-28 10:00:00", "2026-02-28T10:00:00.5+02:00", "1e3", "NaN", "eight ch", "nine char", "öööööööö", "\xff",
		"0f8fad5b-d9cb-469f-a165-70867728950e", "infinity",
	}
	rapid.Check(t, func(t *rapid.T) {
		m := all[rapid.IntRange(0, len(all)-1).Draw(t, "formats")]
		schema := m.Systems[0].schema
		build := record.NewBuilder(schema)
		for row := range rapid.IntRange(0, 8).Draw(t, "rows") {
			values := []record.Value{strconv.Itoa(row)}
			for range len(schema.Fields) - 1 {
				values = append(values, rapid.OneOf(
					rapid.Map(rapid.OneOf(rapid.SampledFrom(cells), rapid.String()), func(s string) record.Value { return s }),
					rapid.SampledFrom([]record.Value{nil, record.Missing}),
				).Draw(t, "cell"))
			}
			require.NoError(t, build.Append(values, record.Mark{}))
		}
		batch := build.Flush()
		got, counts, err := textPipe(t, m, true).Map(batch)
		require.NoError(t, err)
		want, wanted, err := textPipe(t, m, false).Map(batch)
		require.NoError(t, err)
		require.Equal(t, wanted, counts)
		require.Equal(t, want.Rows(), got.Rows())
		for row := range want.Rows() {
			require.Equal(t, record.HashRow(want.Row(row, nil)...), record.HashRow(got.Row(row, nil)...), "%v is not %v",
				got.Row(row, nil), want.Row(row, nil))
		}
	})
}

// benchText is a full batch of usual cells.
func benchText(m *Mapping) *record.Batch {
	build := record.NewBuilder(m.Systems[0].schema)
	for i := range record.BatchRows {
		n := strconv.Itoa(i)
		err := build.Append([]record.Value{
			n, strconv.Itoa(i % 90), strconv.Itoa(i%1000) + ".25", "true", "2026-02-28", "2026-02-28 10:00:00", n + ".5", "Ann",
			"0f8fad5b-d9cb-469f-a165-70867728950e", nil,
		}, record.Mark{})
		if err != nil {
			panic(err)
		}
	}
	return build.Flush()
}

// Text becomes values without memory of its own for any of them.
//
//nolint:paralleltest // allocations of tests beside it would be counted
func TestAllocationsOfARowOfText(t *testing.T) {
	m := textMapping(t, `null: ""`)
	batch := benchText(m)
	p := textPipe(t, m, true)
	perBatch := testing.AllocsPerRun(3, func() {
		out, counts, err := p.Map(batch)
		require.NoError(t, err)
		require.Zero(t, counts)
		out.Release()
	})
	perRow := perBatch / float64(batch.Rows())
	t.Logf("%.3f allocations a row", perRow)
	require.Less(t, perRow, 0.1)
}

func BenchmarkPipeText(b *testing.B) {
	m := textMapping(&testing.T{}, `null: ""`)
	batch := benchText(m)
	p := textPipe(b, m, true)
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
