package ledger_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

// model is what a ledger should know: everything by name, in maps.
type model struct {
	links map[string]*modelLink
	loose map[modelRow]*reconcile.Member
}

type modelRow struct{ system, key string }

type modelLink struct {
	rev     int64
	dead    bool
	match   []string
	base    map[string]record.Value
	members map[string]*reconcile.Member // Seen by place in modelFields
	slot    uint16
	owed    map[string]string
}

var (
	modelFields  = []string{"a", "b", "c", "d"}
	modelSystems = []string{"one", "two", "three"}
)

// A ledger behaves like maps, whatever is written in whatever order under
// whatever definition.
func TestLedgerBehavesLikeItsModel(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		s := open(t, "sqlite://"+filepath.Join(t.TempDir(), "ledger.db"))
		rapid.Check(t, modelRun(s))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		s := open(t, testenv.Postgres(t).URL)
		rapid.Check(t, modelRun(s))
	})
}

func modelRun(s *ledger.Store) func(*rapid.T) {
	syncs := 0
	return func(rt *rapid.T) {
		syncs++
		m := &machine{
			s: s, sync: fmt.Sprintf("sync %d", syncs),
			model: model{links: map[string]*modelLink{}, loose: map[modelRow]*reconcile.Member{}},
		}
		m.deploy(rt)
		actions := []func(*rapid.T){m.deploy, m.links, m.links, m.looseRows, m.unlink}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(actions)-1), 1, 12).Draw(rt, "actions") {
			actions[i](rt)
			m.check(rt)
		}
	}
}

type machine struct {
	s     *ledger.Store
	sync  string
	runs  int
	marks int
	fence ledger.Fence
	scope ledger.Scope
	model model
}

// deploy begins a run of another definition: some fields, some systems.
func (m *machine) deploy(t *rapid.T) {
	m.scope = ledger.Scope{Sync: m.sync, Systems: some(t, modelSystems, "systems")}
	for _, name := range some(t, modelFields, "fields") {
		m.scope.Fields = append(m.scope.Fields, record.Field{Name: name})
	}
	m.runs++
	run, err := m.s.BeginRun(context.Background(), ledger.Begin{
		Sync: m.sync, Run: fmt.Sprintf("%s/run/%d", m.sync, m.runs), Fields: m.scope.Fields, Systems: m.scope.Systems, At: noon,
	})
	require.NoError(t, err)
	require.EqualValues(t, m.runs, run.Number)
	m.fence = ledger.Fence{Sync: m.sync, Run: run.ID, Epoch: run.Epoch}
}

func some(t *rapid.T, all []string, label string) []string {
	n := rapid.IntRange(1, len(all)).Draw(t, label+" n")
	return rapid.Permutation(all).Draw(t, label)[:n]
}

func (m *machine) commit(t *rapid.T, c ledger.Change) {
	m.marks++
	c.Step, c.Part = "step", strconv.Itoa(m.marks)
	_, again, err := m.s.Commit(context.Background(), m.fence, m.scope, c)
	require.NoError(t, err)
	require.False(t, again)
}

func (m *machine) word(t *rapid.T, label string) string {
	return rapid.SampledFrom([]string{"", "x", "y", "zebra", "ä\x00"}).Draw(t, label)
}

// taken tells where a row is now.
func (m *machine) taken(row modelRow) (link string, taken bool) {
	for id, l := range m.model.links {
		if member := l.members[row.system]; member != nil && string(member.Key) == row.key {
			return id, true
		}
	}
	return "", false
}

// links writes some links anew, in the scope's terms.
func (m *machine) links(t *rapid.T) {
	change := ledger.Change{Slots: map[string]uint16{}, Owed: map[string][]reconcile.Payment{}}
	used := map[modelRow]bool{}
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"L1", "L2", "L3", "0123456789abcdef-L4"}), 1, 3, rapid.ID[string]).Draw(t, "ids") {
		l := m.model.links[id]
		if l == nil {
			l = &modelLink{base: map[string]record.Value{}, members: map[string]*reconcile.Member{}}
		}
		l.rev++
		l.dead = rapid.Bool().Draw(t, "dead")
		l.match = []string{m.word(t, "match"), m.word(t, "match 2")}
		l.slot = rapid.SampledFrom([]uint16{0, 7, 1<<16 - 1}).Draw(t, "slot")
		l.owed = map[string]string{}
		for _, f := range m.scope.Fields {
			l.base[f.Name] = rapid.SampledFrom([]record.Value{record.Missing, nil, "v", int64(5)}).Draw(t, "value")
		}
		for i, system := range m.scope.Systems {
			l.members[system] = m.member(t, l.members[system], id, i, system, used)
			if rapid.Bool().Draw(t, "owed") {
				l.owed[system] = "update"
				change.Owed[id] = append(change.Owed[id], reconcile.Payment{System: i, Op: "update"})
			}
		}
		m.model.links[id] = l
		change.Links = append(change.Links, m.show(id))
		change.Slots[id] = l.slot
	}
	m.commit(t, change)
}

// member draws a link's row in a system: none, the one it had, or another that
// is free or loose.
func (m *machine) member(t *rapid.T, had *reconcile.Member, id string, place int, system string, used map[modelRow]bool) *reconcile.Member {
	row := modelRow{system, string(rapid.SampledFrom([]record.Key{"", key("1"), key("2"), key("3")}).Draw(t, "key"))}
	if row.key == "" {
		if rapid.Bool().Draw(t, "creating") {
			return &reconcile.Member{System: place, LinkID: id, State: reconcile.Creating}
		}
		return nil
	}
	if owner, taken := m.taken(row); used[row] || taken && owner != id {
		return had
	}
	if had != nil {
		used[modelRow{system, string(had.Key)}] = true // as it may be seen as free by the next link
	}
	used[row] = true
	delete(m.model.loose, row)
	member := m.row(t, place, row)
	member.LinkID = id
	m.keep(member, had)
	member.State = rapid.SampledFrom([]reconcile.State{reconcile.Live, reconcile.Quarantined, reconcile.OutOfScope, reconcile.Detached}).Draw(t, "state")
	return member
}

func (m *machine) row(t *rapid.T, place int, row modelRow) *reconcile.Member {
	member := &reconcile.Member{
		System: place, Key: record.Key(row.key), Acked: rapid.Int64().Draw(t, "acked"), Why: m.word(t, "why"),
		Order: m.word(t, "order"), Token: m.word(t, "token"), SinceWrite: rapid.Bool().Draw(t, "since"),
		RawHash: record.HashText(m.word(t, "raw")), MapHash: record.HashText("map"), Flips: rapid.IntRange(0, 3).Draw(t, "flips"),
	}
	if rapid.Bool().Draw(t, "matches") {
		member.Match = []string{m.word(t, "own match")}
	}
	for i := range m.scope.Fields {
		if rapid.Bool().Draw(t, "seen") {
			if member.Seen == nil {
				member.Seen = map[int]record.Value{}
			}
			member.Seen[i] = "seen"
		}
	}
	// The model keeps fields by their place among all fields.
	member.Seen = m.globally(member.Seen)
	return member
}

func (m *machine) globally(seen map[int]record.Value) map[int]record.Value {
	var all map[int]record.Value
	for i, v := range seen {
		if all == nil {
			all = map[int]record.Value{}
		}
		all[slices.Index(modelFields, m.scope.Fields[i].Name)] = v
	}
	return all
}

// keep: what was seen of the same row in fields that the definition does not
// name now is kept.
func (m *machine) keep(member, before *reconcile.Member) {
	if before == nil || before.Key != member.Key {
		return
	}
	for at, v := range before.Seen {
		if slices.ContainsFunc(m.scope.Fields, func(f record.Field) bool { return f.Name == modelFields[at] }) {
			continue
		}
		if member.Seen == nil {
			member.Seen = map[int]record.Value{}
		}
		member.Seen[at] = v
	}
}

func (m *machine) looseRows(t *rapid.T) {
	change := ledger.Change{}
	for i, system := range m.scope.Systems {
		row := modelRow{system, string(key(rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "key")))}
		if _, taken := m.taken(row); taken {
			continue
		}
		member := m.row(t, i, row)
		member.State = reconcile.Unlinked
		m.keep(member, m.model.loose[row])
		m.model.loose[row] = member
		if rapid.IntRange(0, 3).Draw(t, "gone") == 0 { // whether or not it was known
			member.State, member.Why = reconcile.Detached, "gone"
			delete(m.model.loose, row)
		}
		change.Loose = append(change.Loose, m.local(member, i))
	}
	m.commit(t, change)
}

// unlink takes a row out of its link and makes it loose.
func (m *machine) unlink(t *rapid.T) {
	for _, id := range slices.Sorted(maps.Keys(m.model.links)) {
		l := m.model.links[id]
		for i, system := range m.scope.Systems {
			member := l.members[system]
			if member == nil || member.Key == "" {
				continue
			}
			l.members[system] = nil
			loose := m.row(t, i, modelRow{system, string(member.Key)})
			loose.State = reconcile.Unlinked
			m.model.loose[modelRow{system, string(member.Key)}] = loose
			l.owed = map[string]string{}
			m.commit(t, ledger.Change{
				Links: []*reconcile.Link{m.show(id)}, Slots: map[string]uint16{id: l.slot}, Loose: []*reconcile.Member{m.local(loose, i)},
			})
			return
		}
	}
}

// local gives a member of the model in the scope's terms.
func (m *machine) local(member *reconcile.Member, place int) *reconcile.Member {
	c := *member
	c.System, c.Seen = place, nil
	for at, v := range member.Seen {
		i := slices.IndexFunc(m.scope.Fields, func(f record.Field) bool { return f.Name == modelFields[at] })
		if i < 0 {
			continue
		}
		if c.Seen == nil {
			c.Seen = map[int]record.Value{}
		}
		c.Seen[i] = v
	}
	return &c
}

// show gives a link of the model in the scope's terms.
func (m *machine) show(id string) *reconcile.Link {
	l := m.model.links[id]
	link := &reconcile.Link{ID: id, Rev: l.rev, Tombstone: l.dead, Match: l.match, Members: make([]*reconcile.Member, len(m.scope.Systems))}
	for _, f := range m.scope.Fields {
		v, known := l.base[f.Name]
		if !known {
			v = record.Missing
		}
		link.Base = append(link.Base, v)
		link.Origins = append(link.Origins, reconcile.Origin{System: reconcile.None})
	}
	for i, system := range m.scope.Systems {
		if member := l.members[system]; member != nil {
			link.Members[i] = m.local(member, i)
		}
	}
	return link
}

// check compares everything that can be asked with the model.
func (m *machine) check(t *rapid.T) {
	var want []*reconcile.Link
	for _, id := range slices.SortedFunc(maps.Keys(m.model.links), strings.Compare) {
		want = append(want, m.show(id))
	}
	links, loose, err := m.s.Load(context.Background(), m.scope, ledger.Select{Slots: &[2]uint16{0, 1<<16 - 1}})
	require.NoError(t, err)
	if len(want) > 0 || len(links) > 0 {
		require.Equal(t, want, links)
	}
	shown := 0
	for _, member := range loose {
		row := modelRow{m.scope.Systems[member.System], string(member.Key)}
		require.Equal(t, m.local(m.model.loose[row], member.System), member)
		shown++
	}
	for row := range m.model.loose {
		if slices.Contains(m.scope.Systems, row.system) {
			shown--
		}
	}
	require.Zero(t, shown, "loose rows")
	m.checkRows(t)
	m.checkMatches(t)
	m.checkCounts(t)
}

func (m *machine) checkRows(t *rapid.T) {
	for i, system := range m.scope.Systems {
		var rows []ledger.Seen
		known := 0
		for _, k := range []string{"1", "2", "3"} {
			rows = append(rows, ledger.Seen{Key: key(k), MapHash: record.HashText("map"), RawHash: record.HashText("zebra")})
		}
		briefs, err := m.s.Compare(context.Background(), m.scope, i, rows)
		require.NoError(t, err)
		for j, b := range briefs {
			row := modelRow{system, string(rows[j].Key)}
			id, linked := m.taken(row)
			member := m.model.loose[row]
			if linked {
				member = m.model.links[id].members[system]
				require.Equal(t, m.model.links[id].slot, b.Slot)
			}
			require.Equal(t, member != nil, b.Known)
			if member == nil {
				continue
			}
			known++
			require.Equal(t, member.RawHash == rows[j].RawHash, b.Same)
			require.Equal(t, member.State, b.State)
			require.Equal(t, member.SinceWrite, b.SinceWrite)
			require.Equal(t, member.RawHash, b.RawHash)
			if !b.Same {
				require.Equal(t, id, b.LinkID)
				require.Equal(t, member.Order, b.Order)
				require.Equal(t, member.Match, b.Match)
			}
		}
		listed := 0
		err = m.s.EachMember(context.Background(), m.scope, i, [2]uint16{0, 1<<16 - 1}, func(k ledger.MemberKey) error {
			if k.Key != "" {
				listed++
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, known, listed)
	}
}

func (m *machine) checkMatches(t *rapid.T) {
	for _, text := range []string{"x", "y", "zebra", "ä\x00"} {
		want := map[string]bool{}
		for id, l := range m.model.links {
			if l.match[0] == text {
				want[id] = true
			}
			for _, member := range l.members {
				if member != nil && len(member.Match) > 0 && member.Match[0] == text {
					want[id] = true
				}
			}
		}
		links, _, err := m.s.Load(context.Background(), m.scope, ledger.Select{Matches: []ledger.MatchText{{Text: text}}})
		require.NoError(t, err)
		got := map[string]bool{}
		for _, l := range links {
			got[l.ID] = true
		}
		require.Equal(t, want, got)
	}
}

func (m *machine) checkCounts(t *rapid.T) {
	live := map[string]int64{}
	owed := map[string]map[string]int64{}
	var held []string
	for _, l := range m.model.links {
		for system, member := range l.members {
			if member != nil && member.State == reconcile.Live {
				live[system]++
			}
			if member != nil && member.State == reconcile.Quarantined {
				held = append(held, system+" "+string(member.Key))
			}
		}
		for system, op := range l.owed {
			if owed[system] == nil {
				owed[system] = map[string]int64{}
			}
			owed[system][op]++
		}
	}
	counts, err := m.s.Count(context.Background(), m.sync)
	require.NoError(t, err)
	for _, system := range modelSystems {
		require.Equal(t, live[system], counts[system], system)
	}
	got, err := m.s.OwedCount(context.Background(), m.scope)
	require.NoError(t, err)
	require.Equal(t, owed, got)
	rows, err := m.s.Quarantine(context.Background(), m.sync, 0)
	require.NoError(t, err)
	var listed []string
	for _, row := range rows {
		listed = append(listed, row.System+" "+string(row.Key))
	}
	require.ElementsMatch(t, held, listed)
}
