package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/internal/record"
)

// Scope says in which terms a caller speaks: the sync, its canonical fields and
// its systems in the order of the definition. Values, origins and members are
// aligned with it. A field that the ledger does not know yet reads as Missing;
// systems and fields that are in no definition any more are kept, not shown.
type Scope struct {
	Sync    string
	Fields  []record.Field
	Systems []string
}

// names translates between a scope's places and the ledger's numbers.
type names struct {
	sync  int64
	epoch int64
	run   string

	fieldIDs    map[string]uint32
	fieldNames  map[uint32]string
	fieldTypes  map[uint32]string
	systemIDs   map[string]int64
	systemNames map[int64]string

	// The scope's places, and what of the ledger each place is (0: unknown).
	fields     []uint32
	systems    []int64
	fieldAt    map[uint32]int
	systemAt   map[int64]int
	scopeNames []string
}

// maxSyncs and maxSerial are the room of a link's number.
const (
	maxSyncs  = 1<<15 - 1
	maxSerial = 1<<32 - 1
)

// known reads what the ledger calls a sync, its fields and systems, in the
// order of the latest run's definition (what is retired comes last).
func (t *tx) known(sync string) (*names, error) {
	n := &names{
		fieldIDs: map[string]uint32{}, fieldNames: map[uint32]string{}, fieldTypes: map[uint32]string{},
		systemIDs: map[string]int64{}, systemNames: map[int64]string{},
		fieldAt: map[uint32]int{}, systemAt: map[int64]int{},
	}
	err := t.row("SELECT id, epoch, run FROM syncs WHERE name = ?", []any{sync}, &n.sync, &n.epoch, &n.run)
	if err != nil {
		return nil, err
	}
	const order = " WHERE sync = ? ORDER BY CASE WHEN place < 0 THEN 1 ELSE 0 END, place, id"
	err = t.rows("SELECT id, name, type FROM fields"+order, []any{n.sync}, func(r *sql.Rows) error {
		var id uint32
		var name, kind string
		if err := r.Scan(&id, &name, &kind); err != nil {
			return err
		}
		n.fieldIDs[name], n.fieldNames[id], n.fieldTypes[id] = id, name, kind
		n.fieldAt[id] = len(n.fields)
		n.fields = append(n.fields, id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return n, t.rows("SELECT id, name FROM systems"+order, []any{n.sync}, func(r *sql.Rows) error {
		var id int64
		var name string
		if err := r.Scan(&id, &name); err != nil {
			return err
		}
		n.systemIDs[name], n.systemNames[id] = id, name
		n.systemAt[id] = len(n.systems)
		n.systems = append(n.systems, id)
		n.scopeNames = append(n.scopeNames, name)
		return nil
	})
}

// scoped reads the names and speaks in the scope's terms.
func (t *tx) scoped(scope Scope) (*names, error) {
	n, err := t.known(scope.Sync)
	if err != nil {
		return nil, err
	}
	n.use(scope)
	return n, nil
}

// scopedSystem is scoped with the number of one system; without names if the
// ledger has met neither.
func (t *tx) scopedSystem(scope Scope, place int) (*names, int64, error) {
	n, err := t.scoped(scope)
	if errors.Is(err, ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	id, err := n.system(place)
	if errors.Is(err, ErrNotFound) {
		return nil, 0, nil
	}
	return n, id, err
}

func (n *names) use(scope Scope) {
	n.fields, n.systems, n.scopeNames = nil, nil, scope.Systems
	clear(n.fieldAt)
	clear(n.systemAt)
	for i, f := range scope.Fields {
		id := n.fieldIDs[f.Name]
		n.fields = append(n.fields, id)
		if id != 0 {
			n.fieldAt[id] = i
		}
	}
	for i, name := range scope.Systems {
		id := n.systemIDs[name]
		n.systems = append(n.systems, id)
		if id != 0 {
			n.systemAt[id] = i
		}
	}
}

// whole reports whether the scope shows everything that the ledger has, so that
// nothing hidden has to be kept when a link is written.
func (n *names) whole() bool {
	return len(n.fieldAt) == len(n.fieldNames) && len(n.systemAt) == len(n.systemNames)
}

// enroll gives numbers to the scope's fields and systems that have none yet.
func (t *tx) enroll(n *names, scope Scope) error {
	if !slices.Contains(n.fields, 0) && !slices.Contains(n.systems, 0) {
		return nil
	}
	next := uint32(1)
	for id := range n.fieldNames {
		next = max(next, id+1)
	}
	for i, f := range scope.Fields {
		if n.fieldIDs[f.Name] != 0 {
			continue
		}
		_, err := t.exec("INSERT INTO fields (sync, id, name, type, place) VALUES (?, ?, ?, ?, ?)",
			n.sync, int64(next), f.Name, f.Type.String(), i)
		if err != nil {
			return err
		}
		n.fieldIDs[f.Name], n.fieldNames[next], n.fieldTypes[next] = next, f.Name, f.Type.String()
		next++
	}
	for i, name := range scope.Systems {
		if n.systemIDs[name] != 0 {
			continue
		}
		var id int64
		err := t.row("INSERT INTO systems (sync, name, place) VALUES (?, ?, ?) RETURNING id", []any{n.sync, name, i}, &id)
		if err != nil {
			return err
		}
		n.systemIDs[name], n.systemNames[id] = id, name
	}
	n.use(scope)
	return nil
}

// ensureSync gives the sync's number, making one if it is new.
func (t *tx) ensureSync(sync string) (int64, error) {
	if sync == "" {
		return 0, errors.New("a sync has a name")
	}
	var id int64
	if _, err := t.exec("INSERT INTO syncs (name) VALUES (?) ON CONFLICT (name) DO NOTHING", sync); err != nil {
		return 0, err
	}
	if err := t.row("SELECT id FROM syncs WHERE name = ?", []any{sync}, &id); err != nil {
		return 0, err
	}
	if id > maxSyncs {
		return 0, fmt.Errorf("a ledger has room for %d syncs", maxSyncs)
	}
	return id, nil
}

// system gives the number of the scope's system; ErrNotFound if the ledger has
// not met it.
func (n *names) system(place int) (int64, error) {
	if place < 0 || place >= len(n.systems) {
		return 0, fmt.Errorf("there is no system %d in the scope", place)
	}
	if n.systems[place] == 0 {
		return 0, ErrNotFound
	}
	return n.systems[place], nil
}
