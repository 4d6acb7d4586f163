package mappings

import (
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// policies checks who wins: every chain ends in a last word, and every policy
// can decide what it is asked about.
func (c *checker) policies() {
	conflicts := c.def.Conflicts
	if len(conflicts.Resolve) > 0 {
		c.chain(conflicts.Resolve, nil, true)
	}
	for _, kind := range sortedKeys(conflicts.Kinds) {
		c.chain(conflicts.Kinds[kind], nil, true)
	}
	c.chain(conflicts.Then, nil, true)
	for _, policy := range conflicts.Then {
		if policy.Name.Value == "manual" {
			c.fail(policy.Name.Pos, "`then: manual` would wait for ever behind a deadline").Hint = "then: {system_wins: SYSTEM} · then: skip"
		}
	}
	// Where systems meet for the first time the order of the systems may have
	// the last word: nothing was edited yet.
	c.chain(c.def.FirstSync.Prefer, nil, false)
	undecided := false
	for _, r := range c.rows {
		c.field = r.Name.Value
		if len(r.Resolve) > 0 {
			c.chain(r.Resolve, r, true)
		} else if len(conflicts.Resolve) == 0 && len(c.rivals(r)) > 1 && c.received(r) {
			undecided = true
		}
		c.field = ""
	}
	if undecided && !c.def.faulty {
		c.warn(c.def.Pos, "nothing says who wins when two systems change the same field: the order of the systems decides, %s first",
			c.parties[0].Name.Value).Hint = "conflicts: {resolve: [newest_wins, manual]}"
	}
}

// rivals are the systems that can change a field; for all fields with nil.
func (c *checker) rivals(r *row) []*party {
	var rivals []*party
	for _, p := range c.parties {
		if !p.reads {
			continue
		}
		if r != nil && (r.cells[p.Name.Value] == nil || (r.owner != "" && r.owner != p.Name.Value)) {
			continue
		}
		rivals = append(rivals, p)
	}
	return rivals
}

// received reports whether any other system is told about a field.
func (c *checker) received(r *row) bool {
	return slices.ContainsFunc(c.parties, func(p *party) bool {
		return p.receives && r.cells[p.Name.Value] != nil && c.mustWrite(r, p)
	})
}

// chain checks one chain of policies, of a field or (r nil) of all.
func (c *checker) chain(chain []Policy, r *row, lastWord bool) {
	if len(chain) == 0 {
		return
	}
	decided := ""
	for _, policy := range chain {
		if decided != "" && !c.def.faulty {
			c.warn(policy.Name.Pos, "%s is never asked: %s before it always decides", policy.Name.Value, decided)
			return
		}
		c.policy(policy, r)
		if c.decides(policy, r) {
			decided = policy.Name.Value
		}
	}
	if last := chain[len(chain)-1]; lastWord && decided == "" {
		c.noLastWord(last, r)
	}
}

// decides reports whether a policy has an answer to everything.
func (c *checker) decides(policy Policy, r *row) bool {
	switch policy.Name.Value {
	case "manual", "skip", "expression", "system_wins", "union":
		return true
	case "newest_wins", "oldest_wins", "fill_blank", "delta":
		return false
	case "owner_wins":
		return r != nil && r.owner != ""
	case "max", "min":
		// A value that is not in the table has no rank.
		return r != nil && len(r.Values) == 0
	case "priority":
		return len(c.notIn(policy, r)) == 0
	default: // no policy at all, and told as that
		return true
	}
}

// notIn lists the rivals that an order of systems leaves out.
func (c *checker) notIn(policy Policy, r *row) []string {
	var left []string
	for _, p := range c.rivals(r) {
		if !slices.ContainsFunc(policy.Args, func(t Text) bool { return t.Value == p.Name.Value }) {
			left = append(left, p.Name.Value)
		}
	}
	return left
}

func (c *checker) noLastWord(last Policy, r *row) {
	if last.Name.Value == "" { // no policy at all, and told as that
		return
	}
	problem := c.fail(last.Name.Pos, "this chain has no last word: %s does not always decide", last.Name.Value)
	problem.Hint = "end it with manual, {system_wins: SYSTEM} or {priority: […]}"
	if last.Name.Value == "priority" {
		problem.Message += "; it leaves out " + strings.Join(c.notIn(last, r), ", ")
	}
}

// policy checks that a policy fits what it decides about.
func (c *checker) policy(policy Policy, r *row) {
	at := policy.Name.Pos
	switch name := policy.Name.Value; name {
	case "newest_wins", "oldest_wins":
		c.times(policy, r)
	case "owner_wins":
		if r != nil && r.owner == "" {
			c.fail(at, "owner_wins in a field without `owner`").Hint = "owner: SYSTEM"
		}
	case "union":
		if k := kindOf(r); k != record.Any && k != record.KindList && k != record.KindSet {
			c.fail(at, "union joins lists and sets; this is %s", k).Hint = "type: set<string>"
		}
	case "delta":
		if k := kindOf(r); k != record.Any && k != record.KindInt && k != record.KindDecimal && k != record.KindFloat {
			c.fail(at, "delta adds up numbers; this is %s", k)
		}
	case "max", "min":
		if k := kindOf(r); len(valuesOf(r)) == 0 && (k == record.KindJSON || k == record.KindList || k == record.KindSet || k == record.KindBytes) {
			c.fail(at, "%s needs an order; %s has none", name, k)
		}
	case "system_wins", "priority":
		for _, arg := range policy.Args {
			c.canWin(arg, r)
		}
	case "expression":
		for _, arg := range policy.Args {
			c.sidesExpression(arg, r)
		}
	}
}

func kindOf(r *row) record.Kind {
	if r == nil {
		return record.Any
	}
	return r.typ.Kind
}

func valuesOf(r *row) []ValueRow {
	if r == nil {
		return nil
	}
	return r.Values
}

// canWin reports a system that can never be a side.
func (c *checker) canWin(name Text, r *row) {
	p := c.byName[name.Value]
	switch {
	case p == nil:
	case !p.reads:
		c.fail(name.Pos, "%s is a target: nothing is read there, so it never wins", name.Value)
	case r != nil && r.cells[name.Value] == nil:
		c.fail(name.Pos, "%s does not have this field, so it never wins", name.Value)
	}
}

// sidesExpression sees the base and the systems' values by their names.
func (c *checker) sidesExpression(text Text, r *row) {
	if !c.sql(text) {
		return
	}
	node, ok := c.parse(text)
	if !ok {
		return
	}
	sides := []string{"base"}
	for _, p := range c.parties {
		if r == nil || r.cells[p.Name.Value] != nil {
			sides = append(sides, p.Name.Value)
		}
	}
	for _, name := range namesOf(node) {
		head, _, _ := strings.Cut(name.name, ".")
		if !slices.Contains(sides, head) {
			c.fail(text.at(name.from), "there is no side %q here", head).Hint = didYouMean(head, sides)
		}
	}
}

// times checks that a policy by time has times to compare. A system whose
// object is not known may have times of its own, and one that shows changes by
// a cursor without `modified` has them.
func (c *checker) times(policy Policy, r *row) {
	rivals := c.rivals(r)
	if len(rivals) < 2 {
		return
	}
	var without []string
	unknown := false
	for _, p := range rivals {
		if p.Modified.Value == "" && (p.object == nil || !slices.Contains(p.object.Modes, "cursor")) {
			without = append(without, p.Name.Value)
			unknown = unknown || p.object == nil
		}
	}
	if len(without) == 0 {
		return
	}
	name, verb := policy.Name.Value, "has"
	if len(without) > 1 {
		verb = "have"
	}
	hint := "modified: COLUMN, at the system: when a record last changed there"
	if len(rivals)-len(without) < 2 && !unknown {
		c.fail(policy.Name.Pos, "%s never decides: %s %s no `modified`", name, strings.Join(without, " and "), verb).Hint = hint
		return
	}
	c.warn(policy.Name.Pos, "%s does not decide where %s takes part, without `modified`", name, strings.Join(without, " or ")).Hint = hint
}
