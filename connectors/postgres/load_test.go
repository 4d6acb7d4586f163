package postgres_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

// batchOf makes a batch of rows of the table's own columns.
func batchOf(tb testing.TB, h *handle, columns []string, rows ...[]record.Value) *record.Batch {
	tb.Helper()
	b := record.NewBuilder(h.description.Schema.Select(columns))
	for _, r := range rows {
		require.NoError(tb, b.Append(r, record.Mark{}))
	}
	return b.Flush()
}

func TestLoadRejectsOnlyWhatIsBad(t *testing.T) {
	t.Parallel()
	for _, start := range []string{"", "; insert into t values (1, 'there', null, null)"} {
		db := testenv.Postgres(t)
		db.Exec(t, `create table parents (id int primary key); insert into parents values (1);
			create table t (id int primary key, v varchar(6) check (v <> 'secret'), parent int references parents, n numeric(4,1) unique)`+start)
		h := open(t, config(db, "t"))
		columns := []string{"id", "v", "parent", "n"}
		var rows [][]record.Value
		bad := map[record.Value]string{
			int64(100): "more digits", int64(200): "t_parent_fkey", int64(300): "t_v_check", int64(400): "longer than", int64(500): "U+0000",
			int64(600): "t_n_key", nil: "NULL in the key",
		}
		for i := range 2000 {
			id := int64(i + 1)
			r := []record.Value{id, fmt.Sprint("v", id), int64(1), nil}
			switch id {
			case 100:
				r[3] = record.Decimal("1.23")
			case 200:
				r[2] = int64(2)
			case 300:
				r[1] = "secret"
			case 400:
				r[1] = "too long"
			case 500:
				r[1] = "\x00"
			case 599, 600:
				r[3] = record.Decimal("7")
			case 700:
				r[0] = nil
			}
			rows = append(rows, r)
		}
		loose := record.NewSchema(h.description.Schema.Select(columns).Fields...)
		loose.Fields[1].Type.Length, loose.Fields[3].Type = 0, record.Type{Kind: record.KindDecimal}
		b := record.NewBuilder(loose)
		for _, r := range rows {
			require.NoError(t, b.Append(r, record.Mark{}))
		}
		loaded, rejected, err := load(t, h, []string{"id"}, b.Flush())
		require.NoError(t, err)
		require.Len(t, rejected, len(bad))
		for id, why := range bad {
			require.ErrorContains(t, rejected[id], why)
			require.NotContains(t, rejected[id].Error(), "secret")
		}
		require.EqualValues(t, 2000-len(bad), loaded.Created+loaded.Updated)
		require.Equal(t, strconv.Itoa(2000-len(bad)), textOf(t, db, "select count(*)::text from t"))
	}
}

// Batches of other types than the table's are converted, exactly or not at all.
func TestLoadConverts(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, "create table t (id int primary key, n int2, s text, d numeric(5,2), tags text[], at timestamptz, b bool)")
	h := open(t, config(db, "t"))
	schema := record.NewSchema(
		record.Field{Name: "b", Type: record.Type{Kind: record.KindString}}, record.Field{Name: "id", Type: record.Type{Kind: record.KindString}},
		record.Field{Name: "n", Type: record.Type{Kind: record.KindDecimal}}, record.Field{Name: "s", Type: record.Type{Kind: record.KindInt}},
		record.Field{Name: "d", Type: record.Type{Kind: record.KindInt}}, record.Field{Name: "tags", Type: record.Type{Kind: record.KindSet, Elem: record.KindString}},
		record.Field{Name: "at", Type: record.Type{Kind: record.KindDate}},
	)
	b := record.NewBuilder(schema)
	require.NoError(t, b.Append([]record.Value{"yes", "1", record.Decimal("7"), int64(8), int64(9), record.List{"b", nil}, day(t, "2026-01-02")}, record.Mark{}))
	require.NoError(t, b.Append([]record.Value{"maybe", "2", nil, nil, nil, nil, nil}, record.Mark{}))
	require.NoError(t, b.Append([]record.Value{nil, "3", record.Decimal("7.5"), nil, nil, nil, nil}, record.Mark{}))
	loaded, rejected, err := load(t, h, []string{"id"}, b.Flush())
	require.NoError(t, err)
	require.Equal(t, connectors.Loaded{Created: 1}, loaded)
	require.ErrorContains(t, rejected["maybe"], "column b: ")
	require.ErrorContains(t, rejected[nil], "column n: ")
	require.Equal(t, "(1,7,8,9.00,\"{b,NULL}\",\"2026-01-02 00:00:00+00\",t)", textOf(t, db, "select t::text from t"))
}

// Of several rows with one key the last counts, and a missing value leaves the
// column alone.
func TestLoadFoldsKeysAndLeavesMissingAlone(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, "create table t (k text, id int, v text default 'default', w text, primary key (id, k)); insert into t values ('k', 1, 'old', 'old')")
	h := open(t, config(db, "t"))
	builder := record.NewBuilder(h.description.Schema)
	add := func(op record.Op, values ...record.Value) {
		require.NoError(t, builder.Append(values, record.Mark{Op: op}))
	}
	add(record.Present, "k", int64(1), record.Missing, "new")
	add(record.Present, "k", int64(2), record.Missing, "two")
	add(record.Present, "k", int64(3), "first", nil)
	add(record.Present, "k", int64(3), "second", nil)
	add(record.Deleted, "k", int64(4), nil, nil)
	add(record.Present, "k", int64(4), "back", nil)
	add(record.Present, "k", int64(5), "gone", nil)
	add(record.Deleted, "k", int64(5), nil, nil)
	add(record.Absent, "k", int64(1), nil, nil)
	require.NoError(t, builder.Append([]record.Value{"k", int64(6), nil, nil}, record.Mark{Bad: "unreadable"}))
	loaded, rejected, err := load(t, h, []string{"k", "id"}, builder.Flush())
	require.NoError(t, err)
	require.Len(t, rejected, 1)
	require.ErrorContains(t, rejected["k"], "unreadable")
	require.Equal(t, connectors.Loaded{Created: 3, Updated: 1, Unchanged: 4}, loaded)
	require.Equal(t, "1:old:new 2:default:two 3:second:- 4:back:-",
		textOf(t, db, "select string_agg(id || ':' || v || ':' || coalesce(w, '-'), ' ' order by id) from t"))
}

func TestLoadNeedsAUniqueKey(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, "create table t (id int, v text); create view w as select * from t")
	c := config(db, "t")
	c.Key = []string{"id"}
	h := open(t, c)
	require.False(t, h.description.Can.Upsert)
	_, _, err := load(t, h, []string{"id"}, batchOf(t, h, []string{"id"}, []record.Value{int64(1)}))
	require.Equal(t, connectors.Permanent, connectors.KindOf(err))
	_, _, err = load(t, open(t, config(db, "w")), []string{"id"})
	require.Equal(t, connectors.Permanent, connectors.KindOf(err))
}

// Several chunks, into a partitioned table.
func TestLoadManyChunksIntoPartitions(t *testing.T) {
	t.Parallel()
	const n = 150_000
	db := testenv.Postgres(t)
	db.Exec(t, "create table s (id int primary key, v text); create table t (id int primary key, v text) partition by range (id)")
	db.Exec(t, "create table t1 partition of t for values from (minvalue) to (70000); create table t2 partition of t for values from (70000) to (maxvalue)")
	db.Exec(t, fmt.Sprintf("insert into s select i, repeat('x', 10) || i from generate_series(1, %d) i", n))
	require.Equal(t, connectors.Loaded{Created: n}, loadBatch(t, db, "s", "t"))
	db.Exec(t, "update s set v = 'changed' where id % 10 = 0")
	require.Equal(t, connectors.Loaded{Updated: n / 10, Unchanged: n - n/10}, loadBatch(t, db, "s", "t"))
	require.Equal(t, "0", textOf(t, db, "select count(*)::text from s full join t using (id, v) where s.* is null or t.* is null"))
	// A partitioned table is read, written and fetched like any other.
	h := open(t, config(db, "t"))
	require.InDelta(t, n, h.description.Rows, n/2)
	rows, w := h.readAll(connectors.Ask{Mode: connectors.ModeSnapshot, PartitionRows: 20_000})
	require.Len(t, rows, n)
	require.Greater(t, len(w.Partitions), 3)
	r := h.apply(connectors.Writes{Columns: []string{"id", "v"}, Compare: []string{"v"}, Items: []connectors.Item{
		{Op: connectors.OpUpdate, Key: key(int64(5)), Set: []record.Value{int64(200_000), "moved"}},
		create(int64(200_001), "created"),
		{Op: connectors.OpDelete, Key: key(int64(6))},
	}})
	require.Equal(t, []connectors.Status{connectors.Done, connectors.Done, connectors.Done}, statuses(r), "%v", r)
	require.Equal(t, key(int64(200_000)), r[0].Key)
}

func TestLoadOfWideRows(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	columns := make([]string, 300)
	for i := range columns {
		columns[i] = fmt.Sprintf("c%d text", i)
	}
	db.Exec(t, "create table s (id int primary key, v text, "+strings.Join(columns, ", ")+"); create table t (like s including all)")
	db.Exec(t, "insert into s (id, v, c0, c299) select i, repeat('long ', 1000000), 'first', 'last' from generate_series(1, 8) i")
	for range 2 {
		loadBatch(t, db, "s", "t")
		require.Equal(t, "0", textOf(t, db, "select count(*)::text from s full join t using (id) where s is distinct from t"))
	}
}
