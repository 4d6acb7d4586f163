package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// batchBytes is about how large a batch may become.
const batchBytes = 32 << 20

// Read streams one partition in the order of row numbers, keys or changes, in
// one read transaction.
func (o *object) Read(ctx context.Context, part connectors.Partition, emit func(*record.Batch) error) error {
	return doing("read sqlite "+o.config.String(), o.reading(ctx, func(conn *bare.Conn, t *table) error {
		s, err := parseSpec(part.Spec)
		if err != nil {
			return err
		}
		cols, err := t.find(part.Columns)
		if err != nil {
			return err
		}
		if s.Log != "" {
			return readLog(conn, t, cols, s, emit)
		}
		query, args := selectRange(t, cols, s, o.config.Modified)
		return readRows(conn, t, cols, query, args, emit)
	}))
}

// cells gives the columns for a SELECT. The plus takes away nothing but the
// column's declared type, which no reader of these cells needs.
func (t *table) cells(cols []int, prefix string) string {
	if len(cols) == 0 {
		return "NULL"
	}
	return strings.Join(t.names(cols, prefix), ", ")
}

func selectRange(t *table, cols []int, s spec, modified string) (string, []any) {
	var where []string
	var args []any
	order := t.order()
	if s.After != nil {
		where = append(where, rowCompare(order, ">", len(args)+1))
		args = append(args, bounds(s.After)...)
	}
	if s.UpTo != nil {
		where = append(where, rowCompare(order, "<=", len(args)+1))
		args = append(args, bounds(s.UpTo)...)
	}
	if s.From != nil {
		args = append(args, s.From.v)
		condition := fmt.Sprintf("%s >= ?%d", quote(modified), len(args))
		if s.Unmodified {
			condition = "(" + condition + " OR " + quote(modified) + " IS NULL)"
		}
		where = append(where, condition)
		order = append([]string{quote(modified)}, order...)
	}
	if s.Below != nil {
		args = append(args, s.Below.v)
		where = append(where, fmt.Sprintf("%s < ?%d", quote(modified), len(args)))
	}
	if s.Where != "" {
		where = append(where, "("+s.Where+")")
	}
	query := `SELECT ` + t.cells(cols, "") + ` FROM ` + t.sql()
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, " AND ")
	}
	if len(order) > 0 {
		query += ` ORDER BY ` + strings.Join(order, ", ")
	}
	return query, args
}

// readRows runs a query over columns of the table and emits its rows.
func readRows(conn *bare.Conn, t *table, cols []int, query string, args []any, emit func(*record.Batch) error) error {
	out := newBatches(t, cols, emit)
	defer out.builder.Release()
	err := conn.Each(query, func(s *bare.Stmt) error {
		return out.row(s, 0, record.Mark{})
	}, args...)
	if err != nil {
		return err
	}
	return out.flush()
}

// batches collects rows and emits them in batches; without emit all of them
// stay in the builder.
type batches struct {
	columns []column
	keys    []bool // which of them belong to the key
	wholly  bool   // a row of values at a time: some column has no type
	values  []record.Value
	appends []appender
	builder *record.Builder
	bytes   int
	emit    func(*record.Batch) error
}

func newBatches(t *table, cols []int, emit func(*record.Batch) error) *batches {
	b := &batches{builder: record.NewBuilder(t.selectSchema(cols)), emit: emit, values: make([]record.Value, len(cols))}
	for i, c := range cols {
		b.columns = append(b.columns, t.columns[c])
		b.appends = append(b.appends, t.columns[c].codec.appendTo(b.builder.Column(i)))
		b.wholly = b.wholly || t.columns[c].Type.Kind == record.Any
		isKey := false
		for _, k := range t.key {
			isKey = isKey || k == c
		}
		b.keys = append(b.keys, isKey)
	}
	return b
}

// row decodes the current row, whose columns stand from first on.
func (b *batches) row(s *bare.Stmt, first int, m record.Mark) error {
	for i := range b.columns {
		c := &b.columns[i]
		var bad string
		if b.wholly {
			b.values[i], bad = c.codec.value(s, first+i)
		} else {
			var size int
			size, bad = b.appends[i](s, first+i)
			b.bytes += size
		}
		if bad == "" && b.keys[i] && s.Class(first+i) == bare.Null {
			bad = "part of the key is NULL"
		}
		if bad != "" && m.Bad == "" {
			m.Bad = "column " + c.Name + ": " + bad
		}
	}
	return b.end(m)
}

func (b *batches) end(m record.Mark) error {
	if b.wholly {
		if err := b.builder.Append(b.values, m); err != nil {
			return err
		}
	} else {
		b.builder.Mark(m)
	}
	if b.emit != nil && (b.builder.Full() || b.bytes >= batchBytes) {
		return b.flush()
	}
	return nil
}

// keyOnly adds a row of which nothing but the key is known.
func (b *batches) keyOnly(key map[string]record.Value, m record.Mark) error {
	values := make([]record.Value, len(b.columns))
	for i, c := range b.columns {
		values[i] = key[c.Name]
	}
	if err := b.builder.Append(values, m); err != nil {
		return err
	}
	if b.emit != nil && b.builder.Full() {
		return b.flush()
	}
	return nil
}

func (b *batches) flush() error {
	if b.builder.Rows() == 0 {
		return nil
	}
	b.bytes = 0
	return b.emit(b.builder.Flush())
}
