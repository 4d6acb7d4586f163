package conformance

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// following lists the cases for one way of following changes.
func following(mode connectors.Mode) []check {
	list := []check{}
	needs := func(f features) string {
		return needsSource(f) + unless(slices.Contains(f.can.Modes, mode), "it sees no changes by "+string(mode))
	}
	add := func(name string, run func(testing.TB, *suite, connectors.Mode)) {
		list = append(list, check{
			"changes by " + string(mode) + "/" + name, needs,
			func(tb testing.TB, s *suite) { run(tb, s, mode) },
		})
	}
	add("what came since", seesChanges)
	add("nothing is lost between listing and changes", handsOver)
	add("equal times of change", equalTimes)
	add("no time of change", noTime)
	add("deletes", seesDeletes)
	add("one key several times", foldsKeys)
	add("a position twice", positionTwice)
	add("position of another object", foreignPosition)
	add("any history", anyHistory)
	return list
}

// watched makes a table that can be followed by the mode.
func (s *suite) watched(tb testing.TB, mode connectors.Mode, rows int) (Table, Fixture, *follower) {
	tb.Helper()
	table := s.people(rows)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	if triggers, ok := connectors.As[connectors.Triggers](o); ok && mode == connectors.ModeTrigger {
		require.NoError(tb, triggers.Install(tb.Context()))
		require.NoError(tb, triggers.Install(tb.Context()), "installing twice is harmless")
	}
	return table, fixture, s.follow(tb, table, o, mode)
}

func (s *suite) seesDeletes(mode connectors.Mode) bool {
	return slices.Contains(s.can.SeesDeletes, mode)
}

func seesChanges(tb testing.TB, s *suite, mode connectors.Mode) {
	table, fixture, f := s.watched(tb, mode, 30)
	w := f.pass(tb, false, nil)
	require.True(tb, w.Complete, "without a position everything is read")
	f.requireTruth(tb, fixture, "first read")
	fixture.Put(tb, with(s.person(3, 100), colName, "Changed"), s.person(99, 101))
	f.pass(tb, false, nil)
	f.requireTruth(tb, fixture, "an update and a new row")
	fixture.Put(tb, with(s.person(3, 102), colEmail, nil))
	f.pass(tb, false, nil)
	f.requireTruth(tb, fixture, "a value that became NULL")
	f.pass(tb, false, nil)
	f.requireTruth(tb, fixture, "nothing changed")
	_ = table
}

// What changes while the first listing is read is either in it or comes with
// the next window.
func handsOver(tb testing.TB, s *suite, mode connectors.Mode) {
	_, fixture, f := s.watched(tb, mode, 30)
	f.pass(tb, true, func() {
		fixture.Put(tb, with(s.person(3, 100), colName, "Changed"), s.person(99, 101), with(s.person(30, 102), colName, "Last"))
	})
	f.pass(tb, false, nil)
	f.requireTruth(tb, fixture, "changes during the listing")
	f.pass(tb, false, func() {
		fixture.Put(tb, with(s.person(4, 103), colName, "Changed"), s.person(98, 104))
	})
	f.pass(tb, false, nil)
	f.requireTruth(tb, fixture, "changes during a window")
	f.pass(tb, true, nil)
	f.requireTruth(tb, fixture, "a sweep")
}

// Ten rows changed at one instant, and more come with that very instant after
// the position was taken: no comparison with > finds them.
func equalTimes(tb testing.TB, s *suite, mode connectors.Mode) {
	_, fixture, f := s.watched(tb, mode, 10)
	f.pass(tb, true, nil)
	for id := 10; id > 0; id-- {
		fixture.Put(tb, with(s.person(id, 100), colName, "Changed"))
	}
	f.pass(tb, false, nil)
	f.requireTruth(tb, fixture, "ten at one instant")
	fixture.Put(tb, with(s.person(1, 100), colName, "Again"), with(s.person(0, 100), colName, "New"))
	f.pass(tb, false, nil)
	f.requireTruth(tb, fixture, "two more at that instant")
}

// A row that does not say when it changed is at least in every full read, and
// does not keep others from being seen.
func noTime(tb testing.TB, s *suite, mode connectors.Mode) {
	_, fixture, f := s.watched(tb, mode, 10)
	f.pass(tb, true, nil)
	fixture.Put(tb, with(s.person(3, 0), colChanged, nil), s.person(50, 100))
	f.pass(tb, false, nil)
	require.Contains(tb, f.rows, f.table.key(s.person(50, 0)))
	f.pass(tb, true, nil)
	f.requireTruth(tb, fixture, "a full read")
	fixture.Put(tb, with(s.person(3, 101), colName, "Changed"))
	f.pass(tb, false, nil)
	f.requireTruth(tb, fixture, "a time of change at last")
}

func seesDeletes(tb testing.TB, s *suite, mode connectors.Mode) {
	table, fixture, f := s.watched(tb, mode, 30)
	f.pass(tb, true, nil)
	fixture.Delete(tb, table.keyValues(table.Rows[4]), table.keyValues(table.Rows[29]))
	w := f.pass(tb, false, nil)
	if s.seesDeletes(mode) {
		f.requireTruth(tb, fixture, "deletes are reported")
	} else if !w.Complete {
		require.Len(tb, f.rows, 30, "what is not reported is not known")
	}
	f.pass(tb, true, nil)
	f.requireTruth(tb, fixture, "a sweep finds deletes")
}

func foldsKeys(tb testing.TB, s *suite, mode connectors.Mode) {
	table, fixture, f := s.watched(tb, mode, 3)
	f.pass(tb, true, nil)
	two := table.keyValues(table.Rows[1])
	fixture.Put(tb, s.person(50, 100))
	fixture.Put(tb, with(s.person(50, 101), colName, "second"))
	fixture.Delete(tb, table.keyValues(s.person(50, 0)))
	fixture.Put(tb, with(s.person(50, 102), colName, "third"))
	fixture.Delete(tb, two)
	fixture.Put(tb, with(s.person(2, 103), colName, "back"))
	for i := range 20 { // enough for several partitions
		fixture.Put(tb, with(s.person(50, 104+i), colAmount, s.value(record.KindDecimal, record.DecimalOfInt(int64(i)))))
	}
	f.pass(tb, false, nil)
	f.requireTruth(tb, fixture, "insert, update, delete, insert of one key")
}

// A step that runs again asks with the position it had.
func positionTwice(tb testing.TB, s *suite, mode connectors.Mode) {
	_, fixture, f := s.watched(tb, mode, 10)
	f.pass(tb, true, nil)
	before := f.since
	fixture.Put(tb, with(s.person(3, 100), colName, "Changed"))
	f.pass(tb, false, nil)
	delete(f.rows, f.table.key(s.person(3, 0)))
	delete(f.orders, f.table.key(s.person(3, 0)))
	f.since = before
	f.pass(tb, false, nil)
	f.requireTruth(tb, fixture, "the window again")
}

func foreignPosition(tb testing.TB, s *suite, mode connectors.Mode) {
	table, _, f := s.watched(tb, mode, 3)
	w := f.pass(tb, true, nil)
	foreign := w.To
	foreign.Source = "another " + foreign.Source
	_, err := f.source.Detect(tb.Context(), connectors.Ask{Mode: mode, Columns: table.Schema.Names(), Since: foreign})
	requireKind(tb, connectors.SchemaChanged, err)
}

// Any history of writes by others, with windows taken at any moment, ends in
// agreement. The seed is in the output of a failure.
func anyHistory(tb testing.TB, s *suite, mode connectors.Mode) {
	seed := rand.Uint64() //nolint:gosec // chooses test data
	tb.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // chooses test data
	table, fixture, f := s.watched(tb, mode, 12)
	second := 1_000
	edit := func() {
		for range random.IntN(6) {
			if random.IntN(3) > 0 {
				second++
			}
			id := 1 + random.IntN(20)
			if random.IntN(4) == 0 {
				fixture.Delete(tb, table.keyValues(s.person(id, 0)))
				continue
			}
			fixture.Put(tb, with(s.person(id, second), colAmount, s.value(record.KindDecimal, record.DecimalOfInt(random.Int64N(1_000)))))
		}
	}
	f.pass(tb, true, edit)
	for range 25 {
		edit()
		f.pass(tb, random.IntN(8) == 0, edit)
	}
	f.pass(tb, false, nil)
	if !s.seesDeletes(mode) {
		f.pass(tb, true, nil)
	}
	f.requireTruth(tb, fixture, "a random history")
}
