package csv

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Load merges batches into the file by key. The rows that come are first
// written to a file of their own, of which memory holds only where each key
// stands (about 60 bytes a row); then the old file is passed on with their
// values, and what is new is appended. Of several rows with one key the last
// counts.
func (o *object) Load(ctx context.Context, fence connectors.Fence, key []string, next func() (*record.Batch, error),
	reject func(batch *record.Batch, row int, err error) error,
) (connectors.Loaded, error) {
	var loaded connectors.Loaded
	err := o.rewriting(ctx, fence, func(r *rewrite) error {
		l, err := newLoader(r, key, reject)
		if err != nil {
			return err
		}
		defer l.Close()
		for {
			batch, err := next()
			if err != nil {
				return err
			}
			if batch == nil {
				break
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := l.spoolBatch(batch); err != nil {
				return err
			}
		}
		if err := l.merge(); err != nil {
			return err
		}
		loaded = l.loaded
		return nil
	})
	if err != nil {
		return connectors.Loaded{}, doing("load into csv "+o.name(), err)
	}
	return loaded, nil
}

// loader is one call of Load.
type loader struct {
	r      *rewrite
	keyAt  []int
	reject func(*record.Batch, int, error) error

	spool *os.File
	out   *bufio.Writer
	size  int64
	rows  map[xxh3.Uint128]incoming
	order []int // columns of the file that each spooled cell belongs to

	keyBuf, line []byte
	loaded       connectors.Loaded
}

// incoming is where the row of a key stands in the spool.
type incoming struct {
	at      int64
	size    int32
	deleted bool
	// merged: the file had rows of this key.
	merged bool
}

func newLoader(r *rewrite, key []string, reject func(*record.Batch, int, error) error) (*loader, error) {
	l := &loader{r: r, reject: reject, rows: map[xxh3.Uint128]incoming{}}
	var err error
	if l.keyAt, err = r.columns(append([]string{}, key...)); err != nil {
		return nil, err
	}
	if len(l.keyAt) == 0 {
		return nil, connectors.Wrap(connectors.Permanent, "", errNoKey)
	}
	l.spool, err = os.CreateTemp(filepath.Dir(r.o.path), "."+r.o.name()+workSuffix+"*")
	if err != nil {
		return nil, err
	}
	l.out = bufio.NewWriterSize(l.spool, bufferSize)
	return l, nil
}

// Close removes the spool.
func (l *loader) Close() {
	_ = l.spool.Close()
	_ = os.Remove(l.spool.Name())
}

func (l *loader) spoolBatch(batch *record.Batch) error {
	order, err := l.r.columns(batch.Schema.Names())
	if err != nil {
		return err
	}
	if slices.Contains(order, len(l.r.dialect.names)) {
		return connectors.Errorf(connectors.Permanent, "column %s is made up and cannot be written", rowColumn)
	}
	if l.order != nil && !slices.Equal(order, l.order) {
		return connectors.Errorf(connectors.Permanent, "the batches have different columns")
	}
	l.order = order
	texts := make([]*array.String, len(order))
	for i := range order {
		if arr, is := batch.Arrow().Column(i).(*array.String); is && batch.Schema.Fields[i].Type.Kind == record.KindString {
			texts[i] = arr
		}
	}
	ops := batch.Arrow().Column(len(order)).(*array.Uint8)
	for row := range batch.Rows() {
		op := record.Op(ops.Value(row))
		if op == record.Absent {
			continue
		}
		if err := l.spoolRow(batch, texts, row, op); err != nil {
			if connectors.KindOf(err) != connectors.BadRecord {
				return err
			}
			if err := l.reject(batch, row, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loader) spoolRow(batch *record.Batch, texts []*array.String, row int, op record.Op) error {
	if bad := batch.Mark(row).Bad; bad != "" {
		return connectors.Errorf(connectors.BadRecord, "%s", bad)
	}
	l.line, l.keyBuf = l.line[:0], l.keyBuf[:0]
	keys := make([]string, 0, 4)
	for range l.keyAt {
		keys = append(keys, "")
	}
	known := 0
	for i, at := range l.order {
		text, null, err := l.cell(batch, texts[i], row, i)
		if err != nil {
			return connectors.Errorf(connectors.BadRecord, "column %s: %w", l.r.dialect.names[at], err)
		}
		if place := slices.Index(l.keyAt, at); place >= 0 && !null {
			keys[place] = text
			known++
		}
		if i > 0 {
			l.line = append(l.line, l.r.dialect.comma)
		}
		l.line = l.r.dialect.appendCell(l.line, text, null, false, l.r.o.nulls)
	}
	if known < len(l.keyAt) {
		return connectors.Errorf(connectors.BadRecord, "part of the key is NULL")
	}
	for _, text := range keys {
		l.keyBuf = appendKeyPart(l.keyBuf, text)
	}
	at := incoming{at: l.size, deleted: op == record.Deleted}
	if !at.deleted {
		l.line = append(l.line, l.r.dialect.newline...)
		at.size = int32(len(l.line)) // below maxRow
		l.size += int64(len(l.line))
		if _, err := l.out.Write(l.line); err != nil {
			return err
		}
	}
	key := xxh3.Hash128(l.keyBuf)
	if _, twice := l.rows[key]; twice {
		l.loaded.Unchanged++
	}
	l.rows[key] = at
	return nil
}

func (l *loader) cell(batch *record.Batch, texts *array.String, row, col int) (text string, null bool, err error) {
	if texts == nil {
		return l.r.o.text(batch.Value(row, col))
	}
	if texts.IsNull(row) {
		return "", true, nil
	}
	text = texts.Value(row)
	if !utf8.ValidString(text) {
		return "", false, errors.New("not valid UTF-8")
	}
	return text, text == "" && l.r.o.nulls.text == "", nil
}

// merge passes the old file on with the new values, then appends what is new.
func (l *loader) merge() error {
	if err := l.out.Flush(); err != nil {
		return err
	}
	reader := &keyReader{f: l.r.file, at: l.keyAt}
	fresh := newParser(l.r.ctx, nil, l.r.dialect.comma)
	fresh.single, fresh.eof = l.r.single, true
	err := l.r.rows(func() error {
		key, bad := reader.key()
		if bad != "" {
			return l.r.keepRow()
		}
		hash := xxh3.Hash128(key)
		row, comes := l.rows[hash]
		if !comes {
			return l.r.keepRow()
		}
		if row.deleted {
			l.r.changed = true
			if !row.merged {
				l.loaded.Deleted++
			}
			row.merged = true
			l.rows[hash] = row
			return nil
		}
		first := !row.merged
		row.merged = true
		l.rows[hash] = row
		return l.mergeRow(fresh, row, first)
	})
	if err != nil {
		return err
	}
	for _, row := range l.rows {
		if row.deleted && !row.merged {
			l.loaded.Unchanged++
		}
	}
	return l.append(fresh)
}

// mergeRow writes the current row with the cells of the row that came.
func (l *loader) mergeRow(fresh *parser, row incoming, first bool) error {
	if cap(fresh.buf) < int(row.size) {
		fresh.buf = make([]byte, row.size)
	}
	fresh.buf = fresh.buf[:cap(fresh.buf)]
	if _, err := l.spool.ReadAt(fresh.buf[:row.size], row.at); err != nil {
		return err
	}
	fresh.start, fresh.end = 0, int(row.size)
	if _, err := fresh.parse(); err != nil {
		return err
	}
	cells := map[int]newCell{}
	nulls := l.r.o.nulls
	for i, at := range l.order {
		c, old := fresh.cells[i], l.r.cells[at]
		text := fresh.text(c)
		null := nulls.is(text, c.quoted)
		if string(text) != string(l.r.text(old)) || null != nulls.is(l.r.text(old), old.quoted) {
			cells[at] = newCell{text: string(text), null: null}
		}
	}
	if len(cells) == 0 {
		if first {
			l.loaded.Unchanged++
		}
		return l.r.keepRow()
	}
	if first {
		l.loaded.Updated++
	}
	return l.r.edited(edit{cells: cells})
}

// append writes the rows whose key the old file did not have, in the order in
// which they came.
func (l *loader) append(fresh *parser) error {
	if _, err := l.spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	same := len(l.order) == len(l.r.dialect.names)
	for i, at := range l.order {
		same = same && i == at
	}
	spool := newParser(l.r.ctx, l.spool, l.r.dialect.comma)
	spool.single = fresh.single
	values := make([]record.Value, len(l.r.dialect.names))
	for {
		more, err := spool.next()
		if err != nil || !more {
			return err
		}
		if !l.isNew(spool) {
			continue
		}
		l.loaded.Created++
		l.r.changed = true
		if same {
			err = l.r.write(spool.row())
		} else {
			for i, at := range l.order {
				c := spool.cells[i]
				text := spool.text(c)
				values[at] = stored(string(text), l.r.o.nulls.is(text, c.quoted))
			}
			err = l.r.newRow(values)
		}
		if err != nil {
			return err
		}
	}
}

// isNew tells the rows that the old file did not have and that no later row
// replaced.
func (l *loader) isNew(spool *parser) bool {
	l.keyBuf = l.keyBuf[:0]
	for _, at := range l.keyAt {
		l.keyBuf = appendKeyPart(l.keyBuf, string(spool.text(spool.cells[slices.Index(l.order, at)])))
	}
	row := l.rows[xxh3.Hash128(l.keyBuf)]
	return !row.merged && !row.deleted && row.at == spool.offset()
}
