package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// spec is what a partition says of its rows. Bounds are texts that the server
// gave; they go back to it as literals of their columns' types.
type spec struct {
	// Snapshot is an exported snapshot; where it is gone, rows are read as
	// they are.
	Snapshot string `json:"snapshot,omitempty"`
	// By names the columns of the bounds: rows above After, up to Upto.
	By    []string `json:"by,omitempty"`
	After []string `json:"after,omitempty"`
	Upto  []string `json:"upto,omitempty"`
	// Nulls: rows with a NULL among By belong here.
	Nulls bool `json:"nulls,omitempty"`
	// Above bounds the cursor column.
	Above *above `json:"above,omitempty"`
	// Where is the filter pushed down.
	Where string `json:"where,omitempty"`
}

// above bounds what is new since a position in cursor mode.
type above struct {
	Column string `json:"column"`
	// Low is the least value; "" for no bound.
	Low string `json:"low,omitempty"`
	// Up to Cursor, only rows written since transaction Xmin are new.
	Cursor string `json:"cursor,omitempty"`
	Xmin   string `json:"xmin,omitempty"`
}

// Detect says what is to be read.
func (o *object) Detect(ctx context.Context, ask connectors.Ask) (connectors.Window, error) {
	t, err := o.describe(ctx)
	if err != nil {
		return connectors.Window{}, err
	}
	doing := "detect changes of " + t.readable()
	if !ask.Since.Zero() && ask.Since.Source != t.identity {
		return connectors.Window{}, &connectors.Error{
			Kind: connectors.SchemaChanged, Doing: doing, Hint: "compare everything anew",
			Err: errors.New("the stored position belongs to another database or table"),
		}
	}
	if _, err := t.pick(ask.Columns); err != nil {
		return connectors.Window{}, classify(doing, err)
	}
	o.mu.Lock()
	o.table = t
	o.mu.Unlock()
	var w connectors.Window
	switch ask.Mode {
	case connectors.ModeSnapshot:
		w, err = o.detectSnapshot(ctx, t, ask)
	case connectors.ModeCursor:
		w, err = o.detectCursor(ctx, t, ask)
	case connectors.ModeLog, connectors.ModeTrigger:
		fallthrough
	default:
		err = connectors.Errorf(connectors.Permanent, "postgres does not detect changes by %q", ask.Mode)
	}
	return w, classify(doing, err)
}

// Read streams one partition.
func (o *object) Read(ctx context.Context, part connectors.Partition, emit func(*record.Batch) error) error {
	t := o.current()
	doing := "read " + t.readable()
	var s spec
	if err := json.Unmarshal([]byte(part.Spec), &s); err != nil {
		return connectors.Errorf(connectors.Permanent, "%s: malformed partition", doing)
	}
	columns, err := t.pick(part.Columns)
	if err != nil {
		return classify(doing, err)
	}
	where, err := t.condition(s)
	if err != nil {
		return classify(doing, err)
	}
	sql := "select " + t.selectList(columns, "t") + " from " + t.SQL() + " t" + where
	release := useSnapshot(t.identity, s.Snapshot)
	err = o.with(ctx, doing, func(conn *pgconn.PgConn) error {
		if err := beginReading(ctx, conn, s.Snapshot); err != nil {
			return err
		}
		if err := t.unchanged(ctx, conn, columns, sql); err != nil {
			return errors.Join(err, exec(ctx, conn, "rollback"))
		}
		sink := newCopyReader(newRowReader(columns, t.token, o.checkText), emit)
		if _, err := conn.CopyTo(ctx, sink, "copy ("+sql+") to stdout (format binary)"); err != nil {
			if sink.err != nil {
				return sink.err
			}
			if !conn.IsClosed() {
				return errors.Join(err, exec(ctx, conn, "rollback"))
			}
			return err
		}
		if err := sink.end(); err != nil {
			return errors.Join(err, exec(ctx, conn, "rollback"))
		}
		return exec(ctx, conn, "commit")
	})
	release(part.ID, err == nil)
	return err
}

// selectList is the columns in their wire form, and the token.
func (t *table) selectList(columns []*column, alias string) string {
	parts := make([]string, 0, len(columns)+1)
	for _, c := range columns {
		parts = append(parts, c.readSQL(alias))
	}
	if t.token {
		parts = append(parts, alias+".xmin")
	}
	return strings.Join(parts, ", ")
}

// condition writes a partition's bounds as a where clause.
func (t *table) condition(s spec) (string, error) {
	var terms []string
	if s.Above != nil {
		new, err := t.newer(s.Above)
		if err != nil {
			return "", err
		}
		terms = append(terms, new...)
	}
	by, err := t.pick(append([]string{}, s.By...))
	if err != nil {
		return "", err
	}
	var bounds []string
	for _, b := range []struct {
		op     string
		values []string
	}{{" > ", s.After}, {" <= ", s.Upto}} {
		if b.values == nil {
			continue
		}
		if len(b.values) != len(by) {
			return "", connectors.Errorf(connectors.Permanent, "malformed partition")
		}
		bounds = append(bounds, rowOf(by, func(c *column, _ int) string { return "t." + quote(c.field.Name) })+
			b.op+rowOf(by, func(c *column, i int) string { return literal(b.values[i]) + "::" + c.typeName }))
	}
	if len(bounds) > 0 {
		term := strings.Join(bounds, " and ")
		if s.Nulls {
			for _, c := range by {
				if c.field.Nullable {
					term += " or t." + quote(c.field.Name) + " is null"
				}
			}
			term = "(" + term + ")"
		}
		terms = append(terms, term)
	}
	if s.Where != "" {
		terms = append(terms, "("+s.Where+")")
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " where " + strings.Join(terms, " and "), nil
}

// newer writes what is new since a position.
func (t *table) newer(a *above) ([]string, error) {
	columns, err := t.pick([]string{a.Column})
	if err != nil {
		return nil, err
	}
	name, as := "t."+quote(a.Column), "::"+columns[0].typeName
	var terms []string
	if a.Low != "" {
		terms = append(terms, name+" >= "+literal(a.Low)+as)
	}
	if a.Xmin == "" || !t.token {
		return terms, nil
	}
	written := "age(t.xmin) <= age(" + literal(a.Xmin) + "::xid)"
	if a.Cursor != "" {
		written = "(" + name + " > " + literal(a.Cursor) + as + " or " + written + ")"
	}
	return append(terms, written), nil
}

// rowOf writes (a, b, c).
func rowOf(columns []*column, each func(c *column, i int) string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = each(c, i)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// beginReading begins a transaction that reads, on the snapshot if it still is.
func beginReading(ctx context.Context, conn *pgconn.PgConn, snapshot string) error {
	const begin = "begin isolation level repeatable read read only; set local application_name = '" + readingName + "'"
	if err := exec(ctx, conn, begin); err != nil {
		return err
	}
	if snapshot == "" {
		return nil
	}
	err := exec(ctx, conn, "set transaction snapshot "+literal(snapshot))
	if codeOf(err) == "" {
		return err
	}
	return exec(ctx, conn, "rollback; "+begin)
}

// unchanged holds the table as it is until the transaction ends, and makes sure
// that its columns are still of the types that we decode: binary COPY does not
// say.
func (t *table) unchanged(ctx context.Context, conn *pgconn.PgConn, columns []*column, sql string) error {
	statement, err := conn.Prepare(ctx, "", sql, nil)
	if err != nil {
		if codeOf(err) == "42P01" {
			return &connectors.Error{Kind: connectors.SchemaChanged, Err: fmt.Errorf("%s is gone", t.readable())}
		}
		return err
	}
	for i, c := range columns {
		if got := statement.Fields[i].DataTypeOID; got != c.sent() {
			return connectors.Errorf(connectors.SchemaChanged, "column %q of %s has another type now", c.field.Name, t.readable())
		}
	}
	return nil
}

// sent is the type under which readSQL's values arrive.
func (c *column) sent() uint32 {
	switch {
	case c.form.wire == wireTimestamp && c.zone != "":
		return oidTimestampTZ
	case c.form.wire == wireList && c.form.cast:
		return oidTextArray
	case c.form.wire == wireNested || c.form.cast:
		return oidText
	default:
		return c.form.base
	}
}

var copyHeader = []byte("PGCOPY\n\xff\r\n\x00") //nolint:gochecknoglobals // a constant

// copyReader takes the stream of a binary COPY and emits batches.
type copyReader struct {
	rows *rowReader
	emit func(*record.Batch) error
	// err is why Write gave up.
	err    error
	rest   []byte
	headed bool
	ended  bool
}

func newCopyReader(rows *rowReader, emit func(*record.Batch) error) *copyReader {
	return &copyReader{rows: rows, emit: emit}
}

// Write decodes what arrived; the server sends a row at a time, but nothing
// says that it must.
func (r *copyReader) Write(p []byte) (int, error) {
	if r.err = r.write(p); r.err != nil {
		return 0, r.err
	}
	return len(p), nil
}

func (r *copyReader) write(p []byte) error {
	data := p
	if len(r.rest) > 0 {
		r.rest = append(r.rest, p...)
		data = r.rest
	}
	if !r.headed {
		const size = 19 // signature, flags, length of the extension
		if len(data) < size {
			r.rest = append(r.rest[:0], data...)
			return nil
		}
		if !bytes.HasPrefix(data, copyHeader) || binary.BigEndian.Uint32(data[15:]) != 0 {
			return errors.New("the server does not speak binary COPY as we know it")
		}
		r.headed = true
		data = data[size:]
	}
	for len(data) >= 2 && !r.ended {
		if binary.BigEndian.Uint16(data) == 0xffff {
			r.ended = true
			break
		}
		if !wholeRow(data) {
			break
		}
		var err error
		if data, err = r.rows.copyRow(data); err != nil {
			return err
		}
		if r.rows.full() {
			if err := r.emit(r.rows.flush()); err != nil {
				return err
			}
		}
	}
	if r.ended {
		data = nil
	}
	r.rest = append(r.rest[:0], data...)
	return nil
}

// wholeRow tells whether data begins with a complete row.
func wholeRow(data []byte) bool {
	n := int(binary.BigEndian.Uint16(data))
	at := 2
	for range n {
		if len(data) < at+4 {
			return false
		}
		at += 4 + max(int(int32(binary.BigEndian.Uint32(data[at:]))), 0)
	}
	return len(data) >= at
}

// end emits the last rows; a stream without its trailer was cut short.
func (r *copyReader) end() error {
	if !r.ended {
		return connectors.Errorf(connectors.Incomplete, "the stream ended before its last row")
	}
	if r.rows.rows == 0 {
		return nil
	}
	return r.emit(r.rows.flush())
}
