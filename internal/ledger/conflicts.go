package ledger

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// The states of a conflict: a decision that is stored and not yet applied makes
// an open one decided.
const (
	conflictOpen    = "open"
	conflictDecided = "decided"
	conflictClosed  = "closed"
)

// A conflict's subject is what it is about, as a number: a link or a row
// without one. There is one open conflict of a kind for a subject and field.

func linkSubject(id string) int64 {
	h := record.HashText("link", id)
	return int64(binary.BigEndian.Uint64(h[:8]))
}

func rowSubject(row rowRef) int64 {
	h := record.HashRow(row.system, row.key)
	return int64(binary.BigEndian.Uint64(h[:8]))
}

// storedConflict is a conflict by the ledger's numbers.
type storedConflict struct {
	subject int64
	row     rowRef // of a conflict about a row
	field   int64  // 0: the whole record
	body    []byte
}

func (n *names) storedConflict(c *reconcile.Conflict) (storedConflict, error) {
	var s storedConflict
	var err error
	if s.subject = linkSubject(c.LinkID); c.Key != "" {
		if s.row.system, err = n.system(c.System); err != nil {
			return s, fmt.Errorf("conflict of a row: %w", err)
		}
		s.row.key = string(c.Key)
		s.subject = rowSubject(s.row)
	}
	if c.Field >= 0 {
		if c.Field >= len(n.fields) {
			return s, fmt.Errorf("there is no field %d in the scope", c.Field)
		}
		s.field = int64(n.fields[c.Field])
	}
	s.body, err = n.appendConflict(c)
	return s, err
}

const (
	flagBase = 1 << iota
	flagDeleted
)

func (n *names) appendConflict(c *reconcile.Conflict) ([]byte, error) {
	dst, err := record.AppendValue([]byte{bodyVersion}, c.Base)
	if err != nil {
		return nil, err
	}
	dst = binary.AppendUvarint(dst, uint64(len(c.Candidates)))
	for _, x := range c.Candidates {
		system := int64(0)
		if x.System >= 0 && x.System < len(n.systems) {
			system = n.systems[x.System]
		}
		flags := byte(0)
		if x.Base {
			flags |= flagBase
		}
		if x.Deleted {
			flags |= flagDeleted
		}
		dst = append(binary.AppendUvarint(dst, uint64(system)), flags)
		dst = appendText(dst, string(x.Key))
		if dst, err = record.AppendValue(dst, x.Value); err != nil {
			return nil, err
		}
		dst = appendText(binary.AppendVarint(dst, int64(x.At)), x.Link)
	}
	return dst, nil
}

func (n *names) parseConflict(c *reconcile.Conflict, data string) error {
	r := scanner{rest: data}
	if r.byte() != bodyVersion {
		r.bad = true
	}
	c.Base = r.value()
	for range r.count() {
		x := reconcile.Candidate{System: n.placeOf(int64(r.uvarint()))}
		flags := r.byte()
		x.Base, x.Deleted = flags&flagBase != 0, flags&flagDeleted != 0
		x.Key = record.Key(r.text())
		x.Value = r.value()
		x.At = record.Timestamp(r.varint())
		x.Link = r.text()
		c.Candidates = append(c.Candidates, x)
	}
	if r.bad || r.rest != "" {
		return errors.New("a conflict in the ledger is damaged")
	}
	return nil
}

const conflictColumns = `SELECT c.id, c.link_id, c.system, c.key, c.kind, c.field, c.digest,
	c.opened, c.deadline, c.skip_until, c.seen, c.state, c.body FROM conflicts c `

// conflictRow reads one row of conflictColumns in the terms of n.
func (n *names) conflictRow(r *sql.Rows) (ConflictRow, error) {
	c := &reconcile.Conflict{}
	row := ConflictRow{Conflict: c}
	var system, field, seen int64
	var data string
	err := r.Scan(&c.ID, &c.LinkID, &system, &c.Key, &c.Kind, &field, &c.Digest,
		&c.Opened, &c.Deadline, &c.SkipUntil, &seen, &row.State, &data)
	if err != nil {
		return row, err
	}
	c.System, c.Field = reconcile.None, reconcile.None
	if system != 0 {
		c.System = n.placeOf(system)
	}
	if field != 0 {
		row.FieldName = n.fieldNames[uint32(field)]
		if place, shown := n.fieldAt[uint32(field)]; shown {
			c.Field = place
		}
		// What cannot be parsed was written by a newer version, and is shown as text.
		row.FieldType, _ = record.ParseType(n.fieldTypes[uint32(field)])
	}
	row.Seen = at(seen)
	if err := n.parseConflict(c, data); err != nil {
		return row, err
	}
	for _, x := range c.Candidates {
		if x.System >= 0 && !slices.Contains(row.Systems, n.scopeNames[x.System]) {
			row.Systems = append(row.Systems, n.scopeNames[x.System])
		}
	}
	return row, nil
}

// openConflicts gives the open conflicts of subjects, by id.
func (t *tx) openConflicts(n *names, subjects []int64) ([]ConflictRow, error) {
	if len(subjects) == 0 {
		return nil, nil
	}
	var some int64
	err := t.row("SELECT CASE WHEN EXISTS (SELECT 1 FROM conflicts WHERE sync = ? AND state <> 'closed') THEN 1 ELSE 0 END",
		[]any{n.sync}, &some)
	if err != nil || some == 0 {
		return nil, err
	}
	slices.Sort(subjects)
	var rows []ConflictRow
	const query = conflictColumns + "WHERE c.sync = ? AND c.state <> 'closed' AND c.subject IN (*)"
	err = rowsAmong(t, query, []any{n.sync}, slices.Compact(subjects), func(r *sql.Rows) error {
		row, err := n.conflictRow(r)
		if row.Field != reconcile.None || row.FieldName == "" {
			rows = append(rows, row) // else of a field that the scope does not show
		}
		return err
	})
	slices.SortFunc(rows, func(a, b ConflictRow) int { return int(a.ID - b.ID) })
	return rows, err
}

// tie is an open conflict that names a loose row and a link that it may
// belong to.
type tie struct {
	link string
	row  rowRef
}

func (t *tx) ties(sync int64) ([]tie, error) {
	var ties []tie
	const query = "SELECT link_id, system, key FROM conflicts WHERE sync = ? AND state <> 'closed' AND system <> 0 AND link_id <> ''"
	err := t.rows(query, []any{sync}, func(r *sql.Rows) error {
		var x tie
		err := r.Scan(&x.link, &x.row.system, &x.row.key)
		ties = append(ties, x)
		return err
	})
	return ties, err
}

// saveConflicts stores what a change opens, renews and closes, and what became
// of decisions.
func (t *tx) saveConflicts(n *names, c *Change) error {
	for _, conflict := range c.Opened {
		if err := t.saveConflict(n, conflict, micros(c.At)); err != nil {
			return err
		}
	}
	for _, id := range c.Closed {
		if _, err := t.exec("UPDATE conflicts SET state = 'closed', seen = ? WHERE id = ? AND sync = ?", micros(c.At), id, n.sync); err != nil {
			return err
		}
	}
	for _, id := range c.Applied {
		if _, err := t.exec("UPDATE decisions SET state = 'applied' WHERE id = ? AND sync = ?", id, n.sync); err != nil {
			return err
		}
	}
	for _, id := range c.Refused {
		if _, err := t.exec("UPDATE decisions SET state = 'refused' WHERE id = ? AND sync = ?", id, n.sync); err != nil {
			return err
		}
		_, err := t.exec(`UPDATE conflicts SET state = 'open' WHERE state = 'decided' AND sync = ?
			AND id = (SELECT conflict FROM decisions WHERE id = ?)
			AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.conflict = conflicts.id AND d.state = 'pending')`, n.sync, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// saveConflict stores one conflict. If the same is open already it is renewed
// on its original clock, and keeps its number.
func (t *tx) saveConflict(n *names, c *reconcile.Conflict, seen int64) error {
	s, err := n.storedConflict(c)
	if err != nil {
		return err
	}
	if c.ID == 0 {
		err := t.row(`SELECT id, opened, deadline FROM conflicts
			WHERE sync = ? AND subject = ? AND kind = ? AND field = ? AND state <> 'closed'`,
			[]any{n.sync, s.subject, string(c.Kind), s.field}, &c.ID, &c.Opened, &c.Deadline)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	if c.ID == 0 {
		return t.row(`INSERT INTO conflicts (sync, subject, link_id, system, key, kind, field, digest, opened, deadline,
			skip_until, seen, state, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?) RETURNING id`,
			[]any{
				n.sync, s.subject, c.LinkID, s.row.system, []byte(s.row.key), string(c.Kind), s.field, c.Digest,
				int64(c.Opened), int64(c.Deadline), int64(c.SkipUntil), seen, s.body,
			}, &c.ID)
	}
	touched, err := t.exec(`UPDATE conflicts SET link_id = ?, digest = ?, opened = ?, deadline = ?, skip_until = ?, seen = ?, body = ?,
		state = CASE WHEN digest <> ? OR state = 'closed' THEN 'open' ELSE state END WHERE id = ? AND sync = ?`,
		c.LinkID, c.Digest, int64(c.Opened), int64(c.Deadline), int64(c.SkipUntil), seen, s.body, c.Digest, c.ID, n.sync)
	if err == nil && touched == 0 {
		err = fmt.Errorf("conflict %d: %w", c.ID, ErrNotFound)
	}
	return err
}
