package conformance

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

func writing() []check {
	return []check{
		{"write/create, update, delete", needsSink, writesAll},
		{"write/the same batch twice", needsSink, writesTwice},
		{"write/refused when the row changed", needsSink, refusesChanged},
		{"write/a result is the next condition", needsSink, resultIsCondition},
		{"write/gone", needsSink, writesGone},
		{"write/creation that exists", func(f features) string {
			return needsSink(f) + unless(!f.can.ServerKeys, "the system chooses keys")
		}, createsExisting},
		{"write/creation unless matched", needsSink, createsUnless},
		{"write/missing values are left alone", needsSink, leavesMissing},
		{"write/NULL is written", needsSink, writesNull},
		{"write/one bad item fails alone", needsSink, badItemAlone},
		{"write/thousands, in order", needsSink, writesMany},
		{"write/fenced", needsSink, writesFenced},
		{"write/fence is a lock", func(f features) string {
			return needsSink(f) + unless(f.can.Transactions, "it has no transactions")
		}, fenceIsLock},
		{"write/column gone", needsSink, writesColumnGone},
	}
}

// columns are what creations and updates of a table set: all but keys that
// the system assigns, and the time of change, which systems keep themselves.
func (s *suite) columns(t Table) []string {
	var names []string
	for _, f := range t.Schema.Fields {
		if !f.ReadOnly && f.Name != t.Modified {
			names = append(names, f.Name)
		}
	}
	return names
}

// creations makes a write that creates the rows.
func (s *suite) creations(t Table, rows ...[]record.Value) connectors.Writes {
	w := connectors.Writes{Columns: s.columns(t), Compare: t.Schema.Names(), Fence: connectors.Fence{Sync: "conformance", Epoch: 1}}
	for _, row := range rows {
		w.Items = append(w.Items, connectors.Item{
			Op: connectors.OpCreate, Set: pick(row, t.place(w.Columns...)), Intent: "create " + record.Text(row[1]) + string(t.key(row)),
		})
	}
	return w
}

// set gives the values of an update that changes some columns.
func (s *suite) set(t Table, changes map[string]record.Value) []record.Value {
	columns := s.columns(t)
	set := make([]record.Value, len(columns))
	for i, name := range columns {
		set[i] = record.Missing
		if v, ok := changes[name]; ok {
			set[i] = v
		}
	}
	return set
}

// condition gives an item its condition: what the row is now.
func (s *suite) condition(tb testing.TB, t Table, o connectors.Object, item connectors.Item) connectors.Item {
	tb.Helper()
	batch, err := source(tb, o).Fetch(tb.Context(), t.Schema.Names(), []record.Key{item.Key})
	require.NoError(tb, err)
	require.Equal(tb, 1, batch.Rows())
	if s.can.Token {
		item.Token = batch.Mark(0).Token
		require.NotEmpty(tb, item.Token)
	} else {
		item.Seen = record.HashRow(batch.Row(0, nil)...)
	}
	return item
}

func (s *suite) update(t Table, key record.Key, changes map[string]record.Value) connectors.Item {
	return connectors.Item{Op: connectors.OpUpdate, Key: key, Set: s.set(t, changes)}
}

func (s *suite) remove(t Table, key record.Key) connectors.Item {
	return connectors.Item{Op: connectors.OpDelete, Key: key, Set: s.set(t, nil)}
}

// apply applies items and checks the form of the results.
func (s *suite) apply(tb testing.TB, t Table, o connectors.Object, items ...connectors.Item) []connectors.Result {
	tb.Helper()
	w := s.creations(t)
	w.Items = items
	return s.applyWrites(tb, o, w)
}

func (s *suite) applyWrites(tb testing.TB, o connectors.Object, w connectors.Writes) []connectors.Result {
	tb.Helper()
	results, err := sink(tb, o).Apply(tb.Context(), w)
	require.NoError(tb, err)
	require.Equal(tb, len(w.Items), len(results), "one result for each item") //nolint:testifylint // Len would print thousands of results
	for i, r := range results {
		item := w.Items[i]
		switch r.Status {
		case connectors.Done:
			require.NoError(tb, r.Err)
			require.NotEmpty(tb, r.Key)
			if item.Op == connectors.OpDelete {
				continue
			}
			require.Len(tb, r.Stored, len(w.Columns))
			require.Len(tb, r.Compared, len(w.Compare))
			if s.can.Token {
				require.NotEmpty(tb, r.Token, "the condition token after the write")
			}
		case connectors.Failed:
			require.Error(tb, r.Err)
		case connectors.Refused, connectors.Gone, connectors.Exists:
		default:
			require.Fail(tb, "unknown status", "%q", r.Status)
		}
		if item.Key != "" && r.Key != "" && r.Status != connectors.Done {
			require.Equal(tb, item.Key, r.Key)
		}
	}
	return results
}

func statuses(results []connectors.Result) []connectors.Status {
	list := make([]connectors.Status, len(results))
	for i, r := range results {
		list[i] = r.Status
	}
	return list
}

// truth gives the rows by key, read without the connector.
func (s *suite) truth(tb testing.TB, t Table, f Fixture) map[record.Key][]record.Value {
	tb.Helper()
	return s.byKey(tb, t, f.Rows(tb))
}

func writesAll(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	one, two := table.key(table.Rows[0]), table.key(table.Rows[1])
	items := []connectors.Item{
		s.creations(table, s.person(9, 9)).Items[0],
		s.condition(tb, table, o, s.update(table, one, map[string]record.Value{"name": "Renamed"})),
		s.condition(tb, table, o, s.remove(table, two)),
	}
	results := s.apply(tb, table, o, items...)
	require.Equal(tb, []connectors.Status{connectors.Done, connectors.Done, connectors.Done}, statuses(results), "%v", results)
	require.Equal(tb, one, results[1].Key)
	truth := s.truth(tb, table, fixture)
	require.Len(tb, truth, 3)
	require.NotContains(tb, truth, two)
	require.Equal(tb, "Renamed", truth[one][colName])
	require.Equal(tb, s.plain(tb, table, table.Rows[0])[colEmail], truth[one][colEmail])
	require.Contains(tb, truth, results[0].Key, "the result of a creation has the new key")
	require.Equal(tb, "person9@example.com", truth[results[0].Key][colEmail])
	for _, r := range results[:2] {
		s.requireStored(tb, table, truth[r.Key], r)
	}
}

// requireStored compares what a result says with the truth.
func (s *suite) requireStored(tb testing.TB, t Table, truth []record.Value, r connectors.Result) {
	tb.Helper()
	stored := s.plain(tb, t, s.whole(t, s.columns(t), truth, r.Stored))
	require.True(tb, record.EqualRows(truth, stored), "stored: %v, the truth is %v", stored, truth)
	compared := s.plain(tb, t, r.Compared)
	require.True(tb, record.EqualRows(truth, compared), "compared: %v, the truth is %v", compared, truth)
}

func writesTwice(tb testing.TB, s *suite) {
	table := s.people(3)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	w := s.creations(table, s.person(9, 9))
	w.Unless = []string{"email"}
	w.Items = append(w.Items,
		s.condition(tb, table, o, s.update(table, table.key(table.Rows[0]), map[string]record.Value{"name": "Renamed"})),
		s.condition(tb, table, o, s.remove(table, table.key(table.Rows[1]))))
	first := s.applyWrites(tb, o, w)
	require.Equal(tb, []connectors.Status{connectors.Done, connectors.Done, connectors.Done}, statuses(first))
	truth := s.truth(tb, table, fixture)
	second := s.applyWrites(tb, o, w)
	require.Equal(tb, []connectors.Status{connectors.Refused, connectors.Gone}, statuses(second)[1:])
	if second[0].Status != connectors.Done || second[0].Key != first[0].Key { // the answer to an idempotency key
		require.Equal(tb, connectors.Exists, second[0].Status)
	}
	s.requireSame(tb, table, truth, s.truth(tb, table, fixture), "the second time changes nothing")
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

func leavesMissing(tb testing.TB, s *suite) {
	table := s.people(1)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	key := table.key(table.Rows[0])
	r := s.apply(tb, table, o, s.update(table, key, map[string]record.Value{"email": "new@example.com"}))[0]
	require.Equal(tb, connectors.Done, r.Status, "%v", r.Err)
	truth := s.truth(tb, table, fixture)[key]
	require.Equal(tb, "new@example.com", truth[colEmail])
	before := s.plain(tb, table, table.Rows[0])
	require.Equal(tb, before[colName], truth[colName])
	require.Equal(tb, before[colAmount], truth[colAmount])
	s.requireStored(tb, table, truth, r)
}

func writesNull(tb testing.TB, s *suite) {
	table := s.people(1)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	key := table.key(table.Rows[0])
	r := s.apply(tb, table, o, s.update(table, key, map[string]record.Value{"email": nil, "amount": nil}))[0]
	require.Equal(tb, connectors.Done, r.Status, "%v", r.Err)
	truth := s.truth(tb, table, fixture)[key]
	require.Nil(tb, truth[colEmail])
	require.Nil(tb, truth[colAmount])
	s.requireStored(tb, table, truth, r)
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
	if !s.can.ServerKeys {
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

func writesMany(tb testing.TB, s *suite) {
	const n = 2_500
	table := s.people(n)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	w := s.creations(table)
	for i := range n {
		if i%2 == 0 {
			w.Items = append(w.Items, s.update(table, table.key(table.Rows[i]), map[string]record.Value{"name": fmt.Sprint("new ", i)}))
		} else {
			w.Items = append(w.Items, s.creations(table, s.person(n+i, i)).Items[0])
		}
	}
	results := s.applyWrites(tb, o, w)
	truth := s.truth(tb, table, fixture)
	require.Equal(tb, n+n/2, len(truth)) //nolint:testifylint // Len would print thousands of rows
	for i, r := range results {
		require.Equal(tb, connectors.Done, r.Status, "%v", r.Err)
		want := fmt.Sprint("new ", i)
		if i%2 == 1 {
			want = fmt.Sprint("Person ", n+i)
		}
		require.Equal(tb, want, truth[r.Key][colName], "result %d belongs to item %d", i, i)
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

func writesColumnGone(tb testing.TB, s *suite) {
	table := s.people(1)
	fixture := s.New(tb, table)
	o := s.open(tb, fixture)
	_, err := sink(tb, o).Apply(tb.Context(), connectors.Writes{
		Columns: []string{"name", "no such column"},
		Items:   []connectors.Item{{Op: connectors.OpUpdate, Key: table.key(table.Rows[0]), Set: []record.Value{"x", "y"}}},
	})
	requireKind(tb, connectors.SchemaChanged, err)
	s.requireRows(tb, table, table.Rows, fixture.Rows(tb), "nothing was written")
}
