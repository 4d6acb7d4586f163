package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/syncline-dev/syncline/internal/record"
)

// SystemState is what the ledger knows of a system as a whole.
type SystemState struct {
	// Identity is of the object that was met first under this name.
	Identity string
	// Described is what it looked like when it was last reached, in the caller's
	// own form; "" if nobody noted it.
	Described string
	// Mappings are the mappings by which its rows were read, in the caller's own
	// form; "" if nobody noted them.
	Mappings string
	Position record.Position
	// Listed: all of its rows were listed once at least; LastSweep is when last.
	Listed    bool
	LastSweep time.Time
	// Behind: tombstones have been forgotten since its position was stored, so
	// that only a full comparison may be trusted.
	Behind bool
}

// Systems gives the state of every system of a sync by name; none if the sync
// never ran.
func (s *Store) Systems(ctx context.Context, sync string) (map[string]SystemState, error) {
	var found map[string]SystemState
	err := s.view(ctx, "read the systems of "+sync, func(t *tx) error {
		found = map[string]SystemState{}
		const query = `SELECT x.name, x.source, x.described, x.mappings, x.position, x.listed, x.swept,
			CASE WHEN s.purged > 0 AND x.position_epoch < s.purged THEN 1 ELSE 0 END
			FROM systems x JOIN syncs s ON s.id = x.sync WHERE s.name = ?`
		return t.rows(query, []any{sync}, func(r *sql.Rows) error {
			var name, position string
			var listed, swept, behind int64
			var state SystemState
			if err := r.Scan(&name, &state.Identity, &state.Described, &state.Mappings, &position, &listed, &swept, &behind); err != nil {
				return err
			}
			if position != "" {
				if err := json.Unmarshal([]byte(position), &state.Position); err != nil {
					return fmt.Errorf("the position of %s is damaged: %w", name, err)
				}
			}
			state.Listed, state.LastSweep, state.Behind = listed != 0, at(swept), behind != 0
			found[name] = state
			return nil
		})
	})
	return found, err
}

// SetIdentity notes which object stands behind a system's name.
func (s *Store) SetIdentity(ctx context.Context, f Fence, system, identity string) error {
	return s.note(ctx, f, system, "identity", "UPDATE systems SET source = ? WHERE sync = ? AND name = ?", identity)
}

// SetDescribed notes what a system looks like, for runs that cannot reach it.
func (s *Store) SetDescribed(ctx context.Context, f Fence, system, described string) error {
	return s.note(ctx, f, system, "description", "UPDATE systems SET described = ? WHERE sync = ? AND name = ?", described)
}

// SetMappings notes by which mappings a system's rows are read.
func (s *Store) SetMappings(ctx context.Context, f Fence, system, mappings string) error {
	return s.note(ctx, f, system, "mappings", "UPDATE systems SET mappings = ? WHERE sync = ? AND name = ?", mappings)
}

func (s *Store) note(ctx context.Context, f Fence, system, what, query, text string) error {
	return s.update(ctx, "note the "+what+" of "+system, func(t *tx) error {
		sync, err := t.fenced(f, true)
		if err != nil {
			return err
		}
		n, err := t.exec(query, text, sync, system)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
}

// Count gives the number of live members of each system by name. It is kept
// with every commit, so that asking costs nothing.
func (s *Store) Count(ctx context.Context, sync string) (map[string]int64, error) {
	var counts map[string]int64
	err := s.view(ctx, "count the members of "+sync, func(t *tx) error {
		counts = map[string]int64{}
		const query = "SELECT x.name, x.live FROM systems x JOIN syncs s ON s.id = x.sync WHERE s.name = ?"
		return t.rows(query, []any{sync}, func(r *sql.Rows) error {
			var name string
			var live int64
			if err := r.Scan(&name, &live); err != nil {
				return err
			}
			counts[name] = live
			return nil
		})
	})
	return counts, err
}

// Pause holds a sync, or ("" is all) one system of it.
func (s *Store) Pause(ctx context.Context, sync, system, reason string, when time.Time) error {
	return s.update(ctx, "pause "+sync, func(t *tx) error {
		id, err := t.ensureSync(sync)
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO pauses (sync, system, reason, at) VALUES (?, ?, ?, ?)
			ON CONFLICT (sync, system) DO UPDATE SET reason = excluded.reason, at = excluded.at`,
			id, system, reason, micros(when))
		return err
	})
}

// Resume ends what Pause with the same arguments began; system "" ends all.
func (s *Store) Resume(ctx context.Context, sync, system string) error {
	return s.update(ctx, "resume "+sync, func(t *tx) error {
		query, args := "DELETE FROM pauses WHERE sync = (SELECT id FROM syncs WHERE name = ?)", []any{sync}
		if system != "" {
			query, args = query+" AND system = ?", append(args, system)
		}
		_, err := t.exec(query, args...)
		return err
	})
}

// Paused gives the reasons of what is held, by system; "" is the whole sync.
func (s *Store) Paused(ctx context.Context, sync string) (map[string]string, error) {
	var found map[string]string
	err := s.view(ctx, "read the pauses of "+sync, func(t *tx) error {
		found = map[string]string{}
		const query = "SELECT p.system, p.reason FROM pauses p JOIN syncs s ON s.id = p.sync WHERE s.name = ?"
		return t.rows(query, []any{sync}, func(r *sql.Rows) error {
			var system, reason string
			err := r.Scan(&system, &reason)
			found[system] = reason
			return err
		})
	})
	return found, err
}

// Approval lets exactly the set go on whose hash it names.
type Approval struct {
	Sync, Run, Hash string
	Count           int64
	Who             string
	At              time.Time
}

// Approve stores an approval; the last one for a set counts.
func (s *Store) Approve(ctx context.Context, a Approval) error {
	if a.Hash == "" {
		return errors.New("ledger: approve: an approval names the hash of what was shown")
	}
	return s.update(ctx, "approve "+a.Run, func(t *tx) error {
		id, err := t.ensureSync(a.Sync)
		if err != nil {
			return err
		}
		_, err = t.exec(`INSERT INTO approvals (sync, hash, run, count, who, at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (sync, hash) DO UPDATE SET run = excluded.run, count = excluded.count, who = excluded.who, at = excluded.at`,
			id, a.Hash, a.Run, a.Count, a.Who, micros(a.At))
		return err
	})
}

// Approval gives the approval of a set; ErrNotFound if nobody gave one.
func (s *Store) Approval(ctx context.Context, sync, hash string) (Approval, error) {
	a := Approval{Sync: sync, Hash: hash}
	err := s.view(ctx, "read an approval", func(t *tx) error {
		var when int64
		const query = "SELECT a.run, a.count, a.who, a.at FROM approvals a JOIN syncs s ON s.id = a.sync WHERE s.name = ? AND a.hash = ?"
		if err := t.row(query, []any{sync, hash}, &a.Run, &a.Count, &a.Who, &when); err != nil {
			return err
		}
		a.At = at(when)
		return nil
	})
	return a, err
}
