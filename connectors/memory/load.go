package memory

import (
	"context"
	"errors"
	"maps"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// loading is one row of a bulk load that waits for the commit.
type loading struct {
	key     rowKey
	set     []record.Value
	deleted bool
	batch   *record.Batch
	row     int
}

// Load upserts whole batches and commits once.
func (d database) Load(
	ctx context.Context, fence connectors.Fence, key []string, next func() (*record.Batch, error),
	reject func(*record.Batch, int, error) error,
) (connectors.Loaded, error) {
	var loaded connectors.Loaded
	o := d.writable.object
	err := o.store.call(ctx, "load", o.name, func(Fault) error {
		t, err := o.table("load")
		if err != nil {
			return err
		}
		lock := o.store.fence(fence.Sync)
		lock.Lock()
		defer lock.Unlock()
		columns, rows, err := t.collect(ctx, key, next, reject)
		if err != nil {
			return err
		}
		if err := guard(ctx, t, fence); err != nil {
			return err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		loaded, err = t.load(columns, rows, reject)
		return err
	})
	return loaded, err
}

// collect reads all batches; the rows' keys are checked.
func (t *Table) collect(
	ctx context.Context, key []string, next func() (*record.Batch, error),
	reject func(*record.Batch, int, error) error,
) (columns []string, rows []loading, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, connectors.Wrap(connectors.Transient, "load "+t.name, err)
		}
		batch, err := next()
		if err != nil || batch == nil {
			return columns, rows, err
		}
		columns = batch.Schema.Names()
		at := make([]int, len(key))
		for i, column := range key {
			if at[i] = batch.Schema.Index(column); at[i] < 0 {
				return nil, nil, connectors.Errorf(connectors.Permanent, "load %s: the batch has no key column %q", t.name, column)
			}
		}
		for i := range batch.Rows() {
			set := batch.Row(i, nil)
			k, ok := record.NewKey(pick(set, at)...)
			if !ok {
				if err := reject(batch, i, connectors.Errorf(connectors.BadRecord, "a key column is NULL")); err != nil {
					return nil, nil, err
				}
				continue
			}
			rows = append(rows, loading{key: k, set: set, deleted: batch.Mark(i).Op == record.Deleted, batch: batch, row: i})
		}
	}
}

func (t *Table) load(columns []string, rows []loading, reject func(*record.Batch, int, error) error) (connectors.Loaded, error) {
	var loaded connectors.Loaded
	a := &write{Table: t}
	for _, name := range columns {
		at := t.shape.Schema.Index(name)
		if at < 0 {
			return loaded, connectors.Errorf(connectors.SchemaChanged, "load %s: no column %q", t.name, name)
		}
		a.columns = append(a.columns, at)
	}
	before, log, version := maps.Clone(t.rows), len(t.log), t.version
	for _, l := range rows {
		err := a.loadRow(l, &loaded)
		if err == nil {
			continue
		}
		if err := reject(l.batch, l.row, connectors.Wrap(connectors.BadRecord, "", err)); err != nil {
			t.rows, t.log, t.version, t.sorted = before, t.log[:log], version, nil
			return connectors.Loaded{}, err
		}
	}
	return loaded, nil
}

func (a *write) loadRow(l loading, loaded *connectors.Loaded) error {
	before, there := a.rows[l.key]
	if l.deleted {
		if !there {
			loaded.Unchanged++
			return nil
		}
		a.remove(l.key)
		loaded.Deleted++
		return nil
	}
	var old []record.Value
	if there {
		old = before.values
	}
	values, err := a.merged(connectors.Item{Set: l.set}, old)
	if err != nil {
		return err
	}
	if key, ok := a.keyOf(values); !ok || key != l.key {
		return errors.New("the key to load by is not the table's key")
	}
	switch {
	case !there:
		loaded.Created++
	case record.EqualRows(pick(values, a.columns), pick(old, a.columns)):
		loaded.Unchanged++
		return nil
	default:
		loaded.Updated++
	}
	a.store(l.key, values)
	return nil
}

// String says which table it is, in messages of tests.
func (t *Table) String() string { return "memory table " + t.identity }
