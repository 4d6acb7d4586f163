package ledger

import (
	"context"
	"database/sql"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/syncline-dev/syncline/internal/record"
)

// OwedRef is a link of which something is owed to a system.
type OwedRef struct {
	LinkID string
	Slot   uint16
	Op     string
}

// OwedLinks gives, in pages, the links of which one of the ops is owed to a
// system (no ops: any). after is the LinkID that the page before ended with,
// "" at first. The order is that of the links' home slots.
func (s *Store) OwedLinks(ctx context.Context, scope Scope, system int, ops []string, after string, limit int) ([]OwedRef, error) {
	var refs []OwedRef
	err := s.view(ctx, "list what is owed", func(t *tx) error {
		refs = nil
		n, id, err := t.scopedSystem(scope, system)
		if err != nil || n == nil {
			return err
		}
		from := int64(0)
		if after != "" {
			if from, err = t.linkNumber(n.sync, after); err != nil {
				return err
			}
		}
		query := "SELECT o.link, l.id, o.op FROM owed o JOIN links l ON l.n = o.link WHERE o.system = ? AND o.link > ?"
		args := []any{id, from}
		if len(ops) > 0 {
			query += " AND o.op IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(ops)), ", ") + ")"
			for _, op := range ops {
				args = append(args, op)
			}
		}
		return t.rows(query+" ORDER BY o.link LIMIT ?", append(args, limit), func(r *sql.Rows) error {
			var ref OwedRef
			var link int64
			err := r.Scan(&link, &ref.LinkID, &ref.Op)
			ref.Slot = numberSlot(link)
			refs = append(refs, ref)
			return err
		})
	})
	return refs, err
}

func (t *tx) linkNumber(sync int64, id string) (int64, error) {
	found := int64(0)
	err := t.byHandle(sync, []string{id}, func(row linkRow) error {
		if row.id == id {
			found = row.n
		}
		return nil
	})
	if err == nil && found == 0 {
		err = ErrNotFound
	}
	return found, err
}

// OwedCount counts what is owed, by system and op.
func (s *Store) OwedCount(ctx context.Context, scope Scope) (map[string]map[string]int64, error) {
	var counts map[string]map[string]int64
	err := s.view(ctx, "count what is owed", func(t *tx) error {
		counts = map[string]map[string]int64{}
		const query = `SELECT x.name, o.op, count(*) FROM owed o JOIN systems x ON x.id = o.system JOIN syncs s ON s.id = x.sync
			WHERE s.name = ? GROUP BY x.name, o.op`
		return t.rows(query, []any{scope.Sync}, func(r *sql.Rows) error {
			var system, op string
			var count int64
			if err := r.Scan(&system, &op, &count); err != nil {
				return err
			}
			if counts[system] == nil {
				counts[system] = map[string]int64{}
			}
			counts[system][op] = count
			return nil
		})
	})
	return counts, err
}

// OwedLinkCount counts the links of which anything is owed to anyone.
func (s *Store) OwedLinkCount(ctx context.Context, sync string) (int64, error) {
	var count int64
	err := s.view(ctx, "count what is owed", func(t *tx) error {
		return t.row(`SELECT count(DISTINCT o.link) FROM owed o JOIN systems x ON x.id = o.system JOIN syncs s ON s.id = x.sync
			WHERE s.name = ?`, []any{sync}, &count)
	})
	return count, err
}

// OwedDigest gives a hash over exactly what is owed now (which system, which
// link at which revision, and what; no ops: all of it), and how much it is. An
// approval is for such a set.
func (s *Store) OwedDigest(ctx context.Context, scope Scope, ops ...string) (hash string, count int64, err error) {
	err = s.view(ctx, "digest what is owed", func(t *tx) error {
		count = 0
		query := `SELECT x.name, l.id, l.rev, o.op FROM owed o JOIN links l ON l.n = o.link
			JOIN systems x ON x.id = o.system JOIN syncs s ON s.id = x.sync WHERE s.name = ?`
		args := []any{scope.Sync}
		if len(ops) > 0 {
			query += " AND o.op IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(ops)), ", ") + ")"
			for _, op := range ops {
				args = append(args, op)
			}
		}
		// The sum of the rows' hashes needs no order.
		var hi, lo uint64
		err := t.rows(query, args, func(r *sql.Rows) error {
			var system, id, op string
			var rev int64
			if err := r.Scan(&system, &id, &rev, &op); err != nil {
				return err
			}
			count++
			h := record.HashRow(system, id, rev, op)
			sum := xxh3.Hash128(h[:])
			hi, lo = hi+sum.Hi, lo+sum.Lo
			return nil
		})
		hash = record.HashRow(int64(hi), int64(lo), count).String()
		return err
	})
	return hash, count, err
}

// Intent is a creation that may have happened: what was to be created where,
// and under which key of idempotency.
type Intent struct {
	LinkID string
	System int
	Intent string
}

// Intend records creations before they are tried. They are forgotten when a
// Commit shows a row of the link in the system.
func (s *Store) Intend(ctx context.Context, f Fence, scope Scope, intents []Intent) error {
	return s.update(ctx, "record creations", func(t *tx) error {
		if _, err := t.fenced(f, true); err != nil {
			return err
		}
		n, err := t.scoped(scope)
		if err != nil {
			return err
		}
		if err := t.enroll(n, scope); err != nil {
			return err
		}
		in := insert("intents", "system bigint, link_id text, intent text",
			"ON CONFLICT (system, link_id) DO UPDATE SET intent = excluded.intent")
		for _, i := range intents {
			system, err := n.system(i.System)
			if err != nil {
				return err
			}
			in.int(system).text(i.LinkID).text(i.Intent)
		}
		_, err = in.run(t)
		return err
	})
}

// Intents gives the creations in a system that were recorded and not
// acknowledged: they may have happened.
func (s *Store) Intents(ctx context.Context, scope Scope, system int) ([]Intent, error) {
	var intents []Intent
	err := s.view(ctx, "read recorded creations", func(t *tx) error {
		intents = nil
		n, id, err := t.scopedSystem(scope, system)
		if err != nil || n == nil {
			return err
		}
		const query = "SELECT link_id, intent FROM intents WHERE system = ? ORDER BY link_id"
		return t.rows(query, []any{id}, func(r *sql.Rows) error {
			i := Intent{System: system}
			err := r.Scan(&i.LinkID, &i.Intent)
			intents = append(intents, i)
			return err
		})
	})
	return intents, err
}
