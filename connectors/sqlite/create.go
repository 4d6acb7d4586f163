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
		a.made(item, key)
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
	tuple, given := a.tuple(item)
	if !given {
		return false, nil
	}
	if !a.matchIndexed() {
		return a.matchListed(tuple, r)
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

// tuple gives the values by which a new row would be known; false if it would
// be by none.
func (a *writer) tuple(item connectors.Item) ([]record.Value, bool) {
	if len(a.unless) == 0 {
		return nil, false
	}
	tuple := make([]record.Value, len(a.unless))
	for i, c := range a.unless {
		tuple[i] = record.Missing
		if at := slices.Index(a.set, c); at >= 0 && at < len(item.Set) {
			tuple[i] = item.Set[at]
		}
		if record.Blank(tuple[i]) {
			return nil, false
		}
	}
	return tuple, true
}

// matchIndexed tells whether the database finds rows by their match without
// reading the whole table.
func (a *writer) matchIndexed() bool {
	return slices.ContainsFunc(a.unless, func(c int) bool { return slices.Contains(a.t.indexed, c) && a.t.oneForm(c) })
}

// matchListed looks in the list of who has the matches of all creations, which
// one reading of the table gives: a reading for each would take the square of
// the table's time.
func (a *writer) matchListed(tuple []record.Value, r *connectors.Result) (bool, error) {
	if a.met == nil {
		if err := a.meet(); err != nil {
			return false, err
		}
	}
	key, there := a.met[a.tupleHash(tuple)]
	if there {
		r.Status, r.Key = connectors.Exists, key
	}
	return there, nil
}

// meet lists which rows have the matches of the creations.
func (a *writer) meet() error {
	var tuples [][]record.Value
	for _, item := range a.w.Items {
		if item.Op != connectors.OpCreate {
			continue
		}
		if tuple, given := a.tuple(item); given {
			tuples = append(tuples, tuple)
		}
	}
	wanted := a.t.hashes(a.unless, tuples)
	a.met = make(map[record.Hash]record.Key)
	cols := slices.Concat(a.t.key, a.unless)
	values := make([]record.Value, len(cols))
	return a.conn.Each(`SELECT `+a.t.cells(cols, "")+` FROM `+a.t.sql(), func(s *bare.Stmt) error {
		for i, c := range cols {
			values[i], _ = a.t.columns[c].codec.value(s, i)
		}
		hash := record.HashRow(values[len(a.t.key):]...)
		if _, twice := a.met[hash]; wanted[hash] && !twice {
			a.met[hash], _ = record.NewKey(values[:len(a.t.key)]...)
		}
		return nil
	})
}

func (a *writer) tupleHash(tuple []record.Value) record.Hash {
	for hash := range a.t.hashes(a.unless, [][]record.Value{tuple}) {
		return hash
	}
	return record.Hash{}
}

// moved forgets who has which match after a write that may change it.
func (a *writer) moved(item connectors.Item) {
	for _, c := range a.unless {
		if at := slices.Index(a.set, c); at >= 0 && at < len(item.Set) && !record.IsMissing(item.Set[at]) {
			a.met = nil
		}
	}
}

// made notes a new row for the creations after it.
func (a *writer) made(item connectors.Item, key record.Key) {
	if a.met == nil {
		return
	}
	if tuple, given := a.tuple(item); given {
		a.met[a.tupleHash(tuple)] = key
	}
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
