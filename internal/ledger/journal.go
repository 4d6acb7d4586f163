package ledger

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/syncline-dev/syncline/internal/record"
)

// Entry is one line of the journal: a write to a system, or a value that lost
// against another, with the fields before and after.
type Entry struct {
	ID        int64
	Sync, Run string
	// System is "" where the record itself changed.
	System string
	LinkID string
	Key    record.Key
	// Op is create, update, delete, soft, restore, overrule; Rule is by which.
	Op, Rule      string
	Before, After map[string]record.Value
	At            time.Time
}

// saveJournal appends entries. Their sync is the fence's, and their run too
// where they name none.
func (t *tx) saveJournal(n *names, f Fence, entries []Entry) error {
	in := insert("journal", "sync bigint, run text, system bigint, link_id text, handle bigint, key bytea, op text, rule text, at bigint, body bytea", "")
	for _, e := range entries {
		system := int64(0)
		if e.System != "" {
			if system = n.systemIDs[e.System]; system == 0 {
				return fmt.Errorf("journal: system %s: %w", e.System, ErrNotFound)
			}
		}
		run := e.Run
		if run == "" {
			run = f.Run
		}
		data, err := n.appendFields([]byte{bodyVersion}, e.Before)
		if err == nil {
			data, err = n.appendFields(data, e.After)
		}
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		in.int(n.sync).text(run).int(system).text(e.LinkID).int(handle(e.LinkID)).text(string(e.Key)).text(e.Op).text(e.Rule).int(micros(e.At)).bytes(data)
	}
	_, err := in.run(t)
	return err
}

func (n *names) appendFields(dst []byte, fields map[string]record.Value) ([]byte, error) {
	ids := make([]uint32, 0, len(fields))
	for name := range fields {
		id := n.fieldIDs[name]
		if id == 0 {
			return nil, fmt.Errorf("field %s: %w", name, ErrNotFound)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	dst = binary.AppendUvarint(dst, uint64(len(ids)))
	var err error
	for _, id := range ids {
		dst = binary.AppendUvarint(dst, uint64(id))
		if dst, err = record.AppendValue(dst, fields[n.fieldNames[id]]); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func (n *names) parseFields(r *scanner) map[string]record.Value {
	fields := map[string]record.Value{}
	for range r.count() {
		name := n.fieldNames[uint32(r.uvarint())]
		fields[name] = r.value()
	}
	return fields
}

// JournalFilter says which entries to give; what is zero does not filter.
type JournalFilter struct {
	Sync, LinkID, System, Run string
	Since                     time.Time
	Limit                     int
}

// Journal gives entries, the newest first.
func (s *Store) Journal(ctx context.Context, f JournalFilter) ([]Entry, error) {
	var entries []Entry
	err := s.view(ctx, "read the journal", func(t *tx) error {
		entries = nil
		n, err := t.known(f.Sync)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		query, args := f.query(n)
		return t.rows(query, args, func(r *sql.Rows) error {
			e := Entry{Sync: f.Sync}
			var system, when int64
			var data string
			if err := r.Scan(&e.ID, &e.Run, &system, &e.LinkID, &e.Key, &e.Op, &e.Rule, &when, &data); err != nil {
				return err
			}
			scan := scanner{rest: data}
			scan.bad = scan.byte() != bodyVersion
			e.System, e.At = n.systemNames[system], at(when)
			e.Before, e.After = n.parseFields(&scan), n.parseFields(&scan)
			if scan.bad || scan.rest != "" {
				return fmt.Errorf("entry %d of the journal is damaged", e.ID)
			}
			entries = append(entries, e)
			return nil
		})
	})
	return entries, err
}

// query gives the statement that finds what a filter lets through.
func (f JournalFilter) query(n *names) (string, []any) {
	where, args := []string{"sync = ?"}, []any{n.sync}
	add := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	if f.LinkID != "" {
		add("handle = ? AND link_id = ?", handle(f.LinkID), f.LinkID)
	}
	if f.System != "" {
		add("system = ?", n.systemIDs[f.System])
	}
	if f.Run != "" {
		add("run = ?", f.Run)
	}
	if !f.Since.IsZero() {
		add("at >= ?", micros(f.Since))
	}
	query := "SELECT id, run, system, link_id, key, op, rule, at, body FROM journal WHERE " + strings.Join(where, " AND ") + " ORDER BY id DESC"
	if f.Limit > 0 {
		query, args = query+" LIMIT ?", append(args, f.Limit)
	}
	return query, args
}

// JournalCount counts the entries of one op to one system since a time: what
// the limits of a rolling day are measured by.
func (s *Store) JournalCount(ctx context.Context, sync, system, op string, since time.Time) (int64, error) {
	var count int64
	err := s.view(ctx, "count in the journal", func(t *tx) error {
		return t.row(`SELECT count(*) FROM journal j JOIN systems x ON x.id = j.system JOIN syncs s ON s.id = x.sync
			WHERE s.name = ? AND x.name = ? AND j.op = ? AND j.at >= ?`, []any{sync, system, op, micros(since)}, &count)
	})
	return count, err
}

// pruneAtOnce bounds what one transaction of PruneJournal forgets, so that runs
// do not wait for it.
const pruneAtOnce = 10_000

// PruneJournal forgets a sync's entries from before a time, and says how many.
// Entries are in the order of time, so it looks no further than the first that
// is kept.
func (s *Store) PruneJournal(ctx context.Context, sync string, before time.Time) (int64, error) {
	total := int64(0)
	for {
		var pruned int64
		err := s.update(ctx, "prune the journal of "+sync, func(t *tx) error {
			pruned = 0
			n, err := t.known(sync)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			first := int64(math.MaxInt64)
			err = t.row("SELECT id FROM journal WHERE sync = ? AND at >= ? ORDER BY id LIMIT 1", []any{n.sync, micros(before)}, &first)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			pruned, err = t.exec(`DELETE FROM journal WHERE id IN
				(SELECT id FROM journal WHERE sync = ? AND at < ? AND id < ? ORDER BY id LIMIT ?)`, n.sync, micros(before), first, pruneAtOnce)
			return err
		})
		total += pruned
		if err != nil || pruned < pruneAtOnce {
			return total, err
		}
	}
}
