package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

func update(id int64, set ...record.Value) connectors.Item {
	return connectors.Item{Op: connectors.OpUpdate, Key: key(id), Set: set}
}

func create(set ...record.Value) connectors.Item {
	return connectors.Item{Op: connectors.OpCreate, Set: set}
}

// textOf gives a query's only value.
func textOf(tb testing.TB, db *testenv.Database, sql string) string {
	tb.Helper()
	var text string
	require.NoError(tb, db.Conn(tb).QueryRow(tb.Context(), sql).Scan(&text))
	return text
}

// Of thousands of rows a few are refused, for several reasons: only they fail,
// and no message quotes a value.
func TestBadItemsAreFoundAmongThousands(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, `create table parents (id int primary key); insert into parents values (1);
		create table t (id int primary key, email text not null unique, parent int references parents, age int constraint adult check (age >= 18));
		insert into t select i, 'old' || i, 1, 20 from generate_series(1, 3000) i; insert into t values (9999, 'taken', 1, 20)`)
	h := open(t, config(db, "t"))
	const secret = "S3cretValue"
	bad := map[int]connectors.Item{
		17:   update(18, "x", int64(77), int64(20)),
		18:   update(19, nil, int64(1), int64(20)),
		1500: update(1501, "x1500", int64(1), int64(7)),
		2222: update(2223, "taken", int64(1), int64(20)),
		2999: update(3000, strings.Repeat(secret, 3000), int64(1), int64(7)),
	}
	w := connectors.Writes{Columns: []string{"email", "parent", "age"}, Compare: []string{"age"}}
	for i := range 3000 {
		item, ok := bad[i]
		if !ok {
			item = update(int64(i+1), fmt.Sprint(secret, i), int64(1), int64(21))
		}
		w.Items = append(w.Items, item)
	}
	for i, r := range h.apply(w) {
		if _, ok := bad[i]; !ok {
			require.Equal(t, connectors.Done, r.Status, "%d: %v", i, r.Err)
			continue
		}
		require.Equal(t, connectors.Failed, r.Status, i)
		require.NotContains(t, r.Err.Error(), secret)
		require.NotContains(t, r.Err.Error(), "taken")
		want := map[int]string{17: "t_parent_fkey", 18: "column email", 1500: "adult", 2222: "t_email_key", 2999: "adult"}[i]
		require.Contains(t, r.Err.Error(), want)
		kind := connectors.BadRecord
		if i == 2222 {
			kind = connectors.Conflict
		}
		require.Equal(t, kind, connectors.KindOf(r.Err))
	}
	require.Equal(t, "2995", textOf(t, db, "select count(*)::text from t where age = 21"))
}

// What the database would check at its commit is still one row's failure.
func TestConstraintsThatAreCheckedLate(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, `create table parents (id int primary key); insert into parents values (1);
		create table t (id int primary key, parent int references parents deferrable initially deferred)`)
	h := open(t, config(db, "t"))
	r := h.apply(connectors.Writes{Columns: []string{"id", "parent"}, Items: []connectors.Item{
		create(int64(1), int64(1)), create(int64(2), int64(2)), create(int64(3), nil),
	}})
	require.Equal(t, []connectors.Status{connectors.Done, connectors.Failed, connectors.Done}, statuses(r))
	require.ErrorContains(t, r[1].Err, "t_parent_fkey")
	loaded, rejected, err := load(t, h, []string{"id"}, batchOf(t, h, []string{"id", "parent"},
		[]record.Value{int64(4), int64(1)}, []record.Value{int64(5), int64(2)}, []record.Value{int64(1), nil}))
	require.NoError(t, err)
	require.Equal(t, connectors.Loaded{Created: 1, Updated: 1}, loaded)
	require.ErrorContains(t, rejected[int64(5)], "t_parent_fkey")
}

// Rows exchange values under a unique index, whatever the index allows.
func TestSwapsUnderAUniqueIndex(t *testing.T) {
	t.Parallel()
	for name, ddl := range map[string]string{
		"nullable":         "v text unique, w int",
		"not null":         "v text not null unique, w int",
		"short":            "v varchar(4) not null unique, w int",
		"deferrable":       "v text not null unique deferrable, w int",
		"expression":       "v text not null, w int",
		"composite":        "v text not null, w int not null default 0, unique (w, v)",
		"nulls not unique": "v text unique nulls not distinct, w int",
		"checked":          "v text unique check (v is not null), w int",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testenv.Postgres(t)
			db.Exec(t, "create table t (id int primary key, "+ddl+", x int check (x < 100)); insert into t (id, v) select i, 'v' || i from generate_series(1, 9) i")
			if name == "expression" {
				db.Exec(t, "create unique index on t (lower(v))")
			}
			h := open(t, config(db, "t"))
			batch, err := h.Fetch(t.Context(), nil, []record.Key{key(int64(1))})
			require.NoError(t, err)
			one := update(1, "v2", int64(1))
			one.Token = batch.Mark(0).Token
			stale := update(8, "v9", int64(1))
			stale.Token = "3"
			r := h.apply(connectors.Writes{Columns: []string{"v", "x"}, Compare: []string{"v"}, Items: []connectors.Item{
				one, update(3, "v4", int64(1)), update(5, "v5", int64(500)), update(4, "v1", record.Missing), update(2, "v3", int64(1)), stale,
			}})
			want := []connectors.Status{connectors.Done, connectors.Done, connectors.Failed, connectors.Done, connectors.Done, connectors.Refused}
			if name == "checked" { // no value may stand in
				require.Equal(t, connectors.Refused, r[5].Status)
				return
			}
			require.Equal(t, want, statuses(r), "%v", r)
			require.Equal(t, "v2 v3 v4 v1 v5", textOf(t, db, "select string_agg(v, ' ' order by id) from t where id < 6"))
			require.Equal(t, textOf(t, db, "select xmin::text from t where id = 1"), r[0].Token)
			require.Equal(t, []record.Value{"v2"}, r[0].Compared)
		})
	}
}

// A deleted row's value is free for an update, an updated row's for a creation,
// in one call and whatever their order in it.
func TestValuesAreFreedBeforeTheyAreTaken(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, "create table t (id int primary key, v text unique); insert into t values (1, 'a'), (2, 'b')")
	r := open(t, config(db, "t")).apply(connectors.Writes{Columns: []string{"id", "v"}, Items: []connectors.Item{
		create(int64(3), "b"), update(2, record.Missing, "a"), {Op: connectors.OpDelete, Key: key(int64(1))}, create(int64(1), "new"),
	}})
	require.Equal(t, []connectors.Status{connectors.Done, connectors.Done, connectors.Done, connectors.Done}, statuses(r), "%v", r)
	require.Equal(t, "1new 2a 3b", textOf(t, db, "select string_agg(id || v, ' ' order by id) from t"))
}

func TestCreationsGetTheirKeys(t *testing.T) {
	t.Parallel()
	for name, ddl := range map[string]string{
		"identity always":     "id int generated always as identity primary key, v text",
		"identity by default": "id int generated by default as identity primary key, v text",
		"serial":              "id serial primary key, v text",
		"uuid":                "id uuid default gen_random_uuid() primary key, v text",
		"a trigger's":         "id int primary key, v text",
		"changed by trigger":  "id serial primary key, v text",
		"text of a function":  "id text default 'k' || nextval('s') primary key, v text",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testenv.Postgres(t)
			db.Exec(t, "create sequence s; create table t ("+ddl+")")
			if strings.Contains(name, "trigger") {
				db.Exec(t, `create function f() returns trigger language plpgsql as 'begin new.id := nextval(''s'') + 1000; return new; end';
					create trigger k before insert on t for each row execute function f()`)
			}
			h := open(t, config(db, "t"))
			w := connectors.Writes{Columns: []string{"v"}, Compare: []string{"v"}}
			for i := range 50 {
				w.Items = append(w.Items, create(fmt.Sprint("v", i)))
			}
			seen := map[record.Key]bool{}
			keys := make([]record.Key, 0, 50)
			for i, r := range h.apply(w) {
				require.Equal(t, connectors.Done, r.Status, "%v", r.Err)
				require.Equal(t, []record.Value{fmt.Sprint("v", i)}, r.Stored)
				require.False(t, seen[r.Key])
				seen[r.Key] = true
				keys = append(keys, r.Key)
			}
			batch, err := h.Fetch(t.Context(), []string{"v"}, keys)
			require.NoError(t, err)
			for i, r := range rowsOf(batch) {
				require.Equal(t, fmt.Sprint("v", i), r.values[0], "the result's key is the row's")
			}
		})
	}
}

// What triggers make of a row is what the result tells.
func TestResultsTellWhatIsStored(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, `create table t (id int primary key, v text, len int generated always as (length(v)) stored, n numeric(6,1), at timestamptz(0));
		insert into t values (1, 'a'), (2, 'skip me');
		create function f() returns trigger language plpgsql as 'begin if old.v = ''skip me'' then return null; end if; new.v := upper(new.v); return new; end';
		create trigger k before update on t for each row execute function f()`)
	h := open(t, config(db, "t"))
	r := h.apply(connectors.Writes{
		Columns: []string{"v", "at"}, Compare: []string{"len", "v"},
		Items: []connectors.Item{
			update(1, "abc", instant(t, "2026-01-01T00:00:00.6Z")), update(2, "x", record.Missing),
		},
	})
	require.Equal(t, []connectors.Status{connectors.Done, connectors.Failed}, statuses(r))
	require.Equal(t, []record.Value{"ABC", instant(t, "2026-01-01T00:00:01Z")}, r[0].Stored)
	require.Equal(t, []record.Value{int64(3), "ABC"}, r[0].Compared)
	require.Contains(t, r[1].Err.Error(), "skips the write")
	r = h.apply(connectors.Writes{Columns: []string{"len"}, Items: []connectors.Item{update(1, int64(4))}})
	require.Contains(t, r[0].Err.Error(), "can only be read")
	r = h.apply(connectors.Writes{Columns: []string{"v"}, Compare: []string{"v"}, Items: []connectors.Item{update(1, record.Missing)}})
	require.Equal(t, []record.Value{"ABC"}, r[0].Stored, "nothing to set is still a look")
}

// Another writer holds the row: its commit decides.
func TestAWriteWaitsForAnotherAndSeesIt(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, "create table t (id int primary key, v text); insert into t values (1, 'old')")
	h := open(t, config(db, "t"))
	for _, commits := range []bool{true, false} {
		batch, err := h.Fetch(t.Context(), nil, []record.Key{key(int64(1))})
		require.NoError(t, err)
		items := []connectors.Item{update(1, "ours"), update(1, "ours")}
		items[0].Token = batch.Mark(0).Token
		items[1].Seen = record.HashRow(batch.Value(0, 1))
		for _, item := range items {
			tx := begin(t, db, "update t set v = 'theirs' where id = 1")
			done := make(chan []connectors.Result, 1)
			go func() {
				r, err := h.sink.Apply(context.WithoutCancel(t.Context()), connectors.Writes{Columns: []string{"v"}, Compare: []string{"v"}, Items: []connectors.Item{item}})
				if err != nil {
					r = nil
				}
				done <- r
			}()
			waitForLock(t, db)
			want := connectors.Refused
			if commits {
				require.NoError(t, tx.Commit(t.Context()))
			} else {
				require.NoError(t, tx.Rollback(t.Context()))
				want = connectors.Done
			}
			r := <-done
			require.NotNil(t, r)
			require.Equal(t, want, r[0].Status)
			if !commits {
				break
			}
		}
	}
}

// waitForLock returns when somebody waits for a lock in the database.
func waitForLock(tb testing.TB, db *testenv.Database) {
	tb.Helper()
	conn := db.Conn(tb)
	for {
		var waiting bool
		require.NoError(tb, conn.QueryRow(tb.Context(),
			"select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')").Scan(&waiting))
		if waiting {
			return
		}
	}
}

func TestAFenceLeavesNothingWritten(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, "create table t (id int primary key, v text); insert into t values (1, 'old')")
	h := open(t, config(db, "t"))
	locked := false
	for _, answer := range []error{connectors.Errorf(connectors.Fenced, "a newer run holds the sync"), errors.New("the ledger is away")} {
		w := connectors.Writes{
			Columns: []string{"v"}, Items: []connectors.Item{update(1, "new")},
			Fence: connectors.Fence{Sync: "s", Check: func(context.Context) error {
				//nolint:contextcheck // the test's own
				locked = textOf(t, db, "select count(*)::text from pg_locks where locktype = 'advisory' and granted") == "1"
				return answer
			}},
		}
		_, err := h.sink.Apply(t.Context(), w)
		require.ErrorIs(t, err, answer)
		require.True(t, locked, "the fence is asked under the lock")
		require.Equal(t, "old", textOf(t, db, "select v from t"))
	}
	require.Equal(t, "0", textOf(t, db, "select count(*)::text from pg_locks where locktype = 'advisory'"))
}

// Columns of kinds that need casts are conditions and matches too.
func TestFindByAnyType(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, ownTypes)
	for i, c := range typeCases(t) {
		if c.native == "json" || c.native == "point" || strings.HasSuffix(c.native, "[]") {
			continue // no equality, or none that is asked for
		}
		t.Run(c.native, func(t *testing.T) {
			t.Parallel()
			table := fmt.Sprintf("find%d", i)
			db.Exec(t, "create table "+table+" (id serial primary key, v "+c.native+")")
			h := open(t, config(db, table))
			finder, ok := connectors.As[connectors.Finder](h.object)
			require.True(t, ok)
			var tuples [][]record.Value
			w := connectors.Writes{Columns: []string{"v"}, Unless: []string{"v"}}
			for text := range c.values {
				_, err := db.Conn(t).Exec(t.Context(), fmt.Sprintf("insert into %s (v) values ($1::text::%s)", table, c.native), text)
				require.NoError(t, err)
			}
			rows, _ := h.readAll(snapshot("v"))
			for _, r := range rows {
				tuples = append(tuples, r.values)
				w.Items = append(w.Items, create(r.values...))
			}
			batch, err := finder.Find(t.Context(), []string{"v"}, []string{"v"}, append(tuples, []record.Value{nil}))
			require.NoError(t, err)
			require.Len(t, rowsOf(batch), len(rows))
			for j, r := range h.apply(w) {
				require.Equal(t, connectors.Exists, r.Status, "%#v %v", rows[j].values, r.Err)
			}
		})
	}
}
