package conformance

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// guarding lists the cases in which something must not be written.
func guarding() []check {
	return []check{
		{"write/refused when the row changed", needsSink, refusesChanged},
		{"write/a result is the next condition", needsSink, resultIsCondition},
		{"write/gone", needsSink, writesGone},
		{"write/creation that exists", func(f features) string {
			return needsSink(f) + unless(!f.can.ServerKeys, "the system chooses keys")
		}, createsExisting},
		{"write/creation unless matched", needsSink, createsUnless},
		{"write/two creations with one match", needsSink, createsUnlessEachOther},
		{"write/two updates with one condition", needsSink, updatesOnce},
		{"write/one bad item fails alone", needsSink, badItemAlone},
		{"write/fenced", needsSink, writesFenced},
		{"write/fence is a lock", func(f features) string {
			return needsSink(f) + unless(f.can.Transactions, "it has no transactions")
		}, fenceIsLock},
	}
}

func refusesChanged(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	update := s.condition(tb, table, o, s.update(table, table.key(table.Rows[0]), map[string]record.Value{"name": "Ours"}))
	remove := s.condition(tb, table, o, s.remove(table, table.key(table.Rows[1])))
	other := s.condition(tb, table, o, s.update(table, table.key(table.Rows[2]), map[string]record.Value{"name": "Ours"}))
	fixture.Put(tb,
		with(table.Rows[0], colEmail, "theirs@example.com"),
		with(table.Rows[1], colEmail, nil))
	results := s.apply(tb, table, o, update, remove, other)
	require.Equal(tb, []connectors.Status{connectors.Refused, connectors.Refused, connectors.Done}, statuses(results),
		"refused where the row changed, and only there")
	truth := s.truth(tb, table, fixture)
	require.Equal(tb, "theirs@example.com", truth[update.Key][colEmail])
	require.Equal(tb, "Person 1", truth[update.Key][colName], "nothing of it was written")
	require.Contains(tb, truth, remove.Key)
	again := s.condition(tb, table, o, s.update(table, update.Key, map[string]record.Value{"name": "Ours"}))
	require.Equal(tb, connectors.Done, s.apply(tb, table, o, again)[0].Status, "with the new condition it goes through")
}

func resultIsCondition(tb testing.TB, s *suite) {
	table := s.people(0)
	o := s.open(tb, s.New(tb, table))
	r := s.applyWrites(tb, o, s.creations(table, s.person(1, 1)))[0]
	for _, name := range []string{"second", "third"} {
		item := s.update(table, r.Key, map[string]record.Value{"name": name})
		if s.can.Token {
			item.Token = r.Token
		} else {
			item.Seen = record.HashRow(r.Compared...)
		}
		r = s.apply(tb, table, o, item)[0]
		require.Equal(tb, connectors.Done, r.Status, "%v", r.Err)
	}
}

func writesGone(tb testing.TB, s *suite) {
	table := s.people(2)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	update := s.condition(tb, table, o, s.update(table, table.key(table.Rows[0]), map[string]record.Value{"name": "Ours"}))
	remove := s.condition(tb, table, o, s.remove(table, table.key(table.Rows[1])))
	fixture.Delete(tb, table.keyValues(table.Rows[0]), table.keyValues(table.Rows[1]))
	results := s.apply(tb, table, o, update, remove)
	require.Equal(tb, []connectors.Status{connectors.Gone, connectors.Gone}, statuses(results))
	require.Empty(tb, fixture.Rows(tb), "an update never creates")
}

func createsExisting(tb testing.TB, s *suite) {
	table := s.people(2)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	w := s.creations(table, with(table.Rows[0], colName, "Ours"), s.person(3, 3))
	require.Equal(tb, []connectors.Status{connectors.Exists, connectors.Done}, statuses(s.applyWrites(tb, o, w)))
	truth := s.truth(tb, table, fixture)
	created := table.key(s.person(3, 3))
	require.Contains(tb, truth, created)
	delete(truth, created)
	s.requireSame(tb, table, s.byKey(tb, table, table.Rows), truth, "the row that was there is untouched")
}

func createsUnless(tb testing.TB, s *suite) {
	table := s.people(2)
	table.Rows[1][colEmail] = nil
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	double := with(s.person(8, 8), colEmail, "person1@example.com")
	w := s.creations(table, double, s.person(9, 9), with(s.person(10, 10), colEmail, nil))
	w.Unless = []string{"email"}
	results := s.applyWrites(tb, o, w)
	require.Equal(tb, []connectors.Status{connectors.Exists, connectors.Done, connectors.Done}, statuses(results),
		"a match forbids the creation, and NULL never matches")
	require.Len(tb, fixture.Rows(tb), 4)
}

// The second of two creations meets the first.
func createsUnlessEachOther(tb testing.TB, s *suite) {
	table := s.people(1)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	w := s.creations(table, s.person(8, 8), s.person(9, 9), with(s.person(10, 10), colEmail, "person8@example.com"))
	w.Unless = []string{"email"}
	list := statuses(s.applyWrites(tb, o, w))
	require.Equal(tb, connectors.Done, list[1])
	require.ElementsMatch(tb, []connectors.Status{connectors.Done, connectors.Exists}, []connectors.Status{list[0], list[2]})
	require.Len(tb, fixture.Rows(tb), 3)
}

// Of two updates that saw the same row only one may go through, or the other
// one's change is lost without a word.
func updatesOnce(tb testing.TB, s *suite) {
	table := s.people(2)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	key := table.key(table.Rows[0])
	one := s.condition(tb, table, o, s.update(table, key, map[string]record.Value{"name": "One"}))
	two := s.condition(tb, table, o, s.update(table, key, map[string]record.Value{"email": "two@example.com"}))
	list := statuses(s.apply(tb, table, o, one, two))
	require.ElementsMatch(tb, []connectors.Status{connectors.Done, connectors.Refused}, list)
	truth := s.truth(tb, table, fixture)[key]
	require.Equal(tb, list[0] == connectors.Done, truth[colName] == "One")
	require.Equal(tb, list[1] == connectors.Done, truth[colEmail] == "two@example.com")
}

// badItems are items that this object must refuse, and why.
func (s *suite) badItems(tb testing.TB, t Table, o connectors.Object) map[string]connectors.Item {
	tb.Helper()
	d, err := o.Describe(tb.Context())
	require.NoError(tb, err)
	bad := map[string]connectors.Item{}
	if f, _ := d.Schema.Field("name"); !f.Nullable {
		bad["NULL in a column that must not be NULL"] = s.creations(t, with(s.person(901, 901), colName, nil)).Items[0]
		bad["NULL written to such a column"] = s.update(t, t.key(t.Rows[0]), map[string]record.Value{"name": nil})
	}
	if key, _ := d.Schema.Field("id"); !d.Can.ServerKeys && !key.HasDefault {
		bad["a creation without a key"] = s.creations(t, with(s.person(902, 902), colID, nil)).Items[0]
	}
	if f, _ := d.Schema.Field("amount"); f.Type.Kind == record.KindDecimal || f.Type.Kind == record.KindInt {
		bad["a word in a number column"] = s.creations(t, with(s.person(903, 903), colAmount, "many")).Items[0]
	}
	return bad
}

func badItemAlone(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	bad := s.badItems(tb, table, o)
	require.NotEmpty(tb, bad, "there must be something that the object refuses")
	id := 10
	for why, item := range bad {
		before := s.truth(tb, table, fixture)
		good := s.creations(table, s.person(id, id), s.person(id+1, id+1)).Items
		id += 2
		results := s.apply(tb, table, o, good[0], item, good[1])
		require.Equal(tb, []connectors.Status{connectors.Done, connectors.Failed, connectors.Done}, statuses(results), "%s: %v", why, results[1].Err)
		require.Contains(tb, []connectors.Kind{connectors.BadRecord, connectors.Conflict}, connectors.KindOf(results[1].Err), "%s: %v", why, results[1].Err)
		after := s.truth(tb, table, fixture)
		require.Len(tb, after, len(before)+2, why)
		for key, row := range before {
			require.Equal(tb, row, after[key], why)
		}
	}
}

func fenced(tb testing.TB) connectors.Fence {
	tb.Helper()
	return connectors.Fence{Sync: "conformance", Epoch: 1, Check: func(context.Context) error {
		return connectors.Errorf(connectors.Fenced, "a newer run holds the sync")
	}}
}

func writesFenced(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	w := s.creations(table, s.person(9, 9))
	w.Items = append(w.Items,
		s.update(table, table.key(table.Rows[0]), map[string]record.Value{"name": "Ours"}),
		s.remove(table, table.key(table.Rows[1])))
	w.Fence = fenced(tb)
	_, err := sink(tb, o).Apply(tb.Context(), w)
	requireKind(tb, connectors.Fenced, err)
	s.requireRows(tb, table, table.Rows, fixture.Rows(tb), "a zombie writes nothing")
	w.Fence.Check = nil
	require.Equal(tb, []connectors.Status{connectors.Done, connectors.Done, connectors.Done}, statuses(s.applyWrites(tb, o, w)))
	w.Fence.Check = func(context.Context) error { return errors.New("the ledger cannot be reached") }
	before := fixture.Rows(tb)
	_, err = sink(tb, o).Apply(tb.Context(), w)
	require.Error(tb, err)
	s.requireRows(tb, table, before, fixture.Rows(tb), "who cannot check the fence writes nothing")
}

// While one writer is between its check and its commit, no other writer of the
// sync gets through: else a zombie could check, be overtaken and then commit.
func fenceIsLock(tb testing.TB, s *suite) {
	table := s.people(2)
	fixture := s.New(tb, table)
	o, other := s.open(tb, fixture), s.open(tb, fixture)
	entered, release := make(chan struct{}), make(chan struct{})
	slow := s.creations(table)
	slow.Items = []connectors.Item{s.update(table, table.key(table.Rows[0]), map[string]record.Value{"name": "slow"})}
	held := false
	slow.Fence.Check = func(context.Context) error {
		if !held {
			held = true
			close(entered)
			<-release
		}
		return nil
	}
	quick := s.creations(table)
	quick.Items = []connectors.Item{s.update(table, table.key(table.Rows[0]), map[string]record.Value{"name": "quick"})}
	done := make(chan string, 2)
	ended := make(chan error, 2)
	write := func(name string, to connectors.Object, w connectors.Writes) {
		_, err := sink(tb, to).Apply(tb.Context(), w)
		done <- name
		ended <- err
	}
	go write("slow", o, slow)
	<-entered
	go write("quick", other, quick)
	select {
	case name := <-done:
		close(release)
		require.Fail(tb, "another writer got through the fence", name)
	case <-time.After(200 * time.Millisecond): // nothing is waited for: it must not come
	}
	close(release)
	require.NoError(tb, <-ended)
	require.NoError(tb, <-ended)
	require.Equal(tb, "quick", s.truth(tb, table, fixture)[table.key(table.Rows[0])][colName], "in the order of the fence")
}
