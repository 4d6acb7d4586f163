package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// logPosition is the value of a position in trigger mode.
type logPosition struct {
	Log string `json:"log"`
	Seq int64  `json:"seq"`
}

// detectTrigger reads how far the log goes. For a full listing the position is
// taken in the same transaction, before anything is listed, so that what
// changes during the listing is read again.
func (o *object) detectTrigger(conn *bare.Conn, t *table, ask connectors.Ask, full bool) (connectors.Window, error) {
	var w connectors.Window
	installed, err := triggersInstalled(conn, t)
	if err != nil {
		return w, err
	}
	if !installed {
		return w, &connectors.Error{
			Kind: connectors.SchemaChanged, Err: fmt.Errorf("table %s has no change triggers, or not all of them", t.name),
			Hint: "install them again with syncline deploy",
		}
	}
	now := logPosition{}
	var pruned int64
	if now.Log, pruned, err = logState(conn, t); err != nil {
		return w, err
	}
	err = conn.Each(`SELECT seq FROM sqlite_sequence WHERE name = ?`, func(s *bare.Stmt) error {
		now.Seq = s.Int(0)
		return nil
	}, logPrefix+t.name)
	if err != nil {
		return w, err
	}
	to, err := json.Marshal(now)
	if err != nil {
		return w, err
	}
	if full {
		w, err = o.listing(conn, t, ask)
		w.To.Value = string(to)
		return w, err
	}
	if ask.Where != "" {
		// A row that stopped matching would look deleted.
		return w, connectors.Errorf(connectors.Permanent, "a filter cannot be pushed down into a change log")
	}
	since, err := logSince(ask.Since, now, pruned)
	if err != nil {
		return w, err
	}
	w.To.Value = string(to)
	w.Rows = now.Seq - since.Seq
	for from := since.Seq; from < now.Seq; from += ask.PartitionRows {
		upTo := min(from+ask.PartitionRows, now.Seq)
		addPartition(&w, ask, spec{Log: now.Log, FromSeq: from, ToSeq: upTo}, upTo-from)
	}
	return w, nil
}

func logSince(p record.Position, now logPosition, pruned int64) (logPosition, error) {
	var since logPosition
	if err := json.Unmarshal([]byte(p.Value), &since); err != nil {
		return since, connectors.Errorf(connectors.Permanent, "malformed position: %w", err)
	}
	if since.Log != now.Log || since.Seq > now.Seq || since.Seq < pruned {
		return since, &connectors.Error{
			Kind: connectors.SchemaChanged, Err: connectors.ErrPositionLost,
			Hint: "`syncline run` with --full reads all rows again",
		}
	}
	return since, nil
}

// readLog gives each key touched in a part of the log once, with the row as it
// is now, or as deleted. The last touch is its place in the order.
func readLog(conn *bare.Conn, t *table, cols []int, part spec, emit func(*record.Batch) error) error {
	id, pruned, err := logState(conn, t)
	if err != nil {
		return err
	}
	if id != part.Log || part.FromSeq < pruned {
		return connectors.Errorf(connectors.SchemaChanged, "the change log of table %s was made anew or cut off meanwhile", t.name)
	}
	keys := t.logKeys("")
	var on []string
	for i, c := range t.key {
		name := `t.` + quote(t.columns[c].Name)
		// The first comparison finds the row by its index; the second keeps
		// apart what only the index's collation takes for equal.
		on = append(on, name+` = c.`+keys[i], `+`+name+` = c.`+keys[i]+` COLLATE BINARY`)
	}
	query := `SELECT c.seq, t.` + quote(t.columns[t.key[0]].Name) + ` IS NOT NULL, ` + strings.Join(t.logKeys("c."), ", ") + `, ` +
		t.cells(cols, "t.") + ` FROM (SELECT max(seq) AS seq, ` + strings.Join(keys, ", ") + ` FROM ` + t.log() +
		` WHERE seq > ? AND seq <= ? AND ` + strings.Join(keys, " IS NOT NULL AND ") + ` IS NOT NULL GROUP BY ` + strings.Join(keys, ", ") +
		`) AS c LEFT JOIN ` + t.sql() + ` AS t ON ` + strings.Join(on, " AND ") + ` ORDER BY c.seq`
	out := newBatches(t, cols, emit)
	defer out.builder.Release()
	err = conn.Each(query, func(s *bare.Stmt) error {
		m := record.Mark{Order: fmt.Sprintf("%020d", s.Int(0))}
		if s.Int(1) != 0 {
			return out.row(s, 2+len(keys), m)
		}
		m.Op = record.Deleted
		key := make(map[string]record.Value, len(keys))
		for i, c := range t.key {
			column := &t.columns[c]
			v, bad := column.codec.value(s, 2+i)
			if bad != "" {
				m.Bad = "column " + column.Name + ": " + bad
			}
			key[column.Name] = v
		}
		return out.keyOnly(key, m)
	}, part.FromSeq, part.ToSeq)
	if err != nil {
		return err
	}
	return out.flush()
}

// prune drops changes that every reader has long stored, and remembers where
// the log begins. It is only housekeeping: when it fails, the next one does it.
func (o *object) prune(ctx context.Context, stored record.Position) {
	var p logPosition
	if o.readOnly || json.Unmarshal([]byte(stored.Value), &p) != nil || p.Seq <= 2*keptChanges {
		return
	}
	err := o.writing(ctx, func(conn *bare.Conn, t *table) error {
		id, pruned, err := logState(conn, t)
		if err != nil || id != p.Log || p.Seq-pruned <= 2*keptChanges {
			return err
		}
		upTo := p.Seq - keptChanges
		if err := conn.Exec(`DELETE FROM `+t.log()+` WHERE seq <= ?`, upTo); err != nil {
			return err
		}
		return conn.Exec(`UPDATE `+quote(logsTable)+` SET pruned = ? WHERE name = ?`, upTo, t.name)
	})
	if err != nil && o.config.Logger != nil {
		o.config.Logger.WarnContext(ctx, "could not shorten the change log", "system", o.config.System, "error", err)
	}
}
