package sqlite

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	lib "modernc.org/sqlite/lib"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// writing runs do in one transaction that holds the database's only write lock
// from its beginning, so that what it reads stays true until it commits.
func (o *object) writing(ctx context.Context, do func(*bare.Conn, *table) error) error {
	return o.with(ctx, func(conn *bare.Conn) error {
		if o.readOnly || conn.ReadOnly() {
			return connectors.Errorf(connectors.Permanent, "the database may only be read")
		}
		if err := conn.Exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		t, err := o.table(conn)
		if err != nil {
			return err
		}
		if err := do(conn, t); err != nil {
			return err
		}
		return conn.Exec("COMMIT")
	})
}

// Apply writes all items in one transaction. Conditions are compared, and what
// is stored afterwards is read back, inside of it. Items that only meet each
// other's values in a unique index (a swap, a value that another item frees)
// are tried again after the rest. The key of a row cannot be changed: that is a
// delete and a creation.
func (o *object) Apply(ctx context.Context, w connectors.Writes) ([]connectors.Result, error) {
	what := "write to sqlite " + o.config.String()
	results, err := o.apply(ctx, w)
	if err == nil || len(w.Items) < 2 || !wholeCall(err) {
		return results, doing(what, err)
	}
	// Nothing says which row is to blame: halve until it is alone.
	half := len(w.Items) / 2
	first, second := w, w
	first.Items, second.Items = w.Items[:half], w.Items[half:]
	results, err = o.Apply(ctx, first)
	if err != nil {
		return nil, err
	}
	rest, err := o.Apply(ctx, second)
	return append(results, rest...), err
}

// errRolledBack: a trigger of the user's undid the whole transaction.
var errRolledBack = errors.New("a trigger of the table rolled the transaction back")

// rolledBack says why a transaction is over in the middle of its statements. A
// constraint that does it is a trigger's RAISE(ROLLBACK), which some row is the
// reason of; a full disk does it too, and no row is.
func rolledBack(err error) error {
	var e *bare.Error
	if errors.As(err, &e) && e.Primary() != lib.SQLITE_CONSTRAINT {
		return err
	}
	return errRolledBack
}

// wholeCall tells the refusals that undo all items at once: a deferred
// constraint at the commit, a trigger that rolls back.
func wholeCall(err error) bool {
	var e *bare.Error
	return errors.Is(err, errRolledBack) || (errors.As(err, &e) && e.Primary() == lib.SQLITE_CONSTRAINT)
}

func (o *object) apply(ctx context.Context, w connectors.Writes) ([]connectors.Result, error) {
	var results []connectors.Result
	err := o.writing(ctx, func(conn *bare.Conn, t *table) error {
		a, err := newWriter(conn, t, w)
		if err != nil {
			return err
		}
		defer a.Close()
		if err := a.run(ctx); err != nil {
			return err
		}
		if err := w.Fence.Guard(ctx); err != nil {
			return err
		}
		results = a.results
		return nil
	})
	if len(w.Items) == 1 && wholeCall(err) {
		_, reason := refusal(err)
		if reason == nil {
			reason = connectors.Errorf(connectors.BadRecord, "%w", err)
		}
		return []connectors.Result{{Status: connectors.Failed, Key: w.Items[0].Key, Err: reason}}, nil
	}
	return results, err
}

// writer is one call of Apply.
type writer struct {
	conn    *bare.Conn
	t       *table
	w       connectors.Writes
	set     []int // places of w.Columns
	compare []int // places of w.Compare
	unless  []int
	finder  *finder // reads compare
	stored  *finder // reads set and compare
	stmts   map[string]*bare.Stmt
	results []connectors.Result
	hasher  record.Hasher
	// met has the rows with the matches of the creations, where no index finds
	// them; nil if they must be looked for (again).
	met map[record.Hash]record.Key
}

func newWriter(conn *bare.Conn, t *table, w connectors.Writes) (*writer, error) {
	if t.view {
		return nil, connectors.Errorf(connectors.Permanent, "%s is a view and cannot be written", t.name)
	}
	if err := t.needKey(); err != nil {
		return nil, err
	}
	a := &writer{conn: conn, t: t, w: w, stmts: map[string]*bare.Stmt{}, results: make([]connectors.Result, len(w.Items))}
	var err error
	for _, part := range []struct {
		cols  *[]int
		names []string
	}{{&a.set, w.Columns}, {&a.compare, w.Compare}, {&a.unless, w.Unless}} {
		if *part.cols, err = t.find(append([]string{}, part.names...)); err != nil {
			return nil, err
		}
	}
	keys := make([]record.Key, 0, len(w.Items))
	for _, item := range w.Items {
		keys = append(keys, item.Key)
	}
	if a.finder, err = newFinder(conn, t, a.compare, keys); err != nil {
		return nil, err
	}
	a.stored, err = newFinder(conn, t, slices.Concat(a.set, a.compare), nil)
	if err != nil {
		a.finder.Close()
		return nil, err
	}
	a.stored.stored = a.finder.stored
	return a, nil
}

// Close lets go of the statements.
func (a *writer) Close() {
	a.finder.Close()
	a.stored.Close()
	for _, s := range a.stmts {
		s.Close()
	}
}

func (a *writer) run(ctx context.Context) error {
	var blocked []int
	for i := range a.w.Items {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		unique, err := a.item(i)
		if err != nil {
			return err
		}
		if unique {
			blocked = append(blocked, i)
		}
	}
	if err := a.unblock(blocked); err != nil {
		return err
	}
	for i := range a.results {
		if r := &a.results[i]; r.Status == connectors.Done && a.w.Items[i].Op != connectors.OpDelete {
			if err := a.readBack(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// item writes one item and fills its result; blocked means that another row
// has one of its unique values.
func (a *writer) item(i int) (blocked bool, err error) {
	item, r := a.w.Items[i], &a.results[i]
	*r = connectors.Result{Key: item.Key}
	if item.Op != connectors.OpCreate {
		if r.Status, err = a.condition(item); err != nil || r.Status != "" {
			return false, err
		}
	}
	switch item.Op {
	case connectors.OpCreate:
		err = a.create(item, r)
	case connectors.OpUpdate:
		err = a.update(item)
		a.moved(item)
	case connectors.OpDelete:
		err = a.delete(item)
		a.met = nil
	default:
		err = connectors.Errorf(connectors.Permanent, "no write %q", item.Op)
	}
	if err == nil {
		if r.Status == "" {
			r.Status = connectors.Done
		}
		return false, nil
	}
	var bad *connectors.Error
	if errors.As(err, &bad) && bad.Kind == connectors.BadRecord {
		r.Status, r.Err = connectors.Failed, err
		return false, nil
	}
	if !a.conn.InTransaction() {
		return false, rolledBack(err)
	}
	unique, reason := refusal(err)
	if reason == nil {
		return false, err
	}
	r.Status, r.Err = connectors.Failed, reason
	if unique && item.Op == connectors.OpCreate {
		r.Status, r.Err = connectors.Exists, nil
	}
	return unique, nil
}

// condition says why an item must not be written: "" if it may.
func (a *writer) condition(item connectors.Item) (connectors.Status, error) {
	status := connectors.Gone
	err := a.finder.each(item.Key, func(s *bare.Stmt) error {
		status = ""
		if item.Seen.Zero() {
			return nil
		}
		values, bad := a.values(s, 0, a.compare)
		if bad || a.hasher.Row(values) != item.Seen {
			status = connectors.Refused
		}
		return nil
	})
	return status, err
}

func (a *writer) values(s *bare.Stmt, first int, cols []int) (values []record.Value, bad bool) {
	values = make([]record.Value, len(cols))
	for i, c := range cols {
		v, why := a.t.columns[c].codec.value(s, first+i)
		values[i], bad = v, bad || why != ""
	}
	return values, bad
}

// raws gives the columns and cells that an item sets, without those that it
// leaves alone.
func (a *writer) raws(item connectors.Item) (cols []int, raws []any, err error) {
	for i, c := range a.set {
		if i >= len(item.Set) || record.IsMissing(item.Set[i]) {
			continue
		}
		column := &a.t.columns[c]
		if column.ReadOnly {
			return nil, nil, connectors.Errorf(connectors.BadRecord, "column %s is generated and cannot be written", column.Name)
		}
		raw, err := column.codec.raw(item.Set[i])
		if err != nil {
			return nil, nil, connectors.Errorf(connectors.BadRecord, "column %s: %w", column.Name, err)
		}
		cols, raws = append(cols, c), append(raws, raw)
	}
	return cols, raws, nil
}

func (a *writer) update(item connectors.Item) error {
	cols, raws, err := a.raws(item)
	if err != nil {
		return err
	}
	key, ok := a.finder.args(item.Key)
	if !ok {
		return connectors.Errorf(connectors.BadRecord, "the key does not fit the key columns")
	}
	var sets []string
	var args []any
	for i, c := range cols {
		if at := slices.Index(a.t.key, c); at >= 0 {
			if !sameCell(raws[i], key[at]) {
				return connectors.Errorf(connectors.BadRecord, "column %s is part of the key, which cannot be changed", a.t.columns[c].Name)
			}
			continue
		}
		args = append(args, raws[i])
		sets = append(sets, quote(a.t.columns[c].Name)+" = "+mark(len(args)))
	}
	if len(sets) == 0 {
		return nil
	}
	sql := `UPDATE OR ABORT ` + a.t.sql() + ` SET ` + strings.Join(sets, ", ") + ` WHERE ` + a.t.keyIs(len(args)+1)
	return a.exec(sql, nil, append(args, key...)...)
}

func sameCell(a, b any) bool {
	if x, is := a.([]byte); is {
		y, isToo := b.([]byte)
		return isToo && bytes.Equal(x, y)
	}
	if _, is := b.([]byte); is {
		return false
	}
	return a == b
}

func (a *writer) delete(item connectors.Item) error {
	key, ok := a.finder.args(item.Key)
	if !ok {
		return connectors.Errorf(connectors.BadRecord, "the key does not fit the key columns")
	}
	return a.exec(`DELETE FROM `+a.t.sql()+` WHERE `+a.t.keyIs(1), nil, key...)
}

// exec runs one of the few statements that the items of a call need.
func (a *writer) exec(sql string, row func(*bare.Stmt) error, args ...any) error {
	s := a.stmts[sql]
	if s == nil {
		var err error
		if s, err = a.conn.Prepare(sql); err != nil {
			return err
		}
		a.stmts[sql] = s
	}
	if row == nil {
		row = func(*bare.Stmt) error { return nil }
	}
	return s.Each(row, args...)
}

// readBack fills a result with what the row holds now, triggers and defaults
// included.
func (a *writer) readBack(r *connectors.Result) error {
	return a.stored.each(r.Key, func(s *bare.Stmt) error {
		r.Stored, _ = a.values(s, 0, a.set)
		r.Compared, _ = a.values(s, len(a.set), a.compare)
		return nil
	})
}
