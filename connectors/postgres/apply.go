package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/zeebo/xxh3"

	"github.com/syncline-dev/syncline/connectors"
)

const (
	// batchRows is how many items one statement takes.
	batchRows = 10_000
	// statementBytes bounds what one statement carries.
	statementBytes = 16 << 20
)

// Apply writes items in one transaction.
func (o *object) Apply(ctx context.Context, w connectors.Writes) ([]connectors.Result, error) {
	t := o.current()
	doing := "write " + t.readable()
	if err := t.mayWrite(); err != nil {
		return nil, classify(doing, err)
	}
	if !w.Fence.Until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, w.Fence.Until)
		defer cancel()
	}
	a, err := o.newApply(t, w)
	if err != nil {
		return nil, classify(doing, err)
	}
	rounds := a.plan()
	if len(rounds) == 0 {
		return a.results, nil
	}
	err = o.with(ctx, doing, func(conn *pgconn.PgConn) error {
		a.conn = conn
		if err := exec(ctx, conn, "begin"); err != nil {
			return err
		}
		for _, g := range rounds {
			if err := a.attempt(ctx, g); err != nil {
				return abandon(ctx, conn, err)
			}
		}
		if err := a.retryConflicts(ctx); err != nil {
			return abandon(ctx, conn, err)
		}
		return o.commit(ctx, conn, w.Fence, a.wrote())
	})
	if err != nil {
		return nil, err
	}
	return a.results, nil
}

// mayWrite refuses what can only be read, before anything is tried.
func (t *table) mayWrite() error {
	switch {
	case t.writable:
		return nil
	case t.relkind == "v" || t.relkind == "m":
		return connectors.Errorf(connectors.Permanent, "%s is a view and can only be read", t.readable())
	default:
		return connectors.Errorf(connectors.Unauthorized, "the role or the server only reads %s", t.readable())
	}
}

// commit takes the sync's lock, asks the fence and commits. Who holds the lock
// waits for no row, so writers of one sync that write side by side cannot wait
// for each other in a circle; and between an older writer's answer from the
// fence and its commit no newer one commits.
func (o *object) commit(ctx context.Context, conn *pgconn.PgConn, fence connectors.Fence, wrote bool) error {
	if !wrote {
		return exec(ctx, conn, "rollback")
	}
	sync := fence.Sync
	if sync == "" {
		sync = o.config.Sync
	}
	lock := fmt.Sprintf("select pg_advisory_xact_lock(%d)", int64(xxh3.HashString("syncline:"+sync)))
	if err := exec(ctx, conn, lock); err != nil {
		return abandon(ctx, conn, err)
	}
	if err := fence.Guard(ctx); err != nil {
		return abandon(ctx, conn, err)
	}
	results, err := conn.Exec(ctx, "commit").ReadAll()
	if err != nil {
		return err
	}
	if tag := results[0].CommandTag.String(); tag != "COMMIT" {
		return connectors.Errorf(connectors.Transient, "the server rolled back instead of committing")
	}
	return nil
}

// abandon rolls back after an error, if there is a connection to do it on.
func abandon(ctx context.Context, conn *pgconn.PgConn, err error) error {
	if conn.IsClosed() {
		return err
	}
	if rollback := exec(ctx, conn, "rollback"); rollback != nil {
		return errors.Join(err, rollback)
	}
	return err
}

// apply is one call of Apply.
type apply struct {
	*table
	conn    *pgconn.PgConn
	writes  connectors.Writes
	set     []*column
	compare []*column
	// unless are places in set.
	unless []int
	// returning are the key, set and compare columns, each once.
	returning []*column
	items     []item
	results   []connectors.Result
	checkText bool
}

func (o *object) newApply(t *table, w connectors.Writes) (*apply, error) {
	a := &apply{table: t, writes: w, results: make([]connectors.Result, len(w.Items)), checkText: o.checkText}
	var err error
	if a.set, err = t.pick(append([]string{}, w.Columns...)); err != nil {
		return nil, err
	}
	if a.compare, err = t.pick(append([]string{}, w.Compare...)); err != nil {
		return nil, err
	}
	for _, name := range w.Unless {
		c := t.byName[name]
		at := position(a.set, c)
		if c == nil || at < 0 {
			return nil, connectors.Errorf(connectors.Permanent, "a creation must set %q, which it is conditional on", name)
		}
		a.unless = append(a.unless, at)
	}
	a.returning = withKey(nil, t.key)
	a.returning = withKey(a.returning, a.set)
	a.returning = withKey(a.returning, a.compare)
	if len(a.returning) == 0 {
		a.returning = t.columns[:1]
	}
	return a, nil
}

func (a *apply) wrote() bool {
	for i := range a.results {
		if a.results[i].Status == connectors.Done {
			return true
		}
	}
	return false
}

// fail records that the server or a column refuses an item.
func (a *apply) fail(n int, err error) {
	if connectors.KindOf(err) != connectors.Conflict {
		err = connectors.Wrap(connectors.BadRecord, "write "+a.readable(), err)
	}
	a.results[n] = connectors.Result{Status: connectors.Failed, Key: a.writes.Items[n].Key, Err: err}
}

// attempt writes a group under a savepoint. If one of its rows is refused, the
// group is halved until the row is alone.
func (a *apply) attempt(ctx context.Context, g group) error {
	err := a.under(ctx, func() error { return a.execute(ctx, g) })
	if err == nil || !itemError(err) {
		return err
	}
	if len(g.items) > 1 && codeOf(err) == "23505" && g.op == connectors.OpUpdate {
		swapped := a.under(ctx, func() error { return a.swap(ctx, []group{g}, err) })
		if swapped == nil || !itemError(swapped) {
			return swapped
		}
	}
	if len(g.items) == 1 {
		if g.op == connectors.OpCreate {
			return a.createAlone(ctx, g)
		}
		a.fail(g.items[0], classify("write "+a.readable(), err))
		return nil
	}
	half := len(g.items) / 2
	for _, items := range [][]int{g.items[:half], g.items[half:]} {
		if err := a.attempt(ctx, group{op: g.op, mask: g.mask, items: items}); err != nil {
			return err
		}
	}
	return nil
}

func (a *apply) under(ctx context.Context, f func() error) error {
	return a.underSavepoint(ctx, a.conn, f)
}

// underSavepoint runs f under a savepoint, to which it goes back when f fails.
// Constraints that are checked late are checked at the end of f, where their
// failure can still be traced to its rows.
func (t *table) underSavepoint(ctx context.Context, conn *pgconn.PgConn, f func() error) error {
	before, after := "savepoint syncline", "release savepoint syncline"
	if t.deferrable {
		before += "; set constraints all deferred"
		after = "set constraints all immediate; " + after
	}
	if err := exec(ctx, conn, before); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = exec(ctx, conn, after)
	}
	if err == nil || conn.IsClosed() {
		return err
	}
	if back := exec(ctx, conn, "rollback to savepoint syncline; release savepoint syncline"); back != nil {
		return back
	}
	return err
}

func (a *apply) execute(ctx context.Context, g group) error {
	switch g.op {
	case connectors.OpDelete:
		return a.remove(ctx, g)
	case connectors.OpCreate:
		return a.create(ctx, g)
	case connectors.OpUpdate:
		return a.update(ctx, g, nil)
	default:
		return connectors.Errorf(connectors.Permanent, "no such write: %q", g.op)
	}
}
