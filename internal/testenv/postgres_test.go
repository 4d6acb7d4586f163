package testenv_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/syncline-dev/syncline/internal/testenv"
)

func TestMain(m *testing.M) {
	if os.Getenv("SYNCLINE_TESTENV_CHILD") != "" {
		child()
	}
	// Packages that look for leaks must be able to use this one.
	goleak.VerifyTestMain(m)
}

func TestPostgresGivesEachTestItsOwnDatabase(t *testing.T) {
	t.Parallel()
	one, two := testenv.Postgres(t), testenv.Postgres(t)
	require.NotEqual(t, one.URL, two.URL)
	require.Same(t, one.Server, two.Server)
	one.Exec(t, "create table a (x int); insert into a values (1), (2)")
	var n int
	require.NoError(t, one.Conn(t).QueryRow(t.Context(), "select count(*) from a").Scan(&n))
	require.Equal(t, 2, n)
	_, err := two.Conn(t).Exec(t.Context(), "select * from a")
	require.ErrorContains(t, err, `relation "a" does not exist`)
}

//nolint:tparallel // the subtest's end is what is looked at
func TestPostgresDropsTheDatabaseThoughSomebodyIsConnected(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("user", func(t *testing.T) {
		db := testenv.Postgres(t)
		name = db.Name
		conn, err := pgx.Connect(t.Context(), db.URL)
		require.NoError(t, err)
		require.NoError(t, conn.Ping(t.Context()))
		t.Cleanup(func() { _ = conn.PgConn().Conn().Close() })
	})
	var there bool
	require.NoError(t, testenv.Postgres(t).Conn(t).QueryRow(t.Context(),
		"select exists (select from pg_database where datname = $1)", name).Scan(&there))
	require.False(t, there)
}

func TestPostgresRefusesAWrongPassword(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t, testenv.Options{Password: "p@ss/w:rd 1"}) //nolint:gosec // it opens nothing
	config, err := pgx.ParseConfig(db.URL)
	require.NoError(t, err)
	config.Password = "wrong"
	_, err = pgx.ConnectConfig(t.Context(), config)
	var pgErr *pgconn.PgError
	require.ErrorAs(t, err, &pgErr)
	require.Equal(t, "28P01", pgErr.Code)
}

func TestPostgresSpeaksTLSOnly(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t, testenv.Options{TLS: true, Settings: map[string]string{"wal_level": "logical"}})
	conn := db.Conn(t)
	var tls bool
	require.NoError(t, conn.QueryRow(t.Context(), "select ssl from pg_stat_ssl where pid = pg_backend_pid()").Scan(&tls))
	require.True(t, tls)
	var level string
	require.NoError(t, conn.QueryRow(t.Context(), "show wal_level").Scan(&level))
	require.Equal(t, "logical", level)
	config, err := pgx.ParseConfig(db.URL)
	require.NoError(t, err)
	config.TLSConfig = nil
	_, err = pgx.ConnectConfig(t.Context(), config)
	require.ErrorContains(t, err, "no encryption")
}

func TestServerComesBackWithItsData(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres(t.Context(), testenv.Options{Durable: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	db, err := server.CreateDatabase(t.Context())
	require.NoError(t, err)
	db.Exec(t, "create table a (x int); insert into a values (7)")
	for _, end := range []func() error{server.Stop, server.Crash} {
		require.NoError(t, end())
		_, err = pgx.Connect(t.Context(), db.URL)
		require.Error(t, err)
		require.NoError(t, server.Start(t.Context()))
		var x int
		require.NoError(t, db.Conn(t).QueryRow(t.Context(), "select x from a").Scan(&x))
		require.Equal(t, 7, x)
	}
}

func TestBadSettingSaysWhy(t *testing.T) {
	t.Parallel()
	_, err := testenv.StartPostgres(t.Context(), testenv.Options{Settings: map[string]string{"no_such_setting": "1"}})
	require.ErrorContains(t, err, `unrecognized configuration parameter "no_such_setting"`)
}

func TestNoServerProgramsIsAFailureThatSaysWhatToDo(t *testing.T) {
	t.Setenv("SYNCLINE_PG_BIN", t.TempDir())
	_, err := testenv.StartPostgres(t.Context(), testenv.Options{})
	require.ErrorContains(t, err, "SYNCLINE_PG_BIN")
}

// TestKilledProcessLeavesNoServerBehind runs this test binary again, kills it with
// SIGKILL while its server runs, and waits until the server's folder is gone, which
// the watchdog removes only after the server.
func TestKilledProcessLeavesNoServerBehind(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	require.NoError(t, err)
	tmp, err := os.MkdirTemp("", "syncline-killed-") //nolint:usetesting // the server's user may not enter t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	require.NoError(t, os.Chmod(tmp, 0o777))     //nolint:gosec // the server's user removes its folder from it
	cmd := exec.CommandContext(t.Context(), exe) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), "SYNCLINE_TESTENV_CHILD=1", "TMPDIR="+tmp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	url, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	url = strings.TrimSpace(url)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Eventually(t, func() bool {
		left, err := filepath.Glob(filepath.Join(tmp, "syncline-pg-*"))
		return err == nil && len(left) == 0
	}, 30*time.Second, 20*time.Millisecond)
	_, err = pgx.Connect(t.Context(), url)
	require.Error(t, err)
}

// child starts a server, prints its URL and waits to be killed.
func child() {
	server, err := testenv.StartPostgres(context.Background(), testenv.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(server.URL)
	time.Sleep(time.Hour)
}
