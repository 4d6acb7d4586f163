package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// tx is one transaction, with statements prepared once each. Statements take no
// context: the transaction has the caller's, and ends with it; given one that
// can be cancelled, SQLite's driver starts a goroutine for every statement.
type tx struct {
	*sqlx.Tx
	postgres bool
	prepared map[string]*sql.Stmt
}

// update runs f in one writing transaction, and again if another process or
// session was in the way.
func (s *Store) update(ctx context.Context, doing string, f func(*tx) error) error {
	return s.within(ctx, doing, s.write, nil, f)
}

// view runs f in one reading transaction: everything f reads is of one moment.
func (s *Store) view(ctx context.Context, doing string, f func(*tx) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if s.postgres {
		options.Isolation = sql.LevelRepeatableRead
	}
	return s.within(ctx, doing, s.read, options, f)
}

const busyTries = 6

func (s *Store) within(ctx context.Context, doing string, db *sqlx.DB, options *sql.TxOptions, f func(*tx) error) error {
	var err error
	for try := range busyTries {
		if err = s.once(ctx, db, options, f); err == nil {
			return nil
		}
		if !busy(err) || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond << try):
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if full(err) {
		return fmt.Errorf("ledger: %s: %w: %w", doing, ErrFull, withoutValues(err))
	}
	return fmt.Errorf("ledger: %s: %w", doing, withoutValues(err))
}

func (s *Store) once(ctx context.Context, db *sqlx.DB, options *sql.TxOptions, f func(*tx) error) error {
	inner, err := db.BeginTxx(ctx, options)
	if err != nil {
		return err
	}
	t := &tx{Tx: inner, postgres: s.postgres, prepared: map[string]*sql.Stmt{}}
	if err := f(t); err != nil {
		undone := ended(inner.Rollback())
		if full(err) {
			return err // SQLite has rolled back by itself, and complains of being asked
		}
		return errors.Join(err, undone)
	}
	return inner.Commit()
}

// ended drops the complaint that a transaction is over already: a cancelled
// context has rolled it back.
func ended(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// busy says whether trying again can help.
func busy(err error) bool {
	if lite, is := errors.AsType[*sqlite.Error](err); is {
		code := lite.Code() & 0xff
		return code == sqlitelib.SQLITE_BUSY || code == sqlitelib.SQLITE_LOCKED
	}
	if pg, is := errors.AsType[*pgconn.PgError](err); is {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	return false
}

// full says whether the disk takes no more. What SQLite calls a failed write is
// mostly a quota that is used up.
func full(err error) bool {
	if lite, is := errors.AsType[*sqlite.Error](err); is {
		switch lite.Code() {
		case sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR_WRITE, sqlitelib.SQLITE_IOERR_SHMSIZE, sqlitelib.SQLITE_IOERR_TRUNCATE:
			return true
		}
	}
	pg, is := errors.AsType[*pgconn.PgError](err)
	return is && pg.Code == "53100"
}

// withoutValues drops the details of PostgreSQL's errors that quote data.
func withoutValues(err error) error {
	if pg, is := errors.AsType[*pgconn.PgError](err); is {
		pg.Detail, pg.Where, pg.InternalQuery = "", "", ""
	}
	return err
}

// stmt prepares a statement written with ? once in a transaction.
func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if st, ok := t.prepared[query]; ok {
		return st, nil
	}
	text := query
	if t.postgres {
		text = sqlx.Rebind(sqlx.DOLLAR, query)
	}
	st, err := t.Prepare(text) //nolint:noctx // see tx
	if err != nil {
		return nil, err
	}
	t.prepared[query] = st
	return st, nil
}

// exec runs a statement written with ? and says how many rows it touched.
func (t *tx) exec(query string, args ...any) (int64, error) {
	st, err := t.stmt(query) //nolint:sqlclosecheck // it ends with its transaction
	if err != nil {
		return 0, err
	}
	result, err := st.Exec(args...) //nolint:noctx // see tx
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row reads one row into the targets; ErrNotFound if there is none.
func (t *tx) row(query string, args []any, into ...any) error {
	st, err := t.stmt(query) //nolint:sqlclosecheck // it ends with its transaction
	if err != nil {
		return err
	}
	err = st.QueryRow(args...).Scan(into...) //nolint:noctx // see tx
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// rows calls f for every row; what f scans into sql.RawBytes is good until it
// returns.
func (t *tx) rows(query string, args []any, f func(*sql.Rows) error) error {
	st, err := t.stmt(query) //nolint:sqlclosecheck // it ends with its transaction
	if err != nil {
		return err
	}
	found, err := st.Query(args...) //nolint:noctx // see tx
	if err != nil {
		return err
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		if err := f(found); err != nil {
			return err
		}
	}
	return found.Err()
}

// among is how many values one IN list of SQLite has; lists are filled up to
// one size, so that one prepared statement serves all.
const among = 64

// rowsAmong calls f for the rows that a query finds for a list of values: the
// query has, after the places for args, `IN (*)` for the list. Callers give the
// list sorted, so that the table is walked in its own order.
func rowsAmong[T any](t *tx, query string, args []any, list []T, f func(*sql.Rows) error) error {
	if len(list) == 0 {
		return nil
	}
	if t.postgres {
		return t.rows(strings.Replace(query, "IN (*)", "= ANY(?)", 1), append(slices.Clip(args), list), f)
	}
	size := among
	if len(list) == 1 {
		size = 1
	}
	query = strings.Replace(query, "*", strings.Repeat("?,", size-1)+"?", 1)
	filled := make([]any, len(args)+size)
	copy(filled, args)
	for start := 0; start < len(list); start += size {
		for i := range size {
			filled[len(args)+i] = list[min(start+i, len(list)-1)]
		}
		if err := t.rows(query, filled, f); err != nil {
			return err
		}
	}
	return nil
}
