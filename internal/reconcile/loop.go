package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// flipsToBreak is how often a row may answer values that came from elsewhere
// with the same other values before that is a loop and not people.
const flipsToBreak = 4

// breakLoops quarantines a row that keeps undoing what it is given: some
// automation there and this sync would write against each other for ever. The
// base keeps the one value, the member the other.
func (w *work) breakLoops() {
	for s, m := range w.link.Members {
		if m == nil || m.State != Live || w.now[s] == nil || w.anew(s) || w.before[s] == nil {
			continue
		}
		hash, flipped := w.flip(s)
		switch {
		case !flipped:
			// Only a row that is seen to have kept what we wrote is no loop.
			if !w.before[s].SinceWrite {
				m.Flips, m.FlipHash = 0, record.Hash{}
			}
			continue
		case hash == m.FlipHash:
			m.Flips++
		default:
			m.Flips, m.FlipHash = 0, hash
		}
		if m.Flips < flipsToBreak-1 {
			continue
		}
		m.State, m.Why = Quarantined, whyLoop
		w.rows[s].end = endQuarantined
		for _, f := range w.changedFields(s) {
			w.note(f, w.base[f], w.base[f], w.link.Origins[f].System, "loop", []Candidate{
				{System: s, Key: m.Key, Value: w.now[s][f], At: w.rows[s].modified()},
			})
		}
	}
}

const whyLoop = "loop"

// flip hashes the pairs of values of which a row replaced one, that it was
// given from elsewhere, by the other.
func (w *work) flip(s int) (record.Hash, bool) {
	var pairs []record.Value
	last := w.lastOf(s)
	for _, f := range w.changedFields(s) {
		if w.link.Origins[f].System == s || w.agrees(s, f, w.now[s][f]) {
			continue
		}
		pairs = append(pairs, w.r.rules.Fields[f].Name)
		pairs = append(pairs, sorted(last[f], w.now[s][f])...)
	}
	return record.HashRow(pairs...), len(pairs) > 0
}

func sorted(a, b record.Value) []record.Value {
	pair := []record.Value{a, b}
	slices.SortFunc(pair, record.Compare)
	return pair
}

// stillLooping reports whether a row that was taken out of a loop shows one of
// the two values still; any other edit, or agreement, brings it back.
func (w *work) stillLooping(s int, row *sighting) bool {
	m := w.before[s]
	if m == nil || w.anew(s) {
		return false
	}
	last := w.lastOf(s)
	agrees := true
	var pairs []record.Value
	for f := range w.base {
		v := row.value(f)
		if !w.system(s).Has[f] || record.IsMissing(v) {
			continue
		}
		agrees = agrees && w.agrees(s, f, v)
		if !record.Equal(v, last[f]) {
			pairs = append(pairs, w.r.rules.Fields[f].Name)
			pairs = append(pairs, sorted(last[f], v)...)
		}
	}
	return !agrees && (len(pairs) == 0 || record.HashRow(pairs...) == m.FlipHash)
}
