package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrTaken says that the new name has a history of its own.
var ErrTaken = errors.New("what has that name has been synced already, and keeps it")

// Met is an object that a sync knows under a system's name.
type Met struct{ Sync, System, Identity string }

// Met gives everything that syncs have met, by sync and system.
func (s *Store) Met(ctx context.Context) ([]Met, error) {
	var met []Met
	err := s.view(ctx, "read what syncs have met", func(t *tx) error {
		met = nil
		const query = `SELECT s.name, x.name, x.source FROM systems x JOIN syncs s ON s.id = x.sync
			WHERE x.source <> '' ORDER BY s.name, x.name`
		return t.rows(query, nil, func(r *sql.Rows) error {
			var m Met
			err := r.Scan(&m.Sync, &m.System, &m.Identity)
			met = append(met, m)
			return err
		})
	})
	return met, err
}

// RenameSystem gives a system of a sync another name. All that is known of it
// stays. A run that goes on meanwhile is fenced. It fails with ErrNotFound, or
// with ErrTaken if a system with the new name has been met.
func (s *Store) RenameSystem(ctx context.Context, sync, from, to string) error {
	return s.update(ctx, "rename system "+from+" of "+sync, func(t *tx) error {
		id, err := t.fence(sync)
		if err != nil {
			return err
		}
		var old, taken int64
		if err := t.row("SELECT id FROM systems WHERE sync = ? AND name = ?", []any{id, from}, &old); err != nil {
			return err
		}
		if err := t.row("SELECT count(*) FROM systems WHERE sync = ? AND name = ? AND source <> ''", []any{id, to}, &taken); err != nil {
			return err
		}
		if taken > 0 {
			return fmt.Errorf("%s: %w", to, ErrTaken)
		}
		// A run that stopped to ask has noted the new name, and nothing about it.
		if _, err := t.exec("DELETE FROM systems WHERE sync = ? AND name = ?", id, to); err != nil {
			return err
		}
		if _, err := t.exec("UPDATE systems SET name = ? WHERE id = ?", to, old); err != nil {
			return err
		}
		_, err = t.exec("UPDATE pauses SET system = ? WHERE sync = ? AND system = ?", to, id, from)
		return err
	})
}

// RenameSync gives a sync another name, with all that is known under the old
// one; revisions that were stored under the new one become its latest. A run
// that goes on meanwhile is fenced. It fails with ErrNotFound, or with ErrTaken
// if a sync with the new name has met its systems.
func (s *Store) RenameSync(ctx context.Context, from, to string) error {
	return s.update(ctx, "rename "+from, func(t *tx) error {
		old, err := t.fence(from)
		if err != nil {
			return err
		}
		var fresh int64
		err = t.row("SELECT id FROM syncs WHERE name = ?", []any{to}, &fresh)
		if err == nil {
			err = t.absorb(old, fresh, to)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		_, err = t.exec("UPDATE syncs SET name = ? WHERE id = ?", to, old)
		return err
	})
}

// fence makes every run of the sync that has begun an old one.
func (t *tx) fence(sync string) (int64, error) {
	var id int64
	err := t.row("UPDATE syncs SET epoch = epoch + 1 WHERE name = ? RETURNING id", []any{sync}, &id)
	return id, err
}

// absorb takes over the revisions of a sync that has met nothing, and forgets it.
func (t *tx) absorb(old, fresh int64, name string) error {
	var met, last, deployed int64
	const known = "SELECT count(*) FROM systems WHERE sync = ? AND source <> ''"
	if err := t.row(known, []any{fresh}, &met); err != nil {
		return err
	}
	if met > 0 || old == fresh {
		return fmt.Errorf("%s: %w", name, ErrTaken)
	}
	if err := t.row("SELECT coalesce(max(number), 0) FROM revisions WHERE sync = ?", []any{old}, &last); err != nil {
		return err
	}
	if err := t.row("SELECT count(*) FROM revisions WHERE sync = ? AND deployed = 1", []any{fresh}, &deployed); err != nil {
		return err
	}
	if deployed > 0 {
		if _, err := t.exec("UPDATE revisions SET deployed = 0 WHERE sync = ?", old); err != nil {
			return err
		}
	}
	if _, err := t.exec("UPDATE revisions SET sync = ?, number = number + ? WHERE sync = ?", old, last, fresh); err != nil {
		return err
	}
	for _, table := range []string{"marks", "runs", "pauses", "approvals", "fields", "systems"} {
		if _, err := t.exec("DELETE FROM "+table+" WHERE sync = ?", fresh); err != nil {
			return err
		}
	}
	_, err := t.exec("DELETE FROM syncs WHERE id = ?", fresh)
	return err
}
