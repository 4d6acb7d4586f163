package reconcile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cockroachdb/apd/v3"

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

// made is a verdict whose value nobody said as it is.
func made(v record.Value, ok bool) verdict {
	if !ok {
		return verdict{outcome: undecidedYet}
	}
	return verdict{outcome: decided, value: v, from: None, index: -1}
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

// union gives all elements of all sides; a list keeps the order of the systems.
func union(t record.Type, sides []contender) (record.Value, bool) {
	var all record.List
	for _, c := range sides {
		switch v := c.value.(type) {
		case nil:
		case record.List:
			for _, elem := range v {
				if !slices.ContainsFunc(all, func(have record.Value) bool { return record.Equal(have, elem) }) {
					all = append(all, elem)
				}
			}
		default:
			return nil, false
		}
	}
	if t.Kind == record.KindSet {
		all = record.NewSet(all)
	}
	return all, true
}

// delta adds every side's own difference to the base, exactly.
func delta(t record.Type, base record.Value, sides []contender) (record.Value, bool) {
	sum, ok := number(base)
	if !ok {
		return nil, false
	}
	for _, c := range sides {
		if c.base {
			continue
		}
		now, okNow := number(c.value)
		was, okWas := number(c.was)
		if c.first || !okNow || !okWas {
			return nil, false
		}
		var diff, total apd.Decimal
		exact := apd.BaseContext.WithPrecision(0)
		if _, err := exact.Sub(&diff, now, was); err != nil {
			return nil, false
		}
		if _, err := exact.Add(&total, sum, &diff); err != nil {
			return nil, false
		}
		sum = &total
	}
	d, err := record.NewDecimal(sum)
	if err != nil {
		return nil, false
	}
	v, err := record.Convert(numeric(t, base), d)
	return v, err == nil
}

// numeric is the declared type, or that of the value where none is declared.
func numeric(t record.Type, like record.Value) record.Type {
	if t.Kind == record.Any {
		return record.Type{Kind: record.KindOf(like)}
	}
	return t
}

func number(v record.Value) (*apd.Decimal, bool) {
	switch v.(type) {
	case int64, float64, record.Decimal:
		d := record.Decimal(record.Text(v))
		return d.APD(), d.Finite()
	default:
		return nil, false
	}
}

// evaluate asks the definition's expression. One that fails, or whose result
// is not of the field's type, leaves it to people; Missing decides nothing.
func (w *work) evaluate(f int, sides []contender, p Policy) verdict {
	if p.Eval == nil {
		return verdict{outcome: undecidedYet}
	}
	values := make(map[int]record.Value, len(sides))
	for _, c := range w.ordered(sides) {
		if c.system == None {
			continue
		}
		if _, said := values[c.system]; !said || !c.base {
			values[c.system] = c.value
		}
	}
	v, err := p.Eval(w.base[f], values)
	if err != nil {
		return verdict{outcome: forPeople, index: -1}
	}
	if record.IsMissing(v) {
		return verdict{outcome: undecidedYet}
	}
	if v, err = record.Convert(w.r.rules.Fields[f].Type, v); err != nil {
		return verdict{outcome: forPeople, index: -1}
	}
	return made(v, true)
}

// ParsePolicyName gives a policy's own name for any name that it is known by.
func ParsePolicyName(name string) (string, error) {
	if own, known := policyNames()[name]; known {
		return own, nil
	}
	return "", fmt.Errorf("%q is no policy", name)
}
