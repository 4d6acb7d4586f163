package reconcile

import (
	"cmp"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

type outcome int

const (
	decided outcome = iota
	undecidedYet
	forPeople
	leftAlone
)

// verdict is what a chain of policies made of a field.
type verdict struct {
	outcome outcome
	value   record.Value
	from    int
	at      record.Timestamp
	rule    string
	// index is the winning side, -1 for a value that nobody said.
	index    int
	decision *Decision
}

// choose decides between sides: those that mean the same are one, and if more
// than one is left, the chain has its say and the order of systems the last.
func (w *work) choose(f int, sides []contender, chain Chain, alone string) verdict {
	if i, ok := w.common(f, sides); ok {
		rule := alone
		if len(sides) > 1 {
			rule = "agreed"
		}
		return w.win(sides, i, rule)
	}
	return w.decide(f, sides, chain)
}

// common finds a side that all others agree with: equal, or what their system
// would read back of it.
func (w *work) common(f int, sides []contender) (int, bool) {
	for i, c := range w.inOrder(sides) {
		_ = i
		all := true
		for j, other := range sides {
			if j == c || record.Equal(other.value, sides[c].value) {
				continue
			}
			if !record.Equal(w.readBack(other.system, f, sides[c].value), other.value) {
				all = false
				break
			}
		}
		if all {
			return c, true
		}
	}
	return 0, false
}

// inOrder gives the places of the sides in the order of the systems.
func (w *work) inOrder(sides []contender) []int {
	order := make([]int, len(sides))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sides[a].system, sides[b].system) })
	return order
}

// win takes one side; of equal ones the latest time is kept.
func (w *work) win(sides []contender, i int, rule string) verdict {
	c := sides[i]
	v := verdict{outcome: decided, value: c.value, from: c.system, at: c.at, rule: rule, index: i}
	for _, other := range sides {
		if record.Equal(other.value, c.value) {
			v.at = max(v.at, other.at)
		}
	}
	return v
}

// decide asks the policies one after the other.
func (w *work) decide(f int, sides []contender, chain Chain) verdict {
	for _, p := range chain {
		v := w.ask(f, sides, p)
		if v.outcome != undecidedYet {
			v.rule = orElse(p.Text, p.Name)
			return v
		}
	}
	if slices.ContainsFunc(sides, func(c contender) bool { return c.first }) {
		if i, ok := onlySpoken(sides); ok { // at a first contact, a blank is no word against a value
			return w.win(sides, i, "fill_blank")
		}
	}
	order := w.inOrder(sides)
	return w.win(sides, order[0], "order of systems")
}

func (w *work) ask(f int, sides []contender, p Policy) verdict {
	no := verdict{outcome: undecidedYet}
	pick := func(i int, ok bool) verdict {
		if !ok {
			return no
		}
		return w.win(sides, i, "")
	}
	switch p.Name {
	case "manual":
		return verdict{outcome: forPeople, index: -1}
	case "skip":
		return verdict{outcome: leftAlone, index: -1}
	case "newest_wins":
		return pick(byTime(sides, 1))
	case "oldest_wins":
		return pick(byTime(sides, -1))
	case "system_wins", "priority":
		return pick(bySystem(sides, p.Systems))
	case "owner_wins":
		return pick(bySystem(sides, []int{w.r.rules.Fields[f].Owner}))
	case "fill_blank":
		return pick(onlySpoken(sides))
	case "max":
		return pick(w.extreme(f, sides, 1))
	case "min":
		return pick(w.extreme(f, sides, -1))
	case "union":
		return made(union(w.r.rules.Fields[f].Type, w.ordered(sides)))
	case "delta":
		return made(delta(w.r.rules.Fields[f].Type, w.base[f], sides))
	case "expression":
		return w.evaluate(f, sides, p)
	default:
		return no
	}
}

func (w *work) ordered(sides []contender) []contender {
	out := make([]contender, 0, len(sides))
	for _, i := range w.inOrder(sides) {
		out = append(out, sides[i])
	}
	return out
}

// byTime finds the side with the latest (1) or earliest (-1) time. A missing
// time, or the same time on two different values, decides nothing.
func byTime(sides []contender, sign int) (int, bool) {
	best, tie := 0, false
	for i, c := range sides {
		if c.at == 0 {
			return 0, false
		}
		if i == 0 {
			continue
		}
		switch order := cmp.Compare(c.at, sides[best].at) * sign; {
		case order > 0:
			best, tie = i, false
		case order == 0 && !record.Equal(c.value, sides[best].value):
			tie = true
		}
	}
	return best, !tie
}

func bySystem(sides []contender, systems []int) (int, bool) {
	for _, s := range systems {
		for i, c := range sides {
			if s != None && (c.system == s || slices.Contains(c.holders, s)) {
				return i, true
			}
		}
	}
	return 0, false
}

// onlySpoken finds the one value that is not blank.
func onlySpoken(sides []contender) (int, bool) {
	found := -1
	for i, c := range sides {
		if record.Blank(c.value) {
			continue
		}
		if found >= 0 && !record.Equal(c.value, sides[found].value) {
			return 0, false
		}
		if found < 0 {
			found = i
		}
	}
	return found, found >= 0
}

// extreme finds the highest (1) or lowest (-1) value, by the field's ranks if
// it has any; NULL takes no part, and a value without a rank decides nothing.
func (w *work) extreme(f int, sides []contender, sign int) (int, bool) {
	ranks := w.r.rules.Fields[f].Ranks
	best := -1
	for _, i := range w.inOrder(sides) {
		v := sides[i].value
		if v == nil {
			continue
		}
		if ranks != nil && rankOf(ranks, v) < 0 {
			return 0, false
		}
		if best < 0 {
			best = i
			continue
		}
		order := record.Compare(v, sides[best].value)
		if ranks != nil {
			order = cmp.Compare(rankOf(ranks, v), rankOf(ranks, sides[best].value))
		}
		if order*sign > 0 {
			best = i
		}
	}
	return best, best >= 0
}

func rankOf(ranks []record.Value, v record.Value) int {
	return slices.IndexFunc(ranks, func(r record.Value) bool { return record.Equal(r, v) })
}
