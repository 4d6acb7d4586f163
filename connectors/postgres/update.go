package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// conditions are the tokens that a group's rows must have, by item; an item
// that is not among them needs no token.
type conditions map[int]string

// update writes a group of updates. tokens replaces the items' own conditions
// where it is not nil.
func (a *apply) update(ctx context.Context, g group, tokens conditions) error {
	items, tokens, err := a.conditions(ctx, g, tokens)
	if err != nil || len(items) == 0 {
		return err
	}
	rows := a.keyed(items, tokens)
	var sets []string
	for i, c := range a.set {
		if g.mask[i] == '0' {
			continue
		}
		name := "c" + strconv.Itoa(i)
		sets = append(sets, quote(c.field.Name)+" = "+c.writeSQL("s."+name))
		at := rows.column(name, c.stage())
		for _, n := range items {
			if err := rows.arrays[at].add(c, a.items[n].set[i]); err != nil {
				return err
			}
		}
	}
	var written []returnedRow
	if len(sets) == 0 {
		written, err = a.returned(rows.run(ctx, a.conn, "select s.n, "+a.returningSQL(a.token)+" from "+a.SQL()+" t, "+rows.sql()+
			" where "+a.holds()+" for update of t"), true, a.token)
	} else {
		written, err = a.written(ctx, rows, "update "+a.SQL()+" as t set "+strings.Join(sets, ", ")+" from "+rows.sql()+
			" where "+a.holds(), true)
	}
	if err != nil {
		return err
	}
	left := leftOf(items)
	for _, row := range written {
		a.done(items[row.n], row)
		delete(left, items[row.n])
	}
	return a.explain(ctx, items, left, tokens)
}

// remove deletes a group.
func (a *apply) remove(ctx context.Context, g group) error {
	items, tokens, err := a.conditions(ctx, g, nil)
	if err != nil || len(items) == 0 {
		return err
	}
	rows := a.keyed(items, tokens)
	result := rows.run(ctx, a.conn, "delete from "+a.SQL()+" as t using "+rows.sql()+" where "+a.holds()+" returning s.n")
	left := leftOf(items)
	for result.NextRow() {
		n := items[ordinal(result.Values()[0])]
		a.results[n] = connectors.Result{Status: connectors.Done, Key: a.writes.Items[n].Key}
		delete(left, n)
	}
	if _, err := result.Close(); err != nil {
		return err
	}
	return a.explain(ctx, items, left, tokens)
}

// keyed sends the items' keys and tokens.
func (a *apply) keyed(items []int, tokens conditions) *rowset {
	rows := &rowset{rows: len(items)}
	for i, c := range a.key {
		at := rows.column(keyName(i), c.stage())
		for _, n := range items {
			_ = rows.arrays[at].add(c, a.items[n].key[i]) // keyValues made them fit
		}
	}
	if a.token {
		at := rows.column("tok", xidStage)
		for _, n := range items {
			rows.arrays[at].xid(tokens[n])
		}
	}
	return rows
}

// holds is the join of table and rows under the rows' conditions.
func (a *apply) holds() string {
	join := keyJoin(a.key)
	if a.token {
		join += " and (s.tok is null or t.xmin = s.tok)"
	}
	return join
}

func leftOf(items []int) map[int]bool {
	left := make(map[int]bool, len(items))
	for _, n := range items {
		left[n] = true
	}
	return left
}

// explain says why rows were left alone: they are gone, or changed, or
// something in the database skipped them in silence.
func (a *apply) explain(ctx context.Context, items []int, left map[int]bool, tokens conditions) error {
	if len(left) == 0 {
		return nil
	}
	asked := make([]int, 0, len(left))
	for _, n := range items {
		if left[n] {
			asked = append(asked, n)
			a.results[n] = connectors.Result{Status: connectors.Gone, Key: a.writes.Items[n].Key}
		}
	}
	rows := a.keyed(asked, tokens)
	result := rows.run(ctx, a.conn, "select s.n, "+a.holds()+" from "+a.SQL()+" t join "+rows.sql()+" on "+keyJoin(a.key))
	for result.NextRow() {
		values := result.Values()
		n := asked[ordinal(values[0])]
		a.results[n].Status = connectors.Refused
		if values[1] != nil && values[1][0] == 1 {
			a.fail(n, connectors.Errorf(connectors.BadRecord, "a trigger, rule or policy of the database skips the write"))
		}
	}
	_, err := result.Close()
	return err
}

// conditions resolves what the items' rows must be. Items that compare columns
// have their rows locked and compared now; what does not hold is answered and
// left out of the items that it gives back.
func (a *apply) conditions(ctx context.Context, g group, given conditions) ([]int, conditions, error) {
	if given != nil {
		return g.items, given, nil
	}
	tokens := conditions{}
	var compared []int
	for _, n := range g.items {
		tokens[n] = a.items[n].token
		if a.items[n].seen {
			compared = append(compared, n)
		}
	}
	if len(compared) == 0 {
		return g.items, tokens, nil
	}
	holding, err := a.lockSame(ctx, compared, tokens)
	if err != nil {
		return nil, nil, err
	}
	items := make([]int, 0, len(g.items))
	for _, n := range g.items {
		if !a.items[n].seen || holding[n] {
			items = append(items, n)
		}
	}
	return items, tokens, nil
}

// lockSame locks rows, and finds those whose compare columns have the hash that
// the item saw. They get the token of the locked row.
func (a *apply) lockSame(ctx context.Context, items []int, tokens conditions) (map[int]bool, error) {
	rows := a.keyed(items, nil)
	locked, err := a.returned(rows.run(ctx, a.conn, "select s.n, "+a.returningSQL(a.token)+" from "+a.SQL()+" t join "+rows.sql()+
		" on "+keyJoin(a.key)+" for update of t"), true, a.token)
	if err != nil {
		return nil, err
	}
	for _, n := range items {
		a.results[n] = connectors.Result{Status: connectors.Gone, Key: a.writes.Items[n].Key}
	}
	holding := map[int]bool{}
	var hasher record.Hasher
	values := make([]record.Value, len(a.compare))
	for _, row := range locked {
		n := items[row.n]
		for i, c := range a.compare {
			values[i] = row.values[position(a.returning, c)]
		}
		if hasher.Row(values) == a.writes.Items[n].Seen {
			holding[n] = true
			tokens[n] = row.token
			continue
		}
		a.results[n].Status = connectors.Refused
	}
	return holding, nil
}
