package reconcile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/internal/record"
)

// TestLaws lets people work in three systems while runs fail in part, and then
// lets it become quiet: everybody agrees, nothing was lost without a rule that
// says so, nothing was made twice.
func TestLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { live(newWorld(t)) })
}

func live(w *world) {
	w.faulty = true
	for range rapid.IntRange(1, 12).Draw(w.t, "rounds") {
		for range rapid.IntRange(0, 4).Draw(w.t, "acts") {
			w.act()
		}
		var up []int
		for s := range wSystems {
			if rapid.IntRange(0, 3).Draw(w.t, "up") > 0 {
				up = append(up, s)
			}
		}
		w.sync(up)
	}
	w.faulty = false
	w.late = nil
	w.quiet("without people")
	w.decide = true
	w.quiet("with people")
}

// quiet runs until nothing happens any more, and then looks whether all agree.
func (w *world) quiet(how string) {
	const patience = 40
	for n := range patience {
		if !w.sync([]int{0, 1, 2}) && !w.waiting() {
			break
		}
		if n == patience-1 {
			w.fail("%s: not quiet after %d runs", how, patience)
		}
	}
	seen := map[ref]string{}
	for _, l := range w.links {
		for s, m := range l.Members {
			if m == nil || m.Key == "" {
				continue
			}
			if other, twice := seen[ref{s, m.Key}]; twice {
				w.fail("row %s %s is in links %s and %s", w.rules.Systems[s].Name, m.Key, other, l.ID)
			}
			seen[ref{s, m.Key}] = l.ID
		}
		w.agreed(l)
	}
	for s, rows := range w.systems {
		for key := range rows {
			at := ref{s, key}
			if seen[at] == "" && !slices.ContainsFunc(w.loose, func(m *Member) bool { return m.System == s && m.Key == key }) {
				w.fail("row %s %s is known to nobody", w.rules.Systems[s].Name, key)
			}
		}
	}
}

// waiting reports whether people still have something to decide.
func (w *world) waiting() bool {
	if !w.decide {
		return false
	}
	for _, l := range w.links {
		if len(l.Conflicts) > 0 {
			return true
		}
	}
	return len(w.conflicts) > 0
}

// agreed holds that every system has what the base says, where nothing is in
// conflict and nothing stands apart on purpose.
func (w *world) agreed(l *Link) {
	if l.Tombstone || held(w.rules, l) {
		return
	}
	for s, m := range l.Members {
		if m == nil {
			if !w.blockedByUnique(s, l) && !record.IsMissing(l.Base[wEmail]) {
				w.fail("%s has no row of %s", w.rules.Systems[s].Name, l.ID)
			}
			continue
		}
		if m.State != Live {
			continue
		}
		row := w.systems[s][m.Key]
		if row == nil {
			w.fail("%s %s of %s is gone and nobody minds", w.rules.Systems[s].Name, m.Key, l.ID)
		}
		predicted := w.rules.Systems[s].predict(l.Base)
		for f := range wFields {
			if heldField(l, f) || record.IsMissing(l.Base[f]) || (w.rules.Fields[f].Ignore && s != w.rules.Fields[f].Owner) {
				continue
			}
			if !record.Equal(row.fields[f], predicted[f]) {
				w.fail("%s %s has %s %v, the base %v", w.rules.Systems[s].Name, m.Key, w.rules.Fields[f].Name, row.fields[f], l.Base[f])
			}
		}
	}
}

// blockedByUnique: a row with that match is there already and belongs to
// another link, because people asked for two.
func (w *world) blockedByUnique(s int, l *Link) bool {
	email, _ := l.Base[wEmail].(string)
	return w.has(s, email)
}

// judge holds the laws of one call of Resolve.
func (w *world) judge(b *Bucket, out *Outcome) {
	for _, t := range append(out.PerSystem, out.Tally) {
		if !t.Balanced() {
			w.fail("counts do not balance: %+v", t)
		}
	}
	if int(out.Tally.Read) != len(b.Observations) {
		w.fail("read %d of %d", out.Tally.Read, len(b.Observations))
	}
	other := *b
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(w.t, "order"), 1)) //nolint:gosec // an order, not a secret
	other.Links, other.Loose, other.Observations = shuffled(random, b.Links), shuffled(random, b.Loose), shuffled(random, b.Observations)
	other.Conflicts, other.Decisions = shuffled(random, b.Conflicts), shuffled(random, b.Decisions)
	again, err := Resolve(w.rules, &other)
	if err != nil {
		w.fail("resolve: %v", err)
	}
	if one, two := show(w.rules, out), show(w.rules, again); one != two {
		w.fail("another order gives another outcome:\n%s\n---\n%s", one, two)
	}
	w.nothingLost(b, out)
}

func shuffled[T any](random *rand.Rand, in []T) []T {
	out := slices.Clone(in)
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// judgeAgain holds that what was resolved stays resolved.
func (w *world) judgeAgain(b *Bucket) {
	next := *b
	next.Links, next.Loose, next.Conflicts, next.Decisions = w.links, w.loose, w.conflicts, nil
	next.Observations = b.Observations[:len(b.Observations)-w.replayed]
	out, err := Resolve(w.rules, &next)
	if err != nil {
		w.fail("resolve: %v", err)
	}
	if len(out.Links)+len(out.Loose)+len(out.Opened)+len(out.Closed) > 0 {
		w.fail("resolving again changes something:\n%s", show(w.rules, out))
	}
}

// nothingLost holds that whatever a person said, and whatever the base said
// that they did not know, is the base now, waits in a conflict, or is named as
// lost together with the rule that overruled it.
func (w *world) nothingLost(b *Bucket, out *Outcome) {
	old := map[string]*Link{}
	for _, l := range b.Links {
		old[l.ID] = l
	}
	observed := map[ref]*Observation{}
	orders := map[ref]string{}
	for _, l := range b.Links {
		for s, m := range l.Members {
			if m != nil {
				orders[ref{s, m.Key}] = m.Order
			}
		}
	}
	for i, o := range b.Observations {
		at := ref{o.System, o.Key}
		if known := observed[at]; known == nil || later(&b.Observations[i], known, orders[at]) {
			observed[at] = &b.Observations[i]
		}
	}
	for _, l := range out.Links {
		was := old[l.ID]
		if was == nil {
			continue
		}
		for s, m := range l.Members {
			if m == nil || was.Members[s] == nil || was.Members[s].Key != m.Key || was.Members[s].State != Live {
				continue
			}
			if o := observed[ref{s, m.Key}]; o != nil && !o.Gone && !o.Deleted && o.Bad == "" && o.InScope && seenBefore(was.Members[s], o) == toRead {
				w.keptWord(was, l, s, o, out)
			}
		}
	}
}

func (w *world) keptWord(was, l *Link, s int, o *Observation, out *Outcome) {
	predicted := w.rules.Systems[s].predict(was.Base)
	for f := range wFields {
		if !w.rules.Systems[s].Reads && record.IsMissing(was.Base[f]) {
			continue // a target speaks for nobody
		}
		said, last := o.Values[f], predicted[f]
		if v, differs := was.Members[s].Seen[f]; differs {
			last = v
		}
		if record.Equal(said, last) || record.Equal(said, predicted[f]) || record.Equal(said, was.Base[f]) {
			continue
		}
		if !w.accountedFor(l, f, s, said, out) {
			w.fail("%s said %s = %v, and that is nowhere", w.rules.Systems[s].Name, w.rules.Fields[f].Name, said)
		}
		// The base that this system was never shown must not vanish either.
		row := w.systems[s][o.Key]
		unknown := row != nil && !row.held[f][record.Text(predicted[f])]
		if unknown && !record.IsMissing(was.Base[f]) && !record.Equal(l.Base[f], was.Base[f]) && l.Origins[f].System == s &&
			!w.accountedFor(l, f, None, was.Base[f], out) && !w.supersededBase(was, f, s, out) {
			w.fail("%s overwrote %s = %v, which it never saw, and no rule says so",
				w.rules.Systems[s].Name, w.rules.Fields[f].Name, was.Base[f])
		}
	}
}

// supersededBase: somebody who knew the base edited it, and that edit is named.
func (w *world) supersededBase(was *Link, f, winner int, out *Outcome) bool {
	knew := func(c Candidate) bool {
		if c.System == None || c.Base {
			return false
		}
		if m := was.Members[c.System]; m == nil || m.Key != c.Key {
			return true // the row was made anew in place of one that had it
		}
		row := w.systems[c.System][c.Key]
		return row == nil || row.held[f][record.Text(w.rules.Systems[c.System].predict(values(f, was.Base[f]))[f])]
	}
	for s, m := range was.Members { // or they say the same as the winner now
		if m == nil || s == winner || !knew(Candidate{System: s, Key: m.Key}) {
			continue
		}
		row := w.systems[s][m.Key]
		if row == nil || !record.Equal(row.fields[f], w.rules.Systems[s].predict(was.Base)[f]) {
			return true
		}
	}
	for _, n := range out.Notes {
		if n.LinkID == was.ID && n.Field == f && slices.ContainsFunc(n.Lost, knew) {
			return true
		}
	}
	return false
}

func values(f int, v record.Value) []record.Value {
	out := missings(wFields)
	out[f] = v
	return out
}

// accountedFor finds a value in the base, in a conflict or among the losers.
func (w *world) accountedFor(l *Link, f, s int, v record.Value, out *Outcome) bool {
	if record.Equal(l.Base[f], v) || (s != None && record.Equal(w.rules.Systems[s].predict(l.Base)[f], v)) {
		return true
	}
	mentions := func(c Candidate) bool {
		return record.Equal(c.Value, v) || strings.Contains(record.Text(c.Value), fmt.Sprintf("%q", record.Text(v)))
	}
	for _, c := range l.Conflicts {
		if slices.ContainsFunc(c.Candidates, mentions) {
			return true
		}
		if c.about() {
			return true // the whole record waits
		}
	}
	for _, n := range out.Notes {
		if n.LinkID == l.ID && (n.Field == f || n.Field == None) && slices.ContainsFunc(n.Lost, mentions) {
			return true
		}
	}
	return l.Tombstone
}

// TestLawsCanFail switches single rules off and shows that the laws notice.
func TestLawsCanFail(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]hooks{
		"a base that moved is no side of its own":   {ignoreMovedBase: true},
		"what a policy overruled is not owed again": {forgetDebts: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			worlds := rapid.Custom(func(t *rapid.T) string { return broken(t, off) })
			for seed := range 3000 {
				if worlds.Example(seed) != "" {
					return
				}
			}
			t.Fatal("no law noticed")
		})
	}
}

// broken lets one world live and gives the law that did not hold.
func broken(t *rapid.T, off hooks) (law string) {
	w := newWorld(t)
	w.rules.hooks = off
	w.broken = func(text string) { panic(lawBroken(text)) }
	defer func() {
		if r := recover(); r != nil {
			text, is := r.(lawBroken)
			if !is {
				panic(r)
			}
			law = string(text)
		}
	}()
	live(w)
	return ""
}

type lawBroken string

// TestLawsNeedRule3 shows that the laws can fail: without the clause that a
// base which moved is a side of its own, an edit is lost in silence.
func TestLawsNeedRule3(t *testing.T) {
	t.Parallel()
	rules := &Rules{
		Fields:  []FieldRule{{Name: "name", Type: record.Type{Kind: record.KindString}, Owner: None}},
		Default: Chain{{Name: "manual"}},
	}
	for _, name := range []string{"left", "right"} {
		rules.Systems = append(rules.Systems, SystemRule{
			Name: name, Reads: true, Receives: true, Create: true, Update: true, Delete: true, Has: trues(1), Writes: trues(1),
		})
	}
	// Left said b while right was away; right, which still held a, says c.
	link := &Link{
		ID: "L", Rev: 2, Base: []record.Value{"b"}, Origins: []Origin{{System: 0, Rev: 2}}, Match: []string{"m"},
		Members: []*Member{
			{System: 0, Key: "l", LinkID: "L", State: Live, Acked: 2, SinceWrite: true},
			{System: 1, Key: "r", LinkID: "L", State: Live, Acked: 1, SinceWrite: true, Seen: map[int]record.Value{0: "a"}},
		},
	}
	bucket := &Bucket{
		Links: []*Link{link}, Observations: []Observation{{System: 1, Key: "r", Match: []string{"m"}, Values: []record.Value{"c"}, InScope: true}},
	}
	out, err := Resolve(rules, bucket)
	require.NoError(t, err)
	require.Len(t, out.Opened, 1, "the edit of left meets the edit of right")
	require.Equal(t, "b", out.Links[0].Base[0])

	rules.hooks.ignoreMovedBase = true
	out, err = Resolve(rules, bucket)
	require.NoError(t, err)
	require.Empty(t, out.Opened)
	require.Equal(t, "c", out.Links[0].Base[0], "b is gone, and nobody said so")
}
