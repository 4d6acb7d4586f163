package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Fetch reads rows by key, in the order of the keys. Key columns are added
// behind the ones asked for if they are not among them.
func (o *object) Fetch(ctx context.Context, columns []string, keys []record.Key) (*record.Batch, error) {
	t := o.current()
	doing := "fetch rows of " + t.readable()
	key, err := t.keyColumns()
	if err != nil {
		return nil, classify(doing, err)
	}
	picked, err := t.pick(columns)
	if err != nil {
		return nil, classify(doing, err)
	}
	picked = withKey(picked, key)
	f := &fetch{table: t, columns: picked, key: key, rows: newRowReader(picked, t.token, o.checkText)}
	f.ask(keys)
	if f.set.rows > 0 {
		err := o.with(ctx, doing, func(conn *pgconn.PgConn) error { return f.read(ctx, conn) })
		if err != nil {
			return nil, err
		}
	}
	for len(f.bad) > 0 {
		f.unreadable()
	}
	return f.rows.flush(), nil
}

func withKey(columns, key []*column) []*column {
	all := slices.Clone(columns)
	for _, c := range key {
		if !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// fetch is one call of Fetch.
type fetch struct {
	table   *table
	columns []*column
	key     []*column
	rows    *rowReader
	set     rowset
	// values are the keys asked for, as values.
	values [][]record.Value
	// bad are keys that cannot be values of the key columns.
	bad []record.Key
}

func (f *fetch) ask(keys []record.Key) {
	for i, c := range f.key {
		f.set.column(keyName(i), c.stage())
	}
	seen := make(map[record.Key]bool, len(keys))
	for _, key := range keys {
		if seen[key] {
			continue
		}
		seen[key] = true
		values, ok := keyValues(f.key, key)
		mark := f.set.mark()
		for i := 0; ok && i < len(values); i++ {
			ok = f.set.arrays[i].add(f.key[i], values[i]) == nil
		}
		if !ok {
			f.set.undo(mark)
			f.bad = append(f.bad, key)
			continue
		}
		f.set.rows++
		f.values = append(f.values, values)
	}
}

// read runs the query. Rows come in the order of the keys; where a key has no
// row, only its number comes.
func (f *fetch) read(ctx context.Context, conn *pgconn.PgConn) error {
	present := "t." + quote(f.key[0].field.Name) + " is not null"
	sql := "select s.n, " + present + ", " + selectList(f.columns, "t", f.table.token) +
		" from " + f.set.sql() + " left join " + f.table.SQL() + " t on " + keyJoin(f.key) + " order by s.n"
	result := f.set.run(ctx, conn, sql)
	last := -1
	for result.NextRow() {
		row := result.Values()
		n := ordinal(row[0])
		if n == last {
			continue // a key that is not unique: the first row stands for it
		}
		last = n
		if row[1][0] == 0 {
			f.absent(f.values[n])
			continue
		}
		values := row[2:]
		var token []byte
		if f.table.token {
			values, token = row[2:len(row)-1], row[len(row)-1]
		}
		f.rows.row(values, token, record.Present)
	}
	_, err := result.Close()
	return err
}

// absent adds a row that has only its key.
func (f *fetch) absent(key []record.Value, why ...string) {
	values := make([][]byte, len(f.columns))
	for i, c := range f.columns {
		at := position(f.key, c)
		if at < 0 || key[at] == nil || c.form.wire == wireInterval {
			continue
		}
		if raw, err := c.appendOwn(nil, key[at]); err == nil {
			values[i] = raw[4:]
		}
	}
	f.rows.row(values, nil, record.Absent, why...)
}

// unreadable answers for a key that cannot be one of this table.
func (f *fetch) unreadable() {
	key := f.bad[0]
	f.bad = f.bad[1:]
	values := make([]record.Value, len(f.key))
	parts, err := key.Parts()
	for i, c := range f.key {
		if err == nil && i < len(parts) && c.field.Type.Kind == record.KindString {
			values[i] = parts[i]
		}
	}
	f.absent(values, "the key is not a value of the key columns")
}

// Find gives all rows in which the columns `by` equal one of the tuples, by the
// columns' own operators. A NULL in a tuple equals nothing.
func (o *object) Find(ctx context.Context, columns, by []string, tuples [][]record.Value) (*record.Batch, error) {
	t := o.current()
	doing := "find rows of " + t.readable()
	picked, err := t.pick(columns)
	if err != nil {
		return nil, classify(doing, err)
	}
	match, err := t.pick(by)
	if err != nil {
		return nil, classify(doing, err)
	}
	rows := newRowReader(picked, t.token, o.checkText)
	var set rowset
	for i, c := range match {
		set.column(keyName(i), c.stage())
	}
	for _, tuple := range tuples {
		set.tuple(match, tuple)
	}
	if set.rows == 0 || len(by) == 0 {
		return rows.flush(), nil
	}
	err = o.with(ctx, doing, func(conn *pgconn.PgConn) error {
		result := set.run(ctx, conn, "select "+selectList(picked, "t", t.token)+" from "+t.SQL()+
			" t where exists (select from "+set.sql()+" where "+keyJoin(match)+")")
		for result.NextRow() {
			values := result.Values()
			var token []byte
			if t.token {
				values, token = values[:len(values)-1], values[len(values)-1]
			}
			rows.row(values, token, record.Present)
		}
		_, err := result.Close()
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows.flush(), nil
}

// tuple adds a row of values; one that the columns cannot hold equals nothing.
func (r *rowset) tuple(columns []*column, values []record.Value) {
	mark := r.mark()
	for i, c := range columns {
		if i >= len(values) {
			r.undo(mark)
			return
		}
		v, err := c.convert(values[i])
		if err == nil && (v == nil || record.IsMissing(v)) || err != nil || r.arrays[i].add(c, v) != nil {
			r.undo(mark)
			return
		}
	}
	r.rows++
}

var _ connectors.Finder = (*object)(nil)
