package memory

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// seen is a row as a read reports it.
type seen struct {
	row *row
	key rowKey
	op  record.Op
	// version is the row's place in the log.
	version int64
}

// Read streams one partition. Its batches are small, so that tests of much
// less than a million rows see several.
func (o readable) Read(ctx context.Context, part connectors.Partition, emit func(*record.Batch) error) error {
	return o.store.call(ctx, "read", o.name, func(f Fault) error {
		t, err := o.table("read")
		if err != nil {
			return err
		}
		var s spec
		if err := json.Unmarshal([]byte(part.Spec), &s); err != nil {
			return connectors.Errorf(connectors.Permanent, "read %s: malformed partition", o.name)
		}
		if s.Table != t.identity {
			return connectors.Errorf(connectors.SchemaChanged, "read %s: the table was made anew", o.name)
		}
		rows, err := t.partition(part.Mode, s)
		if err != nil {
			return err
		}
		cut := f.Rows > 0 && f.Rows < len(rows)
		if cut {
			rows = rows[:f.Rows]
		}
		if err := t.emit(ctx, part.Columns, rows, emit); err != nil {
			return err
		}
		if cut && !f.Silent {
			if f.Kind == "" {
				f.Kind = connectors.Incomplete
			}
			return f.error("read", o.name)
		}
		return nil
	})
}

// partition collects the rows of a partition as they are now.
func (t *Table) partition(mode connectors.Mode, s spec) ([]seen, error) {
	where, err := parseFilter(s.Where)
	if err != nil {
		return nil, err
	}
	var rows []seen
	t.look(func(now map[rowKey]*row, sorted []rowKey) {
		switch {
		case s.Full:
			rows = t.scan(now, sorted, s)
		case mode == connectors.ModeCursor:
			for _, r := range t.since(s.Cursor) {
				rows = append(rows, seen{row: r, key: r.key, version: r.version})
			}
		case mode == connectors.ModeTrigger:
			rows = t.touched(now, s)
		default:
			rows = t.logged(s)
		}
	})
	if where == nil {
		return rows, nil
	}
	return slices.DeleteFunc(rows, func(r seen) bool {
		return r.op == record.Present && !where.holds(t.shape.Schema, r.row.values)
	}), nil
}

// scan reads a range of keys, or a page of a Drifting table.
func (t *Table) scan(now map[rowKey]*row, sorted []rowKey, s spec) []seen {
	if s.Count > 0 {
		sorted = sorted[min(s.Skip, len(sorted)):min(s.Skip+s.Count, len(sorted))]
	} else {
		from, _ := slices.BinarySearch(sorted, s.From)
		to := len(sorted)
		if s.To != "" {
			to, _ = slices.BinarySearch(sorted, s.To)
		}
		sorted = sorted[from:max(from, to)]
	}
	rows := make([]seen, len(sorted))
	for i, key := range sorted {
		rows[i] = seen{row: now[key], key: key, version: now[key].version}
	}
	return rows
}

// touched gives every key of a stretch of the log once, with its row as it is
// now: what a table of changed keys, filled by triggers, can tell.
func (t *Table) touched(now map[rowKey]*row, s spec) []seen {
	last := map[rowKey]int{}
	var rows []seen
	for _, c := range t.log {
		if c.version <= s.After || c.version > s.Until {
			continue
		}
		r := seen{row: now[c.key], key: c.key, version: c.version, op: record.Deleted}
		if r.row != nil {
			r.op, r.version = record.Present, r.row.version
		}
		if at, again := last[c.key]; again {
			rows[at] = r
			continue
		}
		last[c.key] = len(rows)
		rows = append(rows, r)
	}
	return rows
}

// logged gives every change of a stretch of the log with its own values.
func (t *Table) logged(s spec) []seen {
	var rows []seen
	for _, c := range t.log {
		if c.version <= s.After || c.version > s.Until {
			continue
		}
		r := seen{key: c.key, version: c.version, op: record.Deleted}
		if c.values != nil {
			r.op, r.row = record.Present, &row{key: c.key, values: c.values, version: c.version}
		}
		rows = append(rows, r)
	}
	return rows
}

// batchRows is small, so that tests of small tables see several batches.
const batchRows = 1_000

func (t *Table) emit(ctx context.Context, columns []string, rows []seen, emit func(*record.Batch) error) error {
	for chunk := range slices.Chunk(rows, batchRows) {
		if err := ctx.Err(); err != nil {
			return connectors.Wrap(connectors.Transient, "read "+t.name, err)
		}
		batch, err := t.batch(columns, chunk)
		if err != nil {
			return err
		}
		if err := emit(batch); err != nil {
			return err
		}
	}
	return nil
}

// batch makes a batch of the named columns; nil is all.
func (t *Table) batch(columns []string, rows []seen) (*record.Batch, error) {
	t.mu.RLock()
	schema := t.shape.Schema
	t.mu.RUnlock()
	if columns == nil {
		columns = schema.Names()
	}
	at := make([]int, len(columns))
	for i, column := range columns {
		if at[i] = schema.Index(column); at[i] < 0 {
			return nil, connectors.Errorf(connectors.SchemaChanged, "read %s: no column %q", t.name, column)
		}
	}
	b := record.NewBuilder(schema.Select(columns))
	defer b.Release()
	values := make([]record.Value, len(columns))
	for _, r := range rows {
		mark := record.Mark{Op: r.op}
		full := t.keyRow(schema, r.key)
		if r.op == record.Present {
			full = r.row.values
			mark.Token = t.token(r.row)
		}
		if !t.shape.Personality.NoOrder && r.op != record.Absent {
			mark.Order = orderText(r.version)
		}
		for i, from := range at {
			values[i] = full[from]
		}
		if err := b.Append(values, mark); err != nil {
			return nil, connectors.Wrap(connectors.Permanent, "read "+t.name, err)
		}
	}
	return b.Flush(), nil
}

// keyRow is a row of which only the key is known.
func (t *Table) keyRow(schema *record.Schema, key rowKey) []record.Value {
	row := make([]record.Value, len(schema.Fields))
	fields := make([]record.Field, len(t.shape.Key))
	for i, column := range t.shape.Key {
		fields[i], _ = schema.Field(column)
	}
	if values, err := key.Values(fields); err == nil {
		for i, at := range t.key {
			row[at] = values[i]
		}
	}
	return row
}

// Fetch reads rows by key.
func (o readable) Fetch(ctx context.Context, columns []string, keys []record.Key) (*record.Batch, error) {
	var batch *record.Batch
	err := o.store.call(ctx, "fetch", o.name, func(Fault) error {
		t, err := o.table("fetch")
		if err != nil {
			return err
		}
		rows := make([]seen, 0, len(keys))
		asked := make(map[rowKey]bool, len(keys))
		t.look(func(now map[rowKey]*row, _ []rowKey) {
			for _, key := range keys {
				if asked[key] {
					continue
				}
				asked[key] = true
				if r := now[key]; r != nil {
					rows = append(rows, seen{row: r, key: key, version: r.version})
				} else {
					rows = append(rows, seen{key: key, op: record.Absent})
				}
			}
		})
		batch, err = t.batch(columns, rows)
		return err
	})
	return batch, err
}

// Find looks rows up by column values. NULL equals nothing.
func (o readable) Find(ctx context.Context, columns, by []string, tuples [][]record.Value) (*record.Batch, error) {
	var batch *record.Batch
	err := o.store.call(ctx, "find", o.name, func(Fault) error {
		t, err := o.table("find")
		if err != nil {
			return err
		}
		wanted := make(map[record.Hash]bool, len(tuples))
		for _, tuple := range tuples {
			if !slices.Contains(tuple, record.Value(nil)) {
				wanted[record.HashRow(tuple...)] = true
			}
		}
		at := t.places(by)
		if slices.Contains(at, -1) {
			return connectors.Wrap(connectors.SchemaChanged, "find in "+o.name, errors.New("a column is gone"))
		}
		var rows []seen
		t.look(func(now map[rowKey]*row, sorted []rowKey) {
			tuple := make([]record.Value, len(at))
			for _, key := range sorted {
				for i, from := range at {
					tuple[i] = now[key].values[from]
				}
				if wanted[record.HashRow(tuple...)] {
					rows = append(rows, seen{row: now[key], key: key, version: now[key].version})
				}
			}
		})
		batch, err = t.batch(columns, rows)
		return err
	})
	return batch, err
}

func (t *Table) places(columns []string) []int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	at := make([]int, len(columns))
	for i, column := range columns {
		at[i] = t.shape.Schema.Index(column)
	}
	return at
}
