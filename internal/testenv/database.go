package testenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Database is one empty database of a server.
type Database struct {
	// URL connects to it as a superuser (postgres://…).
	URL  string
	Name string
	// Server may be shared with other tests: end only one that StartPostgres gave.
	Server *Server
}

// shared holds the servers of this process by their options.
var shared = struct { //nolint:gochecknoglobals // the servers belong to the process, as the watchdogs do
	sync.Mutex
	servers map[string]*Server
	errors  map[string]error
}{servers: map[string]*Server{}, errors: map[string]error{}}

// Postgres gives a test an empty database, which is dropped at the test's end with
// whoever is still connected. At most one Options may be given; tests of one process
// that ask for the same options share a server. Without PostgreSQL's programs the
// test fails and says what to install.
func Postgres(tb testing.TB, options ...Options) *Database {
	tb.Helper()
	var o Options
	switch len(options) {
	case 0:
	case 1:
		o = options[0]
	default:
		tb.Fatal("testenv.Postgres takes at most one Options")
	}
	server, err := sharedServer(o)
	if err != nil {
		tb.Fatal(err)
	}
	db, err := server.CreateDatabase(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		// The test's own context is over by now.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := db.Drop(ctx); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// sharedServer returns the server with these options, starting it at the first call.
// What failed once is not tried again: each try may take long, and the next test
// would fare no better.
func sharedServer(o Options) (*Server, error) {
	key := fmt.Sprintf("%+v", o) // maps print in the order of their keys
	shared.Lock()
	defer shared.Unlock()
	if s, ok := shared.servers[key]; ok {
		return s, nil
	}
	if err, ok := shared.errors[key]; ok {
		return nil, err
	}
	// The server outlives the test that happens to be the first.
	s, err := StartPostgres(context.Background(), o)
	if err != nil {
		shared.errors[key] = err
		return nil, err
	}
	shared.servers[key] = s
	return s, nil
}

// CreateDatabase makes an empty database with a random name, syncline_….
func (s *Server) CreateDatabase(ctx context.Context) (*Database, error) {
	name := "syncline_" + strings.ToLower(rand.Text()[:12])
	if err := run(ctx, s.URL, "create database "+name+" template template0"); err != nil {
		return nil, fmt.Errorf("create database %s: %w", name, err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, fmt.Errorf("create database %s: %w", name, err)
	}
	u.Path = "/" + name
	return &Database{URL: u.String(), Name: name, Server: s}, nil
}

// Drop removes the database and cuts off whoever is connected to it.
func (d *Database) Drop(ctx context.Context) error {
	if err := run(ctx, d.Server.URL, "drop database if exists "+d.Name+" with (force)"); err != nil {
		return fmt.Errorf("drop database %s: %w", d.Name, err)
	}
	return nil
}

// Exec runs statements, several of them in one text if need be, or fails the test.
func (d *Database) Exec(tb testing.TB, sql string) {
	tb.Helper()
	if err := run(tb.Context(), d.URL, sql); err != nil {
		tb.Fatalf("%v\nin: %s", err, sql)
	}
}

// Conn opens a connection that is closed at the test's end.
func (d *Database) Conn(tb testing.TB) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), d.URL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// run executes SQL text on a connection of its own.
func run(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}
