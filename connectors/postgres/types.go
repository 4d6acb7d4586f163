package postgres

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/syncline-dev/syncline/internal/record"
)

// Object identifiers of the built-in types that have a form of their own.
const (
	oidBool        = 16
	oidBytea       = 17
	oidChar        = 18
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidXID         = 28
	oidJSON        = 114
	oidFloat4      = 700
	oidFloat8      = 701
	oidBPChar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestampTZ = 1184
	oidInterval    = 1186
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
	oidXIDArray    = 1011
	oidInt8Array   = 1016
	oidTextArray   = 1009
)

// wire is the binary form in which a column's values cross the connection.
type wire uint8

const (
	// wireText is any type by its text; reading casts to text, writing casts
	// back. Types whose binary form is their text need no cast.
	wireText wire = iota
	wireInt2
	wireInt4
	wireInt8
	wireFloat4
	wireFloat8
	wireNumeric
	wireBool
	wireDate
	wireTime
	wireTimestamp
	wireTimestampTZ
	wireUUID
	wireBytea
	wireJSON
	wireJSONB
	wireInterval
	wireList
	// wireNested is an array of several dimensions, which crosses as JSON.
	wireNested
)

// stage is the type that values of a wire form are sent as: in arrays of
// parameters and in staging tables.
type stage struct {
	name       string
	oid, array uint32
}

//nolint:gochecknoglobals // a constant table; what is not in it goes as text
var stages = [wireNested + 1]stage{
	wireInt2:        {"int2", oidInt2, 1005},
	wireInt4:        {"int4", oidInt4, 1007},
	wireInt8:        {"int8", oidInt8, 1016},
	wireFloat4:      {"float4", oidFloat4, 1021},
	wireFloat8:      {"float8", oidFloat8, 1022},
	wireNumeric:     {"numeric", oidNumeric, 1231},
	wireBool:        {"bool", oidBool, 1000},
	wireDate:        {"date", oidDate, 1182},
	wireTime:        {"time", oidTime, 1183},
	wireTimestamp:   {"timestamp", oidTimestamp, 1115},
	wireTimestampTZ: {"timestamptz", oidTimestampTZ, 1185},
	wireUUID:        {"uuid", oidUUID, 2951},
	wireBytea:       {"bytea", oidBytea, 1001},
}

//nolint:gochecknoglobals // a constant value
var textStage = stage{"text", oidText, 1009}

func (w wire) stage() stage {
	if s := stages[w]; s.oid != 0 {
		return s
	}
	return textStage
}

// kind is the record kind that a wire form decodes to.
func (w wire) kind() record.Kind {
	switch w {
	case wireInt2, wireInt4, wireInt8:
		return record.KindInt
	case wireFloat4, wireFloat8:
		return record.KindFloat
	case wireNumeric:
		return record.KindDecimal
	case wireBool:
		return record.KindBool
	case wireDate:
		return record.KindDate
	case wireTime:
		return record.KindTime
	case wireTimestamp, wireTimestampTZ:
		return record.KindTimestamp
	case wireUUID:
		return record.KindUUID
	case wireBytea:
		return record.KindBytes
	case wireJSON, wireJSONB, wireNested:
		return record.KindJSON
	case wireList:
		return record.KindList
	case wireText, wireInterval:
		return record.KindString
	default:
		return record.KindString
	}
}

// typeInfo is what the catalogue says of a type.
type typeInfo struct {
	oid      uint32
	kind     byte // typtype: base, composite, domain, enum, range …
	category byte // 'A' for arrays
	elem     uint32
	base     uint32
	mod      int32
	notNull  bool
	name     string // quoted and qualified as needed, without bounds
	citext   bool
}

// form is how values of one type are read, written and compared.
type form struct {
	wire wire
	// elem is the wire form of a list's elements, elemOID their type.
	elem    wire
	elemOID uint32
	// cast: reading needs a cast to text.
	cast bool
	// typ is the record type.
	typ record.Type
	// citext compares without case.
	citext bool
	// assigns: text becomes the type by assignment alone, which checks lengths.
	assigns bool
	// base is the type below all domains.
	base uint32
}

// formOf derives the form of a type with its modifier.
func formOf(types map[uint32]typeInfo, oid uint32, mod int32, dims int) (form, bool) {
	notNull := false
	info := types[oid]
	for info.kind == 'd' {
		notNull = notNull || info.notNull
		if mod < 0 {
			mod = info.mod
		}
		oid = info.base
		info = types[oid]
	}
	if info.category == 'A' && info.elem != 0 {
		f := listForm(types, info.elem, dims)
		f.base = oid
		return f, notNull
	}
	f := scalarForm(oid, info)
	switch f.wire { //nolint:exhaustive // the others have no bounds
	case wireInt2:
		f.typ.Precision = 16
	case wireInt4:
		f.typ.Precision = 32
	case wireInt8:
		f.typ.Precision = 64
	case wireFloat4:
		f.typ.Precision = 24
	case wireNumeric:
		f.typ.Precision, f.typ.Scale = numericBounds(mod)
	case wireText:
		if (oid == oidVarchar || oid == oidBPChar) && mod > 4 {
			f.typ.Length = int(mod) - 4
		}
	}
	return f, notNull
}

func scalarForm(oid uint32, info typeInfo) form {
	wires := map[uint32]wire{
		oidBool: wireBool, oidBytea: wireBytea, oidInt8: wireInt8, oidInt2: wireInt2, oidInt4: wireInt4,
		oidJSON: wireJSON, oidFloat4: wireFloat4, oidFloat8: wireFloat8, oidDate: wireDate, oidTime: wireTime,
		oidTimestamp: wireTimestamp, oidTimestampTZ: wireTimestampTZ, oidInterval: wireInterval,
		oidNumeric: wireNumeric, oidUUID: wireUUID, oidJSONB: wireJSONB,
	}
	w, known := wires[oid]
	f := form{wire: w, typ: record.Type{Kind: w.kind()}}
	if !known {
		// char(n) is cast because the cast drops the padding.
		plain := oid == oidText || oid == oidVarchar || info.kind == 'e' || info.citext
		f.cast = !plain
		f.citext = info.citext
		f.assigns = oid == oidText || oid == oidVarchar || oid == oidBPChar || info.citext
	}
	f.base = oid
	return f
}

func listForm(types map[uint32]typeInfo, elem uint32, dims int) form {
	info := types[elem]
	for info.kind == 'd' {
		elem = info.base
		info = types[elem]
	}
	f := scalarForm(elem, info)
	if dims > 1 || f.typ.Kind == record.KindJSON || info.category == 'A' {
		return form{wire: wireNested, elem: f.wire, typ: record.Type{Kind: record.KindJSON}}
	}
	return form{
		wire: wireList, elem: f.wire, elemOID: elem, cast: f.cast,
		typ: record.Type{Kind: record.KindList, Elem: f.typ.Kind},
	}
}

// numericBounds reads precision and scale out of a type modifier. A negative
// scale, or one above the precision, gives the smallest usual bounds that hold
// all of its values.
func numericBounds(mod int32) (precision, scale int) {
	if mod < 4 {
		return 0, 0
	}
	precision = int((mod - 4) >> 16 & 0xffff)
	scale = int((mod-4)&0x7ff^1024) - 1024
	switch {
	case scale < 0:
		return precision - scale, 0
	case scale > precision:
		return scale, scale
	default:
		return precision, scale
	}
}

// readSQL is the expression that gives the column's value in its wire form.
func (c *column) readSQL(alias string) string {
	name := alias + "." + quote(c.field.Name)
	switch {
	case c.form.wire == wireTimestamp && c.zone != "":
		return fmt.Sprintf("(%s at time zone %s)", name, literal(c.zone))
	case c.form.wire == wireNested:
		return "array_to_json(" + name + ")::text"
	case c.form.wire == wireList && c.form.cast:
		return name + "::text[]"
	case c.form.cast:
		return name + "::text"
	default:
		return name
	}
}

// writeSQL turns a staged value into the column's type, for assignment: the
// assignment itself checks lengths, scales and domains.
func (c *column) writeSQL(staged string) string {
	switch {
	case c.form.wire == wireTimestamp && c.zone != "":
		return fmt.Sprintf("(%s at time zone %s)", staged, literal(c.zone))
	case c.stage() != textStage || c.form.assigns:
		return staged
	default:
		return staged + "::" + c.typeName
	}
}

// filledSQL is a value to write where NULL may stand for what the column has by
// itself: if it takes no NULL, its default, and for one that is another each
// time, such as a sequence's, what the row holds; held is "" for a new row.
func (c *column) filledSQL(value, held string) string {
	if c.field.Nullable || c.defaultSQL == "" {
		return value
	}
	if held == "" || constantSQL.MatchString(c.defaultSQL) {
		held = "(" + c.defaultSQL + ")::" + c.typeName
	}
	return "coalesce(" + value + ", " + held + ")"
}

// constantSQL is how PostgreSQL writes a default that is the same each time.
//
//nolint:gochecknoglobals // a pattern
var constantSQL = regexp.MustCompile(`^(?s:'(?:[^']|'')*'|\(?-?[0-9.]+\)?|true|false)(::[^()]+(\([0-9,]+\))?)*$`)

// compareSQL turns a staged value into the column's type, for comparison with
// the column by its own operators.
func (c *column) compareSQL(staged string) string {
	if c.form.wire == wireTimestamp && c.zone != "" {
		return c.writeSQL(staged)
	}
	return staged + "::" + c.baseName
}

// stage is what the column's values are sent as.
func (c *column) stage() stage {
	if c.form.wire == wireTimestamp && c.zone != "" {
		return stages[wireTimestampTZ]
	}
	return c.form.wire.stage()
}

// quote quotes an identifier.
func quote(name string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(name, "\x00", ""), `"`, `""`) + `"`
}

// literal quotes a text; sessions have standard_conforming_strings on, so a
// backslash is just that. U+0000 cannot occur in PostgreSQL.
func literal(text string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(text, "\x00", ""), "'", "''") + "'"
}
