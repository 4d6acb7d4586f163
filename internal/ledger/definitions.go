package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Revision is one numbered text of a sync's definition.
type Revision struct {
	Sync   string
	Number int
	YAML   string
	// Hash tells whether two texts are the same.
	Hash     string
	By       string
	At       time.Time
	Deployed bool
}

// SaveRevision stores a definition under the next number; if it is the same as
// the latest one, that one's number is given and nothing is stored.
func (s *Store) SaveRevision(ctx context.Context, r Revision) (int, error) {
	number := 0
	err := s.update(ctx, "save a revision of "+r.Sync, func(t *tx) error {
		sync, err := t.ensureSync(r.Sync)
		if err != nil {
			return err
		}
		if _, err := t.exec("UPDATE syncs SET name = name WHERE id = ?", sync); err != nil {
			return err // held, so that two savers do not take one number
		}
		var hash string
		err = t.row("SELECT number, hash FROM revisions WHERE sync = ? ORDER BY number DESC LIMIT 1", []any{sync}, &number, &hash)
		if err == nil && hash == r.Hash {
			return nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		number++
		_, err = t.exec("INSERT INTO revisions (sync, number, yaml, hash, author, at) VALUES (?, ?, ?, ?, ?, ?)",
			sync, number, r.YAML, r.Hash, r.By, micros(r.At))
		return err
	})
	return number, err
}

// Revision gives one revision; number 0 is the deployed one, or the latest if
// none is deployed.
func (s *Store) Revision(ctx context.Context, sync string, number int) (Revision, error) {
	where, args := "WHERE s.name = ? AND r.number = ?", []any{sync, number}
	if number == 0 {
		where, args = "WHERE s.name = ? ORDER BY r.deployed DESC, r.number DESC LIMIT 1", []any{sync}
	}
	found, err := s.revisions(ctx, "read the definition of "+sync, where, args...)
	if err != nil {
		return Revision{}, err
	}
	return found[0], nil
}

// Revisions gives all revisions of a sync, the newest first.
func (s *Store) Revisions(ctx context.Context, sync string) ([]Revision, error) {
	found, err := s.revisions(ctx, "list the revisions of "+sync, "WHERE s.name = ? ORDER BY r.number DESC", sync)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return found, err
}

// Deployed gives the deployed revisions of all syncs, by name.
func (s *Store) Deployed(ctx context.Context) ([]Revision, error) {
	found, err := s.revisions(ctx, "list what is deployed", "WHERE r.deployed = 1 ORDER BY s.name")
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return found, err
}

// SetDeployed makes one revision the deployed one of its sync, or ends that.
func (s *Store) SetDeployed(ctx context.Context, sync string, number int, deployed bool) error {
	return s.update(ctx, "deploy "+sync, func(t *tx) error {
		if deployed {
			if _, err := t.exec("UPDATE revisions SET deployed = 0 WHERE sync = (SELECT id FROM syncs WHERE name = ?)", sync); err != nil {
				return err
			}
		}
		value := 0
		if deployed {
			value = 1
		}
		n, err := t.exec("UPDATE revisions SET deployed = ? WHERE sync = (SELECT id FROM syncs WHERE name = ?) AND number = ?",
			value, sync, number)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
}

func (s *Store) revisions(ctx context.Context, doing, where string, args ...any) ([]Revision, error) {
	var found []Revision
	err := s.view(ctx, doing, func(t *tx) error {
		found = nil
		const columns = "SELECT s.name, r.number, r.yaml, r.hash, r.author, r.at, r.deployed FROM revisions r JOIN syncs s ON s.id = r.sync "
		err := t.rows(columns+where, args, func(rows *sql.Rows) error {
			var r Revision
			var when, deployed int64
			err := rows.Scan(&r.Sync, &r.Number, &r.YAML, &r.Hash, &r.By, &when, &deployed)
			r.At, r.Deployed = at(when), deployed == 1
			found = append(found, r)
			return err
		})
		if err == nil && len(found) == 0 {
			err = ErrNotFound
		}
		return err
	})
	return found, err
}

// Syncs names all syncs that the ledger knows, in the order of their names.
func (s *Store) Syncs(ctx context.Context) ([]string, error) {
	var names []string
	err := s.view(ctx, "list syncs", func(t *tx) error {
		names = nil
		return t.rows("SELECT name FROM syncs ORDER BY name", nil, func(r *sql.Rows) error {
			var name string
			err := r.Scan(&name)
			names = append(names, name)
			return err
		})
	})
	return names, err
}
