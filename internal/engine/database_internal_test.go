package engine

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	persistence "go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	"go.temporal.io/server/common/resolver"
	_ "modernc.org/sqlite"
)

// The server's own connections say how they are: what was promised survives a
// power cut, and readers do not wait for the writer.
func TestHistoriesAreDurable(t *testing.T) {
	t.Parallel()
	made, err := openDatabase(t.TempDir(), "default")
	require.NoError(t, err)
	plain := sqlConfig(filepath.Join(t.TempDir(), "plain.db"))
	require.Equal(t, [2]string{"wal", "2"}, ask(t, made), "synchronous 2 is FULL")
	require.NotEqual(t, "wal", ask(t, plain)[0], "it is not so by itself")
}

// ask gives the mode of the journal and the care of the server's connections.
func ask(t *testing.T, c *config.SQL) (mode [2]string) {
	t.Helper()
	db, err := persistence.NewSQLAdminDB(sqlplugin.DbKindMain, c, resolver.NewNoopResolver(), log.NewNoopLogger(), metrics.NoopMetricsHandler)
	require.NoError(t, err)
	require.NoError(t, db.Exec(`CREATE TABLE probe AS SELECT (SELECT journal_mode FROM pragma_journal_mode) AS j, (SELECT synchronous FROM pragma_synchronous) AS s`))
	require.NoError(t, db.Close())
	file, err := sql.Open("sqlite", c.DatabaseName)
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // only read
	require.NoError(t, file.QueryRowContext(t.Context(), `SELECT j, s FROM probe`).Scan(&mode[0], &mode[1]))
	return mode
}
