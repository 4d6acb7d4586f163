package ledger

import (
	"database/sql"
	"slices"
)

const linkColumns = "SELECT n, id, rev, dead, body FROM links "

// linkRow is a row of linkColumns.
type linkRow struct {
	n, rev, dead int64
	id, body     string
}

func scanLink(r *sql.Rows) (linkRow, error) {
	var row linkRow
	err := r.Scan(&row.n, &row.id, &row.rev, &row.dead, &row.body)
	return row, err
}

// byHandle calls f for the links that may have one of the ids.
func (t *tx) byHandle(sync int64, ids []string, f func(linkRow) error) error {
	handles := make([]int64, len(ids))
	for i, id := range ids {
		handles[i] = handle(id)
	}
	slices.Sort(handles)
	return rowsAmong(t, linkColumns+"WHERE handle IN (*)", nil, slices.Compact(handles), func(r *sql.Rows) error {
		row, err := scanLink(r)
		if err != nil || numberSync(row.n) != sync {
			return err
		}
		return f(row)
	})
}

func (l *loader) takeLink(r *sql.Rows) error {
	row, err := scanLink(r)
	if err != nil {
		return err
	}
	return l.take(row)
}

func (l *loader) take(row linkRow) error {
	if l.loaded[row.n] {
		return nil
	}
	if err := l.b.parse(row.body); err != nil {
		return err
	}
	l.loaded[row.n] = true
	l.links[row.id] = l.b.toLink(l.n, row.id, row.rev, row.dead != 0)
	return nil
}

func (l *loader) takeLoose(system int64) func(*sql.Rows) error {
	return func(r *sql.Rows) error {
		var key, data string
		if err := r.Scan(&key, &data); err != nil {
			return err
		}
		m, err := parseLoose(data)
		if err != nil {
			return err
		}
		l.loose[rowRef{system, key}] = m.toMember(l.n, l.n.systemAt[system], "")
		return nil
	}
}
