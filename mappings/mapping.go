package mappings

import (
	"sync"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// Object is what a system's object looks like, as far as a definition cares.
type Object struct {
	Schema *record.Schema
	Key    []string
	// Exists is false for a target that the first run makes (a new CSV file):
	// cells are then the names of its columns.
	Exists bool
	// What the system can promise, for check's warnings.
	Token, Transactions, KeysReusable, ServerKeys, Writable bool
	// ReadOnlyBecause says why it is not Writable; "" if nobody knows.
	ReadOnlyBecause string
	// Upsert: the object can be the target of a stateless sync.
	Upsert             bool
	Modes, SeesDeletes []string
}

// Mapping is a compiled definition. It is immutable and safe for concurrent
// use; what evaluates expressions is made per goroutine by NewReader and NewWriter.
type Mapping struct {
	Definition *Definition
	// Schema has the canonical fields in the order of the definition, what
	// `same` names before the rows.
	Schema *record.Schema
	// Systems are in the order of the definition.
	Systems []*SystemMapping
	// Rules is what reconcile decides by.
	Rules *reconcile.Rules
	// Stateless: one source whose key is the match, targets that can upsert by
	// it, nothing owned or write-once, deletes ignored (see StatelessWhyNot).
	Stateless       bool
	StatelessWhyNot string
	// Hash changes when what is read or written changes for any field.
	Hash record.Hash

	matches []alternative
}

// SystemMapping is one system's side of a mapping.
type SystemMapping struct {
	Name  string
	Index int
	// Columns are the raw columns that must be read, key columns first.
	Columns []string
	// Key are the key columns.
	Key []string
	// Compare are the raw columns whose hash says whether the record changed
	// for us: those that any field, where, when, match or deleted reads.
	Compare []string
	// Write are the raw columns that may be written.
	Write []string
	// Unless are the raw columns that a creation is conditional on.
	Unless []string
	// Has tells for each canonical field whether this system has it, and
	// Writes whether it can be written there.
	Has, Writes []bool
	// Passthrough gives, for each canonical field, the raw column that is the
	// field as it stands (same type, no expression), or "".
	Passthrough []string
	// Hash changes when this system's side of any field changes, and the field's
	// own one of FieldHashes with it; zero where the system has no such field.
	Hash        record.Hash
	FieldHashes []record.Hash
	// Reads and Receives say whether the system is read and is written.
	Reads, Receives bool
	// SoftColumn is written by a soft delete ("" if there is none).
	SoftColumn string

	mapping *Mapping
	system  *System
	object  Object
	// schema has the object's columns; expressions find their places in it.
	schema *record.Schema
	// textOnly: all columns are text, so the system says nothing about types.
	textOnly bool
	formats  record.Formats
	cells    []*cell // one place per field, nil where the system has none
	where    *program
	deleted  *program
	modified int // place of the column, or -1
	onCreate []created
	writers  sync.Pool // of *predictor
}

// cell is what one system has for one field.
type cell struct {
	written *Cell
	// path is the raw column and place its place in the schema, or read the
	// expression; typ is the type of either.
	path  string
	place int
	read  *program
	typ   record.Type
	// readOnly: nothing can be written for the field here.
	readOnly bool
	when     *program
	table    *valueTable
	in       converter
	writes   []write
}

// write is one column that a cell writes: the field itself, or an expression
// over the fields.
type write struct {
	column string
	at     int // in SystemMapping.Write
	text   Text
	expr   *program
	typ    record.Type
	out    converter
}

// created is a literal for a column of a new record.
type created struct {
	at    int
	value record.Value
}

// alternative is one way to match: its parts count together.
type alternative struct {
	parts []*program
	// key: the system's own key columns are the match.
	key bool
}

// Canonical is one row of a system in the terms of the sync.
type Canonical struct {
	Key record.Key
	// Match has one text per alternative of `match`; "" is blank and never
	// matches.
	Match []string
	// Values has one value per canonical field; Missing where the system has
	// no such field, its path is absent or its `when` is false.
	Values []record.Value
	// InScope is `where`; Deleted is the `deleted` column or expression.
	InScope, Deleted bool
	// Modified is the row's own time of change; HasModified false without one.
	Modified    record.Timestamp
	HasModified bool
	// Bad says why the row cannot be taken, BadField which field; Key and
	// Match are still set as far as they could be read.
	Bad, BadField string
}
