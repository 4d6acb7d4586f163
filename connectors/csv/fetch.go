package csv

import (
	"context"
	"unicode/utf8"

	"github.com/syncline-dev/syncline/internal/record"
)

// values gives the cells of the current row as text or NULL; a cell that is not
// UTF-8 is Missing and bad.
func (f *file) values(dst []record.Value) (values []record.Value, bad string) {
	dst = dst[:0]
	for i, c := range f.cells {
		text := f.text(c)
		switch {
		case f.o.nulls.is(text, c.quoted):
			dst = append(dst, nil)
		case !utf8.Valid(text):
			dst = append(dst, record.Missing)
			if bad == "" {
				bad = "column " + f.dialect.names[i] + ": not valid UTF-8"
			}
		default:
			dst = append(dst, string(text))
		}
	}
	return dst, bad
}

// pick gives the values at some places; the place behind all is the row column.
func (f *file) pick(keys *keyReader, values []record.Value, at []int) []record.Value {
	out := make([]record.Value, len(at))
	for i, place := range at {
		if place == len(values) {
			out[i] = keys.rowHash()
			continue
		}
		out[i] = values[place]
	}
	return out
}

// Fetch reads the file once for all keys.
func (o *object) Fetch(ctx context.Context, columns []string, keys []record.Key) (*record.Batch, error) {
	batch, err := o.fetch(ctx, columns, keys)
	return batch, doing("fetch from csv "+o.name(), err)
}

type found struct {
	values []record.Value
	mark   record.Mark
}

func (o *object) fetch(ctx context.Context, columns []string, keys []record.Key) (*record.Batch, error) {
	f, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	at, err := f.columns(columns)
	if err != nil {
		return nil, err
	}
	reader, err := f.keyReader()
	if err != nil {
		return nil, err
	}
	rows := make(map[record.Key]*found, len(keys))
	for _, key := range keys {
		rows[key] = nil
	}
	var values []record.Value
	err = f.rows(func() error {
		key, bad := reader.key()
		if bad != "" {
			return nil
		}
		row, asked := rows[record.Key(key)]
		switch {
		case !asked:
		case row != nil:
			row.mark.Bad = "several rows have the same key"
		default:
			name := record.Key(key) // before rowHash uses its memory again
			values, bad = f.values(values)
			rows[name] = &found{values: f.pick(reader, values, at), mark: record.Mark{Bad: bad}}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := f.unchanged(); err != nil {
		return nil, err
	}
	return f.answer(columns, keys, rows)
}

// answer gives a row for each key, once, in the order asked.
func (f *file) answer(columns []string, keys []record.Key, rows map[record.Key]*found) (*record.Batch, error) {
	schema := f.dialect.schema(f.o.config.Key)
	names := f.o.config.Key
	if len(names) == 0 {
		names = []string{rowColumn}
	}
	if columns != nil {
		schema = schema.Select(columns)
	}
	b := record.NewBuilder(schema)
	defer b.Release()
	for _, key := range keys {
		row, open := rows[key]
		if !open {
			continue
		}
		delete(rows, key)
		if row == nil {
			row = &found{values: make([]record.Value, len(schema.Fields)), mark: record.Mark{Op: record.Absent}}
			parts, err := key.Parts()
			if err != nil || len(parts) != len(names) {
				row.mark.Bad = "the key does not fit the key columns"
				parts = nil
			}
			for i, part := range parts {
				if at := schema.Index(names[i]); at >= 0 {
					row.values[at] = part
				}
			}
		}
		if err := b.Append(row.values, row.mark); err != nil {
			return nil, err
		}
	}
	return b.Flush(), nil
}

// Find reads the file once and gives the rows whose columns equal one of the
// tuples.
func (o *object) Find(ctx context.Context, columns, by []string, tuples [][]record.Value) (*record.Batch, error) {
	batch, err := o.find(ctx, columns, by, tuples)
	return batch, doing("find in csv "+o.name(), err)
}

func (o *object) find(ctx context.Context, columns, by []string, tuples [][]record.Value) (*record.Batch, error) {
	f, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	at, err := f.columns(columns)
	if err != nil {
		return nil, err
	}
	byAt, err := f.columns(by)
	if err != nil {
		return nil, err
	}
	wanted := make(map[record.Hash]bool, len(tuples))
	for _, tuple := range tuples {
		if hash, ok := o.tupleHash(tuple); ok {
			wanted[hash] = true
		}
	}
	reader, err := f.keyReader()
	if err != nil {
		return nil, err
	}
	schema := f.dialect.schema(o.config.Key)
	if columns != nil {
		schema = schema.Select(columns)
	}
	b := record.NewBuilder(schema)
	defer b.Release()
	var values []record.Value
	err = f.rows(func() error {
		var bad string
		values, bad = f.values(values)
		hash, ok := o.tupleHash(f.pick(reader, values, byAt))
		if !ok || !wanted[hash] {
			return nil
		}
		return b.Append(f.pick(reader, values, at), record.Mark{Bad: bad})
	})
	if err != nil {
		return nil, err
	}
	return b.Flush(), f.unchanged()
}

// tupleHash hashes values as the texts that cells would be; false if one of
// them is NULL, which equals nothing.
func (o *object) tupleHash(tuple []record.Value) (record.Hash, bool) {
	texts := make([]record.Value, len(tuple))
	for i, v := range tuple {
		text, null, err := o.text(v)
		if null || err != nil || record.IsMissing(v) {
			return record.Hash{}, false
		}
		texts[i] = text
	}
	return record.HashRow(texts...), len(texts) > 0
}
