package memory

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// stores are shared by the process: a definition finds by name what a test
// has prepared.
//
//nolint:gochecknoglobals // the process is the system that this connector speaks to
var stores = struct {
	sync.Mutex
	byName map[string]*Store
}{byName: map[string]*Store{}}

// incarnations tells a table made anew from the one before it.
var incarnations atomic.Int64 //nolint:gochecknoglobals // a counter of the process

// Store is one system. It is safe for concurrent use.
type Store struct {
	name     string
	mu       sync.Mutex
	password string
	tables   map[string]*Table
	fences   map[string]*sync.Mutex
	faults   []*Fault
	calls    map[string]int
}

// Named gives the store of that name, making it at first use.
func Named(name string) *Store {
	stores.Lock()
	defer stores.Unlock()
	if s, ok := stores.byName[name]; ok {
		return s
	}
	s := &Store{name: name, tables: map[string]*Table{}, fences: map[string]*sync.Mutex{}, calls: map[string]int{}}
	stores.byName[name] = s
	return s
}

// Forget drops the store of that name with all that it holds. Objects that
// are open keep what they have.
func Forget(name string) {
	stores.Lock()
	defer stores.Unlock()
	delete(stores.byName, name)
}

// Name is the store's name, as `store:` in a definition.
func (s *Store) Name() string { return s.name }

// SetPassword makes Open refuse every other password.
func (s *Store) SetPassword(password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password = password
}

// Create makes a table, in place of one that had that name: positions of the
// old one are worth nothing for the new one.
func (s *Store) Create(name string, shape Shape) *Table {
	t := &Table{
		name:     name,
		shape:    shape,
		identity: s.name + "/" + name + "/" + strconv.FormatInt(incarnations.Add(1), 10),
		rows:     map[rowKey]*row{},
		intents:  map[string]rowKey{},
	}
	for _, column := range shape.Key {
		t.key = append(t.key, shape.Schema.Index(column))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables[name] = t
	return t
}

// Table finds a table, or gives nil.
func (s *Store) Table(name string) *Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables[name]
}

// Drop removes a table.
func (s *Store) Drop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tables, name)
}

// Tables lists the tables by name.
func (s *Store) Tables() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.tables))
}

// fence gives the lock that writers of a sync take, like an advisory lock.
func (s *Store) fence(name string) *sync.Mutex {
	s.mu.Lock()
	defer s.mu.Unlock()
	lock, ok := s.fences[name]
	if !ok {
		lock = &sync.Mutex{}
		s.fences[name] = lock
	}
	return lock
}
