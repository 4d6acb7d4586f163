package sqlite

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// Load upserts batches in one transaction, a prepared statement per row. A row
// that is already as it should be is not written again.
func (o *object) Load(ctx context.Context, fence connectors.Fence, key []string, next func() (*record.Batch, error),
	reject func(batch *record.Batch, row int, err error) error,
) (connectors.Loaded, error) {
	var loaded connectors.Loaded
	err := o.writing(ctx, func(conn *bare.Conn, t *table) error {
		l, err := newLoader(conn, t, key, reject)
		if err != nil {
			return err
		}
		defer l.Close()
		before, err := countRows(conn, t)
		if err != nil {
			return err
		}
		for {
			batch, err := next()
			if err != nil {
				return err
			}
			if batch == nil {
				break
			}
			if err := l.batch(batch); err != nil {
				return err
			}
		}
		after, err := countRows(conn, t)
		if err != nil {
			return err
		}
		loaded = connectors.Loaded{Deleted: l.deleted, Unchanged: l.unchanged}
		loaded.Created = max(0, min(l.written, after-before+l.deleted))
		loaded.Updated = l.written - loaded.Created
		return fence.Guard(ctx)
	})
	if err != nil {
		return connectors.Loaded{}, doing("load into sqlite "+o.config.String(), err)
	}
	return loaded, nil
}

func countRows(conn *bare.Conn, t *table) (n int64, err error) {
	err = conn.Each(`SELECT count(*) FROM `+t.sql(), func(s *bare.Stmt) error {
		n = s.Int(0)
		return nil
	})
	return n, err
}

// loader upserts the rows of batches. The statements are made for the columns
// of the first batch and again when they change.
type loader struct {
	conn   *bare.Conn
	t      *table
	key    []int
	reject func(*record.Batch, int, error) error

	names  []string
	cols   []int
	upsert *bare.Stmt
	remove *bare.Stmt

	written, unchanged, deleted int64
}

func newLoader(conn *bare.Conn, t *table, key []string, reject func(*record.Batch, int, error) error) (*loader, error) {
	cols, err := t.find(key)
	if err != nil {
		return nil, err
	}
	if t.view || !t.uniqueKey(cols) {
		return nil, &connectors.Error{
			Kind: connectors.Permanent, Err: errors.New("rows can only be upserted by columns that a primary key or unique index covers"),
			Hint: "create a unique index on " + strings.Join(key, ", "),
		}
	}
	return &loader{conn: conn, t: t, key: cols, reject: reject}, nil
}

// Close lets go of the statements.
func (l *loader) Close() {
	if l.upsert != nil {
		l.upsert.Close()
		l.remove.Close()
	}
}

func (l *loader) prepare(names []string) error {
	if l.upsert != nil && slices.Equal(names, l.names) {
		return nil
	}
	l.Close()
	l.upsert = nil
	cols, err := l.t.find(names)
	if err != nil {
		return err
	}
	var sets, differs, same []string
	for i, c := range cols {
		name := quote(l.t.columns[c].Name)
		if l.t.columns[c].ReadOnly {
			return connectors.Errorf(connectors.Permanent, "column %s is generated and cannot be written", l.t.columns[c].Name)
		}
		if slices.Contains(l.key, c) {
			continue
		}
		sets = append(sets, name+` = excluded.`+name)
		differs = append(differs, l.t.sql()+`.`+name+` IS NOT excluded.`+name+` COLLATE BINARY`)
		_ = i
	}
	for _, c := range l.key {
		at := slices.Index(cols, c)
		if at < 0 {
			return connectors.Errorf(connectors.Permanent, "the batch has no key column %s", l.t.columns[c].Name)
		}
		same = append(same, quote(l.t.columns[c].Name)+` = `+mark(at+1))
	}
	action := `NOTHING`
	if len(sets) > 0 {
		action = `UPDATE SET ` + strings.Join(sets, ", ") + ` WHERE ` + strings.Join(differs, " OR ")
	}
	l.upsert, err = l.conn.Prepare(`INSERT OR ABORT INTO ` + l.t.sql() + ` (` + strings.Join(l.t.names(cols, ""), ", ") + `) VALUES (` +
		marks(len(cols)) + `) ON CONFLICT (` + strings.Join(l.t.names(l.key, ""), ", ") + `) DO ` + action)
	if err != nil {
		return err
	}
	l.remove, err = l.conn.Prepare(`DELETE FROM ` + l.t.sql() + ` WHERE ` + strings.Join(same, " AND "))
	if err != nil {
		l.upsert.Close()
		l.upsert = nil
		return err
	}
	l.names, l.cols = slices.Clone(names), cols
	return nil
}

func (l *loader) batch(batch *record.Batch) error {
	if err := l.prepare(batch.Schema.Names()); err != nil {
		return err
	}
	binders := make([]binder, len(l.cols))
	for i, c := range l.cols {
		binders[i] = bindFor(&l.t.columns[c], batch, i)
	}
	ops := batch.Arrow().Column(len(l.cols)).(*array.Uint8)
	for row := range batch.Rows() {
		op := record.Op(ops.Value(row))
		if op == record.Absent {
			continue
		}
		err := l.row(batch, binders, row, op)
		if err == nil {
			continue
		}
		if _, known := errors.AsType[*connectors.Error](err); !known {
			if !l.conn.InTransaction() {
				return rolledBack(err)
			}
			if _, reason := refusal(err); reason != nil {
				err = reason
			} else {
				return err
			}
		}
		if err := l.reject(batch, row, err); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) row(batch *record.Batch, binders []binder, row int, op record.Op) error {
	if bad := batch.Mark(row).Bad; bad != "" {
		return connectors.Errorf(connectors.BadRecord, "%s", bad)
	}
	if op == record.Deleted {
		return l.delete(batch, row)
	}
	s := l.upsert
	defer s.Reset()
	for i, bind := range binders {
		if err := bind(s, i, row); err != nil {
			return connectors.Errorf(connectors.BadRecord, "column %s: %w", batch.Schema.Fields[i].Name, err)
		}
	}
	if _, err := s.Step(); err != nil {
		return err
	}
	if l.conn.Changes() > 0 {
		l.written++
	} else {
		l.unchanged++
	}
	return nil
}

func (l *loader) delete(batch *record.Batch, row int) error {
	defer l.remove.Reset()
	for _, c := range l.key {
		at := slices.Index(l.cols, c)
		raw, err := l.t.columns[c].codec.raw(batch.Value(row, at))
		if err != nil {
			return connectors.Errorf(connectors.BadRecord, "column %s: %w", l.t.columns[c].Name, err)
		}
		if err := l.remove.Bind(at, raw); err != nil {
			return err
		}
	}
	if _, err := l.remove.Step(); err != nil {
		return err
	}
	l.deleted += l.conn.Changes()
	return nil
}
