package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
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
