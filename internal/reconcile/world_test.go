package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
	"pgregory.net/rapid"
)

// The fields of the world: the match, two plain ones, one that the second
// system keeps in capitals, and one that the first owns.
const (
	wEmail = iota
	wName
	wPhone
	wCode
	wOwned
	wFields
)

const wSystems = 3

// world is three systems with people in them, one ledger between them, and
// what the test knows of who said what.
type world struct {
	t       *rapid.T
	rules   *Rules
	systems [wSystems]map[record.Key]*worldRow
	// The ledger.
	links     []*Link
	loose     []*Member
	conflicts []*Conflict

	now    record.Timestamp
	serial int
	run    int
	ids    int64
	// mapping is each system's; a change makes everything there a first contact.
	mapping [wSystems]int
	// defaults: the first system gives a new row its owned value by itself.
	defaults bool
	listed   [wSystems]bool
	ordered  bool // rows have a version that says which is later
	// late are observations of earlier windows that arrive once more.
	late []Observation
	// replayed is how many of them stand at the end of the current bucket.
	replayed int
	// decide: people answer every conflict.
	decide    bool
	decisions int64
	trace     []string
	faulty    bool
	// broken hears of a law that did not hold; nil fails the test.
	broken func(law string)
}

// worldRow is one row, and every value that each of its fields ever had.
type worldRow struct {
	fields  [wFields]record.Value
	held    [wFields]map[string]bool
	at      record.Timestamp
	version int
	// deleted: it says so itself; away: it left the sync; bad: it cannot be read.
	deleted, away, bad bool
}

func (r *worldRow) set(f int, v record.Value) {
	r.fields[f] = v
	if r.held[f] == nil {
		r.held[f] = map[string]bool{}
	}
	r.held[f][record.Text(v)] = true
}

func (r *worldRow) raw() record.Hash {
	return record.HashRow(append([]record.Value{r.deleted, r.away, r.bad}, r.fields[:]...)...)
}

func (r *worldRow) match() []string {
	text, _ := record.FoldMatch(r.fields[wEmail])
	return []string{text}
}

func (w *world) log(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

func (w *world) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if w.broken != nil {
		w.broken(text)
	}
	w.t.Fatalf("%s\n%s", text, strings.Join(w.trace, "\n"))
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: 1000, ordered: rapid.Bool().Draw(t, "ordered"), defaults: rapid.Bool().Draw(t, "defaults")}
	chains := []Chain{
		nil,
		{{Name: "newest_wins"}},
		{{Name: "system_wins", Systems: []int{1}}},
		{{Name: "manual"}},
		{{Name: "max"}},
		{{Name: "newest_wins"}, {Name: "manual"}},
		{{Name: "skip"}},
	}
	w.rules = &Rules{
		Default:        chains[rapid.IntRange(0, len(chains)-1).Draw(t, "chain")],
		Prefer:         chains[rapid.IntRange(0, 4).Draw(t, "prefer")],
		DeleteVsUpdate: rapid.SampledFrom(DeleteSettings()).Draw(t, "delete_vs_update"),
		Kinds:          map[Kind]Chain{},
	}
	for s := range wSystems {
		rule := SystemRule{
			Name: []string{"left", "right", "third"}[s], Reads: true, Receives: true, Create: true, Update: true, Delete: true,
			HasModified: true, Has: trues(wFields), Writes: trues(wFields),
			Effect:         rapid.SampledFrom([]string{"hard", "hard", "unlink", "ignore"}).Draw(t, "effect"),
			LeavingDeletes: rapid.IntRange(0, 3).Draw(t, "leaving") == 0,
		}
		if s == 2 && rule.Effect == "hard" {
			rule.Effect = "soft"
		}
		if s == 1 {
			rule.Reads = rapid.IntRange(0, 4).Draw(t, "target") > 0
		}
		if s == 1 {
			rule.Predict = func(fields []record.Value) ([]record.Value, error) {
				out := slices.Clone(fields)
				out[wCode] = capitals(fields[wCode])
				return out, nil
			}
		}
		w.rules.Systems = append(w.rules.Systems, rule)
		w.systems[s] = map[record.Key]*worldRow{}
	}
	for f := range wFields {
		rule := FieldRule{Name: []string{"email", "name", "phone", "code", "owned"}[f], Type: record.Type{Kind: record.KindString}, Owner: None}
		if f == wPhone {
			rule.WriteOnce = rapid.IntRange(0, 4).Draw(t, "once") == 0
		}
		if f == wOwned {
			rule.Owner = 0
			rule.Ignore = rapid.Bool().Draw(t, "ignore")
		}
		w.rules.Fields = append(w.rules.Fields, rule)
	}
	return w
}

func trues(n int) []bool {
	out := make([]bool, n)
	for i := range out {
		out[i] = true
	}
	return out
}

func capitals(v record.Value) record.Value {
	if text, is := v.(string); is {
		return strings.ToUpper(text)
	}
	return v
}

// write puts values into a row as that system's columns keep them.
func (w *world) write(s int, row *worldRow, f int, v record.Value) {
	if s == 1 && f == wCode {
		v = capitals(v)
	}
	row.set(f, v)
	row.version++
}

func (w *world) unique(prefix string) string {
	w.serial++
	return prefix + strconv.Itoa(w.serial)
}

func (w *world) tick() { w.now += record.Timestamp(rapid.IntRange(0, 2).Draw(w.t, "tick")) }

// act lets a person do something in one system.
func (w *world) act() {
	w.tick()
	s := rapid.IntRange(0, wSystems-1).Draw(w.t, "system")
	keys := slices.Sorted(maps.Keys(w.systems[s]))
	what := rapid.IntRange(0, 9).Draw(w.t, "what")
	switch {
	case what <= 2 || len(keys) == 0:
		row := &worldRow{at: w.now}
		email := rapid.SampledFrom([]string{"", "a@x", "b@x", "c@x", "d@x", "e@x"}).Draw(w.t, "email")
		if w.has(s, email) && rapid.IntRange(0, 5).Draw(w.t, "double") > 0 {
			return
		}
		for f := range wFields {
			w.write(s, row, f, w.unique("v"))
		}
		w.write(s, row, wEmail, email)
		key := record.Key(w.unique("k"))
		w.systems[s][key] = row
		w.log("%s inserts %s %v", w.rules.Systems[s].Name, key, row.fields)
	case what == 3:
		w.end(s, rapid.SampledFrom(keys).Draw(w.t, "row"))
	case what == 4 && rapid.IntRange(0, 9).Draw(w.t, "map") == 0:
		w.mapping[s]++
		w.log("%s is mapped anew", w.rules.Systems[s].Name)
	default:
		key := rapid.SampledFrom(keys).Draw(w.t, "row")
		row := w.systems[s][key]
		f := rapid.IntRange(1, wFields-1).Draw(w.t, "field")
		if what == 9 {
			f = wEmail
			w.write(s, row, f, rapid.SampledFrom([]string{"", "a@x", "b@x", "c@x", "d@x", "e@x"}).Draw(w.t, "email"))
		} else {
			w.write(s, row, f, w.unique("v"))
		}
		row.at = w.now
		w.log("%s edits %s %s to %v", w.rules.Systems[s].Name, key, w.rules.Fields[f].Name, row.fields[f])
	}
}

// end deletes a row in one of the ways that there are, or brings it back.
func (w *world) end(s int, key record.Key) {
	row := w.systems[s][key]
	name := w.rules.Systems[s].Name
	row.at, row.version = w.now, row.version+1
	switch how := rapid.IntRange(0, 5).Draw(w.t, "how"); {
	case how == 0:
		row.away = !row.away
		w.log("%s %s is away: %v", name, key, row.away)
	case how == 1:
		row.bad = !row.bad
		w.log("%s %s is bad: %v", name, key, row.bad)
	case s == 2 && how < 5:
		row.deleted = !row.deleted
		w.log("%s %s says deleted: %v", name, key, row.deleted)
	default:
		delete(w.systems[s], key)
		w.log("%s deletes %s", name, key)
	}
}

func (w *world) mapHash(s int) record.Hash { return record.HashText("m", strconv.Itoa(w.mapping[s])) }

func (w *world) order(row *worldRow) string {
	if !w.ordered {
		return ""
	}
	return fmt.Sprintf("%08d", row.version)
}

// observe lists one system completely and looks up what is missing.
func (w *world) observe(s int) []Observation {
	var all []Observation
	for _, key := range slices.Sorted(maps.Keys(w.systems[s])) {
		row := w.systems[s][key]
		o := Observation{
			System: s, Key: key, Match: row.match(), Values: slices.Clone(row.fields[:]), InScope: !row.away, Deleted: row.deleted,
			Modified: row.at, Order: w.order(row), RawHash: row.raw(), MapHash: w.mapHash(s),
		}
		if row.bad {
			o.Bad = "not a number"
		}
		all = append(all, o)
	}
	for _, l := range w.links {
		if m := l.Members[s]; m != nil && m.Key != "" && w.systems[s][m.Key] == nil {
			all = append(all, Observation{System: s, Key: m.Key, Gone: true})
		}
	}
	for _, m := range w.loose {
		if m.System == s && w.systems[s][m.Key] == nil {
			all = append(all, Observation{System: s, Key: m.Key, Gone: true})
		}
	}
	return all
}

// bucket is what one run resolves.
func (w *world) bucket(up []int) *Bucket {
	w.run++
	run := w.run
	b := &Bucket{
		Links: w.links, Loose: w.loose, Conflicts: w.conflicts, Now: w.now,
		First: make([]bool, wSystems), Complete: make([]bool, wSystems),
		NewID: func(s int, key record.Key, _ []string) string { return fmt.Sprintf("%03d-%d-%s", run, s, key) },
	}
	for s := range wSystems {
		b.First[s] = !w.listed[s]
	}
	for _, s := range up {
		b.Complete[s] = true
		b.Observations = append(b.Observations, w.observe(s)...)
	}
	w.replayed = 0
	if w.ordered {
		for _, o := range w.late {
			// A row that nobody knows any more cannot be compared: such an
			// observation is a hint, and whoever gets it reads the row again.
			if w.member(o.System, o.Key) && o.MapHash == w.mapHash(o.System) {
				b.Observations = append(b.Observations, o)
				w.replayed++
			}
		}
		w.late = nil
		for _, o := range b.Observations {
			if !o.Gone && rapid.IntRange(0, 9).Draw(w.t, "late") == 0 {
				w.late = append(w.late, o)
			}
		}
	}
	if w.decide {
		b.Decisions = w.decisionsOn()
	}
	return b
}

func (w *world) member(s int, key record.Key) bool {
	return slices.ContainsFunc(w.links, func(l *Link) bool { return l.Members[s] != nil && l.Members[s].Key == key })
}

// decisionsOn answers every open conflict as some person might.
func (w *world) decisionsOn() []Decision {
	all := slices.Clone(w.conflicts)
	for _, l := range w.links {
		all = append(all, l.Conflicts...)
	}
	var ds []Decision
	for _, c := range all {
		w.decisions++
		d := Decision{ID: w.decisions, ConflictID: c.ID, Digest: c.Digest}
		switch {
		case c.about():
			d.Verb = "separate"
		case c.aboutDelete():
			d.Verb = rapid.SampledFrom([]string{"keep", "delete"}).Draw(w.t, "verb")
		default:
			d.Verb = "take"
			d.System = rapid.SampledFrom(c.Candidates).Draw(w.t, "take").System
		}
		ds = append(ds, d)
	}
	return ds
}

// sync is one run: some systems are up, and of what is owed some is paid, some
// is paid and not acknowledged, some is not paid.
func (w *world) sync(up []int) (busy bool) {
	b := w.bucket(up)
	before := w.links
	out, err := Resolve(w.rules, b)
	if err != nil {
		w.fail("resolve: %v", err)
	}
	w.log("run %d of %v:\n%s", w.run, up, show(w.rules, out))
	w.judge(b, out)
	w.links, w.loose, w.conflicts = commit(before, w.loose, w.conflicts, out, w.ids)
	w.ids += 10_000
	for _, s := range up {
		w.listed[s] = true
	}
	w.judgeAgain(b)
	busy = len(out.Links)+len(out.Loose)+len(out.Opened)+len(out.Closed) > 0
	for range rapid.IntRange(0, 1).Draw(w.t, "meanwhile") {
		if w.faulty {
			w.act()
		}
	}
	for i := range w.rules.Systems {
		w.rules.Systems[i].Unlisted = !w.listed[i]
	}
	return w.load(up) || busy
}
