package postgres

import (
	"context"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

var _ connectors.Loader = (*object)(nil)

const (
	// chunkRows and chunkBytes bound what is kept of the input until the server
	// has taken it: a chunk that it refuses is sent again in another way.
	chunkRows  = 1 << 16
	chunkBytes = 32 << 20
	// probes is how many keys of a chunk are looked up to see whether its rows
	// are there already.
	probes = 32
)

// place is a row of a chunk.
type place struct{ batch, row int32 }

// load is one call of Load.
type load struct {
	*table
	o      *object
	conn   *pgconn.PgConn
	key    []*column
	reject func(*record.Batch, int, error) error
	count  connectors.Loaded

	// batches are kept until their chunk is written.
	batches []*record.Batch
	// present and deleted are the chunk's rows.
	present, deleted []place
	bytes            int
	// columns are those that are written, from their places in the batches.
	columns []*column
	from    []int
	// partial are rows that leave some columns alone, by which they do not.
	partial map[string][]place
	// crowded: rows were there already, so they are staged and merged.
	crowded bool
	staged  bool
	// staging is the name of the staging table.
	staging string
}

// Load upserts batches by key, and commits once. It does not take over the
// batches: it retains those that it still needs when it asks for the next.
func (o *object) Load(ctx context.Context, fence connectors.Fence, key []string, next func() (*record.Batch, error),
	reject func(batch *record.Batch, row int, err error) error,
) (connectors.Loaded, error) {
	t := o.current()
	doing := "load " + t.readable()
	if err := t.mayWrite(); err != nil {
		return connectors.Loaded{}, classify(doing, err)
	}
	if !fence.Until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, fence.Until)
		defer cancel()
	}
	l := &load{table: t, o: o, reject: reject, staging: "syncline_load"}
	o.mu.Lock()
	l.crowded = o.crowded
	o.mu.Unlock()
	var err error
	if l.key, err = t.upsertKey(key); err != nil {
		return connectors.Loaded{}, classify(doing, err)
	}
	defer l.release()
	err = o.with(ctx, doing, func(conn *pgconn.PgConn) error {
		l.conn = conn
		if err := exec(ctx, conn, "begin"); err != nil {
			return err
		}
		if err := l.all(ctx, next); err != nil {
			return abandon(ctx, conn, err)
		}
		return o.commit(ctx, conn, fence, l.count != connectors.Loaded{Unchanged: l.count.Unchanged})
	})
	if err != nil {
		return connectors.Loaded{}, err
	}
	o.mu.Lock()
	o.crowded = l.crowded
	o.mu.Unlock()
	return l.count, nil
}

// upsertKey finds the columns that identify a row; a unique index must say so.
func (t *table) upsertKey(names []string) ([]*column, error) {
	key, err := t.pick(append([]string{}, names...))
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(t.indexes, func(ix index) bool { return ix.unique && ix.immediate && sameNames(ix.columns, names) }) {
		return nil, connectors.Errorf(connectors.Permanent, "%s has no unique index over its key, so rows cannot be upserted by it", t.readable())
	}
	return key, nil
}

func (l *load) all(ctx context.Context, next func() (*record.Batch, error)) error {
	for {
		batch, err := next()
		if err != nil {
			return err
		}
		if batch == nil {
			return l.flush(ctx)
		}
		if err := l.add(ctx, batch); err != nil {
			return err
		}
		if len(l.present)+len(l.deleted) >= chunkRows || l.bytes >= chunkBytes {
			if err := l.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// add takes a batch into the chunk.
func (l *load) add(ctx context.Context, batch *record.Batch) error {
	if batch.Rows() == 0 {
		return nil
	}
	if len(l.batches) > 0 && !batch.Schema.Equal(l.batches[0].Schema) {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	if len(l.batches) == 0 {
		if err := l.shape(batch.Schema); err != nil {
			return err
		}
	}
	batch.Arrow().Retain()
	l.batches = append(l.batches, batch)
	at := int32(len(l.batches) - 1)
	ops := batch.Arrow().Column(len(batch.Schema.Fields)).(*array.Uint8).Uint8Values() //nolint:forcetypeassert // the builder's own
	bad := batch.Arrow().Column(len(batch.Schema.Fields) + 3)
	missing := batch.Arrow().Column(len(batch.Schema.Fields) + 4)
	for i, op := range ops {
		if bad.NullN() < bad.Len() && !bad.IsNull(i) {
			if err := l.reject(batch, i, connectors.Errorf(connectors.BadRecord, "%s", batch.Mark(i).Bad)); err != nil {
				return err
			}
			continue
		}
		switch record.Op(op) {
		case record.Present:
			if missing.NullN() < missing.Len() && !missing.IsNull(i) {
				l.addPartial(batch, place{at, int32(i)})
				continue
			}
			l.present = append(l.present, place{at, int32(i)})
		case record.Deleted:
			l.deleted = append(l.deleted, place{at, int32(i)})
		case record.Absent:
		}
	}
	for i := range batch.Schema.Fields {
		for _, buffer := range batch.Arrow().Column(i).Data().Buffers() {
			if buffer != nil {
				l.bytes += buffer.Len()
			}
		}
	}
	return nil
}

// shape maps a schema's fields to columns that may be written.
func (l *load) shape(schema *record.Schema) error {
	columns, err := l.pick(schema.Names())
	if err != nil {
		return err
	}
	for _, c := range columns {
		if c.field.ReadOnly && !c.identity {
			return connectors.Errorf(connectors.Permanent, "column %q of %s can only be read", c.field.Name, l.readable())
		}
	}
	for _, k := range l.key {
		if position(columns, k) < 0 {
			return connectors.Errorf(connectors.Permanent, "the rows have no key column %q", k.field.Name)
		}
	}
	if l.staged && !slices.Equal(columns, l.columns) {
		return connectors.Errorf(connectors.Permanent, "batches of one load have different columns")
	}
	l.columns = columns
	l.from = l.from[:0]
	for i := range columns {
		l.from = append(l.from, i)
	}
	return nil
}

// addPartial takes a row some of whose values are missing.
func (l *load) addPartial(batch *record.Batch, at place) {
	mask := make([]byte, len(l.columns))
	for i := range mask {
		mask[i] = '1'
		if record.IsMissing(batch.Value(int(at.row), i)) {
			mask[i] = '0'
		}
	}
	if l.partial == nil {
		l.partial = map[string][]place{}
	}
	l.partial[string(mask)] = append(l.partial[string(mask)], at)
}

// writePartial merges rows that leave columns alone, for each set of columns.
func (l *load) writePartial(ctx context.Context) error {
	for _, mask := range slices.Sorted(maps.Keys(l.partial)) {
		part := *l
		part.staging, part.staged, part.present = "syncline_load_"+mask, false, l.partial[mask]
		if len(part.staging) > maxIdentifier {
			part.staging = "syncline_load_" + record.HashText(mask).String()
		}
		part.columns, part.from = nil, nil
		for i, c := range l.columns {
			if mask[i] == '1' || position(l.key, c) >= 0 { // a missing key is refused as NULL
				part.columns = append(part.columns, c)
				part.from = append(part.from, i)
			}
		}
		if err := part.merge(ctx); err != nil {
			return err
		}
		if err := exec(ctx, l.conn, "drop table pg_temp."+part.staging); err != nil {
			return err
		}
		l.count = part.count
	}
	clear(l.partial)
	return nil
}

// flush writes the chunk.
func (l *load) flush(ctx context.Context) error {
	if len(l.batches) == 0 {
		return nil
	}
	if len(l.deleted) > 0 {
		l.fold()
		if err := l.remove(ctx); err != nil {
			return err
		}
	}
	if len(l.present) > 0 {
		if err := l.write(ctx); err != nil {
			return err
		}
	}
	if len(l.partial) > 0 {
		if err := l.writePartial(ctx); err != nil {
			return err
		}
	}
	l.release()
	return nil
}

// fold leaves of rows and deletions of one key the last.
func (l *load) fold() {
	type last struct {
		at      place
		deleted bool
	}
	final := map[record.Key]last{}
	after := func(a, b place) bool { return a.batch > b.batch || a.batch == b.batch && a.row > b.row }
	for _, at := range l.deleted {
		key := l.keyAt(at)
		if old, ok := final[key]; !ok || after(at, old.at) {
			final[key] = last{at, true}
		}
	}
	kept := l.present[:0]
	for _, at := range l.present {
		if old, ok := final[l.keyAt(at)]; ok {
			if !after(at, old.at) {
				l.count.Unchanged++
				continue
			}
			final[l.keyAt(at)] = last{at, false}
		}
		kept = append(kept, at)
	}
	l.present = kept
	l.deleted = l.deleted[:0]
	for _, end := range final {
		if end.deleted {
			l.deleted = append(l.deleted, end.at)
		}
	}
}

func (l *load) keyAt(at place) record.Key {
	values := make([]record.Value, len(l.key))
	for i, c := range l.key {
		values[i] = l.batches[at.batch].Value(int(at.row), l.from[position(l.columns, c)])
	}
	key, _ := record.NewKey(values...)
	return key
}

// remove deletes the chunk's deleted rows; those that are not there are done.
func (l *load) remove(ctx context.Context) error {
	rows := &rowset{}
	keyColumns(rows, l.key)
	for _, at := range l.deleted {
		l.addKey(rows, at)
	}
	if rows.rows == 0 {
		return nil
	}
	result := rows.run(ctx, l.conn, "delete from "+l.SQL()+" as t using "+rows.sql()+" where "+keyJoin(l.key, "t")).Read()
	l.count.Deleted += result.CommandTag.RowsAffected()
	return result.Err
}

func keyColumns(rows *rowset, key []*column) {
	for i, c := range key {
		rows.column(keyName(i), c.stage())
	}
}

// addKey adds a row's key; one that cannot be a key names no row.
func (l *load) addKey(rows *rowset, at place) {
	values := make([]record.Value, len(l.key))
	for i, c := range l.key {
		values[i] = l.batches[at.batch].Value(int(at.row), l.from[position(l.columns, c)])
	}
	rows.tuple(l.key, values)
}

// write takes the fastest way that the chunk allows: straight into the table,
// if none of its rows are there, else by a staging table.
func (l *load) write(ctx context.Context) error {
	if !l.crowded && l.copyable() {
		there, err := l.probe(ctx)
		if err != nil {
			return err
		}
		l.crowded = there
	}
	if !l.crowded && l.copyable() {
		err := l.direct(ctx)
		if err == nil {
			return nil
		}
		code := codeOf(err)
		if !itemError(err) && code != "0A000" {
			return err
		}
		l.crowded = code == "23505" || code == "0A000"
	}
	return l.merge(ctx)
}

// probe looks some of the chunk's keys up.
func (l *load) probe(ctx context.Context) (bool, error) {
	rows := &rowset{}
	keyColumns(rows, l.key)
	step := max(len(l.present)/probes, 1)
	for i := 0; i < len(l.present); i += step {
		l.addKey(rows, l.present[i])
	}
	if rows.rows == 0 {
		return false, nil
	}
	result := rows.run(ctx, l.conn, "select from "+l.SQL()+" t, "+rows.sql()+" where "+keyJoin(l.key, "t")+" limit 1").Read()
	return len(result.Rows) > 0, result.Err
}

// copyable tells whether the columns' own binary forms can be written.
func (l *load) copyable() bool {
	return !slices.ContainsFunc(l.columns, func(c *column) bool { return !c.copies() })
}

// direct copies the chunk into the table.
func (l *load) direct(ctx context.Context) error {
	source := newChunkReader(l, false)
	var copied int64
	err := l.underSavepoint(ctx, l.conn, func() error {
		var err error
		copied, err = source.copy(ctx, l.conn, "copy "+l.SQL()+" ("+rowList(l.columns, func(c *column) string { return quote(c.field.Name) })+
			") from stdin (format binary)")
		return err
	})
	if err != nil {
		return err
	}
	l.count.Created += copied
	l.count.Unchanged += source.sent - copied // what a trigger skipped
	return l.report(source.refused)
}

// refusal is a row that cannot be written, and why.
type refusal struct {
	at  place
	err error
}

func (l *load) report(refused []refusal) error {
	for _, r := range refused {
		err := r.err
		if connectors.KindOf(err) != connectors.Conflict {
			err = connectors.Wrap(connectors.BadRecord, "load "+l.readable(), err)
		}
		if err := l.reject(l.batches[r.at.batch], int(r.at.row), err); err != nil {
			return err
		}
	}
	return nil
}

// release lets go of the chunk.
func (l *load) release() {
	for _, b := range l.batches {
		b.Release()
	}
	l.batches = l.batches[:0]
	l.present, l.deleted, l.bytes = l.present[:0], l.deleted[:0], 0
}
