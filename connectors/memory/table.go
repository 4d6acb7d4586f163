package memory

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/syncline-dev/syncline/internal/record"
)

type rowKey = record.Key

// row is a version of a row; it is never changed, only replaced.
type row struct {
	key     rowKey
	values  []record.Value
	version int64
}

// change is one entry of a table's log. A deletion has no values.
type change struct {
	version int64
	key     rowKey
	values  []record.Value
}

// Table is one object of a store. Its methods are the back door: what tests
// use to prepare and inspect without the connector. Safe for concurrent use.
type Table struct {
	name, identity string
	shape          Shape
	key            []int

	mu      sync.RWMutex
	rows    map[rowKey]*row
	sorted  []rowKey // nil when it has to be made again
	log     []change
	trimmed int64 // versions up to here are no longer in the log
	version int64
	serial  int64
	clock   record.Timestamp
	intents map[string]rowKey

	stale      map[rowKey]*row // what reads still see
	staleReads int             // for how many reads
}

// Put writes rows as another program would: a row whose key is there is
// replaced. Values are converted to the columns' types; what does not fit is a
// mistake in the test and panics.
func (t *Table) Put(rows ...[]record.Value) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, values := range rows {
		stored := make([]record.Value, len(values))
		for i, v := range values {
			converted, err := record.Convert(t.shape.Schema.Fields[i].Type, v)
			if err != nil {
				panic(fmt.Sprintf("put into %s: column %q: %v", t.name, t.shape.Schema.Fields[i].Name, err))
			}
			stored[i] = converted
		}
		key, ok := t.keyOf(stored)
		if !ok {
			panic("put into " + t.name + ": a key column is NULL")
		}
		if n, is := stored[t.key[0]].(int64); is {
			t.serial = max(t.serial, n)
		}
		t.store(key, stored)
	}
}

// Delete removes rows by their key values, as another program would.
func (t *Table) Delete(keys ...[]record.Value) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, values := range keys {
		if key, ok := record.NewKey(values...); ok {
			t.remove(key)
		}
	}
}

// Truncate removes all rows, each with an entry in the log.
func (t *Table) Truncate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range t.order() {
		t.remove(key)
	}
}

// Rows gives all rows, ordered by key.
func (t *Table) Rows() [][]record.Value {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := make([][]record.Value, 0, len(t.rows))
	for _, key := range t.order() {
		rows = append(rows, slices.Clone(t.rows[key].values))
	}
	return rows
}

// Get gives one row by its key values, or nil.
func (t *Table) Get(key ...record.Value) []record.Value {
	t.mu.RLock()
	defer t.mu.RUnlock()
	k, _ := record.NewKey(key...)
	if r, ok := t.rows[k]; ok {
		return slices.Clone(r.values)
	}
	return nil
}

// Len counts the rows.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.rows)
}

// TrimLog forgets the log: positions from before now can no longer be served.
func (t *Table) TrimLog() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log, t.trimmed = nil, t.version
}

// Alter changes the columns; add gives the value of a new column in old rows.
func (t *Table) Alter(schema *record.Schema, add record.Value) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.shape.Schema
	t.shape.Schema = schema
	for i, column := range t.shape.Key {
		t.key[i] = schema.Index(column)
	}
	for key, r := range t.rows {
		values := make([]record.Value, len(schema.Fields))
		for i, f := range schema.Fields {
			values[i] = add
			if old := before.Index(f.Name); old >= 0 {
				values[i] = r.values[old]
			}
		}
		t.rows[key] = &row{key: key, values: values, version: r.version}
	}
}

// Stale makes the next reads (each Read, Fetch and Find is one) see the rows
// as they are now, whatever is written meanwhile: an eventually consistent
// system.
func (t *Table) Stale(reads int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stale, t.staleReads = maps.Clone(t.rows), reads
}

// look lets a read work on the rows that it sees, with their keys in order,
// under the table's lock. It keeps rows, which never change, not the map.
func (t *Table) look(work func(rows map[rowKey]*row, sorted []rowKey)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.staleReads > 0 {
		t.staleReads--
		work(t.stale, slices.Sorted(maps.Keys(t.stale)))
		return
	}
	work(t.rows, t.order())
}

func (t *Table) order() []rowKey {
	if t.sorted == nil {
		t.sorted = slices.Sorted(maps.Keys(t.rows))
	}
	return t.sorted
}

func (t *Table) keyOf(values []record.Value) (rowKey, bool) {
	parts := make([]record.Value, len(t.key))
	for i, at := range t.key {
		parts[i] = values[at]
	}
	return record.NewKey(parts...)
}

// store and remove are the only writers of rows and log; the lock is held.
func (t *Table) store(key rowKey, values []record.Value) *row {
	t.version++
	r := &row{key: key, values: values, version: t.version}
	if _, there := t.rows[key]; !there {
		t.sorted = nil
	}
	t.rows[key] = r
	t.log = append(t.log, change{version: t.version, key: key, values: values})
	return r
}

func (t *Table) remove(key rowKey) {
	if _, there := t.rows[key]; !there {
		return
	}
	t.version++
	delete(t.rows, key)
	t.sorted = nil
	t.log = append(t.log, change{version: t.version, key: key})
}

func (t *Table) token(r *row) string {
	if t.shape.Personality.NoToken {
		return ""
	}
	return `"` + strconv.FormatInt(r.version, 10) + `"`
}

// orderText gives versions an order as texts.
func orderText(version int64) string { return fmt.Sprintf("%020d", version) }
