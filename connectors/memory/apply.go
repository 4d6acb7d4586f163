package memory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Apply writes the items: all at once under the sync's fence where there are
// transactions, else in requests of a few items each.
func (o writable) Apply(ctx context.Context, w connectors.Writes) ([]connectors.Result, error) {
	var results []connectors.Result
	err := o.store.call(ctx, "apply", o.name, func(f Fault) error {
		t, err := o.table("apply")
		if err != nil {
			return err
		}
		if t.shape.Personality.ItemByItem {
			results, err = o.requests(ctx, t, w)
		} else {
			results, err = o.transaction(ctx, t, w)
		}
		if f.Shuffle {
			rand.Shuffle(len(results), func(i, j int) { results[i], results[j] = results[j], results[i] }) //nolint:gosec // makes a mess, hides nothing
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

func (o writable) transaction(ctx context.Context, t *Table, w connectors.Writes) ([]connectors.Result, error) {
	lock := o.store.fence(w.Fence.Sync)
	lock.Lock()
	defer lock.Unlock()
	if err := guard(ctx, t, w.Fence); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.apply(w, w.Items)
}

func (o writable) requests(ctx context.Context, t *Table, w connectors.Writes) ([]connectors.Result, error) {
	if !w.Fence.Until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, w.Fence.Until)
		defer cancel()
	}
	results := make([]connectors.Result, 0, len(w.Items))
	for items := range slices.Chunk(w.Items, t.shape.Personality.requestItems()) {
		if err := guard(ctx, t, w.Fence); err != nil {
			return nil, err
		}
		err := o.store.call(ctx, "request", o.name, func(Fault) error {
			t.mu.Lock()
			defer t.mu.Unlock()
			some, err := t.apply(w, items)
			results = append(results, some...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

func guard(ctx context.Context, t *Table, fence connectors.Fence) error {
	if t.shape.Personality.Careless.Fence {
		return nil
	}
	return connectors.Wrap(connectors.Transient, "write "+t.name, fence.Guard(ctx))
}

// write is one Apply under way; the table is locked.
type write struct {
	*Table
	w       connectors.Writes
	columns []int // places of w.Columns
	compare []int
	unless  []int
	matches map[string]rowKey // rows by their Unless columns
}

func (t *Table) apply(w connectors.Writes, items []connectors.Item) ([]connectors.Result, error) {
	a := &write{Table: t, w: w}
	for _, set := range []struct {
		at    *[]int
		names []string
	}{{&a.columns, w.Columns}, {&a.compare, w.Compare}, {&a.unless, w.Unless}} {
		for _, name := range set.names {
			at := t.shape.Schema.Index(name)
			if at < 0 {
				return nil, connectors.Errorf(connectors.SchemaChanged, "write %s: no column %q", t.name, name)
			}
			*set.at = append(*set.at, at)
		}
	}
	results := make([]connectors.Result, len(items))
	for i, item := range items {
		results[i] = a.item(item)
	}
	return results, nil
}

func (a *write) item(item connectors.Item) connectors.Result {
	switch item.Op {
	case connectors.OpCreate:
		return a.create(item)
	case connectors.OpUpdate, connectors.OpDelete:
		r, there := a.rows[item.Key]
		if !there {
			return connectors.Result{Status: connectors.Gone, Key: item.Key}
		}
		if !a.holds(item, r) {
			return connectors.Result{Status: connectors.Refused, Key: item.Key}
		}
		if item.Op == connectors.OpUpdate {
			return a.update(item, r)
		}
		a.remove(item.Key)
		return connectors.Result{Status: connectors.Done, Key: item.Key}
	default:
		return failed(item.Key, fmt.Errorf("no such write: %q", item.Op))
	}
}

// holds checks the item's condition.
func (a *write) holds(item connectors.Item, r *row) bool {
	switch {
	case a.shape.Personality.Careless.Conditions:
		return true
	case item.Token != "":
		return item.Token == a.token(r)
	case !item.Seen.Zero():
		return item.Seen == record.HashRow(pick(r.values, a.compare)...)
	default:
		return true
	}
}

func (a *write) create(item connectors.Item) connectors.Result {
	p := a.shape.Personality
	if p.Idempotent && item.Intent != "" {
		if key, again := a.intents[item.Intent]; again && a.rows[key] != nil {
			return a.done(a.rows[key])
		}
	}
	values, err := a.merged(item, nil)
	if err != nil {
		return failed(item.Key, err)
	}
	if key, there := a.matching(values); there && !p.Careless.Unless {
		return connectors.Result{Status: connectors.Exists, Key: key}
	}
	key, err := a.newKey(item, values)
	if err != nil {
		return failed(item.Key, err)
	}
	if _, there := a.rows[key]; there {
		return connectors.Result{Status: connectors.Exists, Key: key}
	}
	r := a.store(key, values)
	if match, ok := record.FoldMatch(pick(values, a.unless)...); ok && a.matches != nil {
		a.matches[match] = key
	}
	if item.Intent != "" {
		a.intents[item.Intent] = key
	}
	return a.done(r)
}

func (a *write) update(item connectors.Item, r *row) connectors.Result {
	values, err := a.merged(item, r.values)
	if err != nil {
		return failed(item.Key, err)
	}
	key, ok := a.keyOf(values)
	if !ok {
		return failed(item.Key, errors.New("a key column is NULL"))
	}
	if key != item.Key {
		if _, there := a.rows[key]; there {
			return connectors.Result{
				Status: connectors.Failed, Key: item.Key, Err: connectors.Errorf(connectors.Conflict, "another row has the new key"),
			}
		}
		a.remove(item.Key)
	}
	a.matches = nil
	return a.done(a.store(key, values))
}

func (a *write) done(r *row) connectors.Result {
	return connectors.Result{
		Status: connectors.Done, Key: r.key, Token: a.token(r),
		Stored: pick(r.values, a.columns), Compared: pick(r.values, a.compare),
	}
}

// merged gives the whole row after the write, converted and checked.
func (a *write) merged(item connectors.Item, before []record.Value) ([]record.Value, error) {
	if len(item.Set) != len(a.columns) {
		return nil, fmt.Errorf("%d values for %d columns", len(item.Set), len(a.columns))
	}
	values := make([]record.Value, len(a.shape.Schema.Fields))
	copy(values, before)
	touched := false
	for i, at := range a.columns {
		f := a.shape.Schema.Fields[at]
		if record.IsMissing(item.Set[i]) {
			continue
		}
		v, err := record.Convert(f.Type, item.Set[i])
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		if f.ReadOnly && !record.Equal(v, values[at]) {
			return nil, fmt.Errorf("column %q can only be read", f.Name)
		}
		values[at] = v
		touched = touched || f.Name == a.shape.Modified
	}
	if a.shape.Modified != "" && !touched {
		_, at := a.cursorColumn()
		values[at] = a.now(at)
	}
	for at, f := range a.shape.Schema.Fields {
		if !f.Nullable && values[at] == nil && !f.HasDefault && !slices.Contains(a.key, at) {
			return nil, fmt.Errorf("column %q must not be NULL", f.Name)
		}
	}
	return values, nil
}

// now rises with every call, and past every cursor value that there is.
func (a *write) now(at int) record.Value {
	a.clock = max(a.clock+1, record.NewTimestamp(time.Now()))
	v, err := record.Convert(a.shape.Schema.Fields[at].Type, a.clock)
	if err != nil {
		return a.version
	}
	return v
}

// newKey is the key of a new row: chosen here, or of its own columns.
func (a *write) newKey(item connectors.Item, values []record.Value) (rowKey, error) {
	if a.shape.Personality.ServerKeys {
		for _, at := range a.key {
			if values[at] != nil {
				return "", errors.New("the system chooses the key itself")
			}
		}
		a.serial++
		id, err := record.Convert(a.shape.Schema.Fields[a.key[0]].Type, strconv.FormatInt(a.serial, 10))
		if err != nil {
			return "", err
		}
		values[a.key[0]] = id
	} else if item.Key != "" {
		copyKey(values, a.keyRow(a.shape.Schema, item.Key), a.key)
	}
	key, ok := a.keyOf(values)
	if !ok {
		return "", errors.New("a key column is NULL")
	}
	return key, nil
}

func copyKey(to, from []record.Value, at []int) {
	for _, i := range at {
		if to[i] == nil {
			to[i] = from[i]
		}
	}
}

// matching finds a row with the same values in the Unless columns.
func (a *write) matching(values []record.Value) (rowKey, bool) {
	if len(a.unless) == 0 {
		return "", false
	}
	if a.matches == nil {
		a.matches = make(map[string]rowKey, len(a.rows))
		for key, r := range a.rows {
			if match, ok := record.FoldMatch(pick(r.values, a.unless)...); ok {
				a.matches[match] = key
			}
		}
	}
	match, ok := record.FoldMatch(pick(values, a.unless)...)
	if !ok {
		return "", false
	}
	key, there := a.matches[match]
	return key, there && a.rows[key] != nil
}

func pick(values []record.Value, at []int) []record.Value {
	picked := make([]record.Value, len(at))
	for i, from := range at {
		picked[i] = values[from]
	}
	return picked
}

func failed(key rowKey, err error) connectors.Result {
	return connectors.Result{Status: connectors.Failed, Key: key, Err: connectors.Wrap(connectors.BadRecord, "", err)}
}
