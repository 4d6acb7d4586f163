package mappings

import (
	"strings"
	"time"
)

// Pos is a place in a definition file; lines and columns count from 1.
type Pos struct {
	File      string
	Line, Col int
}

// Text is a scalar of a definition with its place. Value is the raw token, so
// that 007, 1.10 and NO stay what they are.
type Text struct {
	Value string
	Pos   Pos
}

// Definition is one sync as its author wrote it, parsed and not yet checked
// against any system.
type Definition struct {
	Sync      Text
	About     string
	Pos       Pos
	Systems   []*System // in the order of the file, which also breaks ties
	Match     Match
	Same      Same
	Fields    []*Field
	Conflicts Conflicts
	Deletes   Deletes
	Limits    Limits
	FirstSync FirstSync
	Schedule  Schedule
	Live      bool
	// Later names what this definition uses that is parsed but not built yet,
	// with its place: `live`, `ref`, `rows`, `changes: {with}`, `each`, `drift`.
	Later []Text
	// Source is the definition's own YAML text, as it stands in its file.
	Source string
	// first is the line of the file at which Source begins.
	first int
	// faulty: Parse found errors, so that what is missing may only be misspelt.
	faulty bool
}

// System is one participant.
type System struct {
	Name      Text
	Pos       Pos
	Use       Text            // a connection's name; or
	Connector Text            // the connector's name, with
	Options   map[string]Text // its options written here
	Object    Text
	Key       []Text
	Modified  Text
	Deleted   Text // a column, or an expression over the own record
	Changes   Text // auto, log, trigger, cursor, snapshot
	Sweep     time.Duration
	Where     Text // expression over the own record
	Accept    Text // expression over the fields
	Leaving   string
	OnCreate  []Literal
	Allow     Allow
	Role      string // source, target, both
	Formats   map[string]string
	Open      string // a link for people, with {column} in it
	FirstOnly string // only_here for this system, from first_sync
}

// Literal is a column and the raw token to write into it.
type Literal struct{ Column, Value Text }

// Allow says which writes a system takes; all are allowed unless refused.
type Allow struct{ NoCreate, NoUpdate, NoDelete bool }

// Match says by which fields records of different systems are one. Alternatives
// are tried in order; each is a list of fields or expressions that count together.
// `match: key` sets Key and leaves Alternatives empty.
type Match struct {
	Key          bool
	Alternatives [][]Text
	Pos          Pos
}

// Same lists what has the same name everywhere.
type Same struct {
	All    bool
	Names  []Text
	Except []Text
	Pos    Pos
}

// Field is a row of the definition.
type Field struct {
	Name        Text
	Type        Text
	Cells       []*Cell // in the order of the systems as written in the row
	Owner       Text
	OnViolation string // revert (default) or ignore
	WriteOnce   bool
	Resolve     []Policy // nil: inherit
	Values      []ValueRow
	Unknown     Text   // quarantine (default), keep, or a canonical value
	Missing     string // for refs: wait, blank
	Scope       string
}

// Cell is what one system has for a field: a path or read expression, what is
// written, and when it takes part.
type Cell struct {
	System Text
	Path   Text        // a path, or an expression (read-only)
	Read   Text        // explicit read expression or path
	Write  []WriteCell // explicit: a column and an expression each
	When   Text
	Pos    Pos
}

// WriteCell is one column of `write` and its expression over the fields; an
// empty expression means the field itself.
type WriteCell struct{ Column, Expr Text }

// ValueRow is one canonical value and, per system, the raw tokens that mean
// it; the first is written, all are read.
type ValueRow struct {
	Canonical Text
	Cells     map[string][]Text
}

// Policy is a word or a one-key map, such as newest_wins or {system_wins: crm}.
type Policy struct {
	Name Text
	Args []Text // one system, an order of systems, or one expression
}

// String is the policy as a definition writes it.
func (p Policy) String() string {
	args := make([]string, len(p.Args))
	for i, arg := range p.Args {
		args[i] = arg.Value
	}
	switch len(args) {
	case 0:
		return p.Name.Value
	case 1:
		return "{" + p.Name.Value + ": " + args[0] + "}"
	default:
		return "{" + p.Name.Value + ": [" + strings.Join(args, ", ") + "]}"
	}
}

// ThenText is what decides when a deadline passes, as a definition writes it;
// "" if nothing does.
func (c *Conflicts) ThenText() string {
	ways := make([]string, len(c.Then))
	for i, policy := range c.Then {
		ways[i] = policy.String()
	}
	return strings.Join(ways, ", ")
}

// Conflicts is the block of that name.
type Conflicts struct {
	Resolve        []Policy
	Kinds          map[string][]Policy
	DeleteVsUpdate string
	Deadline       time.Duration
	Then           []Policy
	Scope          string // field (default) or record
	Pos            Pos
}

// Deletes has the effect per system name; "" is the default for all.
type Deletes struct {
	Effect map[string]string // hard soft unlink ignore
	Pos    Pos
}

// Limit bounds by count and by percent; zero means no bound of that sort.
type Limit struct {
	Count   int64
	Percent float64
	Set     bool
}

// Limits stop a run before it writes.
type Limits struct {
	Delete, Blank, Update, Conflict Limit
	Pos                             Pos
}

// FirstSync is what happens where systems meet for the first time.
type FirstSync struct {
	Prefer   []Policy
	OnlyHere map[string]string // per system name, "" for all: create ignore review
	Pos      Pos
}

// Schedule says when runs start by themselves.
type Schedule struct {
	Every, Jitter time.Duration
	Cron          string
	Timezone      string
	Pos           Pos
}
