package sqlite

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// unblock tries items again that met another row's unique value: first as long
// as one of them succeeds, then, when the rest may only wait for each other,
// with the unique columns of their updates moved out of the way.
func (a *writer) unblock(blocked []int) error {
	for {
		left, err := a.retry(blocked)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return nil
		}
		if len(left) == len(blocked) {
			return a.rotate(left)
		}
		blocked = left
	}
}

func (a *writer) retry(items []int) (left []int, err error) {
	for _, i := range items {
		unique, err := a.item(i)
		if err != nil {
			return nil, err
		}
		if unique {
			left = append(left, i)
		}
	}
	return left, nil
}

// rotate gives the rows of the updates values that no row has, then writes
// them. If any still meets a row outside of the circle, none of the temporary
// values may stay: the updates are undone and tried without the ones that
// failed.
func (a *writer) rotate(items []int) error {
	updates := slices.DeleteFunc(slices.Clone(items), func(i int) bool { return a.w.Items[i].Op != connectors.OpUpdate })
	for len(updates) > 1 {
		if err := a.conn.Exec("SAVEPOINT rotation"); err != nil {
			return err
		}
		failed, err := a.rotateOnce(updates)
		if err != nil {
			return err
		}
		if len(failed) == 0 {
			if err := a.conn.Exec("RELEASE rotation"); err != nil {
				return err
			}
			break
		}
		if err := a.conn.Exec("ROLLBACK TO rotation"); err != nil {
			return err
		}
		if err := a.conn.Exec("RELEASE rotation"); err != nil {
			return err
		}
		for _, i := range updates {
			if !slices.Contains(failed, i) {
				a.results[i] = connectors.Result{
					Key: a.w.Items[i].Key, Status: connectors.Failed,
					Err: connectors.Errorf(connectors.Conflict, "another row has one of its unique values"),
				}
			}
		}
		updates = slices.DeleteFunc(updates, func(i int) bool { return slices.Contains(failed, i) })
	}
	// Creations that waited for what the circle freed.
	_, err := a.retry(slices.DeleteFunc(slices.Clone(items), func(i int) bool { return a.w.Items[i].Op == connectors.OpUpdate }))
	return err
}

// rotateOnce gives the updates that did not succeed.
func (a *writer) rotateOnce(updates []int) (failed []int, err error) {
	moved := a.uniqueColumns()
	for n, i := range updates {
		key, ok := a.finder.args(a.w.Items[i].Key)
		if !ok {
			return nil, errors.New("key of an item that was found before")
		}
		sets := make([]string, len(moved))
		args := make([]any, len(moved))
		for j, c := range moved {
			args[j] = a.temporary(c, n)
			sets[j] = quote(a.t.columns[c].Name) + " = " + mark(j+1)
		}
		sql := `UPDATE OR ABORT ` + a.t.sql() + ` SET ` + strings.Join(sets, ", ") + ` WHERE ` + a.t.keyIs(len(args)+1)
		if err := a.exec(sql, nil, append(args, key...)...); err != nil {
			if _, reason := refusal(err); reason == nil {
				return nil, err
			}
			failed = append(failed, i)
		}
	}
	if len(failed) > 0 {
		return failed, nil
	}
	for _, i := range updates {
		// The condition was compared before; now the row has temporary values.
		err := a.update(a.w.Items[i])
		if err == nil {
			a.results[i] = connectors.Result{Key: a.w.Items[i].Key, Status: connectors.Done}
			continue
		}
		_, reason := refusal(err)
		if reason == nil {
			return nil, err
		}
		a.results[i] = connectors.Result{Key: a.w.Items[i].Key, Status: connectors.Failed, Err: reason}
		failed = append(failed, i)
	}
	return failed, nil
}

// uniqueColumns are the columns that the items write and that a unique index
// beside the key covers.
func (a *writer) uniqueColumns() []int {
	var cols []int
	for _, unique := range a.t.uniques {
		for _, c := range unique {
			if slices.Contains(a.set, c) && !slices.Contains(a.t.key, c) && !slices.Contains(cols, c) {
				cols = append(cols, c)
			}
		}
	}
	return cols
}

// temporary gives the n-th value that no row is likely to have: NULL, of which
// a unique index takes any number, else a text or number far from real ones.
func (a *writer) temporary(c, n int) any {
	column := &a.t.columns[c]
	if column.Nullable {
		return nil
	}
	if column.affinity == numericAffinity {
		return int64(-1<<62) + int64(n)
	}
	text := "\x7fsyncline " + record.HashText(column.Name, strconv.Itoa(n)).String()
	if column.Type.Kind == record.KindBytes {
		return []byte(text)
	}
	return text
}

func mark(n int) string { return "?" + strconv.Itoa(n) }

func marks(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = mark(i + 1)
	}
	return strings.Join(out, ", ")
}
