package postgres

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/internal/record"
)

// rowset sends rows to the server as one array parameter for each column, and
// stands in a statement as `unnest(…) with ordinality as s(…, n)`. n counts
// from 1 in the order in which the rows were added.
type rowset struct {
	names  []string
	arrays []*arrayParam
	rows   int
}

// column adds a column under a name that needs no quotes and gives its place.
func (r *rowset) column(name string, s stage) int {
	r.names = append(r.names, name)
	r.arrays = append(r.arrays, newArrayParam(s))
	return len(r.arrays) - 1
}

// fill adds a column with a value for each item.
func (r *rowset) fill(name string, c *column, items []int, value func(n int) record.Value) error {
	at := r.column(name, c.stage())
	for _, n := range items {
		if err := r.arrays[at].add(c, value(n)); err != nil {
			return err
		}
	}
	return nil
}

// mark is where a row began, so that it can be taken back.
func (r *rowset) mark() []int {
	at := make([]int, len(r.arrays))
	for i, a := range r.arrays {
		at[i] = len(a.buf)
	}
	return at
}

// undo takes back what was added to the arrays since mark.
func (r *rowset) undo(mark []int) {
	for i, a := range r.arrays {
		if len(a.buf) > mark[i] {
			a.buf = a.buf[:mark[i]]
			a.count--
		}
	}
}

// xid adds a condition token; "" is NULL.
func (a *arrayParam) xid(token string) {
	n, err := strconv.ParseUint(token, 10, 32)
	if token == "" {
		a.null()
		return
	}
	if err != nil {
		n = 0 // no row has it: a token that is not ours never holds
	}
	a.buf = append(a.buf, 0, 0, 0, 4)
	a.buf = binary.BigEndian.AppendUint32(a.buf, uint32(n))
	a.count++
}

// sql is the rows as an item of a FROM list; s is their alias.
func (r *rowset) sql() string {
	params := make([]string, len(r.arrays))
	for i, a := range r.arrays {
		params[i] = "$" + strconv.Itoa(i+1) + "::" + a.stage.name + "[]"
	}
	return "unnest(" + strings.Join(params, ", ") + ") with ordinality as s(" + strings.Join(append(r.names, "n"), ", ") + ")"
}

// run executes a statement over the rows and gives its result in binary form.
func (r *rowset) run(ctx context.Context, conn *pgconn.PgConn, sql string) *pgconn.ResultReader {
	values := make([][]byte, len(r.arrays))
	oids := make([]uint32, len(r.arrays))
	for i, a := range r.arrays {
		values[i] = a.bytes()
		oids[i] = a.stage.array
	}
	return conn.ExecParams(ctx, sql, values, oids, binaryFormat, binaryFormat)
}

var binaryFormat = []int16{1} //nolint:gochecknoglobals // a constant: all in binary

var xidStage = stage{"xid", oidXID, oidXIDArray} //nolint:gochecknoglobals // a constant

// keyValues decodes a key for the given columns; a key that cannot be a value
// of them names no row, and ok is false.
func keyValues(columns []*column, key record.Key) (values []record.Value, ok bool) {
	fields := make([]record.Field, len(columns))
	for i, c := range columns {
		fields[i] = c.field
	}
	values, err := key.Values(fields)
	if err != nil {
		return nil, false
	}
	for i, c := range columns {
		if values[i], err = c.convert(values[i]); err != nil || values[i] == nil {
			return nil, false
		}
	}
	return values, true
}

// keyJoin compares the key of the table t with the staged columns k0, k1 and so
// on.
func keyJoin(key []*column) string {
	return rowList(key, func(c *column) string {
		return "t." + quote(c.field.Name) + " = " + c.compareSQL("s.k"+strconv.Itoa(position(key, c)))
	}, " and ")
}

func position(columns []*column, c *column) int {
	for i := range columns {
		if columns[i] == c {
			return i
		}
	}
	return -1
}

// ordinal reads n, a bigint, as an index from 0.
func ordinal(raw []byte) int { return int(binary.BigEndian.Uint64(raw)) - 1 }
