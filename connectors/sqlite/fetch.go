package sqlite

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// Fetch reads rows by key, all of one moment.
func (o *object) Fetch(ctx context.Context, columns []string, keys []record.Key) (*record.Batch, error) {
	var batch *record.Batch
	err := o.reading(ctx, func(conn *bare.Conn, t *table) error {
		if err := t.needKey(); err != nil {
			return err
		}
		cols, err := t.find(columns)
		if err != nil {
			return err
		}
		f, err := newFinder(conn, t, cols, keys)
		if err != nil {
			return err
		}
		defer f.Close()
		out := newBatches(t, cols, nil)
		defer out.builder.Release()
		asked := make(map[record.Key]bool, len(keys))
		for _, key := range keys {
			if asked[key] {
				continue
			}
			asked[key] = true
			if err := f.fetch(out, key); err != nil {
				return err
			}
		}
		batch = out.builder.Flush()
		return nil
	})
	return batch, doing("fetch from sqlite "+o.config.String(), err)
}

// fetch adds the row with a key, or that there is none.
func (f *finder) fetch(out *batches, key record.Key) error {
	found := false
	err := f.each(key, func(s *bare.Stmt) error {
		if found {
			return connectors.Errorf(connectors.Permanent, "two rows of table %s have the same key", f.t.name)
		}
		found = true
		return out.row(s, 0, record.Mark{})
	})
	if err != nil || found {
		return err
	}
	return out.absent(f.t, key)
}

// absent adds the answer for a key that no row has.
func (b *batches) absent(t *table, key record.Key) error {
	m := record.Mark{Op: record.Absent}
	parts := map[string]record.Value{}
	values, err := key.Values(t.keyFields())
	if err != nil {
		m.Bad = "the key does not fit the key columns"
	}
	for i, v := range values {
		parts[t.columns[t.key[i]].Name] = v
	}
	return b.keyOnly(parts, m)
}

// finder looks single rows up by key.
type finder struct {
	t    *table
	stmt *bare.Stmt
	// stored has the stored form of keys that are written in another form than
	// ours: a UUID in capitals, a time with a T.
	stored map[record.Key][]any
}

// newFinder prepares to read columns of rows by key; keys are those that will
// be asked for.
func newFinder(conn *bare.Conn, t *table, cols []int, keys []record.Key) (*finder, error) {
	f := &finder{t: t}
	if t.manyForms() {
		if err := f.learn(conn, keys); err != nil {
			return nil, err
		}
	}
	var err error
	f.stmt, err = conn.Prepare(`SELECT ` + t.cells(cols, "") + ` FROM ` + t.sql() + ` WHERE ` + t.keyIs(1))
	return f, err
}

// Close lets go of the statement.
func (f *finder) Close() { f.stmt.Close() }

// each calls row for the rows with a key: one, none, or several where the key
// is not unique.
func (f *finder) each(key record.Key, row func(*bare.Stmt) error) error {
	args, ok := f.args(key)
	if !ok {
		return nil
	}
	return f.stmt.Each(row, args...)
}

// args gives what is bound for a key; false if no row can have it.
func (f *finder) args(key record.Key) ([]any, bool) {
	if raw, known := f.stored[key]; known {
		return raw, true
	}
	return f.t.rawKey(key)
}

func (t *table) rawKey(key record.Key) ([]any, bool) {
	values, err := key.Values(t.keyFields())
	if err != nil {
		return nil, false
	}
	raw := make([]any, len(values))
	for i, v := range values {
		if raw[i], err = t.columns[t.key[i]].codec.raw(v); err != nil {
			return nil, false
		}
	}
	return raw, true
}

// keyIs compares the key with parameters. Texts are compared twice: first by
// the index's collation, which may take A for a, then exactly.
func (t *table) keyIs(first int) string {
	var out []string
	for i, c := range t.key {
		name, mark := quote(t.columns[c].Name), "?"+strconv.Itoa(first+i)
		out = append(out, name+` = `+mark)
		if t.columns[c].affinity != numericAffinity {
			out = append(out, `+`+name+` = `+mark+` COLLATE BINARY`)
		}
	}
	return strings.Join(out, " AND ")
}

// manyForms reports whether different cells can mean the same key.
func (t *table) manyForms() bool {
	return slices.ContainsFunc(t.key, func(c int) bool {
		switch t.columns[c].Type.Kind {
		case record.KindInt, record.KindString, record.KindFloat, record.KindBytes:
			return false
		default:
			return true
		}
	})
}

// learn finds out how those keys are stored that are not there in our own form,
// with one pass over the table's keys.
func (f *finder) learn(conn *bare.Conn, keys []record.Key) error {
	probe, err := conn.Prepare(`SELECT 1 FROM ` + f.t.sql() + ` WHERE ` + f.t.keyIs(1))
	if err != nil {
		return err
	}
	defer probe.Close()
	missed := map[record.Key]bool{}
	for _, key := range keys {
		raw, ok := f.t.rawKey(key)
		if key == "" {
			continue
		}
		missed[key] = true
		if ok {
			err := probe.Each(func(*bare.Stmt) error {
				delete(missed, key)
				return nil
			}, raw...)
			if err != nil {
				return err
			}
		}
	}
	f.stored = make(map[record.Key][]any, len(missed))
	if len(missed) == 0 {
		return nil
	}
	values := make([]record.Value, len(f.t.key))
	return conn.Each(`SELECT `+f.t.cells(f.t.key, "")+` FROM `+f.t.sql(), func(s *bare.Stmt) error {
		for i, c := range f.t.key {
			values[i], _ = f.t.columns[c].codec.value(s, i)
		}
		key, ok := record.NewKey(values...)
		if !ok || !missed[key] {
			return nil
		}
		raw := make([]any, len(values))
		for i := range values {
			raw[i] = s.Value(i)
		}
		f.stored[key] = raw
		return nil
	})
}

// Find gives the rows whose columns equal one of the tuples, through an index
// where one begins with one of the columns, else in one pass over the table.
func (o *object) Find(ctx context.Context, columns, by []string, tuples [][]record.Value) (*record.Batch, error) {
	var batch *record.Batch
	err := o.reading(ctx, func(conn *bare.Conn, t *table) error {
		cols, err := t.find(columns)
		if err != nil {
			return err
		}
		byCols, err := t.find(by)
		if err != nil {
			return err
		}
		out := newBatches(t, cols, nil)
		defer out.builder.Release()
		if err := findRows(conn, t, cols, byCols, tuples, out); err != nil {
			return err
		}
		batch = out.builder.Flush()
		return nil
	})
	return batch, doing("find in sqlite "+o.config.String(), err)
}

func findRows(conn *bare.Conn, t *table, cols, by []int, tuples [][]record.Value, out *batches) error {
	tuples = slices.DeleteFunc(slices.Clone(tuples), func(tuple []record.Value) bool {
		return len(tuple) != len(by) || slices.ContainsFunc(tuple, unknown)
	})
	wanted := t.hashes(by, tuples)
	values := make([]record.Value, len(by))
	keep := func(s *bare.Stmt) error {
		for i, c := range by {
			values[i], _ = t.columns[c].codec.value(s, len(cols)+i)
		}
		if !wanted[record.HashRow(values...)] {
			return nil
		}
		return out.row(s, 0, record.Mark{})
	}
	query := `SELECT ` + t.cells(slices.Concat(cols, by), "") + ` FROM ` + t.sql()
	indexed := slices.IndexFunc(by, func(c int) bool { return slices.Contains(t.indexed, c) && t.oneForm(c) })
	if indexed < 0 {
		return conn.Each(query, keep)
	}
	column := &t.columns[by[indexed]]
	stmt, err := conn.Prepare(query + ` WHERE ` + quote(column.Name) + ` = ?`)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for raw := range column.rawForms(tuples, indexed) {
		if err := stmt.Each(keep, raw); err != nil {
			return err
		}
	}
	return nil
}

// hashes gives the hashes of tuples as rows of the columns would have them.
func (t *table) hashes(by []int, tuples [][]record.Value) map[record.Hash]bool {
	wanted := make(map[record.Hash]bool, len(tuples))
	values := make([]record.Value, len(by))
	for _, tuple := range tuples {
		for i, v := range tuple {
			converted, err := record.Convert(t.columns[by[i]].Type, v)
			if err != nil {
				converted = v // no cell of the column equals it
			}
			values[i] = converted
		}
		wanted[record.HashRow(values...)] = true
	}
	return wanted
}

// rawForms gives the cells that the values at a place of the tuples may be.
func (c *column) rawForms(tuples [][]record.Value, place int) map[any]bool {
	raws := map[any]bool{}
	for _, tuple := range tuples {
		for _, form := range forms(tuple[place]) {
			raw, err := c.codec.raw(form)
			switch raw := raw.(type) {
			case int64, string:
				if err == nil {
					raws[raw] = true
				}
			}
		}
	}
	return raws
}

// unknown tells the values that equal nothing.
func unknown(v record.Value) bool { return v == nil || record.IsMissing(v) }

// oneForm tells the columns in which equal values are equal cells.
func (t *table) oneForm(c int) bool {
	kind := t.columns[c].Type.Kind
	return kind == record.KindInt || kind == record.KindString
}

// forms are the ways in which a text may be composed that mean the same.
func forms(v record.Value) []record.Value {
	s, is := v.(string)
	if !is {
		return []record.Value{v}
	}
	return []record.Value{s, norm.NFC.String(s), norm.NFD.String(s)}
}
