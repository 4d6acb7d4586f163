package postgres

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

const columnsSQL = `
	select a.attname, a.atttypid, a.atttypmod, a.attndims, a.attnotnull, a.attidentity, a.attgenerated,
		pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod), coalesce(not k.collisdeterministic, false),
		has_column_privilege(a.attrelid, a.attnum, 'INSERT'), has_column_privilege(a.attrelid, a.attnum, 'UPDATE'),
		format_type(a.atttypid, -1),
		case when a.attidentity <> '' then pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) end
	from pg_attribute a
	left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
	left join pg_collation k on k.oid = a.attcollation
	where a.attrelid = $1::text::oid and a.attnum > 0 and not a.attisdropped
	and has_column_privilege(a.attrelid, a.attnum, 'SELECT')
	order by a.attnum`

func (t *table) readColumns(ctx context.Context, conn *pgconn.PgConn, zone string) error {
	id := strconv.FormatUint(uint64(t.oid), 10)
	types, err := readTypes(ctx, conn, id)
	if err != nil {
		return err
	}
	rows, err := query(ctx, conn, columnsSQL, id)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return connectors.Errorf(connectors.Unauthorized, "the role may read no column of %s", t.readable())
	}
	for _, row := range rows {
		c := newColumn(types, row)
		if c.form.base == oidTimestamp {
			c.zone = zone
		}
		t.columns = append(t.columns, c)
		t.byName[c.field.Name] = c
	}
	return nil
}

func newColumn(types map[uint32]typeInfo, row [][]byte) *column {
	oid := number(row[1])
	mod := number(row[2])
	f, notNull := formOf(types, uint32(oid), int32(mod), int(number(row[3])))
	identity, generated := string(row[5]), string(row[6])
	c := &column{
		form: f, oid: uint32(oid), mod: int32(mod), folds: is(row[9]) || f.citext,
		typeName: string(row[12]), baseName: types[f.base].name, identity: identity != "",
		field: record.Field{
			Name: string(row[0]), Type: f.typ, Native: string(row[8]),
			Nullable:   !is(row[4]) && !notNull,
			ReadOnly:   identity == "a" || generated != "" || !is(row[10]) && !is(row[11]),
			HasDefault: row[7] != nil || identity != "",
		},
	}
	switch {
	case row[13] != nil:
		c.defaultSQL = "nextval(" + literal(string(row[13])) + "::regclass)"
	case generated == "" && row[7] != nil:
		c.defaultSQL = string(row[7])
	}
	return c
}

func number(text []byte) int64 {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// readTypes reads the types of a table's columns, their elements and what is
// below their domains.
func readTypes(ctx context.Context, conn *pgconn.PgConn, id string) (map[uint32]typeInfo, error) {
	rows, err := query(ctx, conn, `
		with recursive used(oid) as (
			select atttypid from pg_attribute where attrelid = $1::text::oid and attnum > 0 and not attisdropped
			union
			select r.oid from used u join pg_type t on t.oid = u.oid,
			lateral (values (t.typelem), (t.typbasetype)) r(oid) where r.oid <> 0
		)
		select t.oid, t.typtype, t.typcategory, t.typelem, t.typbasetype, t.typtypmod, t.typnotnull,
			format_type(t.oid, -1), t.typname
		from used u join pg_type t on t.oid = u.oid`, id)
	if err != nil {
		return nil, err
	}
	types := make(map[uint32]typeInfo, len(rows))
	for _, row := range rows {
		info := typeInfo{
			oid: uint32(number(row[0])), kind: row[1][0], category: row[2][0], elem: uint32(number(row[3])),
			base: uint32(number(row[4])), mod: int32(number(row[5])), notNull: is(row[6]),
			name: string(row[7]), citext: string(row[8]) == "citext",
		}
		types[info.oid] = info
	}
	return types, nil
}
