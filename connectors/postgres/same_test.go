package postgres_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

// Rows that are there already are found by reading them, and nothing is
// written for them; the others are, whatever it is in which they differ.
func TestLoadWritesOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	const n = 5000
	for name, change := range map[string]string{
		"nothing":         `select 1`,
		"a text":          `update t set v = 'other' where id = 17`,
		"a NULL":          `update t set v = null where id = 17`,
		"digits":          `update t set amount = 1.250 where id = 17`,
		"a row less":      `delete from t where id = 17`,
		"rows of others":  `insert into t select i, 'other', 1 from generate_series(-20000, 0) i`,
		"every other row": `update t set v = 'other' where id % 2 = 0`,
		"most rows":       `update t set v = 'other' where id % 10 > 0`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testenv.Postgres(t)
			db.Exec(t, fmt.Sprintf(`create table t (id int primary key, v text, amount numeric(9,3));
				insert into t select i, 'v' || i, 1.25 from generate_series(1, %d) i; analyze t`, n))
			h := open(t, config(db, "t"))
			batch := func() *record.Batch {
				var rows [][]record.Value
				for i := range n {
					rows = append(rows, []record.Value{int64(i + 1), fmt.Sprint("v", i+1), record.Decimal("1.25")})
				}
				return batchOf(t, h, []string{"id", "v", "amount"}, rows...)
			}
			db.Exec(t, change)
			const differing = `select count(*)::text from (select i, 'v' || i v, 1.25 amount from generate_series(1, 5000) i) w
				left join t on t.id = w.i and t.v = w.v and t.amount = w.amount where t.id is null`
			want := textOf(t, db, differing)
			before := textOf(t, db, "select coalesce(max(xmin::text::bigint), 0)::text from t")
			loaded, rejected, err := load(t, h, []string{"id"}, batch())
			require.NoError(t, err)
			require.Empty(t, rejected)
			require.Equal(t, want, strconv.FormatInt(loaded.Created+loaded.Updated, 10))
			require.EqualValues(t, n, loaded.Created+loaded.Updated+loaded.Unchanged)
			require.Equal(t, "0", textOf(t, db, differing))
			require.Equal(t, want, textOf(t, db, "select count(*)::text from t where xmin::text::bigint > "+before))
			again, _, err := load(t, h, []string{"id"}, batch())
			require.NoError(t, err)
			require.Equal(t, connectors.Loaded{Unchanged: n}, again)
		})
	}
}

// A key that comes twice ends as its last row says.
func TestLoadKeepsTheLastOfAKey(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, `create table t (id int primary key, v text); insert into t select i, 'v' || i from generate_series(1, 200) i; analyze t`)
	h := open(t, config(db, "t"))
	var rows [][]record.Value
	for i := range 200 {
		rows = append(rows, []record.Value{int64(i + 1), fmt.Sprint("v", i+1)})
	}
	rows = append(rows, []record.Value{int64(7), "last"}, []record.Value{int64(9), "first"}, []record.Value{int64(9), "v9"})
	_, rejected, err := load(t, h, []string{"id"}, batchOf(t, h, []string{"id", "v"}, rows...))
	require.NoError(t, err)
	require.Empty(t, rejected)
	require.Equal(t, "last,v9", textOf(t, db, "select string_agg(v, ',' order by id) from t where id in (7, 9)"))
}
