package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/syncline-dev/syncline/internal/record"
)

// Quarantined says why a member of a Change is quarantined. Reasons name
// fields and kinds of trouble, never values.
type Quarantined struct {
	System        int
	Key           record.Key // "" for a creation that was refused
	LinkID        string
	Field, Reason string
}

// QuarantineRow is one quarantined row.
type QuarantineRow struct {
	ID            int64
	Sync, System  string
	Key           record.Key
	LinkID        string
	Field, Reason string
	Since         time.Time
	Tries         int
	// Again: somebody asked to try it again, and no run has yet.
	Again bool
}

// The states of a quarantined row.
const (
	quarantineHeld      = "held"
	quarantineAgain     = "again"
	quarantineDiscarded = "discarded"
)

// rowName names a row in its link ("" for a loose one).
type rowName struct {
	system int64
	key    string
	link   string
}

// quarantine collects who is in it after a change, and who was.
type quarantine struct {
	before  map[rowName]bool
	after   map[rowName]string
	reasons []Quarantined
}

func (q *quarantine) init(c *Change) {
	q.before, q.after, q.reasons = map[rowName]bool{}, map[rowName]string{}, c.Quarantine
}

func (q *quarantine) was(row rowName)            { q.before[row] = true }
func (q *quarantine) is(row rowName, why string) { q.after[row] = why }

// save releases who is not in quarantine any more, and takes in who is new. A
// new reason counts as another try, and brings back what was discarded.
func (q *quarantine) save(t *tx, n *names, when int64) error {
	given := make(map[rowName]Quarantined, len(q.reasons))
	for _, r := range q.reasons {
		system, err := n.system(r.System)
		if err != nil {
			return err
		}
		given[rowName{system, string(r.Key), r.LinkID}] = r
	}
	for row := range q.before {
		if _, still := q.after[row]; still {
			continue
		}
		_, err := t.exec("DELETE FROM quarantine WHERE system = ? AND key = ? AND link_id = ?", row.system, []byte(row.key), row.link)
		if err != nil {
			return err
		}
	}
	for _, row := range sortedRows(q.after) {
		why := q.after[row]
		r, named := given[row]
		if !named {
			r, named = given[rowName{row.system, row.key, ""}]
		}
		if q.before[row] && !named {
			continue
		}
		if r.Reason == "" {
			r.Reason = why
		}
		_, err := t.exec(`INSERT INTO quarantine (system, key, link_id, field, reason, since, tries, state) VALUES (?, ?, ?, ?, ?, ?, 1, 'held')
			ON CONFLICT (system, key, link_id) DO UPDATE SET tries = quarantine.tries + 1,
			state = CASE WHEN quarantine.state = 'discarded' AND quarantine.reason = excluded.reason AND quarantine.field = excluded.field
				THEN 'discarded' ELSE 'held' END,
			field = excluded.field, reason = excluded.reason`,
			row.system, []byte(row.key), row.link, r.Field, strings.ReplaceAll(r.Reason, "\x00", ""), when) // PostgreSQL's text has no U+0000
		if err != nil {
			return err
		}
	}
	return nil
}

// sortedRows gives an order that does not depend on the map's.
func sortedRows(rows map[rowName]string) []rowName {
	return slices.SortedFunc(maps.Keys(rows), func(a, b rowName) int {
		return cmp.Or(cmp.Compare(a.system, b.system), cmp.Compare(a.key, b.key), cmp.Compare(a.link, b.link))
	})
}

const quarantineColumns = `SELECT q.id, s.name, x.name, q.key, q.link_id, q.field, q.reason, q.since, q.tries, q.state
	FROM quarantine q JOIN systems x ON x.id = q.system JOIN syncs s ON s.id = x.sync `

// Quarantine lists what is in quarantine in a sync ("" is all), the oldest
// first; limit 0 is no limit.
func (s *Store) Quarantine(ctx context.Context, sync string, limit int) ([]QuarantineRow, error) {
	var rows []QuarantineRow
	err := s.view(ctx, "list the quarantine", func(t *tx) error {
		rows = nil
		query, args := quarantineColumns+"WHERE q.state <> ?", []any{quarantineDiscarded}
		if sync != "" {
			query, args = query+" AND s.name = ?", append(args, sync)
		}
		query += " ORDER BY q.id"
		if limit > 0 {
			query, args = query+" LIMIT ?", append(args, limit)
		}
		return t.rows(query, args, func(r *sql.Rows) error {
			var q QuarantineRow
			var since int64
			var state string
			err := r.Scan(&q.ID, &q.Sync, &q.System, &q.Key, &q.LinkID, &q.Field, &q.Reason, &since, &q.Tries, &state)
			q.Since, q.Again = at(since), state == quarantineAgain
			rows = append(rows, q)
			return err
		})
	})
	return rows, err
}

// Retry asks to look at rows again: they count as changed until a run has.
func (s *Store) Retry(ctx context.Context, ids []int64) error {
	return s.update(ctx, "retry quarantined rows", func(t *tx) error {
		for _, id := range ids {
			var row rowName
			err := t.row("SELECT system, key, link_id FROM quarantine WHERE id = ?", []any{id}, &row.system, &row.key, &row.link)
			if err != nil {
				return err
			}
			if _, err := t.exec("UPDATE quarantine SET state = ? WHERE id = ?", quarantineAgain, id); err != nil {
				return err
			}
			if err := t.forget(row); err != nil {
				return err
			}
		}
		return nil
	})
}

// Retries gives the rows of a system that somebody asked to look at again, for
// runs that do not list everything.
func (s *Store) Retries(ctx context.Context, sync, system string) ([]record.Key, error) {
	var keys []record.Key
	err := s.view(ctx, "list what is to be tried again", func(t *tx) error {
		keys = nil
		const query = `SELECT q.key FROM quarantine q JOIN systems x ON x.id = q.system JOIN syncs s ON s.id = x.sync
			WHERE s.name = ? AND x.name = ? AND q.state = ? ORDER BY q.key`
		return t.rows(query, []any{sync, system, quarantineAgain}, func(r *sql.Rows) error {
			var key string
			err := r.Scan(&key)
			if key != "" {
				keys = append(keys, record.Key(key))
			}
			return err
		})
	})
	return keys, err
}

// Discard hides rows from the list until they have another trouble.
func (s *Store) Discard(ctx context.Context, ids []int64) error {
	return s.update(ctx, "discard quarantined rows", func(t *tx) error {
		for _, id := range ids {
			n, err := t.exec("UPDATE quarantine SET state = ? WHERE id = ?", quarantineDiscarded, id)
			if err == nil && n == 0 {
				err = ErrNotFound
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// forget makes the ledger forget how a row looked, so that the next time it is
// read it is new.
func (t *tx) forget(row rowName) error {
	var link int64
	err := t.row("SELECT link FROM members WHERE system = ? AND key = ?", []any{row.system, []byte(row.key)}, &link)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := t.exec("UPDATE members SET print = 0 WHERE system = ? AND key = ?", row.system, []byte(row.key)); err != nil {
		return err
	}
	if link == 0 {
		return t.forgetLoose(row)
	}
	var data string
	if err := t.row("SELECT body FROM links WHERE n = ?", []any{link}, &data); err != nil {
		return err
	}
	var b body
	if err := b.parse(data); err != nil {
		return err
	}
	if m := b.member(&bodyMember{system: row.system, key: row.key}); m != nil {
		m.raw = record.Hash{}
	}
	changed, err := b.append(nil)
	if err != nil {
		return err
	}
	_, err = t.exec("UPDATE links SET body = ? WHERE n = ?", changed, link)
	return err
}

func (t *tx) forgetLoose(row rowName) error {
	var data string
	if err := t.row("SELECT body FROM loose WHERE system = ? AND key = ?", []any{row.system, []byte(row.key)}, &data); err != nil {
		return err
	}
	m, err := parseLoose(data)
	if err != nil {
		return err
	}
	m.raw = record.Hash{}
	changed, err := m.loose()
	if err != nil {
		return err
	}
	_, err = t.exec("UPDATE loose SET body = ? WHERE system = ? AND key = ?", changed, row.system, []byte(row.key))
	return err
}
