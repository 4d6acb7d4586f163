package postgres

import (
	"context"
	"encoding/binary"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// written runs a write and reads the rows that it gives back. It asks for the
// tokens of partitioned tables separately: what a partition stored is not
// always there for RETURNING.
func (a *apply) written(ctx context.Context, rows *rowset, sql string, numbered bool) ([]returnedRow, error) {
	own := a.token && a.relkind != "p"
	sql += " returning "
	if numbered {
		sql += "s.n, "
	}
	back, err := a.returned(rows.run(ctx, a.conn, sql+a.returningSQL(own)), numbered, own)
	if err != nil || own || !a.token || len(back) == 0 {
		return back, err
	}
	return back, a.lookUpTokens(ctx, back)
}

// lookUpTokens reads the tokens of rows that were just written.
func (a *apply) lookUpTokens(ctx context.Context, written []returnedRow) error {
	rows := &rowset{rows: len(written)}
	for i, c := range a.key {
		at := rows.column(keyName(i), c.stage())
		for _, row := range written {
			if err := rows.arrays[at].add(c, row.values[position(a.returning, c)]); err != nil {
				return err
			}
		}
	}
	found := rows.run(ctx, a.conn, "select s.n, t.xmin from "+a.SQL()+" t join "+rows.sql()+" on "+keyJoin(a.key))
	for found.NextRow() {
		values := found.Values()
		written[ordinal(values[0])].token = strconv.FormatUint(uint64(binary.BigEndian.Uint32(values[1])), 10)
	}
	_, err := found.Close()
	return err
}

// returned reads rows: n, if the statement has it, then the returning columns
// and the token, if it has that.
func (a *apply) returned(result *pgconn.ResultReader, numbered, hasToken bool) ([]returnedRow, error) {
	reader := newRowReader(a.returning, hasToken, a.checkText)
	var rows []returnedRow
	for result.NextRow() {
		values := result.Values()
		n := -1
		if numbered {
			n = ordinal(values[0])
			values = values[1:]
		}
		var token []byte
		if hasToken {
			values, token = values[:len(values)-1], values[len(values)-1]
		}
		reader.row(values, token, record.Present)
		rows = append(rows, returnedRow{n: n})
	}
	if _, err := result.Close(); err != nil {
		return nil, err
	}
	batch := reader.flush()
	for i := range rows {
		rows[i].values = batch.Row(i, nil)
		rows[i].token = batch.Mark(i).Token
	}
	return rows, nil
}

// returnedRow is a row as it is stored after a write.
type returnedRow struct {
	n      int
	values []record.Value
	token  string
}

// done records a written item as it is stored now.
func (a *apply) done(item int, row returnedRow) {
	place := func(columns []*column) []record.Value {
		values := make([]record.Value, len(columns))
		for i, c := range columns {
			values[i] = row.values[position(a.returning, c)]
		}
		return values
	}
	key, _ := record.NewKey(place(a.key)...)
	a.results[item] = connectors.Result{
		Status: connectors.Done, Key: key, Token: row.token, Stored: place(a.set), Compared: place(a.compare),
	}
}

// returningSQL is the list that returned reads.
func (a *apply) returningSQL(withToken bool) string {
	list := rowList(a.returning, func(c *column) string { return c.readSQL("t") })
	if withToken {
		list += ", t.xmin"
	}
	return list
}
