// Package sqlite connects tables and views of SQLite databases: read by
// snapshot, cursor or triggers, written by conditional statements in one
// transaction.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// Connector speaks to SQLite database files. Its options are
//
//	path          the database file, absolute
//	read_only     true: the file is never written
//	timestamps    how integers in DATETIME, TIMESTAMP and DATE columns count:
//	              text (default: they are a fault), unix, unix_ms, unix_us
//	busy_timeout  how long to wait for other writers, such as 5s (default)
//	foreign_keys  on (default) or off: whether our writes obey them
//
// formats describe the texts of columns that are declared as dates, times,
// decimals and bools; TEXT columns are given as they are.
type Connector struct{}

// Name is "sqlite".
func (Connector) Name() string { return "sqlite" }

// Open reaches one table or view. A database file that is not there is an
// error of kind NotFound; none is ever made.
func (Connector) Open(ctx context.Context, config connectors.Config) (connectors.Object, error) {
	o, err := newObject(config)
	if err != nil {
		return nil, &connectors.Error{Kind: connectors.Permanent, Doing: "open sqlite " + config.String(), Err: err}
	}
	err = o.with(ctx, func(conn *bare.Conn) error {
		t, err := o.table(conn)
		if err == nil && config.Modified != "" {
			_, err = t.find([]string{config.Modified})
		}
		return err
	})
	if err != nil {
		o.Close()
		return nil, doing("open sqlite "+config.String(), err)
	}
	return o, nil
}

// Discover lists the tables and views of the database.
func (Connector) Discover(ctx context.Context, config connectors.Config) ([]string, error) {
	o, err := newObject(config)
	if err != nil {
		return nil, &connectors.Error{Kind: connectors.Permanent, Doing: "discover sqlite", Err: err}
	}
	defer o.Close()
	var names []string
	err = o.with(ctx, func(conn *bare.Conn) error {
		return conn.Each(`SELECT name FROM pragma_table_list WHERE schema = 'main' ORDER BY name`, func(s *bare.Stmt) error {
			if name := s.Text(0); listed(name) {
				names = append(names, name)
			}
			return nil
		})
	})
	return names, doing("discover sqlite "+config.System, err)
}

// object is one table or view. Every call takes a connection of its own from
// the pool, so calls may run concurrently.
type object struct {
	config   connectors.Config
	path     string
	readOnly bool
	foreign  bool
	busy     time.Duration
	decoding decoding

	mu     sync.Mutex
	idle   []pooled
	cached *table
	closed bool
}

type pooled struct {
	conn *bare.Conn
	file os.FileInfo
}

// maxIdle is how many connections wait for their next use.
const maxIdle = 4

func newObject(config connectors.Config) (*object, error) {
	o := &object{config: config, foreign: true, busy: 5 * time.Second}
	var err error
	if o.decoding.formats, err = record.NewFormats(config.Formats); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(config.Options)) {
		if err := o.option(name, config.Options[name]); err != nil {
			return nil, err
		}
	}
	if o.path == "" {
		return nil, errors.New("no path: say which database file")
	}
	return o, nil
}

func (o *object) option(name, value string) error {
	var err error
	switch name {
	case "path":
		if o.path, err = filepath.Abs(value); err == nil && value != "" {
			if target, linkErr := filepath.EvalSymlinks(o.path); linkErr == nil {
				o.path = target
			}
		}
	case "read_only":
		o.readOnly, err = strconv.ParseBool(value)
	case "foreign_keys":
		o.foreign, err = onOff(value)
	case "busy_timeout":
		o.busy, err = time.ParseDuration(value)
	case "timestamps":
		units := map[string]int64{"text": 0, "unix": 1_000_000, "unix_ms": 1_000, "unix_us": 1}
		unit, known := units[value]
		if !known {
			return errors.New("option timestamps: one of text, unix, unix_ms, unix_us")
		}
		o.decoding.unit = unit
	default:
		return connectors.UnknownOption(name, "path", "read_only", "timestamps", "busy_timeout", "foreign_keys")
	}
	if err != nil {
		return fmt.Errorf("option %s: %w", name, err)
	}
	return nil
}

func onOff(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "on":
		return true, nil
	case "off":
		return false, nil
	default:
		return strconv.ParseBool(s)
	}
}

// table gives the schema as it is now.
func (o *object) table(conn *bare.Conn) (*table, error) {
	var version int64
	err := conn.Each(`PRAGMA schema_version`, func(s *bare.Stmt) error {
		version = s.Int(0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	cached := o.cached
	o.mu.Unlock()
	if cached != nil && cached.version == version {
		return cached, nil
	}
	t, err := loadTable(conn, o.config, o.decoding)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	o.cached = t
	o.mu.Unlock()
	return t, nil
}

// identity is the file and the table in it. SQLite gives a database no id of
// its own: application_id is nearly always 0, the schema cookie and root pages
// move with DDL and VACUUM, and an inode changes with every restore. So a file
// that was replaced by another under the same path is not seen here. It is
// noticed where it could do harm: trigger positions carry the random id of
// their log, a snapshot lists everything anyway, and the sweep of a cursor
// compares all rows.
func (o *object) identity(t *table) string { return "sqlite:" + o.path + "#" + t.name }

// Describe reads the schema, the key and how many rows there are.
func (o *object) Describe(ctx context.Context) (connectors.Description, error) {
	var d connectors.Description
	err := o.reading(ctx, func(conn *bare.Conn, t *table) error {
		d = connectors.Description{Schema: t.schema, Identity: o.identity(t)}
		for _, c := range t.key {
			d.Key = append(d.Key, t.columns[c].Name)
		}
		var err error
		if d.Rows, err = estimate(conn, t); err != nil {
			return err
		}
		d.Can, err = o.capabilities(conn, t)
		return err
	})
	return d, doing("describe sqlite "+o.config.String(), err)
}

// readOnlyBecause says why a table cannot be written; "" if it can.
func (o *object) readOnlyBecause(conn *bare.Conn, t *table) string {
	switch {
	case t.view:
		return "it is a view"
	case o.readOnly:
		return "the definition says read_only"
	case len(t.key) == 0:
		return "it has no primary key (name the columns with key:)"
	}
	if because := denied(o.path); because != "" || !conn.ReadOnly() {
		return because
	}
	return "the database opens for reading only"
}

func (o *object) capabilities(conn *bare.Conn, t *table) (connectors.Capabilities, error) {
	because := o.readOnlyBecause(conn, t)
	writable := because == ""
	can := connectors.Capabilities{
		Transactions: true,
		ServerKeys:   t.assigned,
		KeysReusable: !t.forever,
		Upsert:       writable && t.uniqueKey(t.key),
		Writable:     writable,
		BatchRows:    10_000,

		ReadOnlyBecause: because,
	}
	installed, err := triggersInstalled(conn, t)
	if err != nil {
		return can, err
	}
	if installed {
		can.Modes = append(can.Modes, connectors.ModeTrigger)
		can.SeesDeletes = []connectors.Mode{connectors.ModeTrigger}
	}
	if o.config.Modified != "" && len(t.key) > 0 {
		can.Modes = append(can.Modes, connectors.ModeCursor)
	}
	can.Modes = append(can.Modes, connectors.ModeSnapshot)
	return can, nil
}

// countedRows is up to how many rows Describe counts one by one.
const countedRows = 1_000_000

// estimate counts a table that is not large, and takes the span of row numbers
// for one that is.
func estimate(conn *bare.Conn, t *table) (int64, error) {
	n := int64(0)
	get := func(s *bare.Stmt) error {
		n = s.Int(0)
		return nil
	}
	err := conn.Each(fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %d)`, t.sql(), countedRows), get)
	if err != nil || n < countedRows || t.rowid == "" {
		return n, err
	}
	err = conn.Each(fmt.Sprintf(`SELECT (SELECT max(%[1]s) FROM %[2]s) - (SELECT min(%[1]s) FROM %[2]s) + 1`, t.rowid, t.sql()), get)
	return max(n, countedRows), err
}
