package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
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
	l.twice, l.bounds = source.twice, l.keyRange()
	before := l.count
	equal, err := l.allEqual(ctx, source.sent)
	if err != nil {
		return err
	}
	var refused []refusal
	if !equal {
		if refused, err = l.upsert(ctx, 0, len(l.present)-1); err != nil {
			return err
		}
	}
	written := l.count.Created - before.Created + l.count.Updated - before.Updated
	l.count.Unchanged += source.sent - written - int64(len(refused))
	return l.report(append(source.refused, refused...))
}

// allEqual tells whether all staged rows are there and equal. It only counts
// them where a sample says that they may be: the upsert looks at each row too.
func (l *load) allEqual(ctx context.Context, sent int64) (bool, error) {
	if sent == 0 || l.twice {
		return sent == 0, nil
	}
	differs := append([]string{"false"}, l.differences()...)
	equal := " where " + l.sameKey() + " and not (" + strings.Join(differs, " or ") + ")"
	step := max(len(l.present)/probes, 1)
	var none rowset
	sample := none.run(ctx, l.conn, "select count(s.n), count(*) from (select * from pg_temp."+l.staging+" where n % "+strconv.Itoa(step)+
		" = 0) o left join lateral (select o.n from "+l.SQL()+" t, (select o.*) s"+equal+") s on true").Read()
	if sample.Err != nil {
		return false, sample.Err
	}
	if binary.BigEndian.Uint64(sample.Rows[0][0]) < binary.BigEndian.Uint64(sample.Rows[0][1]) {
		return false, nil
	}
	all := none.run(ctx, l.conn, "select count(*) from pg_temp."+l.staging+" s, "+l.SQL()+" t"+equal).Read()
	if all.Err != nil {
		return false, all.Err
	}
	return int64(binary.BigEndian.Uint64(all.Rows[0][0])) == sent, nil
}

// hasRange tells whether the chunk's keys have bounds that we can tell: the
// order of integers is the same here and there.
func (l *load) hasRange() bool {
	return len(l.key) == 1 && l.key[0].field.Type.Kind == record.KindInt
}

// keyRange bounds the rows of the table t that the chunk can meet.
func (l *load) keyRange() string {
	if !l.hasRange() {
		return ""
	}
	lowest, highest, found := int64(math.MaxInt64), int64(math.MinInt64), false
	at := l.from[position(l.columns, l.key[0])]
	for _, p := range l.present {
		column, is := l.batches[p.batch].Arrow().Column(at).(*array.Int64)
		if !is {
			return ""
		}
		if !column.IsNull(int(p.row)) {
			lowest, highest, found = min(lowest, column.Value(int(p.row))), max(highest, column.Value(int(p.row))), true
		}
	}
	if !found {
		return ""
	}
	return fmt.Sprintf(" and t.%s between '%d' and '%d'", quote(l.key[0].field.Name), lowest, highest)
}

// sameKey compares the keys of the table t and the staged rows s.
func (l *load) sameKey() string {
	return rowList(l.key, func(c *column) string {
		return "t." + quote(c.field.Name) + " = " + c.compareSQL("s."+stagedName(position(l.columns, c)))
	}, " and ") + l.bounds
}

// differences compare the other columns.
func (l *load) differences() []string {
	var differs []string
	for i, c := range l.columns {
		if !slices.Contains(l.key, c) {
			held := "t." + quote(c.field.Name)
			value := c.filledSQL(c.assignedSQL(c.writeSQL("s."+stagedName(i))), held)
			differs = append(differs, c.identicalSQL(held)+" is distinct from "+c.identicalSQL(value))
		}
	}
	return differs
}

func (l *load) makeStaging(ctx context.Context) error {
	if l.staged {
		return l.tx.exec(ctx, "truncate pg_temp."+l.staging)
	}
	columns := []string{"n int4"}
	for i, c := range l.columns {
		columns = append(columns, stagedName(i)+" "+c.stage().name)
	}
	l.staged = true
	sql := "create temp table " + l.staging + " (" + strings.Join(columns, ", ") + ") on commit drop"
	if !l.hasRange() {
		// Else the planner might read the whole table for each chunk; looking
		// each key up in its index is never bad.
		sql = "set local enable_hashjoin = off; set local enable_mergejoin = off; " + sql
	}
	return l.tx.exec(ctx, sql)
}

func stagedName(i int) string { return "c" + strconv.Itoa(i) }

// upsert merges the staged rows from first to last, by halves if one of them
// is refused.
func (l *load) upsert(ctx context.Context, first, last int) ([]refusal, error) {
	var count connectors.Loaded
	err := l.tx.underSavepoint(ctx, l.deferrable, func() error {
		var err error
		count, err = l.upsertRange(ctx, first, last, l.twice)
		return err
	})
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

// upsertRange updates the rows that are there and differ, and then inserts the
// others. An insertion that meets a row after all, because somebody else was
// faster, updates it. Rows that are there and equal are only looked at. Of rows
// that have several versions among the staged ones, distinct leaves the last.
func (l *load) upsertRange(ctx context.Context, first, last int, distinct bool) (connectors.Loaded, error) {
	var count connectors.Loaded
	staged := l.stagedSQL(first, last, distinct)
	var sets, differs, conflicts []string
	for i, c := range l.columns {
		if slices.Contains(l.key, c) {
			continue
		}
		name := quote(c.field.Name)
		sets = append(sets, name+" = "+c.filledSQL(c.writeSQL("s."+stagedName(i)), "t."+name))
		conflicts = append(conflicts, name+" = excluded."+name)
		differs = append(differs, c.identicalSQL("t."+name)+" is distinct from "+c.identicalSQL("excluded."+name))
	}
	var none rowset
	if len(sets) > 0 {
		result := none.run(ctx, l.conn, "update "+l.SQL()+" as t set "+strings.Join(sets, ", ")+" from ("+staged+") s where "+l.sameKey()+
			" and ("+strings.Join(l.differences(), " or ")+")").Read()
		if result.Err != nil {
			return count, result.Err
		}
		if count.Updated = result.CommandTag.RowsAffected(); count.Updated == int64(last-first+1) {
			return count, nil
		}
	}
	insert := "insert into " + l.SQL() + " as t (" + rowList(l.columns, func(c *column) string { return quote(c.field.Name) }) + ")"
	if slices.ContainsFunc(l.columns, func(c *column) bool { return c.identity }) {
		insert += " overriding system value"
	}
	insert += " select " + rowList(l.columns, func(c *column) string {
		return c.filledSQL(c.writeSQL("s."+stagedName(position(l.columns, c))), "")
	}) +
		" from (" + staged + ") s where not exists (select from " + l.SQL() + " t where " + l.sameKey() + ") on conflict (" +
		rowList(l.key, func(c *column) string { return quote(c.field.Name) }) + ") "
	if len(sets) > 0 {
		insert += "do update set " + strings.Join(conflicts, ", ") + " where " + strings.Join(differs, " or ")
	} else {
		insert += "do nothing"
	}
	result := none.run(ctx, l.conn, insert).Read()
	count.Created = result.CommandTag.RowsAffected()
	return count, result.Err
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

// assignedSQL gives a value as the column will store it, so that what differs
// only by what the assignment rounds or pads is no difference.
func (c *column) assignedSQL(value string) string {
	if c.stage() == textStage && !c.form.assigns {
		return value
	}
	if c.mod < 0 || c.form.base == oidVarchar {
		return value
	}
	return "(" + value + ")::" + c.field.Native
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
