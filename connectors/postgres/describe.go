package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// table is what the catalogue says of an object.
type table struct {
	name
	oid      uint32
	relkind  string
	identity string
	columns  []*column
	byName   map[string]*column
	key      []*column
	indexes  []index
	// rows and pages are estimates; rows is -1 where nothing is known.
	rows, pages int64
	// token: rows have an xmin, and we may read it.
	token bool
	// readOnly says why nothing can be written; "" if it can.
	readOnly string
	// upsert: a unique index over the key can arbitrate ON CONFLICT.
	upsert bool
	// deferrable: some constraint may be checked late.
	deferrable bool
	// secured: row security shows the role only some of the rows.
	secured bool
}

// column is one column and how its values travel.
type column struct {
	field record.Field
	form  form
	// oid and mod are the declared type, to notice that it changed.
	oid uint32
	mod int32
	// typeName casts to the declared type without its bounds, baseName to the
	// type below its domains.
	typeName, baseName string
	// zone is the time zone of a timestamp without one.
	zone string
	// defaultSQL gives a new row's value; identity columns have nextval.
	defaultSQL string
	identity   bool
	// folds: the collation calls different texts equal.
	folds bool
}

// index is a complete, valid index over plain columns.
type index struct {
	columns         []string
	unique, primary bool
	immediate       bool
	nullable        bool
}

// Describe says what the table looks like now.
func (o *object) Describe(ctx context.Context) (connectors.Description, error) {
	t, err := o.describe(ctx)
	if err != nil {
		return connectors.Description{}, err
	}
	o.mu.Lock()
	o.table = t
	o.mu.Unlock()
	d := connectors.Description{
		Schema: t.schema(), Identity: t.identity, Rows: t.rows,
		Can: connectors.Capabilities{
			Modes: []connectors.Mode{connectors.ModeSnapshot}, Token: t.token, Transactions: true,
			KeysReusable: !slices.ContainsFunc(t.key, (*column).everNew), Upsert: t.upsert && t.readOnly == "", BatchRows: batchRows,
			Writable: t.readOnly == "", ReadOnlyBecause: t.readOnly,
		},
	}
	if o.config.Modified != "" {
		d.Can.Modes = []connectors.Mode{connectors.ModeCursor, connectors.ModeSnapshot}
	}
	for _, c := range t.key {
		d.Key = append(d.Key, c.field.Name)
		d.Can.ServerKeys = d.Can.ServerKeys || c.field.HasDefault
	}
	return d, nil
}

// everNew: new rows get a value that no row had, unless somebody insists.
func (c *column) everNew() bool {
	return c.identity || strings.HasPrefix(c.defaultSQL, "nextval(") || c.defaultSQL != "" && c.form.base == oidUUID
}

// current gives the table as last described.
func (o *object) current() *table {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.table
}

func (t *table) schema() *record.Schema {
	fields := make([]record.Field, len(t.columns))
	for i, c := range t.columns {
		fields[i] = c.field
	}
	return record.NewSchema(fields...)
}

// pick gives the named columns; nil means all.
func (t *table) pick(names []string) ([]*column, error) {
	if names == nil {
		return t.columns, nil
	}
	columns := make([]*column, len(names))
	for i, n := range names {
		c, ok := t.byName[n]
		if !ok {
			return nil, &connectors.Error{
				Kind: connectors.SchemaChanged, Hint: "describe the table again",
				Err: fmt.Errorf("%s has no column %q", t.readable(), n),
			}
		}
		columns[i] = c
	}
	return columns, nil
}

// keyColumns gives the key, without which rows cannot be named.
func (t *table) keyColumns() ([]*column, error) {
	if len(t.key) == 0 {
		return nil, &connectors.Error{
			Kind: connectors.Permanent, Hint: "say key: with the columns that identify a row",
			Err: fmt.Errorf("%s has no primary key", t.readable()),
		}
	}
	return t.key, nil
}

func (o *object) describe(ctx context.Context) (*table, error) {
	t := &table{byName: map[string]*column{}}
	err := o.with(ctx, "describe "+o.config.Object, func(conn *pgconn.PgConn) error {
		var err error
		if t.oid, t.name, err = lookup(ctx, conn, o.config.Object); err != nil {
			return err
		}
		if err := t.readRelation(ctx, conn); err != nil {
			return err
		}
		if err := t.readColumns(ctx, conn, o.zone); err != nil {
			return err
		}
		if err := t.readIndexes(ctx, conn); err != nil {
			return err
		}
		return t.estimate(ctx, conn)
	})
	if err != nil {
		return nil, err
	}
	if err := t.chooseKey(o.config.Key); err != nil {
		return nil, classify("describe "+t.readable(), err)
	}
	if o.config.Modified != "" {
		if _, err := t.pick([]string{o.config.Modified}); err != nil {
			return nil, classify("describe "+t.readable(), err)
		}
	}
	return t, nil
}

func (t *table) readRelation(ctx context.Context, conn *pgconn.PgConn) error {
	rows, err := query(ctx, conn, `
		select c.relkind, d.oid, d.datname,
			has_function_privilege('pg_control_system()', 'EXECUTE'),
			c.relkind in ('r','p') and has_table_privilege(c.oid, 'SELECT'),
			case
				when c.relkind in ('v','m') then 'it is a view'
				when c.relkind not in ('r','p','f') then 'it is no table'
				when pg_is_in_recovery() then 'the server is a standby, which only reads'
				when current_setting('default_transaction_read_only') <> 'off' then 'default_transaction_read_only is on'
				when has_table_privilege(c.oid, 'INSERT') or has_any_column_privilege(c.oid, 'INSERT')
					or has_table_privilege(c.oid, 'UPDATE') or has_any_column_privilege(c.oid, 'UPDATE') then ''
				else 'the role ' || current_user || ' has neither INSERT nor UPDATE on it'
			end,
			exists (select from pg_constraint k where condeferrable and c.oid in (k.conrelid, k.confrelid)),
			row_security_active(c.oid)
		from pg_class c, pg_database d where c.oid = $1::text::oid and d.datname = current_database()`,
		strconv.FormatUint(uint64(t.oid), 10))
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return connectors.Errorf(connectors.Transient, "%s was dropped just now", t.readable())
	}
	row := rows[0]
	t.relkind = string(row[0])
	t.token, t.readOnly, t.deferrable, t.secured = is(row[4]), string(row[5]), is(row[6]), is(row[7])
	system := "?"
	if is(row[3]) {
		ids, err := query(ctx, conn, "select system_identifier from pg_control_system()")
		if err != nil {
			return err
		}
		system = string(ids[0][0])
	}
	t.identity = fmt.Sprintf("postgres:%s/%s:%s/%d", system, row[1], row[2], t.oid)
	return nil
}

func is(flag []byte) bool { return string(flag) == "t" }

func (t *table) readIndexes(ctx context.Context, conn *pgconn.PgConn) error {
	result := conn.ExecParams(ctx, `
		select i.indisunique, i.indisprimary, i.indimmediate, not bool_and(a.attnotnull),
			array_to_string(array_agg(replace(replace(a.attname, '\', '\\'), ',', '\,') order by k.ord), ',')
		from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam,
		lateral unnest(i.indkey::int2[]) with ordinality k(attnum, ord)
		join pg_attribute a on a.attnum = k.attnum
		where a.attrelid = i.indrelid and i.indrelid = $1::text::oid and i.indisvalid and i.indpred is null
		and i.indexprs is null and m.amname = 'btree' and k.ord <= i.indnkeyatts
		group by i.indexrelid, i.indisunique, i.indisprimary, i.indimmediate
		order by i.indisprimary desc, i.indexrelid`,
		[][]byte{[]byte(strconv.FormatUint(uint64(t.oid), 10))}, nil, nil, nil).Read()
	if result.Err != nil {
		return result.Err
	}
	for _, row := range result.Rows {
		t.indexes = append(t.indexes, index{
			unique: is(row[0]), primary: is(row[1]), immediate: is(row[2]), nullable: is(row[3]),
			columns: splitEscaped(string(row[4])),
		})
	}
	return nil
}

// splitEscaped cuts at commas that no backslash protects.
func splitEscaped(s string) []string {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			part.WriteByte(s[i])
		case s[i] == ',':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(s[i])
		}
	}
	return append(parts, part.String())
}

// chooseKey takes the key of the definition, else the primary key, else the
// first unique index without NULLs.
func (t *table) chooseKey(wanted []string) error {
	if wanted == nil {
		for _, ix := range t.indexes {
			if ix.unique && !ix.nullable && (ix.primary || ix.immediate) {
				wanted = ix.columns
				break
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	key, err := t.pick(wanted)
	if err != nil {
		return err
	}
	t.key = key
	for _, ix := range t.indexes {
		if ix.unique && ix.immediate && sameNames(ix.columns, wanted) && t.relkind != "f" {
			t.upsert = true
		}
	}
	return nil
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// estimate guesses the number of rows as the planner does: by what the last
// ANALYZE saw, scaled to the table's present size.
func (t *table) estimate(ctx context.Context, conn *pgconn.PgConn) error {
	t.rows = -1
	if t.relkind != "r" && t.relkind != "p" && t.relkind != "m" {
		return nil
	}
	rows, err := query(ctx, conn, `
		select coalesce(sum(case when pg_relation_size(c.oid) = 0 then 0 when c.reltuples < 0 or c.relpages = 0 then null
			else c.reltuples::float8 / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::int) end), -1)::int8,
			bool_or(pg_relation_size(c.oid) > 0 and (c.reltuples < 0 or c.relpages = 0)),
			coalesce(sum(pg_relation_size(c.oid) / current_setting('block_size')::int), 0)
		from (select $1::text::oid::regclass union select relid from pg_partition_tree($1::text::oid::regclass) where isleaf) p(oid)
		join pg_class c on c.oid = p.oid where c.relkind in ('r','m')`, strconv.FormatUint(uint64(t.oid), 10))
	if err != nil {
		return err
	}
	t.pages = number(rows[0][2])
	if !is(rows[0][1]) {
		t.rows = number(rows[0][0])
		return nil
	}
	return t.countSample(ctx, conn)
}

// countedPages is how many pages are read to tell how many rows there are in a
// table that was never analysed; of such a table the planner only guesses.
const countedPages = 1000

func (t *table) countSample(ctx context.Context, conn *pgconn.PgConn) error {
	share := min(1, countedPages/float64(t.pages))
	rows, err := query(ctx, conn, fmt.Sprintf("select count(*) from %s tablesample system (%g)", t.SQL(), 100*share))
	if err != nil {
		return err
	}
	t.rows = int64(float64(number(rows[0][0])) / share)
	return nil
}
