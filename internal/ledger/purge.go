package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Purge forgets the tombstones of links that every member has acknowledged (no
// system has a row of them and nothing is owed), that nothing is open about,
// and that were deleted by runs which began before a time. From then on a
// system whose position is older is Behind: it may still show what is
// forgotten, and only a full comparison of it may be trusted. Purge says how
// many it forgot.
func (s *Store) Purge(ctx context.Context, f Fence, before time.Time) (int64, error) {
	var purged int64
	err := s.update(ctx, "purge "+f.Sync, func(t *tx) error {
		purged = 0
		sync, err := t.fenced(f, true)
		if err != nil {
			return err
		}
		// What runs of this epoch and older ones deleted may go.
		var epoch int64
		err = t.row("SELECT coalesce(max(epoch), 0) FROM runs WHERE sync = ? AND started < ?", []any{sync, micros(before)}, &epoch)
		if err != nil || epoch == 0 {
			return err
		}
		dead, err := t.forgettable(sync, epoch)
		if err != nil || len(dead) == 0 {
			return err
		}
		matches := erase("matches", "sync bigint, hash bytea, link bigint")
		links := erase("links", "n bigint")
		for _, d := range dead {
			links.int(d.n)
			for h := range d.body.hashes() {
				matches.int(sync).bytes(h[:]).int(d.n)
			}
		}
		for _, b := range []*bulk{matches, links} {
			b.sort()
			if _, err := b.run(t); err != nil {
				return err
			}
		}
		purged = int64(len(dead))
		_, err = t.exec("UPDATE syncs SET purged = CASE WHEN purged > ? THEN purged ELSE ? END WHERE id = ?", epoch, epoch, sync)
		return err
	})
	return purged, err
}

type deadLink struct {
	n    int64
	id   string
	body body
}

func (t *tx) forgettable(sync, epoch int64) ([]deadLink, error) {
	first, last := slotRange(sync, [2]uint16{0, 1<<16 - 1})
	var dead []deadLink
	const query = "SELECT n, id, body FROM links WHERE dead > 0 AND dead <= ? AND owes = 0 AND n BETWEEN ? AND ?"
	err := t.rows(query, []any{epoch, first, last}, func(r *sql.Rows) error {
		var d deadLink
		var data string
		if err := r.Scan(&d.n, &d.id, &data); err != nil {
			return err
		}
		if err := d.body.parse(data); err != nil {
			return err
		}
		if len(d.body.members) == 0 {
			dead = append(dead, d)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	quiet := dead[:0]
	for _, d := range dead {
		var id int64
		err := t.row("SELECT id FROM conflicts WHERE sync = ? AND state <> 'closed' AND link_id = ? LIMIT 1", []any{sync, d.id}, &id)
		switch {
		case errors.Is(err, ErrNotFound):
			quiet = append(quiet, d)
		case err != nil:
			return nil, err
		}
	}
	return quiet, nil
}
