package postgres

import (
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
)

func keyName(i int) string { return "k" + strconv.Itoa(i) }

// merge sends the chunk to the staging table and upserts it from there.
func (l *load) merge(ctx context.Context) error {
	if err := l.makeStaging(ctx); err != nil {
		return err
	}
	source := newChunkReader(l, true)
	if _, err := source.copy(ctx, l.conn, "copy pg_temp."+l.staging+" from stdin (format binary)"); err != nil {
		return err
	}
	before := l.count
	refused, err := l.upsert(ctx, 0, len(l.present)-1)
	if err != nil {
		return err
	}
	written := l.count.Created - before.Created + l.count.Updated - before.Updated
	l.count.Unchanged += source.sent - written - int64(len(refused))
	return l.report(append(source.refused, refused...))
}

func (l *load) makeStaging(ctx context.Context) error {
	if l.staged {
		return exec(ctx, l.conn, "truncate pg_temp."+l.staging)
	}
	columns := []string{"n int4"}
	for i, c := range l.columns {
		columns = append(columns, stagedName(i)+" "+c.stage().name)
	}
	l.staged = true
	return exec(ctx, l.conn, "create temp table "+l.staging+" ("+strings.Join(columns, ", ")+") on commit drop")
}

func stagedName(i int) string { return "c" + strconv.Itoa(i) }

// upsert merges the staged rows from first to last, by halves if one of them
// is refused.
func (l *load) upsert(ctx context.Context, first, last int) ([]refusal, error) {
	err := l.underSavepoint(ctx, l.conn, func() error { return l.upsertRange(ctx, first, last, false) })
	if codeOf(err) == "21000" { // one key twice: the last row counts
		err = l.underSavepoint(ctx, l.conn, func() error { return l.upsertRange(ctx, first, last, true) })
	}
	if err == nil {
		return nil, nil
	}
	if !itemError(err) {
		return nil, err
	}
	if first >= last {
		return []refusal{{at: l.present[first], err: classify("load "+l.readable(), err)}}, nil
	}
	middle := (first + last) / 2
	refused, err := l.upsert(ctx, first, middle)
	if err != nil {
		return nil, err
	}
	more, err := l.upsert(ctx, middle+1, last)
	return append(refused, more...), err
}

// upsertRange is one statement that inserts and updates. Of rows that have
// several versions among the staged ones, distinct leaves the last.
func (l *load) upsertRange(ctx context.Context, first, last int, distinct bool) error {
	names := make([]string, len(l.columns))
	exprs := make([]string, len(l.columns))
	var sets, differs []string
	identity := false
	for i, c := range l.columns {
		names[i] = quote(c.field.Name)
		exprs[i] = c.writeSQL("s." + stagedName(i))
		identity = identity || c.identity
		if !slices.Contains(l.key, c) {
			sets = append(sets, names[i]+" = excluded."+names[i])
			differs = append(differs, c.identicalSQL("t."+names[i])+" is distinct from "+c.identicalSQL("excluded."+names[i]))
		}
	}
	keys := rowList(l.key, func(c *column) string { return c.compareSQL("s." + stagedName(position(l.columns, c))) })
	selected := "select "
	if distinct {
		selected += "distinct on (" + keys + ") "
	}
	selected += strings.Join(exprs, ", ") + " from pg_temp." + l.staging + " s where s.n between " + strconv.Itoa(first) + " and " + strconv.Itoa(last)
	if distinct {
		selected += " order by " + keys + ", s.n desc"
	}
	overriding := ""
	if identity {
		overriding = " overriding system value"
	}
	conflict := "do nothing"
	if len(sets) > 0 {
		conflict = "do update set " + strings.Join(sets, ", ") + " where " + strings.Join(differs, " or ")
	}
	sql := "with w as (insert into " + l.SQL() + " as t (" + strings.Join(names, ", ") + ")" + overriding + " " + selected +
		" on conflict (" + rowList(l.key, func(c *column) string { return quote(c.field.Name) }) + ") " + conflict +
		" returning xmax = 0 as made) select count(*) filter (where made), count(*) filter (where not made) from w"
	var none rowset
	result := none.run(ctx, l.conn, sql).Read()
	if result.Err != nil {
		return result.Err
	}
	l.count.Created += int64(binary.BigEndian.Uint64(result.Rows[0][0]))
	l.count.Updated += int64(binary.BigEndian.Uint64(result.Rows[0][1]))
	return nil
}

// identicalSQL is an operand that equals another only if it reads the same.
func (c *column) identicalSQL(operand string) string {
	switch {
	case c.folds:
		return operand + `::text collate "C"`
	case c.form.wire == wireJSON, c.form.wire == wireNested, c.form.cast, c.form.wire == wireInterval:
		return operand + "::text"
	default:
		return operand
	}
}

var errNullKey = connectors.Errorf(connectors.BadRecord, "NULL in the key") //nolint:gochecknoglobals // a constant error
