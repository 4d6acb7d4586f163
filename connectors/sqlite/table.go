package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// table is what the database says about the object; it is read again whenever
// the schema version moves.
type table struct {
	version int64
	name    string // as the database spells it
	view    bool
	// rowid is a name of the row number that no column hides; "" where the
	// table has none.
	rowid   string
	columns []column
	schema  *record.Schema
	key     []int
	// assigned: SQLite or a default chooses the key of a new row.
	assigned bool
	// forever: a key is never given again after a delete.
	forever bool
	// uniques are the unique indexes over plain columns, the primary key among
	// them; partial ones are left out.
	uniques [][]int
	// indexed are the columns that indexes begin with.
	indexed []int
}

// column is one column with what is needed to read and write its cells.
type column struct {
	record.Field
	affinity affinity
	pk       int
	codec    codec
	// defaultSQL is what a new row has; "" is nothing.
	defaultSQL string
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (t *table) sql() string { return quote(t.name) }

// names gives the quoted names of columns, each behind prefix.
func (t *table) names(cols []int, prefix string) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = prefix + quote(t.columns[c].Name)
	}
	return out
}

// order gives the quoted names of what rows are ordered by in partitions: the
// row number, else the primary key, else nothing.
func (t *table) order() []string {
	if t.rowid != "" {
		return []string{t.rowid}
	}
	return t.names(t.primary(), "")
}

func (t *table) primary() []int {
	var cols []int
	for i, c := range t.columns {
		if c.pk > 0 {
			cols = append(cols, i)
		}
	}
	slices.SortFunc(cols, func(a, b int) int { return t.columns[a].pk - t.columns[b].pk })
	return cols
}

func (t *table) keyFields() []record.Field {
	fields := make([]record.Field, len(t.key))
	for i, c := range t.key {
		fields[i] = t.columns[c].Field
	}
	return fields
}

// find gives the places of named columns; one that is not there is an error of
// kind SchemaChanged. nil names all.
func (t *table) find(names []string) ([]int, error) {
	if names == nil {
		names = t.schema.Names()
	}
	cols := make([]int, len(names))
	for i, name := range names {
		if cols[i] = t.schema.Index(name); cols[i] < 0 {
			return nil, &connectors.Error{
				Kind: connectors.SchemaChanged,
				Err:  fmt.Errorf("table %s has no column %q%s", t.name, name, didYouMean(name, t.schema.Names())),
			}
		}
	}
	return cols, nil
}

func (t *table) selectSchema(cols []int) *record.Schema {
	fields := make([]record.Field, len(cols))
	for i, c := range cols {
		fields[i] = t.columns[c].Field
	}
	return record.NewSchema(fields...)
}

// needKey refuses what cannot be done without a key.
func (t *table) needKey() error {
	if len(t.key) > 0 {
		return nil
	}
	return &connectors.Error{
		Kind: connectors.Permanent, Err: fmt.Errorf("table %s has no primary key", t.name),
		Hint: "name the columns that identify a row with key:",
	}
}

// uniqueKey reports whether the database itself keeps the key unique.
func (t *table) uniqueKey(key []int) bool {
	want := slices.Sorted(slices.Values(key))
	return len(key) > 0 && slices.ContainsFunc(t.uniques, func(u []int) bool {
		return slices.Equal(slices.Sorted(slices.Values(u)), want)
	})
}

// loadTable reads the schema of one table or view.
func loadTable(conn *bare.Conn, config connectors.Config, dec decoding) (*table, error) {
	t := &table{}
	err := conn.Each(`PRAGMA schema_version`, func(s *bare.Stmt) error {
		t.version = s.Int(0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	withoutRowid, err := t.findObject(conn, config.Object)
	if err != nil {
		return nil, err
	}
	if err := t.loadColumns(conn, dec); err != nil {
		return nil, err
	}
	pkIndex, err := t.loadIndexes(conn)
	if err != nil {
		return nil, err
	}
	alias := -1
	if pk := t.primary(); len(pk) == 1 && !withoutRowid && !pkIndex && !t.view &&
		strings.EqualFold(t.columns[pk[0]].Native, "INTEGER") {
		alias = pk[0]
		t.uniques = append(t.uniques, pk)
		t.indexed = append(t.indexed, alias)
		t.columns[alias].HasDefault, t.columns[alias].Nullable = true, false
	}
	if !withoutRowid && !t.view {
		t.rowid = t.rowidName()
	}
	t.schema = t.selectSchema(t.allColumns())
	if err := t.chooseKey(config.Key); err != nil {
		return nil, err
	}
	t.assigned = len(t.key) > 0
	for _, c := range t.key {
		t.assigned = t.assigned && t.columns[c].HasDefault
	}
	if alias >= 0 && slices.Equal(t.key, []int{alias}) {
		err = conn.Each(`SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?`, func(s *bare.Stmt) error {
			t.forever = strings.Contains(strings.ToUpper(s.Text(0)), "AUTOINCREMENT")
			return nil
		}, t.name)
		if err != nil {
			return nil, err
		}
	}
	return t, t.learnStyles(conn)
}

func (t *table) allColumns() []int {
	all := make([]int, len(t.columns))
	for i := range all {
		all[i] = i
	}
	return all
}

func (t *table) findObject(conn *bare.Conn, object string) (withoutRowid bool, err error) {
	if object == "" {
		return false, connectors.Errorf(connectors.Permanent, "no table is named; say which with object:")
	}
	var others []string
	err = conn.Each(`SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'`, func(s *bare.Stmt) error {
		name := s.Text(0)
		if strings.EqualFold(name, object) {
			t.name, t.view, withoutRowid = name, s.Text(1) != "table", s.Int(2) != 0
		}
		if listed(name) {
			others = append(others, name)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	if t.name == "" {
		return false, connectors.Errorf(connectors.NotFound, "no table %q%s", object, didYouMean(object, others))
	}
	return withoutRowid, nil
}

// listed tells the user's own tables from SQLite's and from our change logs.
func listed(name string) bool {
	return !strings.HasPrefix(name, "sqlite_") && !strings.HasPrefix(name, ownPrefix)
}

func (t *table) loadColumns(conn *bare.Conn, dec decoding) error {
	return conn.Each(`SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)`, func(s *bare.Stmt) error {
		hidden := s.Int(5)
		if hidden == 1 { // a virtual table's parameter, not a column
			return nil
		}
		decl := s.Text(1)
		generated := hidden == 2 || hidden == 3
		decl = strings.TrimSpace(strings.TrimSuffix(strings.ToUpper(decl), "GENERATED ALWAYS"))
		c := column{
			Field: record.Field{
				Name: s.Text(0), Type: typeOf(decl), Native: decl,
				Nullable: s.Int(2) == 0, ReadOnly: generated, HasDefault: generated || s.Class(3) != bare.Null,
			},
			affinity: affinityOf(decl),
			pk:       int(s.Int(4)),
		}
		if !generated && s.Class(3) != bare.Null {
			c.defaultSQL = s.Text(3)
		}
		c.codec = codec{decoding: dec, kind: c.Type.Kind, typ: c.Type, affinity: c.affinity}
		t.columns = append(t.columns, c)
		return nil
	}, t.name)
}

// loadIndexes notes the unique indexes and reports whether the primary key has
// an index of its own.
func (t *table) loadIndexes(conn *bare.Conn) (pkIndex bool, err error) {
	type index struct {
		name            string
		unique, partial bool
	}
	var list []index
	err = conn.Each(`SELECT name, "unique", origin, partial FROM pragma_index_list(?)`, func(s *bare.Stmt) error {
		pkIndex = pkIndex || s.Text(2) == "pk"
		list = append(list, index{name: s.Text(0), unique: s.Int(1) != 0, partial: s.Int(3) != 0})
		return nil
	}, t.name)
	if err != nil {
		return false, err
	}
	for _, ix := range list {
		var cols []int
		plain := true
		err = conn.Each(`SELECT cid FROM pragma_index_info(?) ORDER BY seqno`, func(s *bare.Stmt) error {
			cid := int(s.Int(0))
			plain = plain && cid >= 0
			cols = append(cols, cid)
			return nil
		}, ix.name)
		if err != nil {
			return false, err
		}
		if !plain || ix.partial || len(cols) == 0 {
			continue
		}
		for i, cid := range cols {
			if cols[i] = t.place(conn, cid); cols[i] < 0 {
				plain = false
			}
		}
		if !plain {
			continue
		}
		t.indexed = append(t.indexed, cols[0])
		if ix.unique {
			t.uniques = append(t.uniques, cols)
		}
	}
	return pkIndex, nil
}

// place turns SQLite's column number into ours; they differ only in virtual
// tables with hidden columns, which have no indexes.
func (t *table) place(_ *bare.Conn, cid int) int {
	if cid < len(t.columns) {
		return cid
	}
	return -1
}

func (t *table) rowidName() string {
	for _, name := range []string{"_rowid_", "rowid", "oid"} {
		if !slices.ContainsFunc(t.columns, func(c column) bool { return strings.EqualFold(c.Name, name) }) {
			return name
		}
	}
	return ""
}

func (t *table) chooseKey(names []string) error {
	if len(names) == 0 {
		t.key = t.primary()
		return nil
	}
	key, err := t.find(names)
	t.key = key
	return err
}

// didYouMean gives a hint with the most similar name, or "".
func didYouMean(name string, names []string) string {
	best := connectors.Nearest(name, names)
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %q?", best)
	case len(names) > 0 && len(names) <= 12:
		return "; there are " + strings.Join(names, ", ")
	default:
		return ""
	}
}
