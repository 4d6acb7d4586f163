package conformance

import (
	"slices"
	"testing"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Subject is a connector with the means to test it.
type Subject struct {
	Name string
	// New makes a fresh object with the table's rows, without the connector. It
	// is called for every case, cleans up with tb.Cleanup, and when it is called
	// again in one case, that object is another one or made anew.
	New func(tb testing.TB, table Table) Fixture
	// Kinds are the kinds of columns that the object can have; nil is all. Where
	// a case wants another kind, it uses a string column (and no kind but
	// strings is needed: a CSV file has only those).
	Kinds []record.Kind
	// EmptyIsNull: the system cannot tell "" from NULL, and reads both as NULL.
	EmptyIsNull bool
	// Narrow names kinds of which the system holds only what a float does: longer
	// numbers it may refuse (but never round).
	Narrow []record.Kind
	// NoNames: the object's columns cannot have any name (as in some APIs).
	NoNames bool
	// Refused opens an object with a wrong password, or as somebody who may not
	// (see Denied), and gives the error.
	Refused func(tb testing.TB) error
	// NotFound opens or describes an object that is not there and gives the error.
	NotFound func(tb testing.TB) error
	// Cannot lists, by patterns of path.Match, the cases that ask for what the
	// connector says that it cannot do: they and no others are skipped, so that a
	// connector which loses an ability does not lose its cases in silence.
	Cannot []string
}

// Fixture is one fresh object. All but Open work without the connector: they
// are what another program would do and see.
type Fixture interface {
	// Open opens the object with the connector, each time anew; the suite closes
	// what it opens. Config.Key and Config.Modified are the table's.
	Open(tb testing.TB) connectors.Object
	// Rows reads the truth: all rows with the table's columns in their order, the
	// rows in any order. Texts will do: they are converted to the columns' types.
	Rows(tb testing.TB) [][]record.Value
	// Put writes rows: in place of the row with that key, or as a new one.
	Put(tb testing.TB, rows ...[]record.Value)
	// Delete deletes rows by the values of their key columns.
	Delete(tb testing.TB, keys ...[]record.Value)
}

// Table is what a fixture has to make.
type Table struct {
	// Name is what the object is called, where it has a name.
	Name string
	// Schema has the columns in order. ReadOnly columns are assigned by the
	// system (only keys, where ServerKeys). Columns that are not Nullable refuse
	// NULL, where the system can do that.
	Schema *record.Schema
	Key    []string
	// Modified names the column of that role; "" for none. Fixtures write it like
	// any other column.
	Modified string
	Rows     [][]record.Value
	// Absent wants an object that does not exist yet (see connectors.Creator).
	Absent bool
}

// place gives the places of columns in the schema.
func (t Table) place(columns ...string) []int {
	at := make([]int, len(columns))
	for i, column := range columns {
		at[i] = t.Schema.Index(column)
	}
	return at
}

// key gives the key of a row of the table.
func (t Table) key(row []record.Value) record.Key {
	key, _ := record.NewKey(pick(row, t.place(t.Key...))...)
	return key
}

// keys gives the key values of rows, as Fixture.Delete wants them.
func (t Table) keyValues(row []record.Value) []record.Value { return pick(row, t.place(t.Key...)) }

func pick(row []record.Value, at []int) []record.Value {
	picked := make([]record.Value, len(at))
	for i, from := range at {
		picked[i] = row[from]
	}
	return picked
}

// kind gives the type of a column that is wanted to be of a kind.
func (s Subject) kind(k record.Kind) record.Type {
	if s.Kinds != nil && !slices.Contains(s.Kinds, k) {
		k = record.KindString
	}
	if k == record.KindList {
		return record.Type{Kind: k, Elem: record.KindString}
	}
	return record.Type{Kind: k}
}

// value gives a value as a column of that kind holds it.
func (s Subject) value(k record.Kind, v record.Value) record.Value {
	if v != nil && s.kind(k).Kind != k {
		return record.Text(v)
	}
	return v
}

// column is a nullable column of a kind.
func (s Subject) column(name string, k record.Kind) record.Field {
	return record.Field{Name: name, Type: s.kind(k), Nullable: true}
}
