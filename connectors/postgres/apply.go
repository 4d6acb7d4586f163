package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

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
		a.conn, a.tx = conn, &transaction{conn: conn, waiting: "begin"}
		for _, g := range rounds {
			if err := a.attempt(ctx, g); err != nil {
				return a.tx.abandon(ctx, err)
			}
		}
		if err := a.retryConflicts(ctx); err != nil {
			return a.tx.abandon(ctx, err)
		}
		return a.tx.commit(ctx, w.Fence, o.config.Sync, a.wrote())
	})
	if err != nil {
		return nil, err
	}
	return a.results, nil
}

// mayWrite refuses what can only be read, before anything is tried.
func (t *table) mayWrite() error {
	switch {
	case t.readOnly == "":
		return nil
	case t.relkind == "v" || t.relkind == "m":
		return connectors.Errorf(connectors.Permanent, "%s is a view and can only be read", t.readable())
	default:
		return connectors.Errorf(connectors.Unauthorized, "%s cannot be written: %s", t.readable(), t.readOnly)
	}
}

// apply is one call of Apply.
type apply struct {
	*table
	conn    *pgconn.PgConn
	tx      *transaction
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
	scratch   []byte
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
	return a.tx.underSavepoint(ctx, a.deferrable, f)
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
