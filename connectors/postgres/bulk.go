package postgres

import (
	"context"
	"runtime"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

var _ connectors.Loader = (*object)(nil)

const (
	// chunkRows and chunkBytes bound what is kept of the input until the server
	// has taken it: a chunk that it refuses is sent again in another way.
	chunkRows  = 1 << 16
	chunkBytes = 16 << 20
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
	tx     *transaction
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
	// crowded: rows were there already, so they are staged and merged. differ:
	// few of them were the same, so the table is not read for them.
	crowded bool
	differ  bool
	staged  bool
	// twice: a key stands in the chunk more than once.
	twice bool
	// bounds limit the table's rows to those that the chunk can meet.
	bounds string
	// staging is the name of the staging table.
	staging string
	// copying: the load has one of the turns to copy straight into the table.
	copying bool
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
	l.crowded, l.differ = o.crowded, o.differ
	o.mu.Unlock()
	var err error
	if l.key, err = t.upsertKey(key); err != nil {
		return connectors.Loaded{}, classify(doing, err)
	}
	defer l.release()
	err = o.with(ctx, doing, func(conn *pgconn.PgConn) error {
		l.conn, l.tx = conn, &transaction{conn: conn}
		if err := l.tx.exec(ctx, "begin"); err != nil {
			return err
		}
		err := l.all(ctx, next)
		l.endTurn()
		if err != nil {
			return l.tx.abandon(ctx, err)
		}
		return l.tx.commit(ctx, fence, o.config.Sync, l.count != connectors.Loaded{Unchanged: l.count.Unchanged})
	})
	if err != nil {
		return connectors.Loaded{}, err
	}
	o.mu.Lock()
	o.crowded, o.differ = l.crowded, l.differ
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

// remove deletes the chunk's deleted rows; those that are not there are done.
func (l *load) remove(ctx context.Context) error {
	rows := &rowset{}
	keyColumns(rows, l.key)
	for _, at := range l.deleted {
		l.addKey(rows, at)
	}
	if rows.rows == 0 {
		l.count.Unchanged += int64(len(l.deleted))
		return nil
	}
	result := rows.run(ctx, l.conn, "delete from "+l.SQL()+" as t using "+rows.sql()+" where "+keyJoin(l.key)).Read()
	gone := result.CommandTag.RowsAffected()
	l.count.Deleted += gone
	l.count.Unchanged += int64(len(l.deleted)) - gone
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
	if err := l.skipSame(ctx); err != nil || len(l.present) == 0 {
		return err
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
	result := rows.run(ctx, l.conn, "select from "+l.SQL()+" t, "+rows.sql()+" where "+keyJoin(l.key)+" limit 1").Read()
	return len(result.Rows) > 0, result.Err
}

// copyable tells whether the columns' own binary forms can be written.
func (l *load) copyable() bool {
	return !slices.ContainsFunc(l.columns, func(c *column) bool { return !c.copies() })
}

// turns is how many loads copy straight into one table at a time. Two that do
// split each other's pages of its indexes and wait for each other: three on two
// processors cost the server a third more and end no sooner. What else a load
// does, commits too, goes on beside it.
func turns() int { return max(runtime.GOMAXPROCS(0)/2, 1) }

// takeTurn waits until the load may copy; endTurn lets the next one.
func (l *load) takeTurn(ctx context.Context) error {
	if l.copying {
		return nil
	}
	select {
	case l.o.turns <- struct{}{}:
		l.copying = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *load) endTurn() {
	if l.copying {
		l.copying = false
		<-l.o.turns
	}
}

// direct copies the chunk into the table.
func (l *load) direct(ctx context.Context) error {
	if err := l.takeTurn(ctx); err != nil {
		return err
	}
	source := newChunkReader(l, false)
	var copied int64
	err := l.tx.underSavepoint(ctx, l.deferrable, func() error {
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
