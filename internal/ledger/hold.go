package ledger

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/syncline-dev/syncline/internal/record"
)

// Held is a row that a sync without links could not take, or that a target
// refused. Reason names fields and kinds of trouble, never values.
type Held struct {
	Key    record.Key
	Reason string
}

// HeldKeys gives the keys of a system's rows that are held without a link.
func (s *Store) HeldKeys(ctx context.Context, sync, system string) ([]record.Key, error) {
	var keys []record.Key
	err := s.view(ctx, "read what is held of "+system, func(t *tx) error {
		keys = nil
		const query = `SELECT q.key FROM quarantine q JOIN systems x ON x.id = q.system JOIN syncs s ON s.id = x.sync
			WHERE s.name = ? AND x.name = ? AND q.link_id = '' ORDER BY q.key`
		return t.rows(query, []any{sync, system}, func(r *sql.Rows) error {
			var key string
			err := r.Scan(&key)
			keys = append(keys, record.Key(key))
			return err
		})
	})
	return keys, err
}

// Hold takes rows of a system into quarantine and releases others, in one
// fenced transaction. Run twice, it is as if it had run once, but for the count
// of tries. With nothing to do it only checks the fence.
func (s *Store) Hold(ctx context.Context, f Fence, system string, bad []Held, good []record.Key, when time.Time) error {
	if len(bad) == 0 && len(good) == 0 {
		return s.CheckFence(ctx, f)
	}
	return s.update(ctx, "hold rows of "+system, func(t *tx) error {
		sync, err := t.fenced(f, true)
		if err != nil {
			return err
		}
		var id int64
		if err := t.row("SELECT id FROM systems WHERE sync = ? AND name = ?", []any{sync, system}, &id); err != nil {
			return err
		}
		for _, h := range bad {
			_, err := t.exec(`INSERT INTO quarantine (system, key, link_id, field, reason, since, tries, state, epoch) VALUES (?, ?, '', '', ?, ?, 1, 'held', ?)
				ON CONFLICT (system, key, link_id) DO UPDATE SET tries = quarantine.tries + 1, epoch = excluded.epoch,
				state = CASE WHEN quarantine.state = 'discarded' AND quarantine.reason = excluded.reason THEN 'discarded' ELSE 'held' END,
				reason = excluded.reason`,
				id, []byte(h.Key), strings.ReplaceAll(h.Reason, "\x00", ""), micros(when), f.Epoch)
			if err != nil {
				return err
			}
		}
		for _, key := range good {
			if _, err := t.exec("DELETE FROM quarantine WHERE system = ? AND key = ? AND link_id = ''", id, []byte(key)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReleaseUnheld releases what the fence's own run did not hold, in all systems
// of its sync. It is for a run without links that has listed everything: what
// it did not meet as bad is good now, or gone.
func (s *Store) ReleaseUnheld(ctx context.Context, f Fence) error {
	return s.update(ctx, "release what is held no more", func(t *tx) error {
		sync, err := t.fenced(f, true)
		if err != nil {
			return err
		}
		_, err = t.exec("DELETE FROM quarantine WHERE epoch < ? AND system IN (SELECT id FROM systems WHERE sync = ?)", f.Epoch, sync)
		return err
	})
}

// ReleasePlaces releases the rows of a system that are held by their place,
// because they have no key, and that the fence's own run did not hold. Keys
// begin with a digit (record.NewKey), places with a letter.
func (s *Store) ReleasePlaces(ctx context.Context, f Fence, system string) error {
	return s.update(ctx, "release what is held no more", func(t *tx) error {
		sync, err := t.fenced(f, true)
		if err != nil {
			return err
		}
		_, err = t.exec(`DELETE FROM quarantine WHERE epoch < ? AND key >= ? AND link_id = ''
			AND system IN (SELECT id FROM systems WHERE sync = ? AND name = ?)`, f.Epoch, []byte("a"), sync, system)
		return err
	})
}

// QuarantineCount counts the rows of a sync that are in quarantine and that
// nobody discarded.
func (s *Store) QuarantineCount(ctx context.Context, sync string) (int64, error) {
	var count int64
	err := s.view(ctx, "count the quarantine", func(t *tx) error {
		return t.row(`SELECT count(*) FROM quarantine q JOIN systems x ON x.id = q.system JOIN syncs s ON s.id = x.sync
			WHERE s.name = ? AND q.state <> ?`, []any{sync, quarantineDiscarded}, &count)
	})
	return count, err
}

// RetryLinks gives the links of which a creation was refused that somebody
// asked to try again: they have no row that could be read again.
func (s *Store) RetryLinks(ctx context.Context, sync string) ([]string, error) {
	var links []string
	err := s.view(ctx, "list what is to be created again", func(t *tx) error {
		links = nil
		const query = `SELECT DISTINCT q.link_id FROM quarantine q JOIN systems x ON x.id = q.system JOIN syncs s ON s.id = x.sync
			WHERE s.name = ? AND q.state = ? AND q.link_id <> '' AND length(q.key) = 0 ORDER BY q.link_id`
		return t.rows(query, []any{sync, quarantineAgain}, func(r *sql.Rows) error {
			var link string
			err := r.Scan(&link)
			links = append(links, link)
			return err
		})
	})
	return links, err
}
