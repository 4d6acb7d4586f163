package conformance

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/record"
)

// The columns of the people table, by place.
const (
	colID = iota
	colEmail
	colName
	colAmount
	colChanged
)

// people is the table that most cases use.
func (s *suite) people(rows int) Table {
	t := Table{
		Name: "people",
		Schema: record.NewSchema(
			record.Field{Name: "id", Type: s.kind(record.KindInt), ReadOnly: s.can.ServerKeys},
			s.column("email", record.KindString),
			record.Field{Name: "name", Type: s.kind(record.KindString)},
			s.column("amount", record.KindDecimal),
			s.column("changed", record.KindTimestamp),
		),
		Key:      []string{"id"},
		Modified: "changed",
	}
	for i := range rows {
		t.Rows = append(t.Rows, s.person(i+1, i))
	}
	return t
}

// person is a row of people. Its time of change is that many seconds after
// some hour of the past: cursors never meet the present.
func (s *suite) person(id, second int) []record.Value {
	changed := record.NewTimestamp(began.Add(time.Duration(second) * time.Second))
	return []record.Value{
		s.value(record.KindInt, int64(id)),
		fmt.Sprintf("person%d@example.com", id),
		fmt.Sprintf("Person %d", id),
		s.value(record.KindDecimal, record.DecimalOfInt(int64(id))+".25"),
		s.value(record.KindTimestamp, changed),
	}
}

// began is two days ago, to the second.
var began = time.Now().Add(-48 * time.Hour).Truncate(time.Second).UTC() //nolint:gochecknoglobals // a constant of the run

// with gives a copy of a row with one value changed.
func with(row []record.Value, at int, v record.Value) []record.Value {
	changed := append([]record.Value(nil), row...)
	changed[at] = v
	return changed
}

// plain brings a row to the types of the table, so that it can be compared:
// numbers that came as text, NULL for "" where the system cannot tell.
func (s *suite) plain(tb testing.TB, t Table, row []record.Value) []record.Value {
	tb.Helper()
	if len(row) != len(t.Schema.Fields) {
		require.Fail(tb, "a row of another length", "%d values for %d columns", len(row), len(t.Schema.Fields))
	}
	out := make([]record.Value, len(row))
	for i, v := range row {
		f := t.Schema.Fields[i]
		converted, err := record.Convert(f.Type, v)
		if err != nil {
			require.Fail(tb, "a value that does not fit", "column %q: %v: %s", f.Name, err, show(v))
		}
		if s.EmptyIsNull && converted == "" {
			converted = nil
		}
		out[i] = converted
	}
	return out
}

// byKey gives rows by their keys and fails on doubles.
func (s *suite) byKey(tb testing.TB, t Table, rows [][]record.Value) map[record.Key][]record.Value {
	tb.Helper()
	found := make(map[record.Key][]record.Value, len(rows))
	for _, row := range rows {
		row = s.plain(tb, t, row)
		key := t.key(row)
		if _, double := found[key]; double {
			require.Fail(tb, "two rows with one key", "%s", key)
		}
		found[key] = row
	}
	return found
}

// requireRows fails unless the two sets of rows are the same.
func (s *suite) requireRows(tb testing.TB, t Table, want, got [][]record.Value, what string) {
	tb.Helper()
	s.requireSame(tb, t, s.byKey(tb, t, want), s.byKey(tb, t, got), what)
}

func (s *suite) requireSame(tb testing.TB, t Table, want, got map[record.Key][]record.Value, what string) {
	tb.Helper()
	for key, row := range want {
		have, there := got[key]
		if !there {
			require.Fail(tb, what+": a row is lost", "%s (%d of %d rows)", key, len(got), len(want))
		}
		for i := range row {
			if !record.Equal(row[i], have[i]) || !sameBytes(row[i], have[i]) {
				require.Fail(tb, what+": another value", "row %s, column %q: want %s, got %s",
					key, t.Schema.Fields[i].Name, show(row[i]), show(have[i]))
			}
		}
	}
	for key := range got {
		if _, wanted := want[key]; !wanted {
			require.Fail(tb, what+": a row too many", "%s (%d of %d rows)", key, len(got), len(want))
		}
	}
}

// show gives a value for a message: its kind and not more of it than helps.
func show(v record.Value) string {
	text := fmt.Sprintf("%#v", v)
	if len(text) > 200 {
		text = fmt.Sprintf("%s… (%d characters)", text[:200], len(text))
	}
	return fmt.Sprintf("%T %s", v, text)
}

// sameBytes is stricter than Equal: a value's own bytes are kept, whatever
// normal form of Unicode they are in.
func sameBytes(a, b record.Value) bool {
	x, is := a.(string)
	return !is || x == b
}
