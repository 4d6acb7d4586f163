package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// What trigger mode keeps in the user's database: one change log per table, and
// one table that names the logs.
const (
	ownPrefix = "_syncline_"
	logPrefix = ownPrefix + "changes_"
	logsTable = ownPrefix + "logs"
	// keptChanges is how many consumed changes stay in a log, for a second
	// reader or a ledger that was restored from a backup.
	keptChanges = 100_000
)

func (t *table) log() string { return quote(logPrefix + t.name) }

// logKeys gives the names of the key's parts in the log.
func (t *table) logKeys(prefix string) []string {
	names := make([]string, len(t.key))
	for i := range t.key {
		names[i] = prefix + "k" + strconv.Itoa(i)
	}
	return names
}

// triggers gives the statements by name. The log only says which keys were
// touched; what became of them is looked up when the log is read, so an entry
// too many does no harm. That is why REPLACE can be caught before it happens:
// the rows that it pushes aside through a unique index fire no delete trigger.
func (t *table) triggers() map[string]string {
	into := `INSERT INTO ` + t.log() + ` (` + strings.Join(t.logKeys(""), ", ") + `) `
	touched := func(row string) string {
		return into + `VALUES (` + strings.Join(t.names(t.key, row+"."), ", ") + `);`
	}
	changed := make([]string, len(t.key))
	for i, c := range t.key {
		name := quote(t.columns[c].Name)
		changed[i] = `OLD.` + name + ` IS NOT NEW.` + name + ` COLLATE BINARY`
	}
	moved := into + `SELECT ` + strings.Join(t.names(t.key, "OLD."), ", ") + ` WHERE ` + strings.Join(changed, " OR ") + `;`
	out := map[string]string{
		"insert": `AFTER INSERT ON ` + t.sql() + ` BEGIN ` + touched("NEW") + ` END`,
		"delete": `AFTER DELETE ON ` + t.sql() + ` BEGIN ` + touched("OLD") + ` END`,
		"update": `AFTER UPDATE ON ` + t.sql() + ` BEGIN ` + moved + " " + touched("NEW") + ` END`,
	}
	var aside []string
	for _, unique := range t.uniques {
		if t.uniqueKey(unique) && len(unique) == len(t.key) && sameColumns(unique, t.key) {
			continue
		}
		var same []string
		for _, c := range unique {
			name := quote(t.columns[c].Name)
			same = append(same, `other.`+name+` = NEW.`+name)
		}
		aside = append(aside, into+`SELECT `+strings.Join(t.names(t.key, "other."), ", ")+` FROM `+t.sql()+` AS other WHERE `+
			strings.Join(same, " AND ")+`;`)
	}
	if len(aside) > 0 {
		body := strings.Join(aside, " ")
		out["replace"] = `BEFORE INSERT ON ` + t.sql() + ` BEGIN ` + body + ` END`
		out["displace"] = `BEFORE UPDATE ON ` + t.sql() + ` BEGIN ` + body + ` END`
	}
	for name, body := range out {
		out[name] = `CREATE TRIGGER ` + quote(t.triggerName(name)) + ` ` + body
	}
	return out
}

func sameColumns(a, b []int) bool {
	in := map[int]bool{}
	for _, c := range a {
		in[c] = true
	}
	for _, c := range b {
		if !in[c] {
			return false
		}
	}
	return len(a) == len(b)
}

func (t *table) triggerName(kind string) string { return ownPrefix + t.name + "_" + kind }

// present gives the statements of our triggers that the table has, by name.
func presentTriggers(conn *bare.Conn, t *table) (map[string]string, error) {
	found := map[string]string{}
	err := conn.Each(`SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?`, func(s *bare.Stmt) error {
		if name := s.Text(0); strings.HasPrefix(name, ownPrefix) {
			found[name] = s.Text(1)
		}
		return nil
	}, t.name)
	return found, err
}

// triggersInstalled reports whether every change of the table is logged.
func triggersInstalled(conn *bare.Conn, t *table) (bool, error) {
	if len(t.key) == 0 || t.view {
		return false, nil
	}
	found, err := presentTriggers(conn, t)
	if err != nil {
		return false, err
	}
	for kind := range t.triggers() {
		if found[t.triggerName(kind)] == "" {
			return false, nil
		}
	}
	id, _, err := logState(conn, t)
	return id != "", err
}

// logState gives the log's id and up to where it was pruned; "" if there is no
// such log.
func logState(conn *bare.Conn, t *table) (id string, pruned int64, err error) {
	there := 0
	err = conn.Each(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN (?, ?)`, func(*bare.Stmt) error {
		there++
		return nil
	}, logsTable, logPrefix+t.name)
	if err != nil || there < 2 {
		return "", 0, err
	}
	err = conn.Each(`SELECT id, pruned FROM `+quote(logsTable)+` WHERE name = ?`, func(s *bare.Stmt) error {
		id, pruned = s.Text(0), s.Int(1)
		return nil
	}, t.name)
	return id, pruned, err
}

// Install makes the change log and the triggers that fill it. It may be
// repeated; where it finds a trigger missing or different, it starts a new log,
// because the old one may have missed changes.
func (o *object) Install(ctx context.Context) error {
	return doing("install triggers on sqlite "+o.config.String(), o.writing(ctx, func(conn *bare.Conn, t *table) error {
		if t.view {
			return connectors.Errorf(connectors.Permanent, "%s is a view; triggers need a table", t.name)
		}
		if err := t.needKey(); err != nil {
			return err
		}
		found, err := presentTriggers(conn, t)
		if err != nil {
			return err
		}
		id, _, err := logState(conn, t)
		if err != nil {
			return err
		}
		want := t.triggers()
		same := id != "" && len(found) == len(want)
		for kind, sql := range want {
			same = same && found[t.triggerName(kind)] == sql
		}
		if same {
			return nil
		}
		if err := dropLog(conn, t, found); err != nil {
			return err
		}
		return makeLog(conn, t, want)
	}))
}

func makeLog(conn *bare.Conn, t *table, triggers map[string]string) error {
	id := make([]byte, 8)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	statements := []string{
		`CREATE TABLE IF NOT EXISTS ` + quote(logsTable) + ` (name TEXT PRIMARY KEY, id TEXT NOT NULL, pruned INTEGER NOT NULL)`,
		// AUTOINCREMENT, so that a number is never given twice, even when the
		// log was emptied.
		`CREATE TABLE ` + t.log() + ` (seq INTEGER PRIMARY KEY AUTOINCREMENT, ` + strings.Join(t.logKeys(""), ", ") + `)`,
	}
	for _, sql := range triggers {
		statements = append(statements, sql)
	}
	for _, sql := range statements {
		if err := conn.Exec(sql); err != nil {
			return err
		}
	}
	return conn.Exec(`INSERT OR REPLACE INTO `+quote(logsTable)+` VALUES (?, ?, 0)`, t.name, hex.EncodeToString(id))
}

func dropLog(conn *bare.Conn, t *table, triggers map[string]string) error {
	for name := range triggers {
		if err := conn.Exec(`DROP TRIGGER ` + quote(name)); err != nil {
			return err
		}
	}
	return conn.Exec(`DROP TABLE IF EXISTS ` + t.log())
}

// Uninstall removes everything that Install made, the table of logs with the
// last log. It may be repeated.
func (o *object) Uninstall(ctx context.Context) error {
	return doing("remove triggers from sqlite "+o.config.String(), o.writing(ctx, func(conn *bare.Conn, t *table) error {
		found, err := presentTriggers(conn, t)
		if err != nil {
			return err
		}
		id, _, err := logState(conn, t)
		if err != nil {
			return err
		}
		if err := dropLog(conn, t, found); err != nil || id == "" {
			return err
		}
		if err := conn.Exec(`DELETE FROM `+quote(logsTable)+` WHERE name = ?`, t.name); err != nil {
			return err
		}
		left := int64(0)
		err = conn.Each(`SELECT count(*) FROM `+quote(logsTable), func(s *bare.Stmt) error {
			left = s.Int(0)
			return nil
		})
		if err != nil || left > 0 {
			return err
		}
		return conn.Exec(`DROP TABLE ` + quote(logsTable))
	}))
}

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
			Kind: connectors.SchemaChanged, Err: errors.New("the change log was made anew, or no longer reaches back to the position"),
			Hint: "the whole table has to be compared again",
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
