package activities

import (
	"slices"

	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// staged is the form of canonical records between transform and resolve: the
// sync's fields, then these columns. The marks carry order, token and what was
// bad.
const (
	stagedKey = iota
	stagedMatch
	stagedModified
	stagedFlags
	stagedBadField
	stagedRaw
	stagedSlot
)

const (
	flagSame       = 1 << iota // known, and just as it was when last seen
	flagOutOfScope             // `where` is false
	flagDeleted                // it says that it is deleted
	flagModified               // it has a time of change
)

func stagedSchema(canonical *record.Schema) *record.Schema {
	text := record.Type{Kind: record.KindString}
	fields := append(slices.Clone(canonical.Fields),
		record.Field{Name: "_key", Type: text},
		record.Field{Name: "_match", Type: record.Type{Kind: record.KindList, Elem: record.KindString}},
		record.Field{Name: "_modified", Type: record.Type{Kind: record.KindInt}},
		record.Field{Name: "_flags", Type: record.Type{Kind: record.KindInt}},
		record.Field{Name: "_bad_field", Type: text},
		record.Field{Name: "_raw", Type: record.Type{Kind: record.KindUUID}},
		record.Field{Name: "_slot", Type: record.Type{Kind: record.KindInt}},
	)
	return record.NewSchema(fields...)
}

// stageRow gives a canonical record as a row of the staged schema.
func stageRow(c *mappings.Canonical, raw record.Hash, slot uint16, dst []record.Value) []record.Value {
	flags := int64(0)
	if !c.InScope {
		flags |= flagOutOfScope
	}
	if c.Deleted {
		flags |= flagDeleted
	}
	if c.HasModified {
		flags |= flagModified
	}
	match := make(record.List, len(c.Match))
	for i, m := range c.Match {
		match[i] = m
	}
	dst = append(dst[:0], c.Values...)
	return append(dst, string(c.Key), match, int64(c.Modified), flags, c.BadField, record.UUID(raw), int64(slot))
}

// stageSame gives the row of a record that is just as it was.
func stageSame(fields int, key record.Key, raw record.Hash, slot uint16, dst []record.Value) []record.Value {
	dst = dst[:0]
	for range fields {
		dst = append(dst, record.Missing)
	}
	return append(dst, string(key), record.List{}, int64(0), int64(flagSame), "", record.UUID(raw), int64(slot))
}

// observe reads a staged row back. same is true for a record that is as it was;
// then only the key counts.
func observe(values []record.Value, mark record.Mark, fields, system int, mapHash record.Hash) (o reconcile.Observation, same bool) {
	meta := values[fields:]
	flags := meta[stagedFlags].(int64)
	key := record.Key(meta[stagedKey].(string))
	if flags&flagSame != 0 {
		return reconcile.Observation{System: system, Key: key}, true
	}
	o = reconcile.Observation{
		System: system, Key: key, Values: values[:fields:fields],
		Gone: mark.Op != record.Present, Deleted: flags&flagDeleted != 0, InScope: flags&flagOutOfScope == 0,
		Bad: mark.Bad, Order: mark.Order, Token: mark.Token,
		RawHash: record.Hash(meta[stagedRaw].(record.UUID)), MapHash: mapHash,
	}
	if field, is := meta[stagedBadField].(string); is {
		o.BadField = field
	}
	if flags&flagModified != 0 {
		o.Modified = record.Timestamp(meta[stagedModified].(int64))
	}
	for _, m := range meta[stagedMatch].(record.List) {
		text, _ := m.(string)
		o.Match = append(o.Match, text)
	}
	return o, false
}

// observation turns a freshly read row into what resolve takes.
func observation(c *mappings.Canonical, system int, mark record.Mark, raw, mapHash record.Hash) reconcile.Observation {
	o := reconcile.Observation{
		System: system, Key: c.Key, Match: slices.Clone(c.Match), Values: slices.Clone(c.Values),
		Gone: mark.Op != record.Present, Deleted: c.Deleted, InScope: c.InScope, Bad: c.Bad, BadField: c.BadField,
		Order: mark.Order, Token: mark.Token, RawHash: raw, MapHash: mapHash,
	}
	if mark.Bad != "" {
		o.Bad = mark.Bad
	}
	if c.HasModified {
		o.Modified = c.Modified
	}
	return o
}
