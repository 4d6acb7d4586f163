package sqlite

import (
	"errors"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

func (a *writer) create(item connectors.Item, r *connectors.Result) error {
	cols, raws, err := a.newRow(item)
	if err != nil {
		return err
	}
	if met, err := a.match(item, r); err != nil || met {
		return err
	}
	if !a.t.uniqueKey(a.t.key) {
		if there, err := a.occupant(a.t.key, cols, raws, r); err != nil || there {
			return err
		}
	}
	values := make([]record.Value, len(a.t.key))
	err = a.exec(a.insertion(cols), func(s *bare.Stmt) error {
		for i, c := range a.t.key {
			values[i], _ = a.t.columns[c].codec.value(s, i)
		}
		return nil
	}, raws...)
	if unique, _ := refusal(err); unique && a.conn.InTransaction() {
		return errors.Join(err, a.nameOccupant(cols, raws, r))
	}
	if err != nil {
		return err
	}
	if key, ok := record.NewKey(values...); ok {
		r.Key = key
		return nil
	}
	return connectors.Errorf(connectors.Permanent, "a row without a key was made in table %s", a.t.name)
}

// newRow gives the columns and cells of a creation, those of its key included.
func (a *writer) newRow(item connectors.Item) (cols []int, raws []any, err error) {
	cols, raws, err = a.raws(item)
	if err != nil || item.Key == "" {
		return cols, raws, err
	}
	key, ok := a.t.rawKey(item.Key)
	if !ok {
		return nil, nil, connectors.Errorf(connectors.BadRecord, "the key does not fit the key columns")
	}
	for i, c := range a.t.key {
		if !slices.Contains(cols, c) {
			cols, raws = append(cols, c), append(raws, key[i])
		}
	}
	return cols, raws, nil
}

// insertion says ABORT so that a table's own ON CONFLICT REPLACE pushes no row
// aside.
func (a *writer) insertion(cols []int) string {
	returning := ` RETURNING ` + a.t.cells(a.t.key, "")
	if len(cols) == 0 {
		return `INSERT OR ABORT INTO ` + a.t.sql() + ` DEFAULT VALUES` + returning
	}
	return `INSERT OR ABORT INTO ` + a.t.sql() + ` (` + strings.Join(a.t.names(cols, ""), ", ") + `) VALUES (` + marks(len(cols)) + `)` + returning
}

// nameOccupant tells which row a creation met in a unique index.
func (a *writer) nameOccupant(cols []int, raws []any, r *connectors.Result) error {
	for _, unique := range a.t.uniques {
		there, err := a.occupant(unique, cols, raws, r)
		if err != nil || there {
			r.Status = ""
			return err
		}
	}
	return nil
}

// match looks for a row that the definition takes for the same thing. A blank
// value matches nothing.
func (a *writer) match(item connectors.Item, r *connectors.Result) (bool, error) {
	if len(a.unless) == 0 {
		return false, nil
	}
	tuple := make([]record.Value, len(a.unless))
	for i, c := range a.unless {
		tuple[i] = record.Missing
		if at := slices.Index(a.set, c); at >= 0 && at < len(item.Set) {
			tuple[i] = item.Set[at]
		}
		if record.Blank(tuple[i]) {
			return false, nil
		}
	}
	found := newBatches(a.t, a.t.key, nil)
	defer found.builder.Release()
	if err := findRows(a.conn, a.t, a.t.key, a.unless, [][]record.Value{tuple}, found); err != nil {
		return false, err
	}
	if found.builder.Rows() == 0 {
		return false, nil
	}
	batch := found.builder.Flush()
	defer batch.Release()
	r.Status = connectors.Exists
	r.Key, _ = record.NewKey(batch.Row(0, nil)...)
	return true, nil
}

// occupant names the row that has the new row's values in columns that are to
// be unique.
func (a *writer) occupant(unique, cols []int, raws []any, r *connectors.Result) (bool, error) {
	args := make([]any, len(unique))
	same := make([]string, len(unique))
	for i, c := range unique {
		at := slices.Index(cols, c)
		if at < 0 || raws[at] == nil {
			return false, nil
		}
		args[i], same[i] = raws[at], quote(a.t.columns[c].Name)+" = "+mark(i+1)
	}
	there := false
	values := make([]record.Value, len(a.t.key))
	err := a.exec(`SELECT `+a.t.cells(a.t.key, "")+` FROM `+a.t.sql()+` WHERE `+strings.Join(same, " AND "), func(s *bare.Stmt) error {
		there = true
		for i, c := range a.t.key {
			values[i], _ = a.t.columns[c].codec.value(s, i)
		}
		return nil
	}, args...)
	if there {
		r.Status = connectors.Exists
		r.Key, _ = record.NewKey(values...)
	}
	return there, err
}
