package postgres

import (
	"context"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// add takes a batch into the chunk.
func (l *load) add(ctx context.Context, batch *record.Batch) error {
	if batch.Rows() == 0 {
		return nil
	}
	if len(l.batches) > 0 && !batch.Schema.Equal(l.batches[0].Schema) {
		if err := l.flush(ctx); err != nil {
			return err
		}
	}
	if len(l.batches) == 0 {
		if err := l.shape(batch.Schema); err != nil {
			return err
		}
	}
	batch.Arrow().Retain()
	l.batches = append(l.batches, batch)
	at := int32(len(l.batches) - 1)
	marks := len(batch.Schema.Fields)
	ops := batch.Arrow().Column(marks).(*array.Uint8).Uint8Values() //nolint:forcetypeassert // the builder's own
	bad, missing := batch.Arrow().Column(marks+3), batch.Arrow().Column(marks+4)
	for i, op := range ops {
		place := place{at, int32(i)}
		switch {
		case bad.NullN() < bad.Len() && !bad.IsNull(i):
			if err := l.reject(batch, i, connectors.Errorf(connectors.BadRecord, "%s", batch.Mark(i).Bad)); err != nil {
				return err
			}
		case record.Op(op) == record.Deleted:
			l.deleted = append(l.deleted, place)
		case record.Op(op) == record.Absent:
		case missing.NullN() < missing.Len() && !missing.IsNull(i):
			l.addPartial(batch, place)
		default:
			l.present = append(l.present, place)
		}
	}
	l.bytes += sizeOf(batch)
	return nil
}

func sizeOf(batch *record.Batch) int {
	size := 0
	for i := range batch.Schema.Fields {
		for _, buffer := range batch.Arrow().Column(i).Data().Buffers() {
			if buffer != nil {
				size += buffer.Len()
			}
		}
	}
	return size
}

// shape maps a schema's fields to columns that may be written.
func (l *load) shape(schema *record.Schema) error {
	columns, err := l.pick(schema.Names())
	if err != nil {
		return err
	}
	for _, c := range columns {
		if c.field.ReadOnly && !c.identity {
			return connectors.Errorf(connectors.Permanent, "column %q of %s can only be read", c.field.Name, l.readable())
		}
	}
	for _, k := range l.key {
		if position(columns, k) < 0 {
			return connectors.Errorf(connectors.Permanent, "the rows have no key column %q", k.field.Name)
		}
	}
	if l.staged && !slices.Equal(columns, l.columns) {
		return connectors.Errorf(connectors.Permanent, "batches of one load have different columns")
	}
	l.columns = columns
	l.from = l.from[:0]
	for i := range columns {
		l.from = append(l.from, i)
	}
	return nil
}

// addPartial takes a row some of whose values are missing.
func (l *load) addPartial(batch *record.Batch, at place) {
	mask := make([]byte, len(l.columns))
	for i := range mask {
		mask[i] = '1'
		if record.IsMissing(batch.Value(int(at.row), i)) {
			mask[i] = '0'
		}
	}
	if l.partial == nil {
		l.partial = map[string][]place{}
	}
	l.partial[string(mask)] = append(l.partial[string(mask)], at)
}

// writePartial merges rows that leave columns alone, for each set of columns.
func (l *load) writePartial(ctx context.Context) error {
	for _, mask := range slices.Sorted(maps.Keys(l.partial)) {
		part := *l
		part.staging, part.staged, part.present = "syncline_load_"+mask, false, l.partial[mask]
		if len(part.staging) > maxIdentifier {
			part.staging = "syncline_load_" + record.HashText(mask).String()
		}
		part.columns, part.from = nil, nil
		for i, c := range l.columns {
			if mask[i] == '1' || position(l.key, c) >= 0 { // a missing key is refused as NULL
				part.columns = append(part.columns, c)
				part.from = append(part.from, i)
			}
		}
		if err := part.merge(ctx); err != nil {
			return err
		}
		if err := l.tx.exec(ctx, "drop table pg_temp."+part.staging); err != nil {
			return err
		}
		l.count = part.count
	}
	clear(l.partial)
	return nil
}

// fold leaves of rows and deletions of one key the last.
func (l *load) fold() {
	type last struct {
		at      place
		deleted bool
	}
	final := map[record.Key]last{}
	after := func(a, b place) bool { return a.batch > b.batch || a.batch == b.batch && a.row > b.row }
	for _, at := range l.deleted {
		key := l.keyAt(at)
		if old, ok := final[key]; !ok || after(at, old.at) {
			final[key] = last{at, true}
		}
	}
	kept := l.present[:0]
	for _, at := range l.present {
		if old, ok := final[l.keyAt(at)]; ok {
			if !after(at, old.at) {
				l.count.Unchanged++
				continue
			}
			final[l.keyAt(at)] = last{at, false}
		}
		kept = append(kept, at)
	}
	l.present = kept
	deletions := len(l.deleted)
	l.deleted = l.deleted[:0]
	for _, end := range final {
		if end.deleted {
			l.deleted = append(l.deleted, end.at)
		}
	}
	l.count.Unchanged += int64(deletions - len(l.deleted))
}

func (l *load) keyAt(at place) record.Key {
	values := make([]record.Value, len(l.key))
	for i, c := range l.key {
		values[i] = l.batches[at.batch].Value(int(at.row), l.from[position(l.columns, c)])
	}
	key, _ := record.NewKey(values...)
	return key
}
