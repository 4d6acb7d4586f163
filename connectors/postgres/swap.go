package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/syncline-dev/syncline/connectors"
)

// swap writes updates that exchange unique values among themselves: first each
// row gets a value that nobody has, then its own. why is the violation that a
// plain update met.
func (a *apply) swap(ctx context.Context, groups []group, why error) error {
	c, temporary, err := a.temporary(ctx, groups, why)
	if err != nil || c == nil {
		return errors.Join(err, why)
	}
	tokens := conditions{}
	freed := make([]group, len(groups))
	for i, g := range groups {
		items, conditions, err := a.conditions(ctx, g, nil)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			continue
		}
		rows := a.keyed(items, conditions)
		written, err := a.written(ctx, rows, "update "+a.SQL()+" as t set "+quote(c.field.Name)+" = "+temporary+
			" from "+rows.sql()+" where "+a.holds(), true)
		if err != nil {
			return err
		}
		left := leftOf(items)
		freed[i] = group{op: g.op, mask: g.mask}
		for _, row := range written {
			n := items[row.n]
			delete(left, n)
			tokens[n] = row.token
			freed[i].items = append(freed[i].items, n)
		}
		if err := a.explain(ctx, items, left, conditions); err != nil {
			return err
		}
	}
	for _, g := range freed {
		if err := a.update(ctx, g, tokens); err != nil {
			return err
		}
	}
	return nil
}

// temporary finds a column of the violated index that all groups set, and an
// expression for values that it does not have; no column if there is none.
func (a *apply) temporary(ctx context.Context, groups []group, why error) (*column, string, error) {
	schema, constraint := violated(why)
	rows, err := query(ctx, a.conn, `
		select a.attname, to_jsonb(x) -> 'indnullsnotdistinct' = 'true' from pg_class i
		join pg_namespace n on n.oid = i.relnamespace
		join pg_index x on x.indexrelid = i.oid
		join pg_attribute a on a.attrelid = x.indrelid
		where n.nspname = $1::text and i.relname = $2::text and a.attnum > 0
		and (a.attnum = any (x.indkey::int2[]) or exists (select from pg_depend d where d.objid = i.oid
			and d.classid = 'pg_class'::regclass and d.refclassid = d.classid
			and d.refobjid = x.indrelid and d.refobjsubid = a.attnum))`, schema, constraint)
	if err != nil {
		return nil, "", err
	}
	for _, row := range rows {
		c := a.byName[string(row[0])]
		at := position(a.set, c)
		if c == nil || at < 0 || slices.ContainsFunc(groups, func(g group) bool { return g.mask[at] == '0' }) {
			continue
		}
		if slices.Contains(a.key, c) {
			continue // its rows could not be found again
		}
		if c.field.Nullable && !is(row[1]) {
			return c, "null", nil
		}
		if sql := c.temporarySQL(a.SQL()); sql != "" {
			return c, sql, nil
		}
	}
	return nil, "", nil
}

// temporarySQL is a value that no row has, different for each s.n; "" for
// types too small for one.
func (c *column) temporarySQL(table string) string {
	name := quote(c.field.Name)
	switch c.form.wire {
	case wireInt2, wireInt4, wireInt8, wireNumeric, wireFloat4, wireFloat8:
		return "((select least(min(" + name + "), 0) from " + table + ") - s.n)::" + c.baseName
	case wireUUID:
		return "gen_random_uuid()"
	case wireBytea:
		return "uuid_send(gen_random_uuid())"
	case wireDate:
		return "date '4713-01-01 BC' + s.n::int"
	case wireTimestamp, wireTimestampTZ:
		return "timestamp '4713-01-01 BC' + s.n * interval '1 microsecond'"
	case wireText:
		if !c.form.assigns {
			return ""
		}
		sql := "replace(gen_random_uuid()::text, '-', '')"
		if length := c.field.Type.Length; length > 0 {
			sql = "left(" + sql + ", " + strconv.Itoa(length) + ")"
		}
		return sql
	default:
		return ""
	}
}

// retryConflicts tries updates that met unique values of others once more, all
// of one constraint together: while bad rows were being found, those that
// exchange values may have been parted.
func (a *apply) retryConflicts(ctx context.Context) error {
	type constraint struct{ schema, name string }
	met := map[constraint][]int{}
	var order []constraint
	for n := range a.results {
		r := &a.results[n]
		if r.Status != connectors.Failed || a.writes.Items[n].Op != connectors.OpUpdate || codeOf(r.Err) != "23505" {
			continue
		}
		schema, name := violated(r.Err)
		c := constraint{schema, name}
		if met[c] == nil {
			order = append(order, c)
		}
		met[c] = append(met[c], n)
	}
	for _, c := range order {
		if len(met[c]) < 2 {
			continue
		}
		before := slices.Clone(a.results)
		var groups []group
		for _, n := range met[c] {
			groups = a.addToGroup(groups, n)
		}
		why := a.results[met[c][0]].Err
		err := a.under(ctx, func() error { return a.swap(ctx, groups, why) })
		if err == nil {
			continue
		}
		if !itemError(err) {
			return err
		}
		copy(a.results, before)
	}
	return nil
}
