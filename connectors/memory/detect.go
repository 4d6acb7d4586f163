package memory

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// spec is what a partition carries: a range of keys, of cursor values or of
// versions of the log.
type spec struct {
	Table string `json:"table"`
	Full  bool   `json:"full,omitempty"`
	// From is inclusive, To exclusive; "" is open. For a cursor they bound
	// (cursor, key) in the order of the cursor.
	From, To record.Key `json:",omitempty"`
	// Skip and Count are the page of a Drifting table.
	Skip, Count int `json:",omitempty"`
	// After and Until bound the versions of the log.
	After, Until int64  `json:",omitempty"`
	Cursor       string `json:"cursor,omitempty"`
	Where        string `json:"where,omitempty"`
}

// Detect cuts what there is to read into partitions.
func (o readable) Detect(ctx context.Context, ask connectors.Ask) (connectors.Window, error) {
	var window connectors.Window
	err := o.store.call(ctx, "detect", o.name, func(Fault) error {
		t, err := o.table("detect")
		if err != nil {
			return err
		}
		if ask.PartitionRows <= 0 {
			ask.PartitionRows = record.BatchRows
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		window, err = t.detect(ask)
		return connectors.Wrap(connectors.Permanent, "detect "+o.name, err)
	})
	return window, err
}

func (t *Table) detect(ask connectors.Ask) (connectors.Window, error) {
	none := connectors.Window{}
	if !slices.Contains(t.shape.modes(), ask.Mode) {
		return none, errors.New("no such way of detecting changes here: " + string(ask.Mode))
	}
	for _, column := range ask.Columns {
		if t.shape.Schema.Index(column) < 0 {
			return none, connectors.Errorf(connectors.SchemaChanged, "no column %q", column)
		}
	}
	if !ask.Since.Zero() && ask.Since.Source != t.identity {
		return none, connectors.Errorf(connectors.SchemaChanged, "the position is of another table")
	}
	full := ask.Full || ask.Mode == connectors.ModeSnapshot || ask.Since.Zero() || ask.Since.Mode != string(ask.Mode)
	w := connectors.Window{Mode: ask.Mode, Complete: full, To: record.Position{Source: t.identity, Mode: string(ask.Mode)}}
	switch ask.Mode {
	case connectors.ModeCursor:
		w.To.Value = t.highest(ask.Since.Value)
	case connectors.ModeLog, connectors.ModeTrigger:
		w.To.Value = strconv.FormatInt(t.version, 10)
	case connectors.ModeSnapshot:
	}
	var err error
	switch {
	case full:
		w.Partitions = t.ranges(ask, t.order())
	case ask.Mode == connectors.ModeCursor:
		w.Partitions = cursorPartition(ask, len(t.since(ask.Since.Value)))
	default:
		w.Partitions, err = t.logPartitions(ask)
	}
	for _, p := range w.Partitions {
		w.Rows += p.Rows
	}
	return w, err
}

// ranges cuts keys in their order into partitions. The first and last are
// open, so that rows that come meanwhile are in one of them.
func (t *Table) ranges(ask connectors.Ask, keys []rowKey) []connectors.Partition {
	size := int(ask.PartitionRows)
	parts := make([]connectors.Partition, 0, len(keys)/size+1)
	for at := 0; at == 0 || at < len(keys); at += size {
		s := spec{Table: t.identity, Full: true, Where: ask.Where}
		end := min(at+size, len(keys))
		if t.shape.Personality.Drifting {
			s.Skip, s.Count = at, size
		} else {
			if at > 0 {
				s.From = keys[at]
			}
			if end < len(keys) {
				s.To = keys[end]
			}
		}
		parts = append(parts, partition(len(parts), ask, s, end-at))
	}
	return parts
}

// cursorPartition is one partition of all rows at or after the cursor: at, for
// more rows may have come with the very same cursor value.
func cursorPartition(ask connectors.Ask, rows int) []connectors.Partition {
	if rows == 0 {
		return nil
	}
	return []connectors.Partition{partition(0, ask, spec{Table: ask.Since.Source, Cursor: ask.Since.Value, Where: ask.Where}, rows)}
}

func (t *Table) logPartitions(ask connectors.Ask) ([]connectors.Partition, error) {
	after, err := strconv.ParseInt(ask.Since.Value, 10, 64)
	if err != nil {
		return nil, errors.New("malformed position")
	}
	if after < t.trimmed {
		return nil, connectors.Errorf(connectors.SchemaChanged, "the log no longer reaches back to the position")
	}
	var parts []connectors.Partition
	for ; after < t.version; after += ask.PartitionRows {
		until := min(after+ask.PartitionRows, t.version)
		if ask.Mode == connectors.ModeTrigger {
			until = t.version // a key must not be in two partitions
		}
		s := spec{Table: t.identity, After: after, Until: until, Where: ask.Where}
		parts = append(parts, partition(len(parts), ask, s, int(until-after)))
		if until == t.version {
			break
		}
	}
	return parts, nil
}

func partition(i int, ask connectors.Ask, s spec, rows int) connectors.Partition {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return connectors.Partition{
		ID: strconv.Itoa(i), Mode: ask.Mode, Columns: ask.Columns, Spec: string(text), Rows: int64(rows),
	}
}

// highest gives the highest cursor value there is, as text, never before since.
func (t *Table) highest(since string) string {
	column, at := t.cursorColumn()
	highest, _ := record.Parse(column.Type, since)
	for _, r := range t.rows {
		if v := r.values[at]; v != nil && (highest == nil || record.Compare(v, highest) > 0) {
			highest = v
		}
	}
	return record.Text(highest)
}

// since gives the rows at or after a cursor value, in the order of the cursor.
func (t *Table) since(cursor string) []*row {
	column, at := t.cursorColumn()
	from, _ := record.Parse(column.Type, cursor)
	var found []*row
	for _, r := range t.rows {
		if v := r.values[at]; v != nil && (cursor == "" || record.Compare(v, from) >= 0) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *row) int {
		if c := record.Compare(a.values[at], b.values[at]); c != 0 {
			return c
		}
		if a.key < b.key {
			return -1
		}
		return 1
	})
	return found
}

func (t *Table) cursorColumn() (record.Field, int) {
	at := t.shape.Schema.Index(t.shape.Modified)
	return t.shape.Schema.Fields[at], at
}
