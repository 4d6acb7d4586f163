package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// predict gives what a system would read back of a record. Where nothing can
// be predicted, the answer is Missing and everything is remembered instead.
func (r *resolver) predict(s int, fields []record.Value) []record.Value {
	return r.rules.Systems[s].predict(fields)
}

func (s *SystemRule) predict(fields []record.Value) []record.Value {
	given := fields
	if s.Predict != nil {
		var err error
		if given, err = s.Predict(fields); err != nil || len(given) != len(fields) {
			return missings(len(fields))
		}
	} else if !slices.Contains(s.Has, false) {
		return fields
	}
	out := make([]record.Value, len(fields))
	for f := range fields {
		switch {
		case !s.Has[f]:
			out[f] = record.Missing
		case record.IsMissing(given[f]) && !s.Writes[f]:
			out[f] = fields[f]
		default:
			out[f] = given[f]
		}
	}
	return out
}

func missings(n int) []record.Value {
	out := make([]record.Value, n)
	for i := range out {
		out[i] = record.Missing
	}
	return out
}

func (w *work) predictedOf(s int) []record.Value {
	if w.predicted[s] == nil {
		w.predicted[s] = w.r.predict(s, w.base)
	}
	return w.predicted[s]
}

// lastOf gives what a system held when it was last seen; for a row that came
// as an edit of the base, the base.
func (w *work) lastOf(s int) []record.Value {
	if w.last[s] != nil {
		return w.last[s]
	}
	last := w.predictedOf(s)
	if m := w.before[s]; m != nil && len(m.Seen) > 0 {
		last = slices.Clone(last)
		for f, v := range m.Seen {
			if f < len(last) {
				last[f] = v
			}
		}
	}
	w.last[s] = last
	return last
}

// seen reports whether the member was last seen with a value of this field
// that the base does not predict, and gives the revision that it had.
func (w *work) seen(s, f int) bool {
	m := w.before[s]
	if m == nil {
		return false
	}
	_, differs := m.Seen[f]
	return differs
}

// express keeps of what a member holds only where that differs from what the
// base predicts.
func (w *work) express(s int, m *Member) {
	held := w.now[s]
	if held == nil && m.State == Detached && w.changedAsDeleted(s) {
		held = w.deleted(s)
	}
	if held == nil {
		if !w.moved || w.before[s] == nil {
			return
		}
		held = w.lastOf(s)
	}
	predicted := w.predictedOf(s)
	if w.moved {
		predicted = w.r.predict(s, w.link.Base)
	}
	m.Seen = express(held, predicted)
}

// changedAsDeleted reports whether a row was changed that says it is deleted.
func (w *work) changedAsDeleted(s int) bool {
	row, before := w.rows[s], w.before[s]
	return row != nil && row.obs != nil && row.obs.Deleted && before != nil &&
		!row.obs.RawHash.Zero() && row.obs.RawHash != before.RawHash
}

// deleted is what such a row holds. That is no edit, but should the record live
// again and be written over it, the journal names it.
func (w *work) deleted(s int) []record.Value {
	row, held := w.rows[s], slices.Clone(w.lastOf(s))
	for f := range held {
		if v := row.value(f); w.system(s).Has[f] && !record.IsMissing(v) {
			held[f] = v
		}
	}
	return held
}

func express(held, predicted []record.Value) map[int]record.Value {
	var seen map[int]record.Value
	for f, v := range held {
		if record.Equal(v, predicted[f]) {
			continue
		}
		if seen == nil {
			seen = map[int]record.Value{}
		}
		seen[f] = v
	}
	return seen
}
