package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/record"
)

// A row whose key is blank or cannot be read has no name by which the ledger
// could remember it. It is held by its place (`line 7` of a file), or by its
// number among such rows of its partition, so that people can find it. It is
// released by the next complete listing of its system that does not meet it
// there.

// nameless gives rows without a key the names under which they are held.
type nameless struct {
	key       []string // the key's columns
	partition string
	rows      int
	used      map[record.Key]bool
}

// hold names one row. bad is what its connector says of it: connectors that
// know the place begin with it.
func (n *nameless) hold(bad string) ledger.Held {
	if bad == "" {
		bad = "the key (" + strings.Join(n.key, ", ") + ") is NULL"
	}
	n.rows++
	place, why, _ := strings.Cut(bad, ": ")
	name := record.Key(place)
	if isPlace(name) && why != "" && !n.used[name] {
		bad = why
	} else {
		name = record.Key(fmt.Sprintf("row %d without a key", n.rows))
		if n.partition != "" && n.partition != "0" {
			name += record.Key(" in partition " + n.partition)
		}
	}
	if n.used == nil {
		n.used = map[record.Key]bool{}
	}
	n.used[name] = true
	return ledger.Held{Key: name, Reason: bad}
}

// isPlace tells the place of a row from its key and from other texts: keys
// begin with a digit.
func isPlace(key record.Key) bool {
	return strings.HasPrefix(string(key), "line ") || strings.HasPrefix(string(key), "row ")
}

// named leaves out the places of rows without a key, which cannot be read again
// by key.
func named(keys []record.Key) []record.Key {
	return slices.DeleteFunc(slices.Clone(keys), isPlace)
}

// shelf holds rows without a key in the ledger, many at once.
type shelf struct {
	ledger *ledger.Store
	pass   Pass
	system string
	rows   []ledger.Held
}

func (s *shelf) put(ctx context.Context, row ledger.Held) error {
	s.rows = append(s.rows, row)
	if len(s.rows) < holdRows {
		return nil
	}
	return s.commit(ctx)
}

// commit writes what is not written yet. Run twice, it holds the same.
func (s *shelf) commit(ctx context.Context) error {
	if len(s.rows) == 0 {
		return nil
	}
	err := s.ledger.Hold(ctx, s.pass.fence(), s.system, s.rows, nil, s.pass.Now.Time())
	s.rows = s.rows[:0]
	return err
}

// releaseNameless releases the rows without a key that a complete listing of
// their system did not meet.
func releaseNameless(ctx context.Context, store *ledger.Store, pass Pass, windows []Window) error {
	for _, w := range windows {
		if w.Down != "" || !w.Complete {
			continue
		}
		if err := store.ReleasePlaces(ctx, pass.fence(), w.System); err != nil {
			return err
		}
	}
	return nil
}
