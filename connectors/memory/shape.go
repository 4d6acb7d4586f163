package memory

import (
	"slices"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// Shape is what a table is like.
type Shape struct {
	Schema *record.Schema
	Key    []string
	// Modified names the column that holds when a row last changed; "" for none.
	// Writes that leave it alone set it to the table's own, always rising clock.
	Modified string
	// Personality is how the table behaves; zero is Database().
	Personality Personality
}

// Personality is how a system behaves. The zero value is Database().
type Personality struct {
	// Modes lists the ways of detecting changes, best first. nil: log, trigger,
	// cursor where the table has a Modified column, and snapshot.
	Modes []connectors.Mode
	// NoToken leaves rows without version tokens, and NoOrder without a place
	// in an order of changes (which the log mode always has).
	NoToken, NoOrder bool
	// ItemByItem is the opposite of transactions: each item is written by
	// itself and what was written before a failure stays.
	ItemByItem bool
	// ServerKeys: the system chooses integer or text keys, and refuses others.
	ServerKeys bool
	// Idempotent: a creation whose Intent was seen before gives the first
	// outcome again.
	Idempotent bool
	// RequestItems is how many items fit in one request, for ItemByItem; 0 is 100.
	RequestItems int
	// ReadOnly and WriteOnly make the object a Source or a Sink alone.
	ReadOnly, WriteOnly bool
	// Drifting pages by offset: a row that goes or comes while the pages are
	// read shifts the rest, so that rows are skipped or doubled. A connector
	// that does this is broken; it is here to be found out.
	Drifting bool
	// Careless makes the connector break its promises, for negative controls.
	Careless Careless
}

// Careless switches promises off: tests that still pass then prove nothing.
type Careless struct {
	Fence      bool // writes under an old epoch go through
	Conditions bool // writes go through whatever the row is now
	Unless     bool // creations make doubles
}

// Database is a transactional system with tokens, bulk loads and a log.
func Database() Personality { return Personality{} }

// API is a typical web API: it assigns ids, takes items in small requests and
// answers for each, has no transactions, and shows changes by a cursor.
func API() Personality {
	return Personality{
		Modes:      []connectors.Mode{connectors.ModeCursor, connectors.ModeSnapshot},
		NoOrder:    true,
		ItemByItem: true, ServerKeys: true, RequestItems: 10,
	}
}

func (s Shape) modes() []connectors.Mode {
	if s.Personality.Modes == nil {
		modes := []connectors.Mode{connectors.ModeLog, connectors.ModeTrigger, connectors.ModeSnapshot}
		if s.Modified != "" {
			modes = slices.Insert(modes, 2, connectors.ModeCursor)
		}
		return modes
	}
	if s.Modified != "" {
		return s.Personality.Modes
	}
	return slices.DeleteFunc(slices.Clone(s.Personality.Modes), func(m connectors.Mode) bool {
		return m == connectors.ModeCursor
	})
}

// described is the schema as Describe tells it: keys that the system chooses
// can only be read.
func (s Shape) described() *record.Schema {
	if !s.Personality.ServerKeys {
		return s.Schema
	}
	fields := slices.Clone(s.Schema.Fields)
	for i := range fields {
		fields[i].ReadOnly = fields[i].ReadOnly || slices.Contains(s.Key, fields[i].Name)
	}
	return record.NewSchema(fields...)
}

func (s Shape) capabilities() connectors.Capabilities {
	p := s.Personality
	can := connectors.Capabilities{
		Modes:        s.modes(),
		Token:        !p.NoToken,
		Transactions: !p.ItemByItem,
		ServerKeys:   p.ServerKeys,
		Upsert:       !p.ItemByItem && !p.ServerKeys,
		Writable:     !p.ReadOnly,
		BatchRows:    p.requestItems(),
	}
	if p.ReadOnly {
		can.ReadOnlyBecause = "it only answers reads"
	}
	for _, mode := range can.Modes {
		if mode == connectors.ModeLog || mode == connectors.ModeTrigger {
			can.SeesDeletes = append(can.SeesDeletes, mode)
		}
	}
	return can
}

func (p Personality) requestItems() int {
	switch {
	case !p.ItemByItem:
		return record.BatchRows
	case p.RequestItems > 0:
		return p.RequestItems
	default:
		return 100
	}
}
