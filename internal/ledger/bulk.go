package ledger

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// bulk is many executions of one statement. SQLite takes them row by row, which
// is its fastest way inside a transaction; PostgreSQL takes them as arrays, in
// one request. Rows are kept by columns, so that a hundred thousand of them are
// a few pieces of memory. A row is written value after value:
//
//	b.int(system).bytes(key).int(link)
type bulk struct {
	// one is the statement for one row, with ? for each column.
	one string
	// many is the same for all rows of `r`, which stands for {rows}.
	many string
	// columns are the names and PostgreSQL types of r's columns, in order.
	columns []bulkColumn
	// next is the column that the next value is for.
	next int
	// order has the rows in the order of execution; nil is the order of adding.
	order []int32
}

type bulkColumn struct {
	name, kind string
	ints       []int64 // bigint
	// text and bytea: one piece of memory, and where each value ends in it.
	data []byte
	ends []int
}

func newBulk(one, many, columns string) *bulk {
	b := &bulk{one: one, many: many}
	for column := range strings.SplitSeq(columns, ", ") {
		name, kind, _ := strings.Cut(column, " ")
		b.columns = append(b.columns, bulkColumn{name: name, kind: kind, data: []byte{}})
	}
	return b
}

func (b *bulk) column() *bulkColumn {
	c := &b.columns[b.next]
	b.next = (b.next + 1) % len(b.columns)
	return c
}

func (b *bulk) int(v int64) *bulk {
	c := b.column()
	c.ints = append(c.ints, v)
	return b
}

func (b *bulk) text(v string) *bulk {
	c := b.column()
	c.data = append(c.data, v...)
	c.ends = append(c.ends, len(c.data))
	return b
}

func (b *bulk) bytes(v []byte) *bulk {
	c := b.column()
	c.data = append(c.data, v...)
	c.ends = append(c.ends, len(c.data))
	return b
}

// rows is how many rows were added.
func (b *bulk) rows() int { return max(len(b.columns[0].ints), len(b.columns[0].ends)) }

// clear makes the bulk empty, and keeps its memory.
func (b *bulk) clear() {
	b.order = nil
	for i := range b.columns {
		c := &b.columns[i]
		c.ints, c.data, c.ends = c.ints[:0], c.data[:0], c.ends[:0]
	}
}

// at gives a text or bytea; it is good until the bulk is cleared.
func (c *bulkColumn) at(row int) []byte {
	start := 0
	if row > 0 {
		start = c.ends[row-1]
	}
	return c.data[start:c.ends[row]:c.ends[row]]
}

func (c *bulkColumn) compare(x, y int) int {
	if c.kind == bigint {
		return cmp.Compare(c.ints[x], c.ints[y])
	}
	return bytes.Compare(c.at(x), c.at(y))
}

const (
	bigint = "bigint"
	text   = "text"
)

// sort brings the rows into the order of their first columns: a table is then
// walked once from one end to the other, and each of its pages is touched once.
func (b *bulk) sort() {
	b.order = make([]int32, b.rows())
	for i := range b.order {
		b.order[i] = int32(i)
	}
	slices.SortFunc(b.order, func(x, y int32) int {
		for i := range b.columns {
			if c := b.columns[i].compare(int(x), int(y)); c != 0 {
				return c
			}
		}
		return 0
	})
}

// place is the n-th row in the order of execution.
func (b *bulk) place(n int) int {
	if b.order == nil {
		return n
	}
	return int(b.order[n])
}

// bulkRows bounds how many rows go to PostgreSQL in one request.
const bulkRows = 20_000

// run executes what was added and says how many rows of tables were touched.
func (b *bulk) run(t *tx) (int64, error) {
	if b.rows() == 0 {
		return 0, nil
	}
	if t.postgres {
		return b.runArrays(t)
	}
	st, err := t.stmt(b.one) //nolint:sqlclosecheck // it ends with its transaction
	if err != nil {
		return 0, err
	}
	var touched int64
	values := make([]any, len(b.columns))
	for n := range b.rows() {
		row := b.place(n)
		for i := range b.columns {
			values[i] = b.columns[i].value(row)
		}
		result, err := st.Exec(values...) //nolint:noctx // see tx
		if err != nil {
			return touched, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return touched, err
		}
		touched += n
	}
	return touched, nil
}

func (c *bulkColumn) value(row int) any {
	switch c.kind {
	case bigint:
		return c.ints[row]
	case text:
		return string(c.at(row))
	default:
		return c.at(row)
	}
}

func (b *bulk) runArrays(t *tx) (int64, error) {
	var arrays, names []string
	for _, c := range b.columns {
		names = append(names, c.name)
		arrays = append(arrays, "?::"+c.kind+"[]")
	}
	source := "unnest(" + strings.Join(arrays, ", ") + ") AS r (" + strings.Join(names, ", ") + ")"
	query := strings.Replace(b.many, "{rows}", source, 1)
	var touched int64
	for start := 0; start < b.rows(); start += bulkRows {
		columns := make([]any, len(names))
		for i := range columns {
			columns[i] = b.array(i, start, min(start+bulkRows, b.rows()))
		}
		n, err := t.exec(query, columns...)
		if err != nil {
			return touched, err
		}
		touched += n
	}
	return touched, nil
}

func (b *bulk) array(column, start, end int) any {
	c := &b.columns[column]
	switch c.kind {
	case bigint:
		return arrayOf(b, start, end, func(row int) int64 { return c.ints[row] })
	case text:
		return arrayOf(b, start, end, func(row int) string { return string(c.at(row)) })
	default:
		return arrayOf(b, start, end, c.at)
	}
}

func arrayOf[T any](b *bulk, start, end int, value func(row int) T) []T {
	array := make([]T, 0, end-start)
	for n := start; n < end; n++ {
		array = append(array, value(b.place(n)))
	}
	return array
}

// insert makes a bulk that inserts whole rows; clause is what follows the
// values, such as an ON CONFLICT.
func insert(table, columns, clause string) *bulk {
	var names, places []string
	for column := range strings.SplitSeq(columns, ", ") {
		name, _, _ := strings.Cut(column, " ")
		names = append(names, name)
		places = append(places, "?")
	}
	into := "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") "
	return newBulk(into+"VALUES ("+strings.Join(places, ", ")+") "+clause,
		into+"SELECT "+strings.Join(names, ", ")+" FROM {rows} "+clause, columns)
}

// erase makes a bulk that deletes rows by the named columns.
func erase(table, columns string) *bulk {
	var one, many []string
	for column := range strings.SplitSeq(columns, ", ") {
		name, _, _ := strings.Cut(column, " ")
		one = append(one, name+" = ?")
		many = append(many, "x."+name+" = r."+name)
	}
	return newBulk("DELETE FROM "+table+" WHERE "+strings.Join(one, " AND "),
		"DELETE FROM "+table+" AS x USING {rows} WHERE "+strings.Join(many, " AND "), columns)
}
