package sqlite

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// detectCursor takes every row from the last known value of the modified
// column on, that value among them: rows that share it may have been written
// after they were last read. SQLite has one writer at a time, so no transaction
// with an earlier value can still be in flight once a later one is visible.
func (o *object) detectCursor(conn *bare.Conn, t *table, ask connectors.Ask, full bool) (connectors.Window, error) {
	if o.config.Modified == "" {
		return connectors.Window{}, connectors.Errorf(connectors.Permanent, "a cursor needs modified: in the definition")
	}
	if err := t.needKey(); err != nil {
		return connectors.Window{}, err
	}
	cols, err := t.find([]string{o.config.Modified})
	if err != nil {
		return connectors.Window{}, err
	}
	modified := t.columns[cols[0]]
	since, err := cursorOf(ask.Since)
	if err != nil {
		return connectors.Window{}, err
	}
	to, err := horizon(conn, t, modified, since)
	if err != nil {
		return connectors.Window{}, err
	}
	var w connectors.Window
	if full || since.v == nil {
		w, err = o.listing(conn, t, ask)
	} else {
		w, err = o.changed(conn, t, ask, modified, since)
	}
	if err != nil {
		return w, err
	}
	w.To.Value, err = cursorText(to)
	return w, err
}

func cursorOf(p record.Position) (cell, error) {
	if p.Value == "" || p.Mode != string(connectors.ModeCursor) {
		return cell{}, nil
	}
	var c cell
	if err := json.Unmarshal([]byte(p.Value), &c); err != nil {
		return cell{}, connectors.Errorf(connectors.Permanent, "malformed position: %w", err)
	}
	return c, nil
}

func cursorText(c cell) (string, error) {
	text, err := json.Marshal(c)
	return string(text), err
}

// horizon is the greatest value of the modified column, but not one of the
// future: behind such a value, the changes until then would never be seen.
func horizon(conn *bare.Conn, t *table, modified column, since cell) (cell, error) {
	to := since
	name := quote(modified.Name)
	query := `SELECT max(` + name + `) FROM ` + t.sql()
	var args []any
	if modified.Type.Kind == record.KindTimestamp || modified.Type.Kind == record.KindDate {
		now, err := modified.codec.raw(record.NewTimestamp(time.Now().Truncate(time.Second)))
		if modified.Type.Kind == record.KindDate {
			now, err = modified.codec.raw(record.NewDate(time.Now()))
		}
		if err != nil {
			return to, err
		}
		query += ` WHERE ` + name + ` <= ?`
		args = append(args, now)
	}
	err := conn.Each(query, func(s *bare.Stmt) error {
		if s.Class(0) != bare.Null {
			to = cell{s.Value(0)}
		}
		return nil
	}, args...)
	return to, err
}

// changed cuts the rows from a value on into partitions that never divide rows
// of one value. Rows without a value are read every time.
func (o *object) changed(conn *bare.Conn, t *table, ask connectors.Ask, modified column, since cell) (connectors.Window, error) {
	var w connectors.Window
	name := quote(modified.Name)
	condition := name + ` >= ?`
	if modified.Nullable {
		condition += ` OR ` + name + ` IS NULL`
	}
	err := conn.Each(`SELECT count(*) FROM `+t.sql()+` WHERE `+condition, func(s *bare.Stmt) error {
		w.Rows = s.Int(0)
		return nil
	}, since.v)
	if err != nil || w.Rows == 0 {
		return w, err
	}
	from := since
	for left := w.Rows; left > ask.PartitionRows; left -= ask.PartitionRows {
		var below *cell
		query := fmt.Sprintf(`SELECT %[1]s FROM %[2]s WHERE %[1]s > ? ORDER BY %[1]s LIMIT 1 OFFSET %[3]s`,
			name, t.sql(), strconv.FormatInt(ask.PartitionRows-1, 10))
		err := conn.Each(query, func(s *bare.Stmt) error {
			below = &cell{s.Value(0)}
			return nil
		}, from.v)
		if err != nil {
			return w, err
		}
		if below == nil {
			break
		}
		first := from
		addPartition(&w, ask, spec{From: &first, Below: below, Where: ask.Where}, ask.PartitionRows)
		from = *below
	}
	addPartition(&w, ask, spec{From: &from, Unmodified: modified.Nullable, Where: ask.Where}, min(w.Rows, ask.PartitionRows))
	return w, nil
}
