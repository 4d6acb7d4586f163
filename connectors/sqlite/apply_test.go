package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

func apply(t *testing.T, s system, columns []string, items ...connectors.Item) []connectors.Result {
	t.Helper()
	results, err := s.Apply(context.Background(), connectors.Writes{Columns: columns, Compare: columns, Items: items})
	require.NoError(t, err)
	return results
}

func statuses(results []connectors.Result) []connectors.Status {
	var out []connectors.Status
	for _, r := range results {
		out = append(out, r.Status)
	}
	return out
}

func update(k record.Key, set ...record.Value) connectors.Item {
	return connectors.Item{Op: connectors.OpUpdate, Key: k, Set: set}
}

const (
	done   = connectors.Done
	failed = connectors.Failed
	exists = connectors.Exists
)

// Values may change places under a unique index, in circles of any length,
// whatever the columns take as a temporary value.
func TestValuesChangePlaces(t *testing.T) {
	t.Parallel()
	for name, column := range map[string]string{
		"nullable": "v TEXT UNIQUE", "text": "v TEXT NOT NULL UNIQUE", "number": "v INT NOT NULL UNIQUE",
		"blob": "v BLOB NOT NULL UNIQUE", "any": "v NOT NULL UNIQUE",
	} {
		path := database(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, "+column+");\nINSERT INTO t SELECT 1, '1' UNION SELECT 2, '2' UNION SELECT 3, '3' UNION SELECT 4, '4'")
		if name == "blob" {
			execute(t, path, `UPDATE t SET v = CAST(v AS BLOB)`)
		}
		s := open(t, config(path, "t"))
		d, err := s.Describe(context.Background())
		require.NoError(t, err)
		v := func(text string) record.Value {
			out, err := record.Convert(d.Schema.Fields[1].Type, text)
			require.NoError(t, err)
			return out
		}
		results := apply(t, s, []string{"v"},
			update(key(t, int64(1)), v("2")), update(key(t, int64(2)), v("3")), update(key(t, int64(3)), v("1")),
			connectors.Item{Op: connectors.OpCreate, Set: []record.Value{v("4")}},
			connectors.Item{Op: connectors.OpDelete, Key: key(t, int64(4))},
		)
		require.Equal(t, []connectors.Status{done, done, done, done, done}, statuses(results), "%s: %v", name, results)
		require.Equal(t, "2", scalar(t, path, `SELECT CAST(v AS TEXT) FROM t WHERE id = 1`), name)
		require.Equal(t, "3", scalar(t, path, `SELECT CAST(v AS TEXT) FROM t WHERE id = 2`), name)
		require.Equal(t, "1", scalar(t, path, `SELECT CAST(v AS TEXT) FROM t WHERE id = 3`), name)
		require.Equal(t, []record.Value{v("1")}, results[2].Stored)
	}
}

// A circle that is broken by a row outside of it leaves no temporary value.
func TestABrokenCircleLeavesNothing(t *testing.T) {
	t.Parallel()
	path := database(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE, w TEXT UNIQUE);\nINSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z')")
	s := open(t, config(path, "t"))
	results := apply(t, s, []string{"v", "w"},
		update(key(t, int64(1)), "b", record.Missing), update(key(t, int64(2)), "a", "z"))
	require.Equal(t, []connectors.Status{failed, failed}, statuses(results))
	for _, r := range results {
		require.Equal(t, connectors.Conflict, connectors.KindOf(r.Err))
	}
	require.Equal(t, "ax by cz", scalar(t, path, `SELECT group_concat(v || w, ' ') FROM t`))
}

func TestExistsNamesTheRow(t *testing.T) {
	t.Parallel()
	s := open(t, config(database(t, people), "people"))
	create := func(set ...record.Value) connectors.Item {
		return connectors.Item{Op: connectors.OpCreate, Set: set}
	}
	results, err := s.Apply(context.Background(), connectors.Writes{
		Columns: []string{"name", "email"}, Unless: []string{"name"},
		Items: []connectors.Item{create("Bob", "new@x"), create("Newer", "b@x"), create("New", "n@x"), create("New", "m@x"), create(" ", nil)},
	})
	require.NoError(t, err)
	require.Equal(t, []connectors.Status{exists, exists, done, exists, done}, statuses(results))
	require.Equal(t, key(t, int64(2)), results[0].Key)
	require.Equal(t, key(t, int64(2)), results[1].Key)
	require.Equal(t, results[2].Key, results[3].Key)
}

// Constraints that SQLite checks only at the commit, and triggers that roll
// back, stop nothing but the item that is to blame.
func TestOneItemDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"deferred": "CREATE TABLE p (id INTEGER PRIMARY KEY);\nINSERT INTO p VALUES (1);\n" +
			"CREATE TABLE t (id INTEGER PRIMARY KEY, v INT REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
		"immediate": "CREATE TABLE p (id INTEGER PRIMARY KEY);\nINSERT INTO p VALUES (1);\nCREATE TABLE t (id INTEGER PRIMARY KEY, v INT REFERENCES p)",
		"rollback": "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT);\n" +
			"CREATE TRIGGER no BEFORE INSERT ON t WHEN NEW.v = 2 BEGIN SELECT RAISE(ROLLBACK, 'no twos'); END",
		"check":              "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT CONSTRAINT few CHECK (v < 2))",
		"on conflict clause": "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT CHECK (v < 2) ON CONFLICT ROLLBACK)",
	} {
		if name == "on conflict clause" {
			script = "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT NOT NULL UNIQUE ON CONFLICT REPLACE);\nINSERT INTO t VALUES (9, 2)"
		}
		path := database(t, script)
		s := open(t, config(path, "t"))
		var items []connectors.Item
		for i := range 9 {
			v := int64(1)
			if i == 4 {
				v = 2
			}
			if name == "on conflict clause" && i != 4 {
				v = int64(100 + i)
			}
			items = append(items, connectors.Item{Op: connectors.OpCreate, Set: []record.Value{v}})
		}
		results := apply(t, s, []string{"v"}, items...)
		for i, r := range results {
			switch {
			case i != 4:
				require.Equal(t, done, r.Status, "%s: item %d: %v", name, i, r.Err)
			case name == "on conflict clause":
				require.Equal(t, exists, r.Status, "a table's own REPLACE must not push rows aside")
				require.Equal(t, key(t, int64(9)), r.Key)
			default:
				require.Equal(t, failed, r.Status, name)
				require.Equal(t, connectors.BadRecord, connectors.KindOf(r.Err), name)
			}
		}
	}
}

func TestTheKeyOfARowCannotBeChanged(t *testing.T) {
	t.Parallel()
	s := open(t, config(database(t, people), "people"))
	results := apply(t, s, []string{"id", "name"}, update(key(t, int64(1)), int64(7), "x"), update(key(t, int64(2)), int64(2), "y"))
	require.Equal(t, []connectors.Status{failed, done}, statuses(results))
	require.ErrorContains(t, results[0].Err, "column id is part of the key")
}

func TestTriggersOfTheUserAreReadBack(t *testing.T) {
	t.Parallel()
	s := open(t, config(database(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, n INT DEFAULT 5);
CREATE TRIGGER up AFTER INSERT ON t BEGIN UPDATE t SET v = upper(v) WHERE id = NEW.id; END`), "t"))
	r := apply(t, s, []string{"v", "n"}, connectors.Item{Op: connectors.OpCreate, Set: []record.Value{"a", record.Missing}})[0]
	require.Equal(t, []record.Value{"A", int64(5)}, r.Stored)
	require.Equal(t, []record.Value{"A", int64(5)}, r.Compared)
}

func TestAnotherWriterMakesItTransient(t *testing.T) {
	t.Parallel()
	path := database(t, people)
	c := config(path, "people")
	c.Options["busy_timeout"] = "1ms"
	s := open(t, c)
	other, err := bare.Open(path, false, time.Second)
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, other.Exec("BEGIN EXCLUSIVE"))
	_, err = s.Apply(context.Background(), connectors.Writes{Columns: []string{"name"}, Items: []connectors.Item{update(key(t, int64(1)), "x")}})
	require.Equal(t, connectors.Transient, connectors.KindOf(err))
	require.NoError(t, other.Exec("ROLLBACK"))
	require.Equal(t, done, apply(t, s, []string{"name"}, update(key(t, int64(1)), "x"))[0].Status)
}

func TestFilesThatAreNoDatabase(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	missing, text := filepath.Join(folder, "none.db"), filepath.Join(folder, "text.db")
	require.NoError(t, os.WriteFile(text, []byte("this is no database, but long enough to look like a file"), 0o600))
	for path, kind := range map[string]connectors.Kind{missing: connectors.NotFound, text: connectors.Permanent, folder: connectors.Permanent} {
		_, err := sqlite.Connector{}.Open(context.Background(), config(path, "people"))
		require.Equal(t, kind, connectors.KindOf(err), "%v", err)
	}
	require.NoFileExists(t, missing, "a database is never made")
	for _, c := range []connectors.Config{
		{Object: "t"},
		{Object: "t", Options: map[string]string{"path": text, "mode": "x"}},
		{Object: "t", Options: map[string]string{"path": text, "timestamps": "days"}},
		{Object: "t", Options: map[string]string{"path": text}, Formats: map[string]string{"date": "x"}},
	} {
		_, err := sqlite.Connector{}.Open(context.Background(), c)
		require.Equal(t, connectors.Permanent, connectors.KindOf(err))
	}
}

// An open object follows the path, not the file that was there once.
func TestAReplacedFileIsRead(t *testing.T) {
	t.Parallel()
	path := database(t, people)
	s := open(t, config(path, "people"))
	_, rows := read(t, s, connectors.Ask{Mode: connectors.ModeSnapshot})
	require.Len(t, rows, 3)
	other := database(t, "CREATE TABLE people (id INTEGER PRIMARY KEY);\nINSERT INTO people VALUES (8)")
	require.NoError(t, os.Rename(other, path))
	_, rows = read(t, s, connectors.Ask{Mode: connectors.ModeSnapshot})
	require.Equal(t, [][]record.Value{{int64(8)}}, values(rows))
}

func TestColumnsMayComeAndGo(t *testing.T) {
	t.Parallel()
	path := database(t, people)
	s := open(t, config(path, "people"))
	w, err := s.Detect(context.Background(), connectors.Ask{Mode: connectors.ModeSnapshot, Columns: []string{"id", "age"}})
	require.NoError(t, err)
	execute(t, path, "ALTER TABLE people ADD COLUMN extra TEXT;\nALTER TABLE people DROP COLUMN age")
	err = s.Read(context.Background(), w.Partitions[0], func(*record.Batch) error { return nil })
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
	d, err := s.Describe(context.Background())
	require.NoError(t, err)
	require.GreaterOrEqual(t, d.Schema.Index("extra"), 0)
}

func TestReadOnlyObjectsSaySo(t *testing.T) {
	t.Parallel()
	path := database(t, people+";\nCREATE VIEW v AS SELECT * FROM people;\nCREATE TABLE keyless (a)")
	readOnly := config(path, "people")
	readOnly.Options["read_only"] = "true"
	view := config(path, "v")
	view.Key = []string{"id"}
	for because, c := range map[string]connectors.Config{
		"the definition says read_only": readOnly, "it is a view": view, "it has no primary key (name the columns with key:)": config(path, "keyless"),
	} {
		s := open(t, c)
		d, err := s.Describe(context.Background())
		require.NoError(t, err)
		require.False(t, d.Can.Writable, c.Object)
		require.Equal(t, because, d.Can.ReadOnlyBecause)
		require.False(t, d.Can.Upsert)
		_, err = s.Apply(context.Background(), connectors.Writes{Items: []connectors.Item{{Op: connectors.OpDelete, Key: "1:1"}}})
		require.Equal(t, connectors.Permanent, connectors.KindOf(err), c.Object)
		require.Equal(t, connectors.Permanent, connectors.KindOf(s.Install(context.Background())), c.Object)
	}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	path := database(t, people+";\nCREATE VIEW v AS SELECT * FROM people")
	s := open(t, config(path, "people"))
	require.NoError(t, s.Install(context.Background()))
	names, err := sqlite.Connector{}.Discover(context.Background(), config(path, ""))
	require.NoError(t, err)
	require.Equal(t, []string{"people", "v"}, names)
}

// No message tells the values of a record.
func TestErrorsKeepValuesToThemselves(t *testing.T) {
	t.Parallel()
	s := open(t, config(database(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT UNIQUE CHECK (v != 'secret-1'), n INT NOT NULL)`), "t"))
	for _, set := range [][]record.Value{{"secret-1", int64(1)}, {"secret-2", nil}, {"secret-3", "secret-4"}} {
		r := apply(t, s, []string{"v", "n"}, connectors.Item{Op: connectors.OpCreate, Set: set})[0]
		require.Equal(t, failed, r.Status)
		require.NotContains(t, errors.Join(r.Err).Error(), "secret-2")
		require.NotContains(t, r.Err.Error(), "secret-3")
		require.NotContains(t, r.Err.Error(), "secret-4")
	}
}
