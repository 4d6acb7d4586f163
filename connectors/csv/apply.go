package csv

import (
	"context"
	"slices"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Apply rewrites the file once for all items: rows that no item touches, and
// cells that none sets, stay as they stand, byte for byte; creations come at
// the end. The key of a row cannot be changed: that is a delete and a creation.
func (o *object) Apply(ctx context.Context, w connectors.Writes) ([]connectors.Result, error) {
	what := "write to csv " + o.name()
	if len(o.config.Key) == 0 {
		return nil, &connectors.Error{
			Kind: connectors.Permanent, Doing: what, Err: errNoKey, Hint: "name the columns that identify a row with key:",
		}
	}
	var results []connectors.Result
	err := o.rewriting(ctx, w.Fence, func(r *rewrite) error {
		a, err := newWriter(r, w)
		if err != nil {
			return err
		}
		if a.counts, err = o.countKeys(ctx, a.byKey); err != nil {
			return err
		}
		if err := a.run(); err != nil {
			return err
		}
		results = a.results
		return nil
	})
	if err != nil {
		return nil, doing(what, err)
	}
	return results, nil
}

// writer is one call of Apply.
type writer struct {
	r       *rewrite
	w       connectors.Writes
	keys    *keyReader
	keyAt   []int
	set     []int
	compare []int
	unless  []int
	// byKey are the updates and deletes of a key, in order, and creates the
	// creations, by the key they will have.
	byKey   map[record.Key][]int
	creates map[record.Key][]int
	counts  map[record.Key]int
	// taken are the keys of rows that creations would meet, matches the hashes
	// of all rows' unless columns with a key.
	taken   map[record.Key]bool
	matches map[record.Hash]record.Key
	results []connectors.Result
	hasher  record.Hasher
	values  []record.Value
}

func newWriter(r *rewrite, w connectors.Writes) (*writer, error) {
	a := &writer{
		r: r, w: w, byKey: map[record.Key][]int{}, creates: map[record.Key][]int{}, taken: map[record.Key]bool{},
		matches: map[record.Hash]record.Key{}, results: make([]connectors.Result, len(w.Items)),
	}
	var err error
	if a.keys, err = r.keyReader(); err != nil {
		return nil, err
	}
	a.keyAt = a.keys.at
	for _, part := range []struct {
		at    *[]int
		names []string
	}{{&a.set, w.Columns}, {&a.compare, w.Compare}, {&a.unless, w.Unless}} {
		if *part.at, err = r.columns(append([]string{}, part.names...)); err != nil {
			return nil, err
		}
	}
	for i, item := range w.Items {
		a.results[i] = connectors.Result{Key: item.Key}
		switch item.Op {
		case connectors.OpCreate:
			if a.results[i].Key, err = a.newKey(item); err != nil {
				a.fail(i, err)
				continue
			}
			a.creates[a.results[i].Key] = append(a.creates[a.results[i].Key], i)
		case connectors.OpUpdate, connectors.OpDelete:
			a.results[i].Status = connectors.Gone
			a.byKey[item.Key] = append(a.byKey[item.Key], i)
		default:
			return nil, connectors.Errorf(connectors.Permanent, "no write %q", item.Op)
		}
	}
	return a, nil
}

func (a *writer) fail(i int, err error) {
	a.results[i].Status, a.results[i].Err = connectors.Failed, err
}

// newKey gives the key that a creation will have.
func (a *writer) newKey(item connectors.Item) (record.Key, error) {
	parts, err := item.Key.Parts()
	if err != nil || (len(parts) > 0 && len(parts) != len(a.keyAt)) {
		return "", connectors.Errorf(connectors.BadRecord, "the key does not fit the key columns")
	}
	values := make([]record.Value, len(a.keyAt))
	for i, at := range a.keyAt {
		if len(parts) > 0 {
			values[i] = parts[i]
		}
		place := slices.Index(a.set, at)
		if place < 0 || place >= len(item.Set) || record.IsMissing(item.Set[place]) {
			continue
		}
		text, null, err := a.r.o.text(item.Set[place])
		if err != nil {
			return "", connectors.Errorf(connectors.BadRecord, "column %s: %w", a.r.dialect.names[at], err)
		}
		values[i] = stored(text, null)
	}
	key, ok := record.NewKey(values...)
	if !ok {
		return "", connectors.Errorf(connectors.BadRecord, "a new row needs a value in each key column")
	}
	return key, nil
}

// countKeys counts the rows with the keys of updates and deletes: of two rows
// with one key, none is written.
func (o *object) countKeys(ctx context.Context, keys map[record.Key][]int) (map[record.Key]int, error) {
	counts := make(map[record.Key]int, len(keys))
	if len(keys) == 0 {
		return counts, nil
	}
	f, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reader, err := f.keyReader()
	if err != nil {
		return nil, err
	}
	return counts, f.rows(func() error {
		if key, bad := reader.key(); bad == "" {
			if _, asked := keys[record.Key(key)]; asked {
				counts[record.Key(key)]++
			}
		}
		return nil
	})
}

func (a *writer) run() error {
	if err := a.r.rows(a.row); err != nil {
		return err
	}
	for i, item := range a.w.Items {
		if item.Op == connectors.OpCreate && a.results[i].Status == "" {
			if err := a.create(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// row passes one row of the old file on, as the items want it.
func (a *writer) row() error {
	raw, bad := a.keys.key()
	if bad != "" {
		return a.r.keepRow()
	}
	items := a.byKey[record.Key(raw)]
	if len(items) == 0 && len(a.unless) == 0 {
		if len(a.creates[record.Key(raw)]) > 0 {
			a.taken[record.Key(raw)] = true
		}
		return a.r.keepRow()
	}
	key := record.Key(raw)
	var invalid string
	a.values, invalid = a.r.values(a.values)
	next := edit{}
	for _, i := range items {
		switch {
		case a.counts[key] > 1:
			a.fail(i, connectors.Errorf(connectors.BadRecord, "several rows have the same key"))
		case next.deleted:
			a.results[i].Status = connectors.Gone
		default:
			a.item(i, &next, invalid)
		}
	}
	if next.deleted {
		a.r.changed = true
		return nil
	}
	a.occupy(key, a.values)
	if next.cells == nil {
		return a.r.keepRow()
	}
	return a.r.edited(next)
}

// edit is what becomes of a row.
type edit struct {
	deleted bool
	cells   map[int]newCell
}

type newCell struct {
	text string
	null bool
}

// item decides one update or delete of the current row, whose values are in
// a.values.
func (a *writer) item(i int, next *edit, invalid string) {
	item, r := a.w.Items[i], &a.results[i]
	if !item.Seen.Zero() && (invalid != "" || a.hasher.Row(picked(a.values, a.compare)) != item.Seen) {
		r.Status = connectors.Refused
		return
	}
	if item.Op == connectors.OpDelete {
		next.deleted = true
		r.Status = connectors.Done
		return
	}
	cells := map[int]newCell{}
	for place, at := range a.set {
		if place >= len(item.Set) || record.IsMissing(item.Set[place]) {
			continue
		}
		text, null, err := a.r.o.text(item.Set[place])
		if err == nil && slices.Contains(a.keyAt, at) && !record.Equal(stored(text, null), a.values[at]) {
			err = errKeyChange
		}
		if err != nil {
			a.fail(i, connectors.Errorf(connectors.BadRecord, "column %s: %w", a.r.dialect.names[at], err))
			return
		}
		if v := stored(text, null); v != a.values[at] {
			cells[at] = newCell{text: text, null: null}
		}
	}
	for at, c := range cells {
		if next.cells == nil {
			next.cells = map[int]newCell{}
		}
		next.cells[at] = c
		a.values[at] = stored(c.text, c.null)
	}
	a.done(i, a.values)
}

func (a *writer) done(i int, values []record.Value) {
	r := &a.results[i]
	r.Status = connectors.Done
	r.Stored, r.Compared = picked(values, a.set), picked(values, a.compare)
}

func picked(values []record.Value, at []int) []record.Value {
	out := make([]record.Value, len(at))
	for i, place := range at {
		if place < len(values) {
			out[i] = values[place]
		}
	}
	return out
}

// occupy remembers a row that creations could meet.
func (a *writer) occupy(key record.Key, values []record.Value) {
	if len(a.creates[key]) > 0 {
		a.taken[key] = true
	}
	if hash, ok := a.matchHash(values); ok {
		if _, known := a.matches[hash]; !known {
			a.matches[hash] = key
		}
	}
}

// matchHash hashes the columns that forbid a creation; false if one is blank,
// which matches nothing.
func (a *writer) matchHash(values []record.Value) (record.Hash, bool) {
	match := picked(values, a.unless)
	if slices.ContainsFunc(match, record.Blank) || len(match) == 0 {
		return record.Hash{}, false
	}
	return a.hasher.Row(match), true
}

func (a *writer) create(i int) error {
	item, r := a.w.Items[i], &a.results[i]
	values := make([]record.Value, len(a.r.dialect.names))
	for place, at := range a.set {
		if place >= len(item.Set) {
			continue
		}
		text, null, err := a.r.o.text(item.Set[place])
		if err != nil {
			a.fail(i, connectors.Errorf(connectors.BadRecord, "column %s: %w", a.r.dialect.names[at], err))
			return nil
		}
		values[at] = stored(text, null)
	}
	parts, err := r.Key.Parts()
	if err != nil {
		return err
	}
	for n, at := range a.keyAt {
		values[at] = parts[n]
	}
	if a.taken[r.Key] {
		r.Status = connectors.Exists
		return nil
	}
	if hash, ok := a.matchHash(values); ok {
		if other, met := a.matches[hash]; met {
			r.Status, r.Key = connectors.Exists, other
			return nil
		}
	}
	a.occupy(r.Key, values)
	a.done(i, values)
	return a.r.newRow(values)
}
