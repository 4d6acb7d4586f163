package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

// cursorTable opens a table by its column updated_at.
func cursorTable(tb testing.TB, db *testenv.Database, rows int) *follower {
	tb.Helper()
	db.Exec(tb, `create table t (id int primary key, v text, updated_at timestamptz); create index on t (updated_at)`)
	db.Exec(tb, fmt.Sprintf(`insert into t select i, 'v0', timestamptz '2026-01-01' + i * interval '1 second' from generate_series(1, %d) i`, rows))
	c := config(db, "t")
	c.Modified = "updated_at"
	return &follower{handle: open(tb, c), copy: map[record.Value]record.Value{}}
}

// follower keeps a copy of the column v by following changes.
type follower struct {
	*handle
	since record.Position
	copy  map[record.Value]record.Value
	// read counts the rows of the last window.
	read int
}

func (f *follower) pass(full bool) connectors.Window {
	f.tb.Helper()
	w, err := f.Detect(f.tb.Context(), connectors.Ask{Mode: connectors.ModeCursor, Columns: []string{"id", "v"}, Since: f.since, Full: full, PartitionRows: 1000})
	require.NoError(f.tb, err)
	rows := f.readWindow(w)
	f.read = len(rows)
	for _, r := range rows {
		f.copy[r.values[0]] = r.values[1]
	}
	f.since = w.To
	return w
}

func (f *follower) requireSame(db *testenv.Database) {
	f.tb.Helper()
	rows, err := db.Conn(f.tb).Query(f.tb.Context(), "select id, v from t")
	require.NoError(f.tb, err)
	want := map[record.Value]record.Value{}
	var id int64
	var v string
	_, err = pgx.ForEachRow(rows, []any{&id, &v}, func() error { want[id] = v; return nil })
	require.NoError(f.tb, err)
	require.Equal(f.tb, want, f.copy)
}

// begin opens a transaction of another program that runs sql.
func begin(tb testing.TB, db *testenv.Database, sql string) pgx.Tx {
	tb.Helper()
	tx, err := db.Conn(tb).Begin(tb.Context())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	_, err = tx.Exec(tb.Context(), sql)
	require.NoError(tb, err)
	return tx
}

// A transaction writes an earlier time than what has been seen, and commits
// after it: whatever positions look like meanwhile, its rows come.
func TestALongTransactionLosesNothing(t *testing.T) {
	t.Parallel()
	const early, late = "timestamptz '2026-02-01'", "timestamptz '2026-03-01'"
	for name, c := range map[string]struct {
		first   string // what the long transaction does before the others commit
		then    string // and after
		polls   int
		commits bool
	}{
		"one poll":                    {"update t set v = 'long', updated_at = " + early + " where id = 1", "", 1, true},
		"two polls":                   {"update t set v = 'long', updated_at = " + early + " where id = 1", "", 2, true},
		"rolled back":                 {"update t set v = 'long', updated_at = " + early + " where id = 1", "", 2, false},
		"begun but not written":       {"select 1", "update t set v = 'long', updated_at = " + early + " where id = 1", 2, true},
		"an insert":                   {"insert into t values (1000, 'long', " + early + ")", "", 3, true},
		"by the clock of its begin":   {"select 1", "update t set v = 'long', updated_at = now() where id = 1", 2, true},
		"in a subtransaction":         {"savepoint a; update t set v = 'long', updated_at = " + early + " where id = 1; release a", "", 2, true},
		"with a number, written late": {"create temp table x (i int)", "update t set v = 'long', updated_at = " + early + " where id = 1", 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testenv.Postgres(t)
			f := cursorTable(t, db, 20)
			require.True(t, f.pass(false).Complete)
			f.pass(false)
			tx := begin(t, db, c.first)
			for i := range c.polls {
				db.Exec(t, fmt.Sprintf("update t set v = 'short %d', updated_at = %s + interval '%d s' where id = %d", i, late, i, i+5))
				f.pass(false)
			}
			if c.then != "" {
				_, err := tx.Exec(t.Context(), c.then)
				require.NoError(t, err)
			}
			if c.commits {
				require.NoError(t, tx.Commit(t.Context()))
			} else {
				require.NoError(t, tx.Rollback(t.Context()))
			}
			f.pass(false)
			f.requireSame(db)
			db.Exec(t, "update t set v = 'after', updated_at = (select max(updated_at) + interval '1 hour' from t) where id = 9")
			f.pass(false)
			f.requireSame(db)
			f.pass(false)
			require.LessOrEqual(t, f.read, 1, "the position moved on")
		})
	}
}

// The first listing happens while a transaction is open.
func TestATransactionOpenDuringTheFirstListing(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	f := cursorTable(t, db, 5000)
	tx := begin(t, db, "update t set v = 'long', updated_at = '2026-01-01 00:00:07' where id = 7")
	require.True(t, f.pass(true).Complete)
	f.pass(false)
	require.NoError(t, tx.Commit(t.Context()))
	require.False(t, f.pass(false).Complete)
	f.requireSame(db)
	require.Equal(t, 1, f.read, "what was read does not come again")
	f.pass(false)
	require.Zero(t, f.read)
}

// Whole tables carry one moment, and more rows get it later: pages end inside
// of it, and nothing that was read comes again.
func TestTenThousandEqualCursorValues(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	f := cursorTable(t, db, 0)
	f.pass(false)
	db.Exec(t, "insert into t select i, 'equal', '2026-02-02' from generate_series(1, 10000) i")
	w := f.pass(false)
	require.Len(t, w.Partitions, 10)
	require.Equal(t, 10000, f.read)
	f.requireSame(db)
	f.pass(false)
	require.Zero(t, f.read)
	db.Exec(t, "update t set v = 'again' where id in (1, 5000); insert into t values (0, 'new', '2026-02-02')")
	f.pass(false)
	require.Equal(t, 3, f.read)
	f.requireSame(db)
}

// A row dated in the future does not hide what is written until then.
func TestARowOfTheFuture(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	f := cursorTable(t, db, 10)
	db.Exec(t, "insert into t values (11, 'future', now() + interval '1 year'), (12, 'end', 'infinity')")
	f.pass(false)
	f.pass(false)
	db.Exec(t, "update t set v = 'now', updated_at = now() where id = 1")
	f.pass(false)
	f.requireSame(db)
}

func TestCursorsOfOtherTypes(t *testing.T) {
	t.Parallel()
	for native, values := range map[string][3]string{
		"bigint":       {"10", "20", "30"},
		"date":         {"'2026-01-01'", "'2026-01-02'", "current_date"},
		"timestamp":    {"'2026-01-01 00:00:01.5'", "'2026-01-01 00:00:02'", "now() at time zone 'UTC'"},
		"timestamp(0)": {"'2026-01-01 00:00:01'", "'2026-01-01 00:00:02'", "now() at time zone 'UTC'"},
		"numeric":      {"1.5", "2.25", "2.250001"},
		"text":         {"'2026-01-01T00'", "'2026-01-01T01'", "'2026-01-01T02'"},
		"uuid":         {"'00000000-0000-7000-8000-000000000000'", "'10000000-0000-7000-8000-000000000000'", "'20000000-0000-7000-8000-000000000000'"},
	} {
		t.Run(native, func(t *testing.T) {
			t.Parallel()
			db := testenv.Postgres(t)
			db.Exec(t, fmt.Sprintf(`create table t (id int, v text, k text, "Changed at" %s, primary key (k, id));
				insert into t values (1, 'a', 'k', %s), (2, 'b', 'k', %s), (3, 'null', 'k', null)`, native, values[0], values[1]))
			c := config(db, "t")
			c.Modified = "Changed at"
			f := &follower{handle: open(t, c), copy: map[record.Value]record.Value{}}
			f.pass(false)
			f.requireSame(db)
			f.pass(false)
			require.Zero(t, f.read)
			for i := range 3 {
				db.Exec(t, fmt.Sprintf(`update t set v = 'new %d', "Changed at" = %s where id = 1`, i, values[2]))
				f.pass(false)
				require.Equal(t, 1, f.read)
				f.requireSame(db)
			}
		})
	}
}

func TestPositionsOfAnotherPast(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	f := cursorTable(t, db, 3)
	f.pass(false)
	ask := connectors.Ask{Mode: connectors.ModeCursor, Since: f.since}
	ask.Since.Value = `{"cursor":"2026-01-01","xmin":999999999999}`
	_, err := f.Detect(t.Context(), ask)
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err), "a restored server")
	db.Exec(t, "drop table t; create table t (id int primary key, v text, updated_at timestamptz)")
	_, err = f.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeCursor, Since: f.since})
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err), "a table made anew")
	_, err = f.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeLog})
	require.Equal(t, connectors.Permanent, connectors.KindOf(err), "never silently another mode")
}

// A view has no xmin: what may be new is read again, but nothing is lost.
func TestCursorOfAView(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	cursorTable(t, db, 10)
	db.Exec(t, "create view w as select id, v, updated_at from t")
	c := config(db, "w")
	c.Modified, c.Key = "updated_at", []string{"id"}
	h := open(t, c)
	require.False(t, h.description.Can.Token)
	require.False(t, h.description.Can.Writable)
	f := &follower{handle: h, copy: map[record.Value]record.Value{}}
	f.pass(false)
	tx := begin(t, db, "update t set v = 'long', updated_at = '2026-01-01 00:00:02' where id = 1")
	db.Exec(t, "update t set v = 'new', updated_at = '2026-02-02' where id = 2")
	f.pass(false)
	require.NoError(t, tx.Commit(t.Context()))
	f.pass(false)
	f.requireSame(db)
	f.pass(false)
	require.LessOrEqual(t, f.read, 1)
}

// A snapshot that is gone in the middle of a listing, as where another worker
// held it: each range shows what is there when it is read. A row that came into
// a range after that was read, by a new key too, is behind the mark from before
// the first read, so the next window has it.
func TestRangesWithoutASharedSnapshotMissNothing(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprintf("shared=%v", shared), func(t *testing.T) {
			t.Parallel()
			db := testenv.Postgres(t)
			f := cursorTable(t, db, 5000)
			db.Exec(t, "analyze t")
			w, err := f.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeCursor, Columns: []string{"id", "v"}, Full: true, PartitionRows: 1000})
			require.NoError(t, err)
			require.Greater(t, len(w.Partitions), 3)
			if !shared {
				db.Exec(t, `select pg_terminate_backend(pid) from pg_stat_activity
					where application_name = 'syncline reading' and state = 'idle in transaction' and datname = current_database()`)
			}
			take := func(part connectors.Partition) {
				for _, r := range f.readPart(part) {
					f.copy[r.values[0]] = r.values[1]
				}
			}
			take(w.Partitions[0])
			db.Exec(t, `insert into t values (-1, 'came', now()); update t set v = 'edited', updated_at = now() where id in (2, 4999);
				update t set id = -2, v = 'moved', updated_at = now() where id = 5000`)
			for _, part := range w.Partitions[1:] {
				take(part)
			}
			require.NotEqual(t, "edited", f.copy[int64(2)], "its range was read before")
			edited := "v0"
			if !shared {
				edited = "edited"
			}
			require.Equal(t, edited, f.copy[int64(4999)])
			f.since = w.To
			f.pass(false)
			delete(f.copy, int64(5000)) // whose key is gone is the sweep's to tell
			f.requireSame(db)
		})
	}
}
