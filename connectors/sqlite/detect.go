package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
)

// defaultPartition is how many rows a partition has when nobody says.
const defaultPartition = 100_000

// Detect cuts what is to be read into ranges of row numbers or keys, of the
// modified column, or of the change log.
//
// Partitions are read by transactions of their own, perhaps in other processes,
// and SQLite shares no snapshot between them. A row whose key moves from one
// range to another meanwhile may be seen under both keys or under none; the
// next window sees it where it is.
func (o *object) Detect(ctx context.Context, ask connectors.Ask) (connectors.Window, error) {
	var w connectors.Window
	err := o.reading(ctx, func(conn *bare.Conn, t *table) error {
		if _, err := t.find(ask.Columns); err != nil {
			return err
		}
		if ask.PartitionRows <= 0 {
			ask.PartitionRows = defaultPartition
		}
		full, err := o.sameSource(t, &ask)
		if err != nil {
			return err
		}
		switch ask.Mode {
		case connectors.ModeSnapshot:
			w, err = o.listing(conn, t, ask)
		case connectors.ModeCursor:
			w, err = o.detectCursor(conn, t, ask, full)
		case connectors.ModeTrigger:
			w, err = o.detectTrigger(conn, t, ask, full)
		case connectors.ModeLog:
			err = noMode(ask.Mode)
		default:
			err = noMode(ask.Mode)
		}
		w.Mode = ask.Mode
		w.To.Source, w.To.Mode = o.identity(t), string(ask.Mode)
		return err
	})
	if err != nil {
		return connectors.Window{}, doing("detect sqlite "+o.config.String(), err)
	}
	if ask.Mode == connectors.ModeTrigger && !ask.Full {
		o.prune(ctx, ask.Since)
	}
	return w, nil
}

func noMode(m connectors.Mode) error {
	return connectors.Errorf(connectors.Permanent, "sqlite has no mode %q; there are snapshot, cursor, trigger", m)
}

// sameSource refuses a position of another object, and reports whether
// everything has to be listed. A position of another mode says nothing here.
func (o *object) sameSource(t *table, ask *connectors.Ask) (full bool, err error) {
	if ask.Since.Zero() {
		return true, nil
	}
	if ask.Since.Source != o.identity(t) {
		return false, &connectors.Error{
			Kind: connectors.SchemaChanged, Err: fmt.Errorf("the position belongs to another object than table %s of this file", t.name),
			Hint: "the whole table has to be compared again",
		}
	}
	return ask.Full || ask.Since.Mode != string(ask.Mode), nil
}

// listing cuts the whole table into partitions. With a filter it lists every
// row that the filter takes.
func (o *object) listing(conn *bare.Conn, t *table, ask connectors.Ask) (connectors.Window, error) {
	w := connectors.Window{Complete: true}
	err := conn.Each(`SELECT count(*) FROM `+t.sql(), func(s *bare.Stmt) error {
		w.Rows = s.Int(0)
		return nil
	})
	if err != nil {
		return w, err
	}
	rows := w.Rows
	var after []cell
	if order := t.order(); len(order) > 0 && w.Rows > ask.PartitionRows {
		cuts, err := cut(conn, t, order, w.Rows, ask.PartitionRows)
		if err != nil {
			return w, err
		}
		rows /= int64(len(cuts)) + 1
		for _, upTo := range cuts {
			addPartition(&w, ask, spec{After: after, UpTo: upTo, Where: ask.Where}, rows)
			after = upTo
		}
	}
	addPartition(&w, ask, spec{After: after, Where: ask.Where}, rows)
	return w, nil
}

func addPartition(w *connectors.Window, ask connectors.Ask, s spec, rows int64) {
	w.Partitions = append(w.Partitions, connectors.Partition{
		ID: strconv.Itoa(len(w.Partitions)), Mode: ask.Mode, Columns: ask.Columns, Spec: s.String(), Rows: rows,
	})
}

// cut gives the last row of each partition but the last one.
func cut(conn *bare.Conn, t *table, order []string, rows, size int64) ([][]cell, error) {
	if len(order) == 1 && order[0] == t.rowid {
		lowest, highest := int64(0), int64(0)
		query := fmt.Sprintf(`SELECT (SELECT min(%[1]s) FROM %[2]s), (SELECT max(%[1]s) FROM %[2]s)`, t.rowid, t.sql())
		err := conn.Each(query, func(s *bare.Stmt) error {
			lowest, highest = s.Int(0), s.Int(1)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if span := uint64(highest-lowest) + 1; span != 0 && span < 2*uint64(rows) {
			return cutEvenly(lowest, int64(span), (rows+size-1)/size), nil
		}
	}
	return cutByCounting(conn, t, order, size)
}

// cutEvenly trusts that row numbers without large gaps lie evenly, which spares
// reading the table for nothing but its cuts.
func cutEvenly(lowest, span, parts int64) [][]cell {
	var cuts [][]cell
	for i := int64(1); i < parts; i++ {
		cuts = append(cuts, []cell{{lowest - 1 + span/parts*i}})
	}
	return cuts
}

func cutByCounting(conn *bare.Conn, t *table, order []string, size int64) ([][]cell, error) {
	columns := strings.Join(order, ", ")
	var cuts [][]cell
	var last []any
	for {
		where := ""
		if last != nil {
			where = ` WHERE ` + rowCompare(order, ">", 1)
		}
		found := false
		query := `SELECT ` + columns + ` FROM ` + t.sql() + where + ` ORDER BY ` + columns + ` LIMIT 1 OFFSET ` + strconv.FormatInt(size-1, 10)
		err := conn.Each(query, func(s *bare.Stmt) error {
			found = true
			last = make([]any, len(order))
			for i := range order {
				last[i] = s.Value(i)
			}
			return nil
		}, last...)
		if err != nil || !found {
			return cuts, err
		}
		cuts = append(cuts, cells(last))
	}
}

// rowCompare compares columns with parameters as a row.
func rowCompare(columns []string, op string, first int) string {
	marks := make([]string, len(columns))
	for i := range columns {
		marks[i] = "?" + strconv.Itoa(first+i)
	}
	if len(columns) == 1 {
		return columns[0] + " " + op + " " + marks[0]
	}
	return "(" + strings.Join(columns, ", ") + ") " + op + " (" + strings.Join(marks, ", ") + ")"
}
