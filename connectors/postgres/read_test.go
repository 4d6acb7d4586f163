package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

func TestSnapshotReadsEveryRowOnceInRangesOfTheKey(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, `create table t (id int primary key, v text); insert into t select i, 'v' || i from generate_series(1, 10000) i; analyze t`)
	h := open(t, config(db, "t"))
	require.Equal(t, int64(10000), h.description.Rows)
	rows, w := h.readAll(connectors.Ask{Mode: connectors.ModeSnapshot, PartitionRows: 1000})
	require.Len(t, w.Partitions, 10)
	require.True(t, w.Complete)
	require.Len(t, rows, 10000)
	seen := map[record.Value]bool{}
	for _, r := range rows {
		require.False(t, seen[r.values[0]])
		seen[r.values[0]] = true
		require.NotEmpty(t, r.mark.Token)
	}
	for _, p := range w.Partitions {
		require.InDelta(t, 1000, len(h.readPart(p)), 200)
	}
}

func TestSnapshotIsSharedWhileItIsHeld(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, `create table t (id int primary key, v text); insert into t select i, 'old' from generate_series(1, 1000) i; analyze t`)
	h := open(t, config(db, "t"))
	w, err := h.Detect(t.Context(), connectors.Ask{Mode: connectors.ModeSnapshot, PartitionRows: 300})
	require.NoError(t, err)
	require.Len(t, w.Partitions, 4)
	db.Exec(t, `update t set v = 'new'; insert into t select i, 'new' from generate_series(1001, 2000) i`)
	// Another object of the same process reads on the snapshot too.
	other := open(t, config(db, "public.t"))
	rows := other.readWindow(w)
	require.Len(t, rows, 1000)
	for _, r := range rows {
		require.Equal(t, "old", r.values[1])
	}
	// All partitions were read: the snapshot is let go, and a repeated read sees what is there now.
	require.Eventually(t, func() bool { return len(other.readWindow(w)) == 2000 }, 20*time.Second, 50*time.Millisecond)
}
