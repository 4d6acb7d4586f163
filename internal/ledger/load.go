package ledger

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// Select says what to load: everything that any of its parts names.
type Select struct {
	// Keys are rows, by the system's place in the scope.
	Keys map[int][]record.Key
	// Matches selects whoever holds one of these match texts.
	Matches []MatchText
	// Links are links by id.
	Links []string
	// Slots is a range of home slots, both ends included.
	Slots *[2]uint16
}

// MatchText is one match text and which alternative of the match it belongs to.
type MatchText struct {
	Alternative int
	Text        string
}

// Load gives whole links with all members and open conflicts, sorted by id, and
// loose rows, sorted by system and key. Where an open conflict of identity ties
// a loose row to a link, both are loaded.
func (s *Store) Load(ctx context.Context, scope Scope, sel Select) ([]*reconcile.Link, []*reconcile.Member, error) {
	var l *loader
	err := s.view(ctx, "load links", func(t *tx) error {
		l = newLoader(t)
		n, err := t.scoped(scope)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		l.n = n
		if err := l.find(sel); err != nil {
			return err
		}
		return l.conflicts()
	})
	if err != nil {
		return nil, nil, err
	}
	links, loose := l.sorted()
	return links, loose, nil
}

// rowRef names a row by its system's number.
type rowRef struct {
	system int64
	key    string
}

type loader struct {
	t *tx
	n *names
	b body

	links map[string]*reconcile.Link
	loose map[rowRef]*reconcile.Member
	// Still to read.
	numbers map[int64]bool
	rows    map[rowRef]bool
	loaded  map[int64]bool
}

func newLoader(t *tx) *loader {
	return &loader{
		t: t, links: map[string]*reconcile.Link{}, loose: map[rowRef]*reconcile.Member{},
		numbers: map[int64]bool{}, rows: map[rowRef]bool{}, loaded: map[int64]bool{},
	}
}

func (l *loader) find(sel Select) error {
	if sel.Slots != nil {
		if err := l.bySlots(*sel.Slots); err != nil {
			return err
		}
	}
	if err := l.byIDs(sel.Links); err != nil {
		return err
	}
	for place, keys := range sel.Keys {
		system, err := l.n.system(place)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := l.byKeys(system, keys); err != nil {
			return err
		}
	}
	if err := l.byMatches(sel.Matches); err != nil {
		return err
	}
	return l.read()
}

func (l *loader) bySlots(slots [2]uint16) error {
	first, last := slotRange(l.n.sync, slots)
	if err := l.t.rows(linkColumns+"WHERE n BETWEEN ? AND ?", []any{first, last}, l.takeLink); err != nil {
		return err
	}
	for system := range l.n.systemAt {
		err := l.t.rows("SELECT key, body FROM loose WHERE system = ? AND slot BETWEEN ? AND ?",
			[]any{system, int64(slots[0]), int64(slots[1])}, l.takeLoose(system))
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) byIDs(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	return l.t.byHandle(l.n.sync, ids, func(row linkRow) error {
		if wanted[row.id] {
			return l.take(row)
		}
		return nil
	})
}

func (l *loader) byKeys(system int64, keys []record.Key) error {
	list := make([][]byte, 0, len(keys))
	for _, k := range keys {
		if k != "" {
			list = append(list, []byte(k))
		}
	}
	slices.SortFunc(list, bytes.Compare)
	const query = "SELECT key, link FROM members WHERE system = ? AND key IN (*)"
	return rowsAmong(l.t, query, []any{system}, list, func(r *sql.Rows) error {
		var key string
		var link int64
		if err := r.Scan(&key, &link); err != nil {
			return err
		}
		l.want(link, rowRef{system, key})
		return nil
	})
}

func (l *loader) byMatches(matches []MatchText) error {
	hashes := make([][]byte, 0, len(matches))
	for _, m := range matches {
		if m.Text == "" {
			continue
		}
		h := matchHash(m.Alternative, m.Text)
		hashes = append(hashes, h[:])
	}
	slices.SortFunc(hashes, bytes.Compare)
	const query = "SELECT link, system, key FROM matches WHERE sync = ? AND hash IN (*)"
	return rowsAmong(l.t, query, []any{l.n.sync}, hashes, func(r *sql.Rows) error {
		var link, system int64
		var key string
		if err := r.Scan(&link, &system, &key); err != nil {
			return err
		}
		l.want(link, rowRef{system, key})
		return nil
	})
}

// want notes what is to be read: a link, or (0) a loose row.
func (l *loader) want(link int64, row rowRef) {
	if link != 0 {
		if !l.loaded[link] {
			l.numbers[link] = true
		}
		return
	}
	if _, shown := l.n.systemAt[row.system]; shown && l.loose[row] == nil {
		l.rows[row] = true
	}
}

// read reads what is wanted and not there yet.
func (l *loader) read() error {
	numbers := make([]int64, 0, len(l.numbers))
	for n := range l.numbers {
		numbers = append(numbers, n)
	}
	clear(l.numbers)
	slices.Sort(numbers)
	if err := rowsAmong(l.t, linkColumns+"WHERE n IN (*)", nil, numbers, l.takeLink); err != nil {
		return err
	}
	bySystem := map[int64][][]byte{}
	for row := range l.rows {
		bySystem[row.system] = append(bySystem[row.system], []byte(row.key))
	}
	clear(l.rows)
	for system, keys := range bySystem {
		slices.SortFunc(keys, bytes.Compare)
		err := rowsAmong(l.t, "SELECT key, body FROM loose WHERE system = ? AND key IN (*)", []any{system}, keys, l.takeLoose(system))
		if err != nil {
			return err
		}
	}
	return nil
}

// conflicts brings open conflicts to their links, and with them the rows or
// links at their other end.
func (l *loader) conflicts() error {
	if len(l.links) == 0 && len(l.loose) == 0 {
		return nil
	}
	ties, err := l.t.ties(l.n.sync)
	if err != nil {
		return err
	}
	for _, tie := range ties {
		_, hasLink := l.links[tie.link]
		_, hasRow := l.loose[tie.row]
		switch {
		case hasLink && !hasRow:
			l.want(0, tie.row)
		case hasRow && !hasLink:
			if err := l.byIDs([]string{tie.link}); err != nil {
				return err
			}
		}
	}
	if err := l.read(); err != nil {
		return err
	}
	subjects := make([]int64, 0, len(l.links))
	for id := range l.links {
		subjects = append(subjects, linkSubject(id))
	}
	for _, tie := range ties {
		subjects = append(subjects, rowSubject(tie.row))
	}
	rows, err := l.t.openConflicts(l.n, subjects)
	if err != nil {
		return err
	}
	for _, c := range rows {
		if link := l.links[c.LinkID]; link != nil {
			link.Conflicts = append(link.Conflicts, c.Conflict)
		}
	}
	return nil
}

func (l *loader) sorted() ([]*reconcile.Link, []*reconcile.Member) {
	links := make([]*reconcile.Link, 0, len(l.links))
	for _, link := range l.links {
		links = append(links, link)
	}
	slices.SortFunc(links, func(a, b *reconcile.Link) int { return strings.Compare(a.ID, b.ID) })
	loose := make([]*reconcile.Member, 0, len(l.loose))
	for _, m := range l.loose {
		loose = append(loose, m)
	}
	slices.SortFunc(loose, func(a, b *reconcile.Member) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Key, b.Key))
	})
	return links, loose
}
