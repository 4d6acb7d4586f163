package postgres

import (
	"fmt"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// item is a write whose values fit their columns.
type item struct {
	// key has the values of the key columns; nil if a creation has none.
	key []record.Value
	set []record.Value
	// token is the condition, if the item has one by token.
	token string
	// seen: the condition is the hash of the compare columns.
	seen  bool
	bytes int
}

// group is a set of items that one statement writes: alike in what they do and
// in which columns they set.
type group struct {
	op connectors.Op
	// mask has '1' for each column that is set.
	mask  string
	items []int
}

// plan converts the items and puts them in groups, in the order in which they
// are written. Items about one row, or creations with one match, are in
// different rounds: a statement sees a row once. In a round, deletions come
// first and creations last, so that unique values become free before they are
// taken.
func (a *apply) plan() []group {
	a.items = make([]item, len(a.writes.Items))
	var rounds [][]group
	last := map[string]int{}
	for n := range a.writes.Items {
		it, err := a.convert(&a.writes.Items[n])
		if err != nil {
			a.fail(n, err)
			continue
		}
		a.items[n] = it
		round := 0
		names := a.rowNames(n)
		for _, name := range names {
			round = max(round, last[name])
		}
		for _, name := range names {
			last[name] = round + 1
		}
		for len(rounds) <= round {
			rounds = append(rounds, nil)
		}
		rounds[round] = a.addToGroup(rounds[round], n)
	}
	var groups []group
	for _, round := range rounds {
		for _, op := range []connectors.Op{connectors.OpDelete, connectors.OpUpdate, connectors.OpCreate} {
			for _, g := range round {
				if g.op == op {
					groups = append(groups, a.pieces(g)...)
				}
			}
		}
	}
	return groups
}

// rowNames are texts under which two items would meet in one row.
func (a *apply) rowNames(n int) []string {
	var names []string
	if it := a.items[n]; it.key != nil {
		key, _ := record.NewKey(it.key...)
		names = append(names, "k"+string(key))
	}
	if a.writes.Items[n].Op != connectors.OpCreate || len(a.unless) == 0 {
		return names
	}
	match := make([]record.Value, len(a.unless))
	for i, at := range a.unless {
		match[i] = a.items[n].set[at]
		if text, is := match[i].(string); is && a.set[at].folds {
			match[i] = strings.ToLower(text)
		}
	}
	if key, ok := record.NewKey(match...); ok {
		names = append(names, "m"+string(key))
	}
	return names
}

func (a *apply) addToGroup(groups []group, n int) []group {
	op := a.writes.Items[n].Op
	mask := ""
	if op != connectors.OpDelete {
		bits := make([]byte, len(a.set))
		for i, v := range a.items[n].set {
			bits[i] = '1'
			if record.IsMissing(v) {
				bits[i] = '0'
			}
		}
		mask = string(bits)
	}
	for i := range groups {
		if groups[i].op == op && groups[i].mask == mask {
			groups[i].items = append(groups[i].items, n)
			return groups
		}
	}
	return append(groups, group{op: op, mask: mask, items: []int{n}})
}

// pieces cuts a group to what one statement takes.
func (a *apply) pieces(g group) []group {
	var pieces []group
	start, size := 0, 0
	for i, n := range g.items {
		if i > start && (i-start >= batchRows || size+a.items[n].bytes > statementBytes) {
			pieces = append(pieces, group{op: g.op, mask: g.mask, items: g.items[start:i]})
			start, size = i, 0
		}
		size += a.items[n].bytes
	}
	return append(pieces, group{op: g.op, mask: g.mask, items: g.items[start:]})
}

// convert gives an item's values as their columns store them.
func (a *apply) convert(in *connectors.Item) (item, error) {
	out := item{token: in.Token, seen: in.Token == "" && !in.Seen.Zero()}
	if in.Op != connectors.OpDelete {
		if len(in.Set) != len(a.set) {
			return out, fmt.Errorf("%d values for %d columns", len(in.Set), len(a.set))
		}
		out.set = make([]record.Value, len(in.Set))
		for i, v := range in.Set {
			c := a.set[i]
			converted, err := c.convert(v)
			if err != nil {
				return out, fmt.Errorf("column %s: %w", c.field.Name, err)
			}
			if c.field.ReadOnly && !record.IsMissing(v) && (in.Op != connectors.OpCreate || !c.identity) {
				return out, fmt.Errorf("column %s can only be read", c.field.Name)
			}
			if a.scratch, err = c.appendStaged(a.scratch[:0], converted); err != nil {
				return out, fmt.Errorf("column %s: %w", c.field.Name, err)
			}
			out.set[i] = converted
			out.bytes += size(converted)
		}
	}
	return a.convertKey(in, out)
}

func (a *apply) convertKey(in *connectors.Item, out item) (item, error) {
	if in.Op == connectors.OpCreate {
		out.key = a.createdKey(out.set)
		if out.key != nil || in.Key == "" {
			return out, nil
		}
	}
	if len(a.key) == 0 {
		_, err := a.keyColumns()
		return out, err
	}
	values, ok := keyValues(a.key, in.Key)
	if !ok {
		return out, connectors.Errorf(connectors.BadRecord, "the key is not a value of the key columns")
	}
	out.key = values
	return out, nil
}

// createdKey gives the key that a creation's values make, or nil.
func (a *apply) createdKey(set []record.Value) []record.Value {
	if len(a.key) == 0 {
		return nil
	}
	key := make([]record.Value, len(a.key))
	for i, c := range a.key {
		at := position(a.set, c)
		if at < 0 || set[at] == nil || record.IsMissing(set[at]) {
			return nil
		}
		key[i] = set[at]
	}
	return key
}

func size(v record.Value) int {
	switch x := v.(type) {
	case string:
		return len(x)
	case record.Bytes:
		return len(x)
	case record.JSON:
		return len(x)
	case record.List:
		total := 8
		for _, elem := range x {
			total += size(elem)
		}
		return total
	default:
		return 16
	}
}
