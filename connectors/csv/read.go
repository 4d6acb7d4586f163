package csv

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// batchBytes is about how large a batch may become.
const batchBytes = 32 << 20

// Read streams one part of the file in its order, from the cells straight into
// columns. A file that changes meanwhile is an error of kind Incomplete.
func (o *object) Read(ctx context.Context, part connectors.Partition, emit func(*record.Batch) error) error {
	return doing("read csv "+o.name(), o.read(ctx, part, emit))
}

func (o *object) read(ctx context.Context, part connectors.Partition, emit func(*record.Batch) error) error {
	var s spec
	if part.Spec != "" {
		if err := json.Unmarshal([]byte(part.Spec), &s); err != nil {
			return connectors.Errorf(connectors.Permanent, "malformed partition: %w", err)
		}
	}
	want := s.Hash
	doubles, err := parseHashes(s.Doubles)
	if err == nil && (s.whole() || s.Many) {
		var hash string
		doubles, hash, err = o.doubles(ctx)
		if s.whole() {
			want = hash
		}
	}
	if err != nil {
		return err
	}
	f, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := f.source.sum
	if !s.whole() {
		sum = f.seek(ctx, s)
	}
	out, err := newBatches(f, part.Columns, doubles, emit)
	if err != nil {
		return err
	}
	defer out.builder.Release()
	if err := f.rows(out.row); err != nil {
		return err
	}
	if err := out.flush(); err != nil {
		return err
	}
	if hash, err := sum(); err != nil || hash != want {
		if err == nil {
			err = changedMeanwhile(o.path)
		}
		return err
	}
	return f.unchanged()
}

// seek makes f read one part of the file; sum then gives the part's hash.
func (f *file) seek(ctx context.Context, s spec) (sum func() (string, error)) {
	hash := xxh3.New()
	p := newParser(ctx, io.TeeReader(io.NewSectionReader(f.handle, s.From, s.To-s.From), hash), f.dialect.comma)
	p.single, p.base, p.line = f.single, s.From, s.Line
	f.parser = p
	return func() (string, error) {
		h := hash.Sum128().Bytes()
		return hex.EncodeToString(h[:]), nil
	}
}

// doubles looks for keys on several rows, and gives the hash of the file in
// which it did.
func (o *object) doubles(ctx context.Context) (hashes, string, error) {
	f, err := o.open(ctx)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	keys, err := f.keyReader()
	if err != nil {
		return nil, "", err
	}
	err = f.rows(func() error {
		keys.note()
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	hash, err := f.source.sum()
	return keys.doubles(), hash, err
}

// batches collects the rows of a file and emits them.
type batches struct {
	f       *file
	keys    *keyReader
	at      []int
	builder *record.Builder
	columns []*array.StringBuilder
	doubles hashes
	bytes   int
	emit    func(*record.Batch) error
}

func newBatches(f *file, names []string, doubles hashes, emit func(*record.Batch) error) (*batches, error) {
	at, err := f.columns(names)
	if err != nil {
		return nil, err
	}
	b := &batches{f: f, at: at, doubles: doubles, emit: emit}
	if b.keys, err = f.keyReader(); err != nil {
		return nil, err
	}
	schema := f.dialect.schema(f.o.config.Key)
	if names != nil {
		schema = schema.Select(names)
	}
	b.builder = record.NewBuilder(schema)
	for i := range at {
		b.columns = append(b.columns, b.builder.Column(i).(*array.StringBuilder))
	}
	return b, nil
}

// row adds the current row.
func (b *batches) row() error {
	m := record.Mark{Bad: b.bad()}
	if m.Bad != "" && b.keys.bad() != "" { // without a key, its place is its only name
		m.Bad = fmt.Sprintf("line %d: %s", b.f.rowLine, m.Bad)
	}
	raw := b.f.parser.row()
	valid := utf8.Valid(raw)
	for i, at := range b.at {
		if at == len(b.f.cells) {
			b.columns[i].Append(b.keys.rowHash())
			continue
		}
		c := b.f.cells[at]
		text := b.f.text(c)
		switch {
		case b.f.o.nulls.is(text, c.quoted):
			b.columns[i].AppendNull()
		case !valid && !utf8.Valid(text):
			b.columns[i].AppendNull()
			if m.Bad == "" {
				m.Bad = "column " + b.f.dialect.names[at] + ": not valid UTF-8"
			}
		default:
			b.columns[i].BinaryBuilder.Append(text)
		}
	}
	b.builder.Mark(m)
	b.bytes += len(raw)
	if b.builder.Full() || b.bytes >= batchBytes {
		return b.flush()
	}
	return nil
}

// bad says why the row cannot be told from others.
func (b *batches) bad() string {
	if b.keys.at == nil && len(b.doubles) == 0 {
		return ""
	}
	if len(b.doubles) == 0 {
		return b.keys.bad()
	}
	key, bad := b.keys.key()
	if bad != "" {
		return bad
	}
	if _, double := b.doubles[xxh3.Hash(key)]; double {
		return "several rows have the same key"
	}
	return ""
}

func (b *batches) flush() error {
	if b.builder.Rows() == 0 {
		return nil
	}
	b.bytes = 0
	return b.emit(b.builder.Flush())
}
