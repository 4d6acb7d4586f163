package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

const (
	// maxAge is how many transactions a position may be behind; beyond half of
	// the 32 bits of an xmin, older and newer cannot be told apart.
	maxAge = 1_500_000_000
	// patience is how long a transaction may be open before we say that it
	// holds a position back.
	patience = time.Hour
)

// cursorPosition is the value of a position in cursor mode. What has been read
// is: everything that was committed when the transaction numbers below Xmin
// had ended. So what is new was written by a later transaction, and carries a
// cursor of Low or more.
type cursorPosition struct {
	// Cursor is the greatest value seen; "" if there was none.
	Cursor string `json:"cursor,omitempty"`
	// Low is the least value that a transaction not yet seen may carry; "" if
	// nothing can be said.
	Low string `json:"low,omitempty"`
	// Xmin was the oldest transaction in flight in this database.
	Xmin uint64 `json:"xmin"`
	// Next replaces Low when the transactions that could write less have ended.
	Next *candidate `json:"next,omitempty"`
}

// candidate is a value of Low that waits for transactions to end.
type candidate struct {
	Low string `json:"low"`
	// Open are the virtual ids of the transactions; they have one before they
	// write, and may have fixed the time that they will write.
	Open []string `json:"open,omitempty"`
	// Xmax: all transactions with numbers below it must have ended. It is for
	// replicas, which know those of their primary by number alone.
	Xmax uint64 `json:"xmax,omitempty"`
	// Since is when the wait began.
	Since time.Time `json:"since"`
}

// moment is the state of the server when a window begins.
type moment struct {
	xmin, xmax  uint64
	cursor, low string
	open        []string
	replica     bool
	at          time.Time
}

// detectCursor finds what was written since a position, or lists everything.
func (o *object) detectCursor(ctx context.Context, t *table, ask connectors.Ask) (connectors.Window, error) {
	w := connectors.Window{Mode: connectors.ModeCursor, Rows: -1}
	if o.config.Modified == "" {
		return w, connectors.Errorf(connectors.Permanent, "cursor mode needs modified: with the column that tells when a row changed")
	}
	modified := t.byName[o.config.Modified]
	var since *cursorPosition
	if ask.Since.Mode == string(connectors.ModeCursor) {
		since = &cursorPosition{}
		if err := json.Unmarshal([]byte(ask.Since.Value), since); err != nil {
			return w, connectors.Errorf(connectors.Permanent, "malformed position")
		}
	}
	err := o.with(ctx, "look for the end of "+t.readable(), func(conn *pgconn.PgConn) error {
		now, err := o.now(ctx, conn, t, modified)
		if err != nil {
			return err
		}
		if since != nil && since.Xmin > now.xmax {
			return &connectors.Error{
				Kind: connectors.SchemaChanged, Hint: "compare everything anew",
				Err: errors.New("the server is behind the stored position, as after a restore"),
			}
		}
		text, err := json.Marshal(o.advance(since, now))
		if err != nil {
			return fmt.Errorf("write the position: %w", err)
		}
		w.To = record.Position{Source: t.identity, Mode: string(connectors.ModeCursor), Value: string(text)}
		if since == nil || ask.Full {
			w.Complete, w.Rows = true, t.rows
			w.Partitions, err = o.partitions(ctx, conn, t, ask)
			return err
		}
		w.Partitions, w.Rows, err = o.delta(ctx, conn, t, ask, since, now)
		return err
	})
	return w, err
}

// now takes the moment. The order matters: a transaction that is not among the
// open ones ended before they were listed, so that reads which begin now see
// it, or begins after the greatest cursor value was taken.
func (o *object) now(ctx context.Context, conn *pgconn.PgConn, t *table, modified *column) (moment, error) {
	var m moment
	name := quote(modified.field.Name)
	rows, err := query(ctx, conn, fmt.Sprintf(`
		with s as materialized (select pg_current_snapshot() s),
		c as (select %[1]s as c from %[2]s where %[1]s is not null%[3]s order by %[1]s desc limit 1)
		select pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text, c::text, (%[4]s)::text, pg_is_in_recovery()
		from s left join c on true`, name, t.SQL(), o.notAfterNow(modified), o.overlapped(modified)))
	if err != nil {
		return m, err
	}
	row := rows[0]
	m.at = time.Now().UTC()
	m.cursor, m.low, m.replica = string(row[2]), string(row[3]), is(row[4])
	for at, number := range map[int]*uint64{0: &m.xmin, 1: &m.xmax} {
		if *number, err = strconv.ParseUint(string(row[at]), 10, 64); err != nil {
			return m, fmt.Errorf("read the snapshot: %w", err)
		}
	}
	if m.replica {
		return m, nil
	}
	return m, m.here(ctx, conn)
}

// here finds the transactions open in this database: those of others wait for
// nobody. What ended before this look is seen by reads that begin now; what
// begins after it has a number of xmax or more.
func (m *moment) here(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := query(ctx, conn, `
		select l.virtualxid, coalesce((a.backend_xid::text::int8 - $2::text::int8), 0)
		from pg_locks l join pg_stat_activity a on a.pid = l.pid
		where l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock' and l.granted and l.pid <> pg_backend_pid()
		and a.datname = current_database() and a.usesysid is not null and a.application_name <> $1::text
		union all
		select 'prepared ' || transaction::text, transaction::text::int8 - $2::text::int8
		from pg_prepared_xacts where database = current_database()`,
		readingName, strconv.FormatUint(m.xmax&math.MaxUint32, 10))
	if err != nil {
		return err
	}
	m.xmin = m.xmax
	for _, row := range rows {
		m.open = append(m.open, string(row[0]))
		// Numbers have 32 bits here; the nearest one with all bits is meant.
		if behind := int64(int32(number(row[1]))); behind < 0 {
			m.xmin = min(m.xmin, m.xmax-uint64(-behind))
		}
	}
	slices.Sort(m.open)
	return nil
}

// notAfterNow keeps rows that carry a time to come from dragging the position
// past everything that is written until then.
func (o *object) notAfterNow(modified *column) string {
	name := quote(modified.field.Name)
	zone := o.zone
	if zone == "" {
		zone = "UTC"
	}
	switch modified.form.wire {
	case wireTimestampTZ:
		return " and " + name + " <= now()"
	case wireTimestamp:
		return " and " + name + " <= now() at time zone " + literal(zone)
	case wireDate:
		return " and " + name + " <= (now() at time zone " + literal(zone) + ")::date"
	default:
		return ""
	}
}

// overlapped is the expression of the value down to which late rows are
// looked for.
func (o *object) overlapped(modified *column) string {
	switch modified.form.wire {
	case wireTimestampTZ, wireTimestamp:
		return "c - interval '" + strconv.FormatInt(o.overlap.Microseconds(), 10) + " microseconds'"
	case wireDate:
		return "c - 1"
	default:
		return "c"
	}
}

// advance gives the position after a window that begins now.
func (o *object) advance(since *cursorPosition, now moment) cursorPosition {
	to := cursorPosition{Cursor: now.cursor, Xmin: now.xmin}
	if since != nil {
		to.Low, to.Next = since.Low, since.Next
	}
	if to.Next != nil && to.Next.over(now) {
		to.Low, to.Next = to.Next.Low, nil
	}
	switch {
	case now.cursor == "":
		to.Next = nil
	case len(now.open) == 0 && now.xmin >= now.xmax:
		to.Low, to.Next = now.low, nil
	case to.Next == nil:
		to.Next = &candidate{Low: now.low, Open: now.open, Since: now.at}
		if now.replica {
			to.Next.Xmax = now.xmax
		}
	case now.at.Sub(to.Next.Since) > patience:
		o.log.Warn("open transactions hold the position of a cursor back; each run looks further behind",
			"system", o.config.System, "since", to.Next.Since, "open", len(to.Next.Open))
	}
	return to
}

// over tells whether all transactions that a candidate waits for have ended.
func (c *candidate) over(now moment) bool {
	return now.xmin >= c.Xmax && !slices.ContainsFunc(c.Open, func(id string) bool {
		_, open := slices.BinarySearch(now.open, id)
		return open
	})
}

// delta cuts what is new since a position into partitions.
func (o *object) delta(ctx context.Context, conn *pgconn.PgConn, t *table, ask connectors.Ask, since *cursorPosition, now moment) ([]connectors.Partition, int64, error) {
	common := spec{Where: ask.Where, Bare: ask.Bare, Above: &above{Column: o.config.Modified, Low: since.Low, Cursor: since.Cursor}}
	if now.xmax-since.Xmin < maxAge {
		common.Above.Xmin = strconv.FormatUint(since.Xmin&math.MaxUint32, 10)
	}
	perPart := ask.PartitionRows
	if perPart <= 0 {
		perPart = partitionRows
	}
	where, err := t.condition(common)
	if err != nil {
		return nil, 0, err
	}
	counted, err := query(ctx, conn, "select count(*) from (select from "+t.SQL()+" t"+where+" limit "+strconv.FormatInt(perPart+1, 10)+") s")
	if err != nil {
		return nil, 0, err
	}
	rows := number(counted[0][0])
	if rows == 0 {
		return nil, 0, nil
	}
	var cuts [][]string
	if rows > perPart {
		if cuts, rows, err = o.deltaCuts(ctx, conn, t, where, perPart); err != nil {
			return nil, 0, err
		}
		common.By = o.cursorOrder(t)
	}
	parts, err := ranges(ask, common, cuts, rows)
	return parts, rows, err
}

// cursorOrder is the cursor and then the key, which tells equal ones apart.
func (o *object) cursorOrder(t *table) []string {
	order := []string{o.config.Modified}
	for _, c := range t.key {
		if c.field.Name != o.config.Modified {
			order = append(order, c.field.Name)
		}
	}
	return order
}

// deltaCuts finds the rows at which to cut, in the database's own order. Rows
// with a NULL among them belong to the last range.
func (o *object) deltaCuts(ctx context.Context, conn *pgconn.PgConn, t *table, where string, perPart int64) (cuts [][]string, rows int64, err error) {
	order, err := t.pick(o.cursorOrder(t))
	if err != nil {
		return nil, 0, err
	}
	names := rowList(order, func(c *column) string { return "t." + quote(c.field.Name) })
	texts := make([]string, len(order))
	inner := make([]string, len(order))
	complete := make([]string, len(order))
	for i, c := range order {
		texts[i] = fmt.Sprintf("c%d::text", i)
		inner[i] = fmt.Sprintf("t.%s as c%d", quote(c.field.Name), i)
		complete[i] = fmt.Sprintf("c%d is not null", i)
	}
	found, err := query(ctx, conn, `
		select `+strings.Join(texts, ", ")+`, total from (
			select `+strings.Join(inner, ", ")+`, row_number() over (order by `+names+`) as n, count(*) over () as total
			from `+t.SQL()+` t`+where+`
		) s where n % $1::text::int8 = 0 and n < total and `+strings.Join(complete, " and ")+`
		order by n limit `+strconv.Itoa(maxPartitions), strconv.FormatInt(perPart, 10))
	if err != nil {
		return nil, 0, err
	}
	rows = perPart
	for _, row := range found {
		cut := make([]string, len(order))
		for i := range cut {
			cut[i] = string(row[i])
		}
		cuts = append(cuts, cut)
		rows = number(row[len(order)])
	}
	return cuts, rows, nil
}
