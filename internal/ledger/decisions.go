package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// DecisionRow is a stored decision. Its System is a place in the conflict's
// AllSystems; SystemName says the same by name, and is what counts if given.
type DecisionRow struct {
	reconcile.Decision
	SystemName string
	Sync       string
	Who, Why   string
	At         time.Time
	// State is pending, applied, refused (the conflict had changed) or replaced
	// (by a later decision on the same conflict).
	State string
}

// Decide stores a decision for the next run to apply, and gives its number. It
// refuses, with ErrStale, what was decided on other candidates than those that
// are there now. The same decision again gives the number of the first.
func (s *Store) Decide(ctx context.Context, d DecisionRow) (int64, error) {
	var id int64
	err := s.update(ctx, fmt.Sprintf("decide conflict %d", d.ConflictID), func(t *tx) error {
		var sync, state, digest string
		query := "SELECT s.name, c.state, c.digest FROM conflicts c JOIN syncs s ON s.id = c.sync WHERE c.id = ?"
		if t.postgres {
			query += " FOR UPDATE OF c"
		}
		if err := t.row(query, []any{d.ConflictID}, &sync, &state, &digest); err != nil {
			return err
		}
		if d.Sync != "" && d.Sync != sync {
			return ErrNotFound
		}
		if state == conflictClosed || digest != d.Digest {
			return ErrStale
		}
		n, err := t.known(sync)
		if err != nil {
			return err
		}
		id, err = t.decide(n, d)
		return err
	})
	return id, err
}

func (t *tx) decide(n *names, d DecisionRow) (int64, error) {
	system := int64(0)
	switch {
	case d.SystemName != "":
		if system = n.systemIDs[d.SystemName]; system == 0 {
			return 0, fmt.Errorf("system %s: %w", d.SystemName, ErrNotFound)
		}
	case d.System >= 0:
		var err error
		if system, err = n.system(d.System); err != nil {
			return 0, err
		}
	}
	value, err := record.AppendRow(nil, []record.Value{d.Value})
	if err != nil {
		return 0, err
	}
	same := []any{d.ConflictID, d.Digest, d.Verb, system, value, d.Link, int64(d.Until), d.Who, d.Why}
	var id int64
	err = t.row(`SELECT id FROM decisions WHERE conflict = ? AND digest = ? AND verb = ? AND system = ? AND value = ?
		AND link_id = ? AND until = ? AND who = ? AND why = ? AND state = 'pending'`, same, &id)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return id, err
	}
	if _, err := t.exec("UPDATE decisions SET state = 'replaced' WHERE conflict = ? AND state = 'pending'", d.ConflictID); err != nil {
		return 0, err
	}
	err = t.row(`INSERT INTO decisions (conflict, digest, verb, system, value, link_id, until, who, why, sync, at, state)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending') RETURNING id`, append(same, n.sync, micros(d.At)), &id)
	if err != nil {
		return 0, err
	}
	_, err = t.exec("UPDATE conflicts SET state = 'decided' WHERE id = ?", d.ConflictID)
	return id, err
}

const decisionColumns = `SELECT d.id, d.conflict, d.digest, d.verb, d.system, d.value, d.link_id, d.until, d.who, d.why, d.at,
	d.state, s.name FROM decisions d JOIN syncs s ON s.id = d.sync `

// Decisions gives a sync's decisions of one state ("" is any), in the order in
// which they were made. Their places of systems are those of the latest run's
// definition.
func (s *Store) Decisions(ctx context.Context, sync, state string) ([]DecisionRow, error) {
	where, args := "WHERE s.name = ?", []any{sync}
	if state != "" {
		where, args = where+" AND d.state = ?", append(args, state)
	}
	return s.decisions(ctx, where+" ORDER BY d.id", args...)
}

// Decision gives one decision.
func (s *Store) Decision(ctx context.Context, id int64) (DecisionRow, error) {
	rows, err := s.decisions(ctx, "WHERE d.id = ?", id)
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("ledger: read decision %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return DecisionRow{}, err
	}
	return rows[0], nil
}

func (s *Store) decisions(ctx context.Context, where string, args ...any) ([]DecisionRow, error) {
	var rows []DecisionRow
	err := s.view(ctx, "read decisions", func(t *tx) error {
		rows = nil
		var systems []int64
		err := t.rows(decisionColumns+where, args, func(r *sql.Rows) error {
			var d DecisionRow
			var system, when int64
			var value []byte
			err := r.Scan(&d.ID, &d.ConflictID, &d.Digest, &d.Verb, &system, &value, &d.Link, &d.Until, &d.Who, &d.Why, &when,
				&d.State, &d.Sync)
			if err != nil {
				return err
			}
			values, err := record.DecodeRow(value)
			if err != nil || len(values) != 1 {
				return errors.New("a decision in the ledger is damaged")
			}
			d.Value, d.At = values[0], at(when)
			rows, systems = append(rows, d), append(systems, system)
			return nil
		})
		if err != nil {
			return err
		}
		known := map[string]*names{}
		for i := range rows {
			sync := rows[i].Sync
			if known[sync] == nil {
				if known[sync], err = t.known(sync); err != nil {
					return err
				}
			}
			rows[i].System = known[sync].placeOf(systems[i])
			rows[i].SystemName = known[sync].systemNames[systems[i]]
		}
		return nil
	})
	return rows, err
}
