package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// errUnmapped: rows came back under keys that nobody gave, as when a trigger
// changes them; then each row is inserted alone.
var errUnmapped = errors.New("inserted rows have other keys")

// create writes a group of creations. What exists is told from what was
// refused for another reason only when something was left out.
func (a *apply) create(ctx context.Context, g group) error {
	keys, err := a.newKeys(ctx, g)
	if err != nil {
		return err
	}
	if keys == nil {
		return a.oneByOne(ctx, g)
	}
	err = a.under(ctx, func() error { return a.insertAll(ctx, g, keys) })
	if errors.Is(err, errUnmapped) {
		return a.oneByOne(ctx, g)
	}
	return err
}

func (a *apply) oneByOne(ctx context.Context, g group) error {
	for _, n := range g.items {
		if err := a.createAlone(ctx, group{op: g.op, mask: g.mask, items: []int{n}}); err != nil {
			return err
		}
	}
	return nil
}

// newKeys gives the key of every item, taking the defaults of key columns from
// the server first, so that rows can be told apart when they come back. nil
// means that it cannot be known.
func (a *apply) newKeys(ctx context.Context, g group) (map[int][]record.Value, error) {
	keys := make(map[int][]record.Value, len(g.items))
	var without []int
	for _, n := range g.items {
		if key := a.items[n].key; key != nil {
			keys[n] = key
		} else {
			without = append(without, n)
		}
	}
	if len(without) == 0 {
		return keys, nil
	}
	if len(a.key) == 0 {
		return nil, nil
	}
	exprs := a.defaultExprs(g)
	if exprs == nil {
		return nil, nil
	}
	made, err := a.defaults(ctx, exprs, len(without))
	if err != nil || made == nil {
		return nil, err
	}
	for j, n := range without {
		for i, c := range a.key {
			if at := position(a.set, c); at >= 0 && g.mask[at] == '1' {
				made[j][i] = a.items[n].set[at]
			}
			if made[j][i] == nil {
				return nil, nil
			}
		}
		keys[n] = made[j]
	}
	return keys, nil
}

// defaultExprs gives an expression for each key column; nil if one of them
// has neither a value nor a default.
func (a *apply) defaultExprs(g group) []string {
	exprs := make([]string, len(a.key))
	for i, c := range a.key {
		at := position(a.set, c)
		switch {
		case at >= 0 && g.mask[at] == '1':
			exprs[i] = "null::" + c.baseName // replaced by the item's own
		case c.defaultSQL != "":
			exprs[i] = "(" + c.defaultSQL + ")::" + c.baseName
		default:
			return nil
		}
	}
	return exprs
}

// defaults evaluates the key columns' defaults; nil if the role may not.
func (a *apply) defaults(ctx context.Context, exprs []string, count int) ([][]record.Value, error) {
	reader := newRowReader(a.key, false, a.checkText)
	columns := make([]string, len(exprs))
	for i, c := range a.key {
		columns[i] = c.readSQL("d")
		exprs[i] += " as " + quote(c.field.Name)
	}
	err := a.under(ctx, func() error {
		var none rowset
		result := none.run(ctx, a.conn, "select "+strings.Join(columns, ", ")+" from (select "+strings.Join(exprs, ", ")+
			" from generate_series(1, "+strconv.Itoa(count)+")) d")
		for result.NextRow() {
			reader.row(result.Values(), nil, record.Present)
		}
		_, err := result.Close()
		return err
	})
	if codeOf(err) == "42501" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	batch := reader.flush()
	made := make([][]record.Value, batch.Rows())
	for i := range made {
		made[i] = batch.Row(i, nil)
	}
	return made, nil
}

// insertAll inserts the group in one statement.
func (a *apply) insertAll(ctx context.Context, g group, keys map[int][]record.Value) error {
	rows, sql, err := a.insertSQL(g, keys, true)
	if err != nil {
		return err
	}
	byKey := make(map[record.Key]int, len(g.items))
	for _, n := range g.items {
		key, _ := record.NewKey(keys[n]...)
		byKey[key] = n
	}
	written, err := a.written(ctx, rows, sql, false)
	if err != nil {
		return err
	}
	left := leftOf(g.items)
	for _, row := range written {
		key, _ := record.NewKey(row.values[:len(a.key)]...)
		n, ok := byKey[key]
		if !ok || !left[n] {
			return errUnmapped
		}
		a.done(n, row)
		delete(left, n)
	}
	if len(left) == 0 {
		return nil
	}
	rest := group{op: g.op, mask: g.mask}
	for _, n := range g.items {
		if left[n] {
			rest.items = append(rest.items, n)
		}
	}
	there, err := a.exist(ctx, rest, keys)
	if err != nil {
		return err
	}
	for _, n := range rest.items {
		if there[n] {
			a.results[n] = connectors.Result{Status: connectors.Exists, Key: a.writes.Items[n].Key}
			continue
		}
		if err := a.createAlone(ctx, group{op: g.op, mask: g.mask, items: []int{n}}); err != nil {
			return err
		}
	}
	return nil
}

// insertSQL builds the rows and the statement that inserts them. keys adds the
// key columns that are not set by the items.
func (a *apply) insertSQL(g group, keys map[int][]record.Value, skipExisting bool) (*rowset, string, error) {
	rows := &rowset{rows: len(g.items)}
	var columns []*column
	var exprs []string
	put := func(name string, c *column, value func(n int) record.Value) error {
		columns = append(columns, c)
		exprs = append(exprs, c.writeSQL("s."+name))
		return rows.fill(name, c, g.items, value)
	}
	for i, c := range a.set {
		if g.mask[i] == '0' {
			continue
		}
		if err := put("c"+strconv.Itoa(i), c, func(n int) record.Value { return a.items[n].set[i] }); err != nil {
			return nil, "", err
		}
	}
	for i, c := range a.key {
		if keys == nil || slices.Contains(columns, c) {
			continue
		}
		if err := put(keyName(i), c, func(n int) record.Value { return keys[n][i] }); err != nil {
			return nil, "", err
		}
	}
	if len(columns) == 0 { // nothing is set: one row of defaults
		return rows, "insert into " + a.SQL() + " as t default values", nil
	}
	sql := "insert into " + a.SQL() + " as t (" + rowList(columns, func(c *column) string { return quote(c.field.Name) }) + ")"
	if slices.ContainsFunc(columns, func(c *column) bool { return c.identity }) {
		sql += " overriding system value"
	}
	sql += " select " + strings.Join(exprs, ", ") + " from " + rows.sql()
	if match := a.matches(g, "u"); match != "" {
		sql += " where not exists (select from " + a.SQL() + " u where " + match + ")"
	}
	sql += " order by s.n"
	if skipExisting {
		sql += " on conflict do nothing"
	}
	return rows, sql, nil
}

// matches compares the columns that must not be there yet; "" if there are none.
func (a *apply) matches(g group, alias string) string {
	terms := make([]string, 0, len(a.unless))
	for _, at := range a.unless {
		if g.mask[at] == '0' {
			return ""
		}
		c := a.set[at]
		terms = append(terms, alias+"."+quote(c.field.Name)+" = "+c.compareSQL("s.c"+strconv.Itoa(at)))
	}
	return strings.Join(terms, " and ")
}

// createAlone inserts one row and finds out why it cannot be, if so.
func (a *apply) createAlone(ctx context.Context, g group) error {
	n := g.items[0]
	var keys map[int][]record.Value
	if key := a.items[n].key; key != nil {
		keys = map[int][]record.Value{n: key}
	}
	var written []returnedRow
	err := a.under(ctx, func() error {
		rows, sql, err := a.insertSQL(g, keys, false)
		if err != nil {
			return err
		}
		written, err = a.written(ctx, rows, sql, false)
		return err
	})
	switch {
	case err == nil && len(written) == 1:
		a.done(n, written[0])
		return nil
	case err != nil && !itemError(err):
		return err
	case err == nil || codeOf(err) == "23505":
		there, lookErr := a.exist(ctx, g, keys)
		if lookErr != nil {
			return lookErr
		}
		if there[n] {
			a.results[n] = connectors.Result{Status: connectors.Exists, Key: a.writes.Items[n].Key}
			return nil
		}
		if err == nil {
			err = connectors.Errorf(connectors.BadRecord, "a trigger, rule or policy of the database skips the write")
		}
	}
	a.fail(n, classify("write "+a.readable(), err))
	return nil
}

// exist finds those items of whose key or match there is a row.
func (a *apply) exist(ctx context.Context, g group, keys map[int][]record.Value) (map[int]bool, error) {
	rows := &rowset{rows: len(g.items)}
	var terms []string
	if keys != nil {
		for i, c := range a.key {
			if err := rows.fill(keyName(i), c, g.items, func(n int) record.Value { return keys[n][i] }); err != nil {
				return nil, err
			}
		}
		terms = append(terms, "exists (select from "+a.SQL()+" t where "+keyJoin(a.key)+")")
	}
	if match := a.matches(g, "t"); match != "" {
		for _, at := range a.unless {
			if err := rows.fill("c"+strconv.Itoa(at), a.set[at], g.items, func(n int) record.Value { return a.items[n].set[at] }); err != nil {
				return nil, err
			}
		}
		terms = append(terms, "exists (select from "+a.SQL()+" t where "+match+")")
	}
	there := map[int]bool{}
	if len(terms) == 0 {
		return there, nil
	}
	result := rows.run(ctx, a.conn, "select s.n from "+rows.sql()+" where "+strings.Join(terms, " or "))
	for result.NextRow() {
		there[g.items[ordinal(result.Values()[0])]] = true
	}
	_, err := result.Close()
	return there, err
}
