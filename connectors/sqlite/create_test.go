package sqlite_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Creations look for who has their match already. Without an index that must
// not read the table once for each: five thousand beside fifty thousand rows
// would take minutes.
func TestCreationsWithoutAnIndexReadTheTableOnce(t *testing.T) {
	t.Parallel()
	path := database(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT, name TEXT);\n"+
		"WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 50000) INSERT INTO t SELECT x, 'old ' || x, 'n' FROM n")
	s := open(t, config(path, "t"))
	items := make([]connectors.Item, 5000)
	for i := range items {
		items[i] = connectors.Item{Op: connectors.OpCreate, Set: []record.Value{fmt.Sprintf("new %d", i), "n"}}
	}
	items[7].Set[0] = "old 9"
	items[9].Set[0] = "new 3"
	items[11] = update(key(t, int64(11)), "new 12", record.Missing) // it takes the next one's match
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	results, err := s.Apply(ctx, connectors.Writes{Columns: []string{"code", "name"}, Unless: []string{"code"}, Items: items})
	require.NoError(t, err)
	for i, r := range results {
		switch i {
		case 7:
			require.Equal(t, connectors.Result{Status: exists, Key: key(t, int64(9))}, r)
		case 9:
			require.Equal(t, connectors.Result{Status: exists, Key: results[3].Key}, r)
		case 12:
			require.Equal(t, connectors.Result{Status: exists, Key: key(t, int64(11))}, r)
		default:
			require.Equal(t, done, r.Status, i)
		}
	}
	require.Equal(t, "54996", scalar(t, path, `SELECT count(*) FROM t`))
}
