package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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
	// Bare: rows without tokens.
	Bare bool `json:"bare,omitempty"`
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
	token := t.token && !s.Bare
	sql := "select " + selectList(columns, "t", token) + " from " + t.SQL() + " t" + where
	release := useSnapshot(t.identity, s.Snapshot)
	err = o.with(ctx, doing, func(conn *pgconn.PgConn) error {
		if err := beginReading(ctx, conn, s.Snapshot); err != nil {
			return err
		}
		if err := t.unchanged(ctx, conn, columns, sql); err != nil {
			return errors.Join(err, exec(ctx, conn, "rollback"))
		}
		sink := newCopyReader(newRowReader(columns, token, o.checkText), emit)
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
