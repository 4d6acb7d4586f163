package ledger

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// bulk is many executions of one statement. SQLite takes them row by row, which
// is its fastest way inside a transaction; PostgreSQL takes them as arrays, in
// one request.
type bulk struct {
	// one is the statement for one row, with ? for each column.
	one string
	// many is the same for all rows of `r`, which stands for {rows}.
	many string
	// columns are the names and PostgreSQL types of r's columns, in order:
	// "system bigint, key bytea".
	columns string

	rows [][]any
}

// add appends one row; values are int64, string or []byte.
func (b *bulk) add(values ...any) { b.rows = append(b.rows, values) }

// sort brings the rows into the order of their first columns: a table is then
// walked once from one end to the other, and each of its pages is touched once.
func (b *bulk) sort() {
	slices.SortFunc(b.rows, func(x, y []any) int {
		for i := range x {
			if c := compareColumn(x[i], y[i]); c != 0 {
				return c
			}
		}
		return 0
	})
}

func compareColumn(x, y any) int {
	switch a := x.(type) {
	case int64:
		b, _ := y.(int64)
		return cmp.Compare(a, b)
	case []byte:
		b, _ := y.([]byte)
		return bytes.Compare(a, b)
	case string:
		b, _ := y.(string)
		return cmp.Compare(a, b)
	default:
		return 0
	}
}

// bulkRows bounds how many rows go to PostgreSQL in one request.
const bulkRows = 20_000

// run executes what was added and says how many rows of tables were touched.
func (b *bulk) run(t *tx) (int64, error) {
	if len(b.rows) == 0 {
		return 0, nil
	}
	if t.postgres {
		return b.runArrays(t)
	}
	st, err := t.stmt(b.one) //nolint:sqlclosecheck // it ends with its transaction
	if err != nil {
		return 0, err
	}
	var touched int64
	for _, row := range b.rows {
		result, err := st.Exec(row...) //nolint:noctx // see tx
		if err != nil {
			return touched, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return touched, err
		}
		touched += n
	}
	return touched, nil
}

func (b *bulk) runArrays(t *tx) (int64, error) {
	var arrays, names []string
	for column := range strings.SplitSeq(b.columns, ", ") {
		name, kind, _ := strings.Cut(column, " ")
		names = append(names, name)
		arrays = append(arrays, "?::"+kind+"[]")
	}
	source := "unnest(" + strings.Join(arrays, ", ") + ") AS r (" + strings.Join(names, ", ") + ")"
	query := strings.Replace(b.many, "{rows}", source, 1)
	var touched int64
	for part := range slices.Chunk(b.rows, bulkRows) {
		columns := make([]any, len(names))
		for i := range columns {
			columns[i] = arrayOf(part, i)
		}
		n, err := t.exec(query, columns...)
		if err != nil {
			return touched, err
		}
		touched += n
	}
	return touched, nil
}

func arrayOf(rows [][]any, column int) any {
	switch rows[0][column].(type) {
	case int64:
		return arrayFor[int64](rows, column)
	case string:
		return arrayFor[string](rows, column)
	default:
		return arrayFor[[]byte](rows, column)
	}
}

func arrayFor[T any](rows [][]any, column int) []T {
	array := make([]T, len(rows))
	for i, row := range rows {
		array[i], _ = row[column].(T)
	}
	return array
}

// insert makes a bulk that inserts whole rows; clause is what follows the
// values, such as an ON CONFLICT.
func insert(table, columns, clause string) *bulk {
	var names, places []string
	for column := range strings.SplitSeq(columns, ", ") {
		name, _, _ := strings.Cut(column, " ")
		names = append(names, name)
		places = append(places, "?")
	}
	into := "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") "
	return &bulk{
		one:     into + "VALUES (" + strings.Join(places, ", ") + ") " + clause,
		many:    into + "SELECT " + strings.Join(names, ", ") + " FROM {rows} " + clause,
		columns: columns,
	}
}

// erase makes a bulk that deletes rows by the named columns.
func erase(table, columns string) *bulk {
	var one, many []string
	for column := range strings.SplitSeq(columns, ", ") {
		name, _, _ := strings.Cut(column, " ")
		one = append(one, name+" = ?")
		many = append(many, "x."+name+" = r."+name)
	}
	return &bulk{
		one:     "DELETE FROM " + table + " WHERE " + strings.Join(one, " AND "),
		many:    "DELETE FROM " + table + " AS x USING {rows} WHERE " + strings.Join(many, " AND "),
		columns: columns,
	}
}
