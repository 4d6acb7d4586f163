package mappings

import (
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/reconcile"
)

// chain reads policies in order; one alone may stand without a list.
func (p *decoder) chain(n *node, what string, systems []string) []Policy {
	items := []*node{n}
	if n.kind == listValue {
		items = n.items
		if len(items) == 0 {
			p.fail(n.text.Pos, "%s is an empty list", what).Hint = what + ": [newest_wins, manual]"
		}
	}
	chain := make([]Policy, 0, len(items))
	for _, item := range items {
		// A faulty one is kept as it is written, so that what stands around it
		// can be judged.
		chain = append(chain, p.policy(item, systems))
	}
	return chain
}

func (p *decoder) policy(n *node, systems []string) Policy {
	switch {
	case n.kind == scalarValue:
		if !slices.Contains(plainPolicies(), n.text.Value) {
			p.unknownPolicy(n.text)
		}
		return Policy{Name: n.text}
	case n.kind == mapValue && len(n.entries) == 1:
		return p.policyOf(n.entries[0], systems)
	case n.kind == mapValue:
		p.fail(n.text.Pos, "a policy is a word or a map of one key, such as {system_wins: crm}")
	default:
		p.fail(n.text.Pos, "a policy is a word or a one-key map, not %s", n.kind)
	}
	return Policy{Name: Text{Pos: n.text.Pos}}
}

func (p *decoder) policyOf(e entry, systems []string) Policy {
	policy := Policy{Name: e.key}
	switch e.key.Value {
	case "system_wins":
		if name, ok := p.text(e.value, "system_wins"); ok && p.isSystem(name, systems) {
			policy.Args = []Text{name}
		}
	case "priority":
		for _, name := range p.texts(e.value, "priority") {
			if p.isSystem(name, systems) {
				policy.Args = append(policy.Args, name)
			}
		}
		p.twice(policy.Args, "priority")
	case "expression":
		if text, ok := p.text(e.value, "expression"); ok {
			policy.Args = []Text{text}
		}
	default:
		if slices.Contains(plainPolicies(), e.key.Value) {
			p.fail(e.key.Pos, "%s takes nothing behind it", e.key.Value).Hint = "write the word alone: " + e.key.Value
		} else {
			p.unknownPolicy(e.key)
		}
	}
	return policy
}

func (p *decoder) unknownPolicy(name Text) {
	problem := p.fail(name.Pos, "there is no policy %q", name.Value)
	all := append(plainPolicies(), argumentPolicies()...)
	ours, err := reconcile.ParsePolicyName(name.Value)
	if err != nil {
		ours = suggest(name.Value, all)
	}
	switch ours {
	case "":
		problem.Hint = "policies: " + strings.Join(all, " ")
	case "system_wins":
		problem.Hint = "did you mean `{system_wins: SYSTEM}`?"
	case "priority":
		problem.Hint = "did you mean `{priority: [SYSTEM, SYSTEM]}`?"
	case "expression":
		problem.Hint = "did you mean `{expression: …}`?"
	default:
		problem.Hint = "did you mean `" + ours + "`?"
	}
	if slices.Contains(argumentPolicies(), name.Value) {
		problem.Message = "the policy " + name.Value + " needs something behind it"
	}
}
