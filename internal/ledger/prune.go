package ledger

import (
	"context"
	"time"
)

// Pruned counts what Prune forgot.
type Pruned struct{ Runs, Decisions, Conflicts int64 }

// Prune forgets a sync's runs that ended before a time, decisions from before
// it that wait for nothing, and the conflicts that were closed before it.
//
// Runs from number first on stay; so do those that never ended, and the newest
// that began before the time, by which Purge tells what it may forget. What
// waits is never forgotten: open conflicts with all that was decided about
// them, and decisions that no run has applied yet. A conflict stays as long as
// a decision about it.
func (s *Store) Prune(ctx context.Context, f Fence, first int64, before time.Time) (Pruned, error) {
	var done Pruned
	limit := micros(before)
	for _, p := range []struct {
		count *int64
		query string
		args  []any
	}{
		{&done.Runs, `DELETE FROM runs WHERE id IN (SELECT r.id FROM runs r WHERE r.sync = ? AND r.number < ?
			AND r.outcome <> '' AND r.ended < ? AND r.number < (SELECT max(number) FROM runs WHERE sync = r.sync AND started < ?)
			ORDER BY r.number LIMIT ?)`, []any{first, limit, limit}},
		{&done.Decisions, `DELETE FROM decisions WHERE id IN (SELECT d.id FROM decisions d JOIN conflicts c ON c.id = d.conflict
			WHERE d.sync = ? AND d.state <> 'pending' AND d.at < ? AND c.state = 'closed' ORDER BY d.id LIMIT ?)`, []any{limit}},
		{&done.Conflicts, `DELETE FROM conflicts WHERE id IN (SELECT c.id FROM conflicts c WHERE c.sync = ? AND c.state = 'closed'
			AND c.seen < ? AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.conflict = c.id) ORDER BY c.id LIMIT ?)`, []any{limit}},
	} {
		for again := true; again; {
			var pruned int64
			err := s.update(ctx, "prune "+f.Sync, func(t *tx) error {
				sync, err := t.fenced(f, true)
				if err != nil {
					return err
				}
				args := append(append([]any{sync}, p.args...), pruneAtOnce)
				pruned, err = t.exec(p.query, args...)
				return err
			})
			if err != nil {
				return done, err
			}
			*p.count += pruned
			again = pruned == pruneAtOnce
		}
	}
	return done, nil
}
