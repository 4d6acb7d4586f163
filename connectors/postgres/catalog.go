package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncline-dev/syncline/connectors"
)

// relations are what can be an object: tables, partitioned tables, views,
// materialized views and foreign tables.
const relations = `('r','p','v','m','f')`

// maxIdentifier is what PostgreSQL keeps of a name, in bytes.
const maxIdentifier = 63

// name is a table's name, quoted as given in the catalogue.
type name struct{ schema, table string }

// SQL is the quoted name.
func (n name) SQL() string { return quote(n.schema) + "." + quote(n.table) }

// readable is the name as Config.Object takes it.
func (n name) readable() string {
	if strings.ContainsAny(n.schema+n.table, `."`) {
		return n.SQL()
	}
	return n.schema + "." + n.table
}

// lookup finds the table that was meant, in the catalogue: what is then quoted
// is a name that exists.
func lookup(ctx context.Context, conn *pgconn.PgConn, object string) (oid uint32, n name, err error) {
	var schemas, tables []string
	for _, c := range candidates(object) {
		schemas = append(schemas, c.schema)
		tables = append(tables, c.table)
	}
	result := conn.ExecParams(ctx, `
		select c.oid, n.nspname, c.relname
		from unnest($1::text[], $2::text[]) with ordinality as w(schema, tbl, ord)
		join pg_class c on c.relname = w.tbl::name and c.relkind in `+relations+`
		join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = w.schema::name or w.schema = '' and n.nspname = any (current_schemas(false))
		order by w.ord, array_position(current_schemas(false), n.nspname) limit 1`,
		[][]byte{textArray(schemas), textArray(tables)}, []uint32{oidTextArray, oidTextArray}, []int16{1, 1}, nil).Read()
	if result.Err != nil {
		return 0, n, result.Err
	}
	if len(result.Rows) == 0 {
		return 0, n, notFound(ctx, conn, object)
	}
	row := result.Rows[0]
	id, err := strconv.ParseUint(string(row[0]), 10, 32)
	return uint32(id), name{schema: string(row[1]), table: string(row[2])}, err
}

// candidates lists what a text may mean: first exactly as it stands, as a table
// on the search path, then cut at its dots, then in lower case as SQL would
// have it.
func candidates(object string) []name {
	list := []name{{table: object}}
	parts := identifiers(object)
	for i := 1; i < len(parts); i++ {
		list = append(list, name{schema: strings.Join(parts[:i], "."), table: strings.Join(parts[i:], ".")})
	}
	if len(parts) == 1 {
		list = append(list, name{table: parts[0]})
	}
	for _, n := range slices.Clone(list) {
		list = append(list, name{schema: strings.ToLower(n.schema), table: strings.ToLower(n.table)})
	}
	for i, n := range list {
		list[i] = name{schema: cut(n.schema), table: cut(n.table)}
	}
	return list
}

// cut shortens a name as the server does when it creates one.
func cut(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	if len(s) <= maxIdentifier {
		return s
	}
	end := maxIdentifier
	for end > 0 && s[end]&0xC0 == 0x80 {
		end--
	}
	return s[:end]
}

// identifiers cuts a text at the dots that stand outside of double quotes.
func identifiers(s string) []string {
	var parts []string
	var part strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
			part.WriteByte('"')
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '.' && !quoted:
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(s[i])
		}
	}
	return append(parts, part.String())
}

// list names all objects that the role can see.
func list(ctx context.Context, conn *pgconn.PgConn) ([]string, error) {
	rows, err := query(ctx, conn, `
		select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in `+relations+` and not c.relispartition
		and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
		and (has_table_privilege(c.oid, 'SELECT') or has_any_column_privilege(c.oid, 'SELECT'))
		order by 1, 2 limit 100000`)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = name{schema: string(row[0]), table: string(row[1])}.readable()
	}
	return names, nil
}

// Discover lists the tables and views of a connection.
func (Connector) Discover(ctx context.Context, config connectors.Config) ([]string, error) {
	o, err := connect(ctx, config)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	var names []string
	err = o.with(ctx, "list the tables of "+config.System, func(conn *pgconn.PgConn) error {
		names, err = list(ctx, conn)
		return err
	})
	return names, err
}

// Discover lists the tables and views of a connection.
func (o *object) Discover(ctx context.Context, config connectors.Config) ([]string, error) {
	return Connector{}.Discover(ctx, config)
}

func notFound(ctx context.Context, conn *pgconn.PgConn, object string) error {
	hint := ""
	if names, err := list(ctx, conn); err == nil {
		if near := nearest(object, names); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
	}
	return &connectors.Error{
		Kind: connectors.NotFound, Hint: hint,
		Err: fmt.Errorf("no table or view %q that this role can see", object),
	}
}

// nearest gives the table that was probably meant, with or without its schema.
func nearest(want string, names []string) string {
	if near := connectors.Nearest(want, names); near != "" {
		return near
	}
	tables := make([]string, len(names))
	for i, n := range names {
		_, tables[i], _ = strings.Cut(n, ".")
	}
	if i := slices.Index(tables, connectors.Nearest(want, tables)); i >= 0 {
		return names[i]
	}
	return ""
}
