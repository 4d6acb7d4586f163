package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"
)

// retention is how long the histories of closed workflows are kept. The server's
// default, a day, would hide last weekend's run on Monday.
const retention = 30 * 24 * time.Hour

const clusterName = "syncline"

// openDatabase returns the server's settings for the histories in dir and makes the
// file, with its schema and the namespace, where it is missing.
func openDatabase(dir, namespace string) (*config.SQL, error) {
	path := filepath.Join(dir, "temporal-"+headers.ServerVersion+".db")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := createDatabase(path); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, fmt.Errorf("open the engine's database: %w", err)
	}
	db := sqlConfig(path)
	// What was promised must survive a power cut, hence FULL; WAL, because it is the
	// faster of the two journals that keep this promise.
	db.ConnectAttributes["journal_mode"] = "wal"
	db.ConnectAttributes["synchronous"] = "full"

	ns, err := sqlite.NewNamespaceConfig(clusterName, namespace, false, searchAttributes())
	if err != nil {
		return nil, fmt.Errorf("describe the namespace %s: %w", namespace, err)
	}
	ns.Detail.Config.Retention = durationpb.New(retention)
	if err := sqlite.CreateNamespaces(db, ns); err != nil {
		return nil, fmt.Errorf("create the namespace %s in %s: %w", namespace, path, err)
	}
	return db, nil
}

// createDatabase makes the schema in a file beside path and gives it its name when it
// is complete: half a schema, left by a killed process, would stop every later start.
func createDatabase(path string) error {
	unfinished := path + ".new"
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(unfinished + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("create the engine's database: %w", err)
		}
	}
	if err := sqlite.SetupSchema(sqlConfig(unfinished)); err != nil {
		return fmt.Errorf("create the engine's database %s: %w", unfinished, err)
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("create the engine's database: %w", err)
	}
	return nil
}

func sqlConfig(path string) *config.SQL {
	return &config.SQL{
		PluginName: sqliteplugin.PluginName,
		// The name becomes part of a file: URI.
		DatabaseName:      strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path),
		ConnectAttributes: map[string]string{"mode": "rwc"},
	}
}

// searchAttributes are what the Web UI and 'temporal workflow list' can filter by.
// Trigger is a word of the query language, so queries write it in backquotes.
func searchAttributes() map[string]enumspb.IndexedValueType {
	return map[string]enumspb.IndexedValueType{
		"SyncName":  enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"Trigger":   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"Outcome":   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"Conflicts": enumspb.INDEXED_VALUE_TYPE_INT,
		"Applied":   enumspb.INDEXED_VALUE_TYPE_INT,
	}
}
