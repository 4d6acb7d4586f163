package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// snapshotIdle is how long an exported snapshot waits for its next reader. It
// keeps the server from cleaning up what changed since, so it is not forever;
// readers that come later read what is there then.
const snapshotIdle = 5 * time.Minute

// held is a transaction whose snapshot others read on. It outlives the object
// that detected: each partition may be read by another one.
type held struct {
	// id is the server's name for the snapshot, source the table's identity:
	// snapshots of different servers may have one name.
	id     string
	source string
	conn   *pgconn.PgConn
	timer  *time.Timer
	// left are the partitions that nobody has read completely yet; readers
	// counts those at work. Guarded by snapshots.
	left    map[string]bool
	readers int
}

// snapshots are those that this process exported and holds.
//
//nolint:gochecknoglobals // a snapshot belongs to the process: its readers share nothing else
var snapshots = struct {
	sync.Mutex
	byID map[string]*held
}{byID: map[string]*held{}}

// exportSnapshot begins a transaction of its own and exports its snapshot.
func (o *object) exportSnapshot(ctx context.Context, source string) (*held, error) {
	conn, err := pgconn.ConnectConfig(ctx, &o.pool.Config().ConnConfig.Config)
	if err != nil {
		return nil, err
	}
	h := &held{source: source, conn: conn, left: map[string]bool{}}
	if err := beginReading(ctx, conn, ""); err != nil {
		h.close()
		return nil, err
	}
	if err := exec(ctx, conn, "set local idle_in_transaction_session_timeout = '2h'"); err != nil {
		h.close()
		return nil, err
	}
	rows, err := query(ctx, conn, "select pg_export_snapshot()")
	if err != nil {
		h.close()
		return nil, err
	}
	h.id = string(rows[0][0])
	return h, nil
}

// keep holds the snapshot until all partitions have been read or nobody came.
func (h *held) keep(partitions []string) {
	snapshots.Lock()
	defer snapshots.Unlock()
	for _, id := range partitions {
		h.left[id] = true
	}
	snapshots.byID[h.key()] = h
	h.timer = time.AfterFunc(snapshotIdle, func() { h.drop(true) })
}

func (h *held) key() string { return h.source + " " + h.id }

// useSnapshot keeps a snapshot from timing out while it is read on. The
// function that it gives is told whether the partition was read completely.
func useSnapshot(source, id string) func(partition string, done bool) {
	snapshots.Lock()
	defer snapshots.Unlock()
	h := snapshots.byID[source+" "+id]
	if h == nil {
		return func(string, bool) {}
	}
	h.readers++
	h.timer.Stop()
	return func(partition string, done bool) {
		snapshots.Lock()
		h.readers--
		if done {
			delete(h.left, partition)
		}
		over := len(h.left) == 0 && h.readers == 0
		h.timer.Reset(snapshotIdle)
		snapshots.Unlock()
		if over {
			h.drop(false)
		}
	}
}

// drop ends the transaction, unless somebody reads on it.
func (h *held) drop(idle bool) {
	snapshots.Lock()
	if idle && h.readers > 0 || snapshots.byID[h.key()] != h {
		snapshots.Unlock()
		return
	}
	delete(snapshots.byID, h.key())
	h.timer.Stop()
	snapshots.Unlock()
	h.close()
}

// close cuts the connection; the server ends the transaction with it.
func (h *held) close() { _ = h.conn.Conn().Close() }
