package sqlite

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// loader upserts the rows of batches. The statements are made for the columns
// of the first batch and again when they change.
//
// Rows are inserted where their keys are not there, and only those that are
// left are upserted: so it is known how many were created. Triggers of others
// would see such rows twice; a table that has some takes its rows one by one,
// upserted at once, and is counted before and after.
type loader struct {
	conn   *bare.Conn
	t      *table
	key    []int
	reject func(*record.Batch, int, error) error
	single bool
	before int64 // rows, if single

	names  []string
	cols   []int
	one    pair // statements for one row
	many   pair // for groupRows rows, made when there are as many
	remove *bare.Stmt
	waits  []int // rows of the batch that wait for their group

	created, updated, unchanged, deleted int64
}

// pair is the statements that write rows.
type pair struct {
	insert, upsert *bare.Stmt
	rows           int
}

// groupRows is how many rows one statement takes: most of what a statement
// costs beside its rows is spread over so many.
const groupRows = 64

func newLoader(conn *bare.Conn, t *table, key []string, reject func(*record.Batch, int, error) error) (*loader, error) {
	cols, err := t.find(key)
	if err != nil {
		return nil, err
	}
	if t.view || !t.uniqueKey(cols) {
		return nil, &connectors.Error{
			Kind: connectors.Permanent, Err: errors.New("rows can only be upserted by columns that a primary key or unique index covers"),
			Hint: "create a unique index on " + strings.Join(key, ", "),
		}
	}
	l := &loader{conn: conn, t: t, key: cols, reject: reject}
	found, err := presentTriggers(conn, t)
	if err != nil {
		return nil, err
	}
	for name := range found {
		if name != t.triggerName("insert") && name != t.triggerName("update") && name != t.triggerName("delete") {
			l.single = true
		}
	}
	if l.single {
		l.before, err = countRows(conn, t)
	}
	return l, err
}

// Close lets go of the statements.
func (l *loader) Close() {
	for _, s := range []*bare.Stmt{l.one.insert, l.one.upsert, l.many.insert, l.many.upsert, l.remove} {
		if s != nil {
			s.Close()
		}
	}
	l.one, l.many, l.remove = pair{}, pair{}, nil
}

// loaded sums up.
func (l *loader) loaded() (connectors.Loaded, error) {
	if l.single {
		after, err := countRows(l.conn, l.t)
		if err != nil {
			return connectors.Loaded{}, err
		}
		written := l.updated
		l.created = max(0, min(written, after-l.before+l.deleted))
		l.updated = written - l.created
	}
	return connectors.Loaded{Created: l.created, Updated: l.updated, Unchanged: l.unchanged, Deleted: l.deleted}, nil
}

func (l *loader) prepare(names []string) error {
	if l.remove != nil && slices.Equal(names, l.names) {
		return nil
	}
	l.Close()
	cols, err := l.t.find(names)
	if err != nil {
		return err
	}
	for _, c := range cols {
		if l.t.columns[c].ReadOnly {
			return connectors.Errorf(connectors.Permanent, "column %s is generated and cannot be written", l.t.columns[c].Name)
		}
	}
	var same []string
	for _, c := range l.key {
		at := slices.Index(cols, c)
		if at < 0 {
			return connectors.Errorf(connectors.Permanent, "the batch has no key column %s", l.t.columns[c].Name)
		}
		same = append(same, quote(l.t.columns[c].Name)+` = `+mark(at+1))
	}
	l.names, l.cols = slices.Clone(names), cols
	if l.one, err = l.pair(1); err != nil {
		return err
	}
	l.remove, err = l.conn.Prepare(`DELETE FROM ` + l.t.sql() + ` WHERE ` + strings.Join(same, " AND "))
	return err
}

// pair makes the statements for a number of rows.
func (l *loader) pair(rows int) (pair, error) {
	var sets, differs []string
	for _, c := range l.cols {
		if slices.Contains(l.key, c) {
			continue
		}
		name := quote(l.t.columns[c].Name)
		sets = append(sets, name+` = excluded.`+name)
		differs = append(differs, l.t.sql()+`.`+name+` IS NOT excluded.`+name+` COLLATE BINARY`)
	}
	tuples := make([]string, rows)
	for row := range tuples {
		tuples[row] = l.values(row * len(l.cols))
	}
	insert := `INSERT OR ABORT INTO ` + l.t.sql() + ` (` + strings.Join(l.t.names(l.cols, ""), ", ") + `) VALUES ` + strings.Join(tuples, ", ") +
		` ON CONFLICT (` + strings.Join(l.t.names(l.key, ""), ", ") + `) DO `
	const nothing = `NOTHING`
	update := nothing
	if len(sets) > 0 {
		update = `UPDATE SET ` + strings.Join(sets, ", ") + ` WHERE ` + strings.Join(differs, " OR ")
	}
	p := pair{rows: rows}
	var err error
	if p.insert, err = l.conn.Prepare(insert + nothing); err != nil {
		return p, err
	}
	if p.upsert, err = l.conn.Prepare(insert + update); err != nil {
		p.insert.Close()
	}
	return p, err
}

// values gives the values of one row, whose first parameter follows after. NULL
// stands for what a column has by itself that takes none: its default, and for
// one that is another each time, such as the time, what the row holds.
func (l *loader) values(after int) string {
	all := make([]string, len(l.cols))
	for i, c := range l.cols {
		column := &l.t.columns[c]
		all[i] = mark(after + i + 1)
		if column.Nullable || column.defaultSQL == "" || slices.Contains(l.key, c) {
			continue
		}
		filled := []string{all[i]}
		if !constantSQL.MatchString(column.defaultSQL) {
			same := make([]string, len(l.key))
			for k, key := range l.key {
				same[k] = quote(l.t.columns[key].Name) + ` = ` + mark(after+slices.Index(l.cols, key)+1)
			}
			filled = append(filled, `(SELECT `+quote(column.Name)+` FROM `+l.t.sql()+` WHERE `+strings.Join(same, " AND ")+`)`)
		}
		all[i] = `coalesce(` + strings.Join(append(filled, `(`+column.defaultSQL+`)`), ", ") + `)`
	}
	return `(` + strings.Join(all, ", ") + `)`
}

// constantSQL is a default that is the same each time.
//
//nolint:gochecknoglobals // a pattern
var constantSQL = regexp.MustCompile(`(?is)^([xX]?'(?:[^']|'')*'|"[^"]*"|[-+]?[0-9][0-9.a-fx]*|true|false|null)$`)

func (l *loader) batch(batch *record.Batch) error {
	if err := l.prepare(batch.Schema.Names()); err != nil {
		return err
	}
	binders := make([]binder, len(l.cols))
	for i, c := range l.cols {
		binders[i] = bindFor(&l.t.columns[c], batch, i)
	}
	ops := batch.Arrow().Column(len(l.cols)).(*array.Uint8)
	bad := batch.Arrow().Column(len(l.cols) + 3)
	group := groupRows
	if l.single || group*len(l.cols) > maxParameters {
		group = 1
	}
	l.waits = l.waits[:0]
	for row := range batch.Rows() {
		switch op := record.Op(ops.Value(row)); {
		case op == record.Absent:
			continue
		case op == record.Deleted || bad.IsValid(row):
			// What came before must be written before.
			if err := l.flush(batch, binders, group); err != nil {
				return err
			}
			if err := l.alone(batch, row, func() error { return l.special(batch, row) }); err != nil {
				return err
			}
			continue
		}
		if l.waits = append(l.waits, row); len(l.waits) == group {
			if err := l.flush(batch, binders, group); err != nil {
				return err
			}
		}
	}
	return l.flush(batch, binders, group)
}

// maxParameters is SQLite's own bound for one statement.
const maxParameters = 32_766

// flush writes the rows that wait; those of a full group at once, unless one
// of them is refused.
func (l *loader) flush(batch *record.Batch, binders []binder, group int) error {
	defer func() { l.waits = l.waits[:0] }()
	if group > 1 && len(l.waits) == group {
		if l.many.rows == 0 {
			var err error
			if l.many, err = l.pair(group); err != nil {
				return err
			}
		}
		err := l.write(l.many, batch, binders, l.waits)
		if err == nil {
			return nil
		}
		if _, whole := l.refused(err); whole != nil {
			return whole
		}
	}
	for i := range l.waits {
		err := l.alone(batch, l.waits[i], func() error { return l.write(l.one, batch, binders, l.waits[i:i+1]) })
		if err != nil {
			return err
		}
	}
	return nil
}

// alone writes one row, or rejects it.
func (l *loader) alone(batch *record.Batch, row int, write func() error) error {
	err := write()
	if err == nil {
		return nil
	}
	item, whole := l.refused(err)
	if whole != nil {
		return whole
	}
	return l.reject(batch, row, item)
}

// refused tells what is wrong with a row from what ends the load.
func (l *loader) refused(err error) (item, whole error) {
	if _, known := errors.AsType[*connectors.Error](err); known {
		return err, nil
	}
	if !l.conn.InTransaction() {
		return nil, rolledBack(err)
	}
	if _, reason := refusal(err); reason != nil {
		return reason, nil
	}
	return nil, err
}

// write inserts rows, and upserts them if some were there.
func (l *loader) write(p pair, batch *record.Batch, binders []binder, rows []int) error {
	created := int64(0)
	if !l.single {
		var err error
		if created, err = l.run(p.insert, batch, binders, rows); err != nil {
			return err
		}
		l.created += created
		if created == int64(len(rows)) {
			return nil
		}
	}
	updated, err := l.run(p.upsert, batch, binders, rows)
	if err != nil {
		l.unchanged -= created // one by one, they are found as they should be
		return err
	}
	l.updated += updated
	l.unchanged += int64(len(rows)) - created - updated
	return nil
}

// run binds rows to a statement for as many, runs it and gives how many rows it
// changed.
func (l *loader) run(s *bare.Stmt, batch *record.Batch, binders []binder, rows []int) (int64, error) {
	defer s.Reset()
	at := 0
	for _, row := range rows {
		for i, bind := range binders {
			if err := bind(s, at, row); err != nil {
				return 0, connectors.Errorf(connectors.BadRecord, "column %s: %w", batch.Schema.Fields[i].Name, err)
			}
			at++
		}
	}
	if _, err := s.Step(); err != nil {
		return 0, err
	}
	return l.conn.Changes(), nil
}

// special handles a row that is bad or deleted.
func (l *loader) special(batch *record.Batch, row int) error {
	if bad := batch.Mark(row).Bad; bad != "" {
		return connectors.Errorf(connectors.BadRecord, "%s", bad)
	}
	defer l.remove.Reset()
	for _, c := range l.key {
		at := slices.Index(l.cols, c)
		raw, err := l.t.columns[c].codec.raw(batch.Value(row, at))
		if err != nil {
			return connectors.Errorf(connectors.BadRecord, "column %s: %w", l.t.columns[c].Name, err)
		}
		if err := l.remove.Bind(at, raw); err != nil {
			return err
		}
	}
	if _, err := l.remove.Step(); err != nil {
		return err
	}
	gone := l.conn.Changes()
	l.deleted += gone
	l.unchanged += 1 - gone
	return nil
}
