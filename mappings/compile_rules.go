package mappings

import (
	"strings"
	"sync"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// rules says to reconcile what the definition says about who wins.
func (c *compilation) rules() {
	conflicts := c.def.Conflicts
	r := &reconcile.Rules{
		Default:        c.chain(conflicts.Resolve, record.Type{}),
		Kinds:          map[reconcile.Kind]reconcile.Chain{},
		DeleteVsUpdate: orWord(conflicts.DeleteVsUpdate, "update_wins"),
		Prefer:         c.chain(c.def.FirstSync.Prefer, record.Type{}),
		Deadline:       conflicts.Deadline,
		Then:           c.chain(conflicts.Then, record.Type{}),
		WholeRecord:    conflicts.Scope == "record",
	}
	for kind, policies := range conflicts.Kinds {
		r.Kinds[reconcile.Kind(kind)] = c.chain(policies, record.Type{})
	}
	for i, f := range c.fields {
		rule := reconcile.FieldRule{
			Name: f.Name.Value, Type: f.typ, Owner: f.owner, Ignore: f.OnViolation == "ignore", WriteOnce: f.WriteOnce,
			WholeRecord: f.Scope == "record", Chain: c.chain(f.Resolve, f.typ), Ranks: c.ranks(i),
		}
		r.Fields = append(r.Fields, rule)
	}
	for _, s := range c.m.Systems {
		r.Systems = append(r.Systems, c.systemRule(s))
	}
	c.m.Rules = r
}

// ranks are the canonical values in the order of their rows.
func (c *compilation) ranks(field int) []record.Value {
	var ranks []record.Value
	f := c.fields[field]
	for _, row := range f.Values {
		if v, err := record.Parse(f.typ, row.Canonical.Value); err == nil {
			ranks = append(ranks, v)
		}
	}
	return ranks
}

// Nothing is deleted unless the definition says so.
const defaultEffect = "ignore"

func (c *compilation) systemRule(s *SystemMapping) reconcile.SystemRule {
	allow := s.system.Allow
	rule := reconcile.SystemRule{
		Name: s.Name, Reads: s.Reads, Receives: s.Receives,
		Create: s.Receives && !allow.NoCreate, Update: s.Receives && !allow.NoUpdate, Delete: s.Receives && !allow.NoDelete,
		Effect:         perSystem(c.def.Deletes.Effect, s.Name, defaultEffect),
		OnlyHere:       perSystem(c.def.FirstSync.OnlyHere, s.Name, "create"),
		LeavingDeletes: s.system.Leaving == "delete",
		HasModified:    s.modified >= 0,
		ReusesKeys:     s.object.KeysReusable,
		Has:            s.Has, Writes: s.Writes,
		Predict: s.prediction(),
	}
	if rule.Effect == "soft" && rule.Delete && s.SoftColumn == "" {
		c.fail(c.def.Deletes.Pos, "", s.Name+" has no column to write a soft delete into", "deleted: COLUMN, at the system")
	}
	for i, cell := range s.cells {
		if cell != nil && cell.when != nil {
			if rule.When == nil {
				rule.When = make([]bool, len(c.fields))
			}
			rule.When[i] = true
		}
	}
	if text := s.system.Accept; text.Value != "" {
		p, problems := compileExpr(text, scope{noun: "field", schema: c.m.Schema})
		if c.take("", problems) && c.take("", p.promise(record.KindBool)) {
			rule.Accept = c.m.acceptance(p)
		}
	}
	return rule
}

func perSystem(words map[string]string, system, otherwise string) string {
	return orWord(words[system], orWord(words[""], otherwise))
}

func orWord(word, otherwise string) string {
	if word == "" {
		return otherwise
	}
	return word
}

// acceptance evaluates `accept` over the canonical fields.
func (m *Mapping) acceptance(p *program) func([]record.Value) (bool, error) {
	machines := sync.Pool{New: func() any { return newMachine(m.Schema) }}
	return func(fields []record.Value) (bool, error) {
		machine := machines.Get().(*machine)
		defer machines.Put(machine)
		for _, place := range p.columns {
			machine.set(place, fields[place])
		}
		return machine.truth(p)
	}
}

// chain gives policies as reconcile takes them. typ is the field's, for what an
// expression decides; without a field its value is taken as it is.
func (c *compilation) chain(policies []Policy, typ record.Type) reconcile.Chain {
	var chain reconcile.Chain
	for _, p := range policies {
		policy := reconcile.Policy{Name: p.Name.Value, Text: policyText(p)}
		if p.Name.Value == "expression" {
			if len(p.Args) == 0 {
				continue
			}
			policy.Eval = c.decision(p.Args[0], typ)
			chain = append(chain, policy)
			continue
		}
		for _, arg := range p.Args {
			if s := c.m.system(arg.Value); s != nil {
				policy.Systems = append(policy.Systems, s.Index)
			} else {
				c.fail(arg.Pos, "", "there is no system "+arg.Value, suggestion(arg.Value, systemNames(c.def.Systems)))
			}
		}
		chain = append(chain, policy)
	}
	return chain
}

func policyText(p Policy) string {
	args := make([]string, len(p.Args))
	for i, a := range p.Args {
		args[i] = a.Value
	}
	switch p.Name.Value {
	case "priority":
		return "{priority: [" + strings.Join(args, ", ") + "]}"
	case "system_wins", "expression":
		return "{" + p.Name.Value + ": " + strings.Join(args, ", ") + "}"
	default:
		return p.Name.Value
	}
}

// decision compiles the expression of a policy: it sees `base` and the value
// of each system under its name, absent where a system has none.
func (c *compilation) decision(text Text, typ record.Type) func(record.Value, map[int]record.Value) (record.Value, error) {
	sides := []record.Field{{Name: "base", Type: typ}}
	for _, s := range c.m.Systems {
		sides = append(sides, record.Field{Name: s.Name, Type: typ})
	}
	schema := record.NewSchema(sides...)
	p, problems := compileExpr(text, scope{noun: "side", schema: schema})
	if !c.take("", problems) {
		return nil
	}
	machines := sync.Pool{New: func() any { return newMachine(schema) }}
	return func(base record.Value, values map[int]record.Value) (record.Value, error) {
		machine := machines.Get().(*machine)
		defer machines.Put(machine)
		machine.set(0, base)
		for i := 1; i < len(sides); i++ {
			v, has := values[i-1]
			if !has {
				v = record.Missing
			}
			machine.set(i, v)
		}
		v, err := machine.eval(p)
		if err != nil {
			return nil, err
		}
		return record.Convert(typ, v)
	}
}
