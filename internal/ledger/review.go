package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// ConflictRow is a conflict with what a person needs to understand it. Places
// of systems (its own and its candidates') point into AllSystems: the systems
// in the order of the latest run's definition, then those that are in none.
type ConflictRow struct {
	*reconcile.Conflict
	Sync string
	// Match has the match texts of the link or row.
	Match     []string
	FieldName string // "" for the whole record
	FieldType record.Type
	// Systems are the names of the candidates' systems.
	Systems, AllSystems []string
	// State is open, decided (a decision waits to be applied) or closed.
	State string
	// Seen is when its candidates were stored last; of a closed one, when it was
	// closed.
	Seen time.Time
	// Full are the candidates' links that cannot be the row's: they have another
	// row in its system.
	Full []string
}

// Joinable says why a person cannot join the row of an identity conflict to a
// link; nil if they can.
func (r ConflictRow) Joinable(link string) error {
	if !slices.ContainsFunc(r.Candidates, func(c reconcile.Candidate) bool { return c.Link != "" && c.Link == link }) {
		return fmt.Errorf("link %s is none of the candidates of conflict %d", link, r.Conflict.ID)
	}
	if slices.Contains(r.Full, link) {
		return fmt.Errorf("link %s has another row in %s already, and one record has one row in a system", link, r.AllSystems[r.System])
	}
	return nil
}

// ConflictFilter says which conflicts to list.
type ConflictFilter struct {
	Sync, Kind, Field string // "" is any
	// State is open (decided ones too), decided, closed, or all (also "").
	State string
	IDs   []int64
	Limit int // 0 is no limit
}

// Conflicts lists conflicts by number.
func (s *Store) Conflicts(ctx context.Context, f ConflictFilter) ([]ConflictRow, error) {
	var rows []ConflictRow
	err := s.view(ctx, "list conflicts", func(t *tx) error {
		rows = nil
		syncs, err := t.syncsOf(f)
		if err != nil {
			return err
		}
		for _, sync := range syncs {
			if err := t.listConflicts(sync, f, &rows); err != nil {
				return err
			}
		}
		return nil
	})
	if f.Limit > 0 && len(rows) > f.Limit {
		rows = rows[:f.Limit]
	}
	return rows, err
}

// syncsOf names the syncs that a filter may find something in.
func (t *tx) syncsOf(f ConflictFilter) ([]string, error) {
	if f.Sync != "" {
		return []string{f.Sync}, nil
	}
	var names []string
	err := t.rows("SELECT name FROM syncs ORDER BY id", nil, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}

func (t *tx) listConflicts(sync string, f ConflictFilter, rows *[]ConflictRow) error {
	n, err := t.known(sync)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	where, args := []string{"c.sync = ?"}, []any{n.sync}
	add := func(condition string, arg any) {
		where, args = append(where, condition), append(args, arg)
	}
	switch f.State {
	case conflictOpen:
		add("c.state <> ?", conflictClosed)
	case conflictDecided, conflictClosed:
		add("c.state = ?", f.State)
	}
	if f.Kind != "" {
		add("c.kind = ?", f.Kind)
	}
	if f.Field != "" {
		field, known := n.fieldIDs[f.Field]
		if !known {
			return nil
		}
		add("c.field = ?", int64(field))
	}
	if len(f.IDs) > 0 {
		places := strings.TrimSuffix(strings.Repeat("?, ", len(f.IDs)), ", ")
		where = append(where, "c.id IN ("+places+")")
		for _, id := range f.IDs {
			args = append(args, id)
		}
	}
	query := conflictColumns + "WHERE " + strings.Join(where, " AND ") + " ORDER BY c.id"
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	first := len(*rows)
	err = t.rows(query, args, func(r *sql.Rows) error {
		row, err := n.conflictRow(r)
		row.Sync, row.AllSystems = sync, n.scopeNames
		*rows = append(*rows, row)
		return err
	})
	if err != nil {
		return err
	}
	return t.matchesOf(n, (*rows)[first:])
}

// matchesOf looks up the match texts of what conflicts are about.
func (t *tx) matchesOf(n *names, rows []ConflictRow) error {
	l := newLoader(t)
	l.n = n
	var ids []string
	for _, row := range rows {
		if row.LinkID != "" {
			ids = append(ids, row.LinkID)
		}
		for _, c := range row.Candidates {
			if c.Link != "" {
				ids = append(ids, c.Link)
			}
		}
		if row.Key != "" && row.System >= 0 {
			l.want(0, rowRef{n.systems[row.System], string(row.Key)})
		}
	}
	if err := l.byIDs(ids); err != nil {
		return err
	}
	if err := l.read(); err != nil {
		return err
	}
	for i := range rows {
		row := &rows[i]
		if link := l.links[row.LinkID]; link != nil {
			row.Match = link.Match
		}
		if row.Key == "" || row.System < 0 {
			continue
		}
		for _, c := range row.Candidates {
			if link := l.links[c.Link]; link != nil && !link.Takes(row.System, row.Key) {
				row.Full = append(row.Full, c.Link)
			}
		}
		if m := l.loose[rowRef{n.systems[row.System], string(row.Key)}]; m != nil {
			row.Match = m.Match
		}
	}
	return nil
}

// LooseConflicts gives the open conflicts about loose rows that name no link.
func (s *Store) LooseConflicts(ctx context.Context, scope Scope, loose []*reconcile.Member) ([]*reconcile.Conflict, error) {
	if len(loose) == 0 {
		return nil, nil
	}
	var found []*reconcile.Conflict
	err := s.view(ctx, "read conflicts of rows", func(t *tx) error {
		found = nil
		n, err := t.scoped(scope)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		subjects := make([]int64, 0, len(loose))
		for _, m := range loose {
			if id, err := n.system(m.System); err == nil {
				subjects = append(subjects, rowSubject(rowRef{id, string(m.Key)}))
			}
		}
		rows, err := t.openConflicts(n, subjects)
		for _, row := range rows {
			if row.LinkID == "" {
				found = append(found, row.Conflict)
			}
		}
		return err
	})
	return found, err
}

// CountConflicts gives how many conflicts wait for somebody (decided ones until
// that is applied; not those that are left alone for good) and when the first
// deadline of one that nobody decided yet passes; zero for never.
func (s *Store) CountConflicts(ctx context.Context, sync string) (int64, time.Time, error) {
	var count, deadline int64
	err := s.view(ctx, "count conflicts of "+sync, func(t *tx) error {
		return t.row(`SELECT count(*), coalesce(min(CASE WHEN c.state = 'open' AND c.deadline > 0 THEN c.deadline END), 0)
			FROM conflicts c JOIN syncs s ON s.id = c.sync WHERE s.name = ? AND c.state <> 'closed' AND c.skip_until <> ?`,
			[]any{sync, int64(record.TimestampInfinity)}, &count, &deadline)
	})
	return count, at(deadline), err
}
