package ledger

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// Seen is a row as it was just read.
type Seen struct {
	Key              record.Key
	RawHash, MapHash record.Hash
}

// Brief is what is known of a row without opening its link.
type Brief struct {
	// Known: the row was seen before. All else is zero otherwise.
	Known bool
	// Same: its raw columns and its mapping are as they were when it was last
	// seen or written. Of such a row only Slot, State, SinceWrite, RawHash and
	// MapHash are given.
	Same       bool
	Slot       uint16 // where it is resolved
	State      reconcile.State
	SinceWrite bool
	// LinkID is "" for a loose row.
	LinkID           string
	RawHash, MapHash record.Hash
	Order            string
	Match            []string
}

// Compare tells of rows just read what is known of them, in their order. It is
// made for tens of thousands of rows a call, and is fastest where they come in
// the order of their keys and most of them are as they were.
func (s *Store) Compare(ctx context.Context, scope Scope, system int, rows []Seen) ([]Brief, error) {
	var briefs []Brief
	err := s.view(ctx, "compare rows", func(t *tx) error {
		briefs = make([]Brief, len(rows))
		n, id, err := t.scopedSystem(scope, system)
		if err != nil || n == nil {
			return err
		}
		c := &comparison{t: t, system: id, rows: rows, briefs: briefs, opened: map[int64][]int{}, again: make([]bool, len(rows))}
		return c.run()
	})
	return briefs, err
}

// Briefs gives what is known of rows by their keys; unknown ones are left out.
// It opens every row's link: Compare is faster where hashes are at hand.
func (s *Store) Briefs(ctx context.Context, scope Scope, system int, keys []record.Key) (map[record.Key]Brief, error) {
	rows := make([]Seen, len(keys))
	for i, k := range keys {
		rows[i].Key = k
	}
	briefs, err := s.Compare(ctx, scope, system, rows)
	if err != nil {
		return nil, err
	}
	found := make(map[record.Key]Brief, len(keys))
	for i, b := range briefs {
		if b.Known {
			found[keys[i]] = b
		}
	}
	return found, nil
}

type comparison struct {
	t      *tx
	system int64
	rows   []Seen
	briefs []Brief
	// opened has the rows, by their links' numbers, that need a closer look;
	// under 0 are the loose ones.
	opened map[int64][]int
	// again tells rows that must be looked at whatever their hash.
	again []bool
}

func (c *comparison) run() error {
	places := make(map[string][]int, len(c.rows))
	for i, row := range c.rows {
		if row.Key != "" {
			places[string(row.Key)] = append(places[string(row.Key)], i)
		}
	}
	keys := sortedKeys(places)
	const query = "SELECT key, link, state, print FROM members WHERE system = ? AND key IN (*)"
	err := rowsAmong(c.t, query, []any{c.system}, keys, func(r *sql.Rows) error {
		var key sql.RawBytes
		var link, state, seen int64
		if err := r.Scan(&key, &link, &state, &seen); err != nil {
			return err
		}
		for _, i := range places[string(key)] {
			row, b := &c.rows[i], &c.briefs[i]
			b.Known, b.Slot = true, numberSlot(link)
			b.State, b.SinceWrite = stateOf(uint8(state>>1)), state&1 == 1
			b.Same = seen != 0 && seen == printOf(row.RawHash, row.MapHash)
			if b.Same {
				b.RawHash, b.MapHash = row.RawHash, row.MapHash
			}
			if !b.Same || link == 0 {
				c.opened[link] = append(c.opened[link], i)
			}
			c.again[i] = seen == 0
		}
		return nil
	})
	if err != nil {
		return err
	}
	return errors.Join(c.openLoose(c.opened[0]), c.openLinks())
}

func (c *comparison) fill(i int, m *bodyMember, link string) {
	b := &c.briefs[i]
	b.LinkID, b.Order, b.Match = link, m.order, copyTexts(m.match)
	if !c.again[i] {
		b.RawHash, b.MapHash = m.raw, m.mapping
	}
}

func (c *comparison) openLoose(rows []int) error {
	at := make(map[string][]int, len(rows))
	for _, i := range rows {
		at[string(c.rows[i].Key)] = append(at[string(c.rows[i].Key)], i)
	}
	const query = "SELECT key, slot, body FROM loose WHERE system = ? AND key IN (*)"
	return rowsAmong(c.t, query, []any{c.system}, sortedKeys(at), func(r *sql.Rows) error {
		var key sql.RawBytes
		var slot uint16
		var data string
		if err := r.Scan(&key, &slot, &data); err != nil {
			return err
		}
		m, err := parseLoose(data)
		if err != nil {
			return err
		}
		for _, i := range at[string(key)] {
			c.briefs[i].Slot = slot
			c.fill(i, &m, "")
		}
		return nil
	})
}

func (c *comparison) openLinks() error {
	delete(c.opened, 0)
	numbers := make([]int64, 0, len(c.opened))
	for n := range c.opened {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var b body
	return rowsAmong(c.t, "SELECT n, id, body FROM links WHERE n IN (*)", nil, numbers, func(r *sql.Rows) error {
		var n int64
		var id, data string
		if err := r.Scan(&n, &id, &data); err != nil {
			return err
		}
		if err := b.parseHead(data); err != nil {
			return err
		}
		for _, i := range c.opened[n] {
			for j := range b.members {
				if b.members[j].system == c.system && b.members[j].key == string(c.rows[i].Key) {
					c.fill(i, &b.members[j], id)
				}
			}
		}
		return nil
	})
}

// sortedKeys gives a map's keys, as bytes and in the order of the tables.
func sortedKeys[T any](m map[string]T) [][]byte {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	list := make([][]byte, len(keys))
	for i, k := range keys {
		list[i] = []byte(k)
	}
	return list
}

// MemberKey is a member by its key.
type MemberKey struct {
	Key        record.Key
	LinkID     string // "" for a loose row
	Slot       uint16
	State      reconcile.State
	SinceWrite bool
	// Gone: it is known that there is no such row any more.
	Gone bool
}

// EachMember calls f for every known row of a system in a range of slots (both
// ends included), loose ones too, in no particular order. f must not use the
// ledger.
func (s *Store) EachMember(ctx context.Context, scope Scope, system int, slots [2]uint16, f func(MemberKey) error) error {
	return s.view(ctx, "list members", func(t *tx) error {
		n, id, err := t.scopedSystem(scope, system)
		if err != nil || n == nil {
			return err
		}
		if err := t.eachLinked(n.sync, id, slots, f); err != nil {
			return err
		}
		const query = "SELECT slot, key, body FROM loose WHERE system = ? AND slot BETWEEN ? AND ?"
		return t.rows(query, []any{id, int64(slots[0]), int64(slots[1])}, func(r *sql.Rows) error {
			var slot uint16
			var key, data string
			if err := r.Scan(&slot, &key, &data); err != nil {
				return err
			}
			m, err := parseLoose(data)
			if err != nil {
				return err
			}
			return f(MemberKey{Key: record.Key(key), Slot: slot, State: stateOf(m.state), SinceWrite: m.sinceWrite})
		})
	})
}

func (t *tx) eachLinked(sync, system int64, slots [2]uint16, f func(MemberKey) error) error {
	first, last := slotRange(sync, slots)
	var b body
	return t.rows("SELECT n, id, body FROM links WHERE n BETWEEN ? AND ?", []any{first, last}, func(r *sql.Rows) error {
		var n int64
		var id, data string
		if err := r.Scan(&n, &id, &data); err != nil {
			return err
		}
		if err := b.parseHead(data); err != nil {
			return err
		}
		for i := range b.members {
			m := &b.members[i]
			if m.system != system {
				continue
			}
			state := stateOf(m.state)
			err := f(MemberKey{
				Key: record.Key(m.key), LinkID: id, Slot: numberSlot(n), State: state, SinceWrite: m.sinceWrite,
				Gone: state == reconcile.Detached && m.why == "gone",
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
