package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// ruleServerSet names how a value came that a system gave a new row by itself:
// a default, a number, a generated column.
const ruleServerSet = "server_set"

// adopt takes into the base what a system set by itself in a row that was just
// created there, so that the others are told and later edits have something to
// differ from. That a field was left empty says nothing.
func (r Receipt) adopt(rules *Rules, l *Link) {
	s := r.Payment.System
	var fields []int
	for f := range l.Base {
		if r.serverSet(rules, l, f) {
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 {
		return
	}
	before := l.Rev
	held := make([][]record.Value, len(l.Members))
	for i, m := range l.Members {
		if m != nil && m.Key != "" {
			held[i] = rules.Systems[i].heldBy(l, m)
		}
	}
	l.Rev++
	for _, f := range fields {
		l.Base[f] = r.Values[f]
		l.Origins[f] = Origin{System: s, Rev: l.Rev, Rule: ruleServerSet}
	}
	for i, m := range l.Members {
		if held[i] == nil {
			continue
		}
		m.Seen = express(held[i], rules.Systems[i].predict(l.Base))
		if m.State == Live && m.Acked == before && (i == s || len(behind(rules, l, m)) == 0) {
			m.Acked = l.Rev
		}
	}
}

// serverSet reports whether the system gave a value where we gave none and
// nobody had one, and may speak for that field.
func (r Receipt) serverSet(rules *Rules, l *Link, f int) bool {
	s := r.Payment.System
	owner := rules.Fields[f].Owner
	return f < len(r.Values) && f < len(l.Origins) && !record.IsMissing(r.Values[f]) && !record.Blank(r.Values[f]) &&
		record.IsMissing(l.Base[f]) && !slices.Contains(r.Payment.Fields, f) && !heldField(l, f) &&
		rules.Systems[s].Reads && rules.Systems[s].Has[f] && (owner == None || owner == s)
}

// heldBy gives what a member was last seen to hold.
func (s *SystemRule) heldBy(l *Link, m *Member) []record.Value {
	held := slices.Clone(s.predict(l.Base))
	for f, v := range m.Seen {
		if f < len(held) {
			held[f] = v
		}
	}
	return held
}
