package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/syncline-dev/syncline/connectors"
)

// Connector speaks to PostgreSQL.
type Connector struct{}

// Name is the word of `connector:` in a definition.
func (Connector) Name() string { return "postgres" }

const (
	// applicationName is how our sessions show in pg_stat_activity.
	applicationName = "syncline"
	// readingName marks transactions that only read: a cursor need not wait
	// for them, whichever process they belong to.
	readingName = "syncline reading"
	// oldestVersion has pg_current_snapshot.
	oldestVersion = 130_000
	// readBuffer is what one system call may bring; the server sends rows in
	// pieces of 8 KB.
	readBuffer = 256 << 10
	// poolConns bounds what one open object uses of the server's connections.
	poolConns = 6
	// keepAlive finds out about a peer that went away without a word.
	keepAlive = 30 * time.Second

	defaultOverlap = time.Minute
)

// sessionSQL makes sessions alike whatever the role's or database's own
// settings say. Timeouts of statements are the caller's context; a transaction
// that we abandoned ends by itself, and a lock that somebody holds for minutes
// is an error to retry rather than a silent wait.
const sessionSQL = `
set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set timezone = 'UTC';
set client_encoding = 'UTF8'; set standard_conforming_strings = on; set extra_float_digits = 1;
set bytea_output = 'hex'; set client_min_messages = error; set synchronize_seqscans = off;
set default_transaction_isolation = 'read committed'; set default_transaction_deferrable = off;
set statement_timeout = 0; set lock_timeout = '2min'; set idle_in_transaction_session_timeout = '15min'`

// object is one open table or view.
type object struct {
	config  connectors.Config
	pool    *pgxpool.Pool
	log     *slog.Logger
	zone    string
	overlap time.Duration
	// checkText: the database's encoding promises nothing.
	checkText bool

	mu    sync.Mutex
	table *table
	// crowded: a bulk load met rows with its keys, so that further ones do not
	// try to copy straight into the table. Guarded by mu.
	crowded bool
	// differ: few of those rows were as they would be written.
	differ bool
	// turns is a place for each load that copies straight into the table.
	turns chan struct{}
}

var (
	_ connectors.Source     = (*object)(nil)
	_ connectors.Sink       = (*object)(nil)
	_ connectors.Finder     = (*object)(nil)
	_ connectors.Discoverer = Connector{}
)

// Open connects, and finds the table in the catalogue.
func (Connector) Open(ctx context.Context, config connectors.Config) (connectors.Object, error) {
	o, err := connect(ctx, config)
	if err != nil {
		return nil, err
	}
	t, err := o.describe(ctx)
	if err != nil {
		o.Close()
		return nil, err
	}
	o.table = t
	if t.secured {
		o.log.Warn("row security hides rows from this role; what is hidden counts as absent",
			"system", config.System, "table", t.readable())
	}
	return o, nil
}

// connect opens the pool and proves that it works.
func connect(ctx context.Context, config connectors.Config) (*object, error) {
	o := &object{config: config, log: config.Logger, overlap: defaultOverlap, turns: make(chan struct{}, turns())}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if err := o.options(); err != nil {
		return nil, err
	}
	pc, err := poolConfig(config)
	if err != nil {
		return nil, err
	}
	if o.pool, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, classify("connect to "+config.System, err)
	}
	conn, err := o.pool.Acquire(ctx)
	if err != nil {
		o.pool.Close()
		return nil, classify("connect to "+config.System, err)
	}
	defer conn.Release()
	o.checkText = conn.Conn().PgConn().ParameterStatus("server_encoding") == "SQL_ASCII"
	return o, nil
}

// options reads the settings that are ours and not the server's.
func (o *object) options() error {
	for name, value := range o.config.Options {
		var err error
		switch name {
		case "url", "password":
		case "timezone":
			o.zone = value
		case "overlap":
			o.overlap, err = time.ParseDuration(value)
		default:
			return connectors.UnknownOption(name, "url", "password", "timezone", "overlap")
		}
		if err != nil {
			return connectors.Errorf(connectors.Permanent, "option %s of %s is not a duration such as 3s", name, o.config.System)
		}
	}
	if o.zone == "UTC" {
		o.zone = ""
	}
	return nil
}

// poolConfig never lets the text of a url into an error: it may hold a password.
func poolConfig(config connectors.Config) (*pgxpool.Config, error) {
	if config.Options["url"] == "" {
		return nil, &connectors.Error{
			Kind: connectors.Permanent, Doing: "open " + config.String(), Err: errors.New("no url"),
			Hint: "say url: postgres://user@host/database",
		}
	}
	pc, err := pgxpool.ParseConfig(config.Options["url"])
	if err != nil {
		return nil, &connectors.Error{
			Kind: connectors.Permanent, Doing: "open " + config.String(), Err: errors.New("the url is not a PostgreSQL address"),
			Hint: "write postgres://user@host:5432/database, percent-encode special characters, or give the password as password:",
		}
	}
	cc := pc.ConnConfig
	if password := config.Options["password"]; password != "" {
		cc.Password = password
	}
	cc.DefaultQueryExecMode = pgx.QueryExecModeExec // no named statements: poolers between us and the server lose them
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = 15 * time.Second
	}
	if cc.RuntimeParams["application_name"] == "" {
		cc.RuntimeParams["application_name"] = applicationName
	}
	cc.DialFunc = (&net.Dialer{KeepAlive: keepAlive}).DialContext
	cc.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
	}
	cc.AfterConnect = prepareSession
	if pc.MaxConns > poolConns {
		pc.MaxConns = poolConns
	}
	pc.MaxConns = max(pc.MaxConns, 2)
	pc.MinConns = 0
	pc.MaxConnIdleTime = time.Minute
	return pc, nil
}

func prepareSession(ctx context.Context, conn *pgconn.PgConn) error {
	if _, err := conn.Exec(ctx, sessionSQL).ReadAll(); err != nil {
		return err
	}
	results, err := conn.Exec(ctx, "show server_version_num").ReadAll()
	if err != nil {
		return err
	}
	var version int
	if _, err := fmt.Sscan(string(results[0].Rows[0][0]), &version); err == nil && version < oldestVersion {
		return connectors.Errorf(connectors.Permanent, "the server is older than PostgreSQL 13")
	}
	return nil
}

// Close lets go of the connections.
func (o *object) Close() { o.pool.Close() }

// with runs f on a connection of the pool.
func (o *object) with(ctx context.Context, doing string, f func(*pgconn.PgConn) error) error {
	conn, err := o.pool.Acquire(ctx)
	if err != nil {
		return classify(doing, err)
	}
	defer conn.Release()
	return classify(doing, f(conn.Conn().PgConn()))
}

// query runs one statement with text parameters and gives its rows as texts;
// NULL is nil.
func query(ctx context.Context, conn *pgconn.PgConn, sql string, params ...string) ([][][]byte, error) {
	values := make([][]byte, len(params))
	for i, p := range params {
		values[i] = []byte(p)
	}
	result := conn.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	return result.Rows, result.Err
}

// exec runs statements without parameters.
func exec(ctx context.Context, conn *pgconn.PgConn, sql string) error {
	return conn.Exec(ctx, sql).Close()
}
