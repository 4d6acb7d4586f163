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
	var count connectors.Loaded
	attempt := func(distinct bool) error {
		return l.underSavepoint(ctx, l.conn, func() error {
			var err error
			count, err = l.upsertRange(ctx, first, last, distinct)
			return err
		})
	}
	err := attempt(false)
	if codeOf(err) == "21000" { // one key twice: the last row counts
		err = attempt(true)
	}
	if err == nil {
		l.count.Created += count.Created
		l.count.Updated += count.Updated
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
func (l *load) upsertRange(ctx context.Context, first, last int, distinct bool) (connectors.Loaded, error) {
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
	insert := "insert into " + l.SQL() + " as t (" + strings.Join(names, ", ") + ")"
	if identity {
		insert += " overriding system value"
	}
	insert += " select " + strings.Join(exprs, ", ") + " from s on conflict (" +
		rowList(l.key, func(c *column) string { return quote(c.field.Name) }) + ") "
	if len(sets) > 0 {
		insert += "do update set " + strings.Join(sets, ", ") + " where " + strings.Join(differs, " or ")
	} else {
		insert += "do nothing"
	}
	var none rowset
	result := none.run(ctx, l.conn, l.countedSQL(l.stagedSQL(first, last, distinct), insert)).Read()
	if result.Err != nil {
		return connectors.Loaded{}, result.Err
	}
	return connectors.Loaded{
		Created: int64(binary.BigEndian.Uint64(result.Rows[0][0])), Updated: int64(binary.BigEndian.Uint64(result.Rows[0][1])),
	}, nil
}

// stagedSQL selects the staged rows from first to last.
func (l *load) stagedSQL(first, last int, distinct bool) string {
	from := "* from pg_temp." + l.staging + " s where s.n between " + strconv.Itoa(first) + " and " + strconv.Itoa(last)
	if !distinct {
		return "select " + from
	}
	keys := rowList(l.key, func(c *column) string { return c.compareSQL("s." + stagedName(position(l.columns, c))) })
	return "select distinct on (" + keys + ") " + from + " order by " + keys + ", s.n desc"
}

// countedSQL counts what an insert makes and changes. A row that was inserted
// has no xmax; partitioned tables do not give it back, so that there the rows
// which were there are counted, as they were when the statement began.
func (l *load) countedSQL(staged, insert string) string {
	if l.relkind != "p" {
		return "with s as not materialized (" + staged + "), w as (" + insert + " returning xmax = 0 as made)" +
			" select count(*) filter (where made), count(*) filter (where not made) from w"
	}
	there := rowList(l.key, func(c *column) string {
		return "t." + quote(c.field.Name) + " = " + c.compareSQL("s."+stagedName(position(l.columns, c)))
	}, " and ")
	return "with s as (" + staged + "), w as (" + insert + " returning 1)," +
		" made as (select count(*) n from s where not exists (select from " + l.SQL() + " t where " + there + "))" +
		" select made.n, (select count(*) from w) - made.n from made"
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

var errNullKey = connectors.Errorf(connectors.BadRecord, "NULL in the key")
