package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/zeebo/xxh3"

	"github.com/syncline-dev/syncline/connectors"
)

// transaction is an open one that writes.
type transaction struct {
	conn *pgconn.PgConn
	// waiting are commands that go with the next one, to save a round trip.
	waiting string
	depth   int
}

func (t *transaction) exec(ctx context.Context, sql string) error {
	if t.waiting != "" {
		sql, t.waiting = t.waiting+"; "+sql, ""
	}
	return exec(ctx, t.conn, sql)
}

// underSavepoint runs f under a savepoint, to which it goes back when f fails.
// Where constraints may be checked late, they are checked at the end of f, where
// their failure can still be traced to its rows.
func (t *transaction) underSavepoint(ctx context.Context, deferrable bool, f func() error) error {
	before := "savepoint syncline"
	if deferrable {
		before += "; set constraints all deferred"
	}
	if err := t.exec(ctx, before); err != nil {
		return err
	}
	t.depth++
	err := f()
	t.depth--
	if err == nil && deferrable {
		err = t.exec(ctx, "set constraints all immediate")
	}
	const release = "release savepoint syncline"
	switch {
	case err == nil && t.depth == 0:
		t.waiting = release // what comes next begins with another savepoint, or ends all
		return nil
	case err == nil:
		return t.exec(ctx, release)
	case t.conn.IsClosed():
		return err
	}
	t.waiting = ""
	if back := t.exec(ctx, "rollback to savepoint syncline; "+release); back != nil {
		return back
	}
	return err
}

// commit takes the sync's lock, asks the fence and commits. Who holds the lock
// waits for no row, so writers of one sync that write side by side cannot wait
// for each other in a circle; and between an older writer's answer from the
// fence and its commit no newer one commits.
func (t *transaction) commit(ctx context.Context, fence connectors.Fence, sync string, wrote bool) error {
	if !wrote {
		return t.exec(ctx, "rollback")
	}
	if fence.Sync != "" {
		sync = fence.Sync
	}
	if err := t.exec(ctx, fmt.Sprintf("select pg_advisory_xact_lock(%d)", int64(xxh3.HashString("syncline:"+sync)))); err != nil {
		return t.abandon(ctx, err)
	}
	if err := fence.Guard(ctx); err != nil {
		return t.abandon(ctx, err)
	}
	results, err := t.conn.Exec(ctx, "commit").ReadAll()
	if err != nil {
		return err
	}
	if tag := results[0].CommandTag.String(); tag != "COMMIT" {
		return connectors.Errorf(connectors.Transient, "the server rolled back instead of committing")
	}
	return nil
}

// abandon rolls back after an error, if there is a connection to do it on.
func (t *transaction) abandon(ctx context.Context, err error) error {
	if t.conn.IsClosed() {
		return err
	}
	if rollback := exec(ctx, t.conn, "rollback"); rollback != nil {
		return errors.Join(err, rollback)
	}
	return err
}
