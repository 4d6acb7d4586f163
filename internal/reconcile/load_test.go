package reconcile

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
	"pgregory.net/rapid"
)

// load pays what is owed in the systems that are up.
func (w *world) load(up []int) (busy bool) {
	for n := range w.links {
		payments, err := Owed(w.rules, w.links[n])
		if err != nil {
			w.fail("owed: %v", err)
		}
		for _, p := range payments {
			if !slices.Contains(up, p.System) {
				continue
			}
			luck := 9
			if w.faulty {
				luck = rapid.IntRange(0, 9).Draw(w.t, "luck")
			}
			if luck == 0 {
				continue // not done
			}
			busy = w.pay(n, p, luck == 1) || busy
		}
	}
	w.links = slices.DeleteFunc(w.links, func(l *Link) bool { return l.Spent() })
	return busy
}

// pay carries out one payment as a connector would: on the condition that the
// row is still what resolve saw, and a creation only where no row has its
// match. It reports whether it was carried out.
func (w *world) pay(n int, p Payment, lost bool) bool {
	rows := w.systems[p.System]
	receipt := Receipt{Payment: p, Key: p.Key, MapHash: w.mapHash(p.System), Shown: true}
	row := rows[p.Key]
	switch p.Op {
	case OpCreate:
		email, _ := p.Values[wEmail].(string)
		if p.Uncertain && w.begun(p.System, w.links[n].Members[p.System]) {
			return false // it was made; the next run sees it
		}
		w.links[n] = Intend(w.links[n], p)
		if email != "" && w.has(p.System, email) {
			w.links[n].Members[p.System] = nil // refused; the next run sees why
			if parked, ok := Park(w.links[n], p.System, w.links); ok {
				w.links[n] = parked
			}
			return false
		}
		row = &worldRow{at: w.now}
		for f := range wFields {
			row.set(f, nil)
		}
		if w.defaults && p.System == 0 {
			row.set(wOwned, w.unique("d"))
		}
		receipt.Key = record.Key(w.unique("s"))
		rows[receipt.Key] = row
		lost = lost && email != ""
	case OpSoft:
		if row == nil || row.raw() != p.RawHash {
			return false
		}
		row.deleted = true
		row.version++
	case OpDelete:
		if row != nil && row.raw() != p.RawHash {
			return false
		}
		delete(rows, p.Key)
		w.log("delete %s %s", w.rules.Systems[p.System].Name, p.Key)
		if !lost {
			w.links[n] = Acknowledge(w.rules, w.links[n], receipt)
		}
		return true
	default:
		if row == nil || row.raw() != p.RawHash {
			return false
		}
	}
	if p.Op == OpRestore {
		row.deleted = false
		row.version++
	}
	for _, f := range p.Fields {
		w.write(p.System, row, f, p.Values[f])
	}
	w.log("%s %s %s fields %v: %v lost=%v", p.Op, w.rules.Systems[p.System].Name, receipt.Key, p.Fields, row.fields, lost)
	if lost {
		return true
	}
	receipt.Values, receipt.Match, receipt.RawHash, receipt.Order = slices.Clone(row.fields[:]), row.match(), row.raw(), w.order(row)
	w.links[n] = Acknowledge(w.rules, w.links[n], receipt)
	return true
}

// begun looks up whether a creation that was begun was carried out.
func (w *world) begun(s int, m *Member) bool {
	for _, row := range w.systems[s] {
		if same, _ := compareMatch(row.match(), m.Match); same {
			return true
		}
	}
	return false
}

func (w *world) has(s int, email string) bool {
	if email == "" {
		return false
	}
	for _, row := range w.systems[s] {
		if row.fields[wEmail] == email {
			return true
		}
	}
	return false
}
