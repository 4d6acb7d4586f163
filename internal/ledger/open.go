package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/jmoiron/sqlx"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// What a caller can act on.
var (
	// ErrFenced: a newer run holds the sync; nothing was written.
	ErrFenced = errors.New("a newer run holds this sync; nothing was written")
	// ErrNotFound: there is no such thing in the ledger.
	ErrNotFound = errors.New("not in the ledger")
	// ErrStale: what was decided upon is not what is there any more.
	ErrStale = errors.New("the conflict has changed or is closed; look at it again")
	// ErrFull: the ledger's disk takes no more; nothing was written.
	ErrFull = errors.New("the ledger's disk is full, or over its quota; nothing was written")
	// ErrMoved: a row would belong to two links, which never happens to an
	// external id; nothing was written.
	ErrMoved = errors.New("a row belongs to another link already; nothing was written")
)

// Store is an open ledger. It may be used by many goroutines at once.
type Store struct {
	// write has one connection on SQLite, so that writers of this process queue
	// here and not in the file's lock; read never waits for it.
	write, read *sqlx.DB
	postgres    bool
}

// Sizes of connection pools and of SQLite's memory.
const (
	readers  = 4
	sessions = 8
	// writerCacheKB and readerCacheKB are the page caches of each connection.
	// Readers go through tables from one end to the other.
	writerCacheKB = 16_000
	readerCacheKB = 4_000
	// checkpointPages is how large SQLite's write-ahead log grows before it is
	// copied back: pages that change in every commit are then copied once.
	checkpointPages = 8_192
)

// Open opens the ledger at `sqlite:///path/ledger.db` or `postgres://…`, and
// creates or migrates its tables.
func Open(ctx context.Context, address string) (*Store, error) {
	var (
		s   *Store
		err error
	)
	switch {
	case strings.HasPrefix(address, "sqlite://"):
		s, err = openSQLite(ctx, strings.TrimPrefix(address, "sqlite://"))
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		s, err = openPostgres(address)
	default:
		return nil, errors.New("open ledger: the address is neither sqlite:///path nor postgres://…")
	}
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger: %w", inOneLine(err)), s.Close())
	}
	return s, nil
}

// unreached is that a server cannot be reached, on one line.
type unreached struct {
	text string
	err  *pgconn.ConnectError
}

func (u *unreached) Error() string { return u.text }
func (u *unreached) Unwrap() error { return u.err }

// inOneLine tells why a server cannot be reached without what was being done
// there, and each way that was tried once.
func inOneLine(err error) error {
	failed, is := errors.AsType[*pgconn.ConnectError](err)
	if !is {
		return err
	}
	var told []string
	for line := range strings.Lines(failed.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(told, line) {
			told = append(told, line)
		}
	}
	return &unreached{text: strings.Join(told, " "), err: failed}
}

func openSQLite(ctx context.Context, path string) (*Store, error) {
	if path == "" {
		return nil, errors.New("the address sqlite:// names no file")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	write, err := sqlx.Open("sqlite", sqliteName(path, "immediate", writerCacheKB))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	// The file and its mode must be there before readers open it.
	if err := firstUse(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := sqlx.Open("sqlite", sqliteName(path, "deferred", readerCacheKB)+"&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return &Store{write: write, read: read}, nil
}

// firstUse makes the file. Of processes that make it at once, all but one are
// refused the change of its mode without waiting for it, and try again.
func firstUse(ctx context.Context, db *sqlx.DB) error {
	for end := time.Now().Add(firstUsePatience); ; {
		err := db.PingContext(ctx)
		if !busy(err) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

const firstUsePatience = 15 * time.Second

// sqliteName is the driver's name of a database: durable in a power cut
// (synchronous FULL), readers beside one writer (WAL).
func sqliteName(path, lock string, cacheKB int) string {
	pragmas := []string{
		"busy_timeout(30000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		fmt.Sprintf("cache_size(-%d)", cacheKB), fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages),
		fmt.Sprintf("journal_size_limit(%d)", checkpointPages*4096),
	}
	query := url.Values{"_txlock": {lock}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String()
}

func openPostgres(address string) (*Store, error) {
	db, err := sqlx.Open("pgx", address)
	if err != nil {
		return nil, errors.New("the address of the ledger's PostgreSQL is malformed")
	}
	db.SetMaxOpenConns(sessions)
	db.SetMaxIdleConns(sessions)
	return &Store{write: db, read: db, postgres: true}, nil
}

// Close closes the ledger.
func (s *Store) Close() error {
	err := s.read.Close()
	if s.write != s.read {
		err = errors.Join(err, s.write.Close())
	}
	return err
}
