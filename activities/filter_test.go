package activities

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
	"pgregory.net/rapid"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/postgres"
	"github.com/syncline-dev/syncline/connectors/sqlite"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
	"github.com/syncline-dev/syncline/mappings"
)

// Cells of the filtered tables: what SQL and the expressions may see in two
// ways. The letters of `kelvin` are K in two spellings.
var (
	filterTexts = []string{"", "a", "A", "a ", "test", "Test", "K", "\u212a", "é", "e\u0301", "it's", "50%", "\\", "NULL"}
	filterInts  = []string{"0", "1", "-1", "2", "7", "9007199254740993", "-9223372036854775808"}
)

// filtered is one real table of random rows.
type filtered struct {
	object connectors.Source
	schema *record.Schema
	// exact: the table has no cells that are bad, which always pass a filter.
	exact bool
}

func openFiltered(t *testing.T, c connectors.Connector, options map[string]string, exact bool) filtered {
	t.Helper()
	o, err := c.Open(t.Context(), connectors.Config{Sync: "s", System: "src", Object: "things", Options: options})
	require.NoError(t, err)
	t.Cleanup(o.Close)
	found, err := o.Describe(t.Context())
	require.NoError(t, err)
	return filtered{object: o.(connectors.Source), schema: found.Schema, exact: exact}
}

// randomRows writes a table: keys, then cells as SQL literals, often NULL.
func randomRows(random *rand.Rand, columns ...[]string) string {
	rows := make([]string, 400)
	for i := range rows {
		cells := []string{strconv.Itoa(i)}
		for _, values := range columns {
			cell := "NULL"
			if random.IntN(5) > 0 {
				cell = values[random.IntN(len(values))]
			}
			cells = append(cells, cell)
		}
		rows[i] = "(" + strings.Join(cells, ", ") + ")"
	}
	return strings.Join(rows, ",\n")
}

func quoted(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
	}
	return out
}

func filteredTables(t *testing.T) map[string]filtered {
	t.Helper()
	random := rand.New(rand.NewPCG(4, 2)) //nolint:gosec // repeatable on purpose
	texts, bools := quoted(filterTexts), []string{"true", "false"}
	decimals := append([]string{"1.5", "7.0", "'NaN'", "123456789012345678901234567890"}, filterInts[:5]...)
	database := testenv.Postgres(t)
	database.Exec(t, `CREATE TABLE things (id int PRIMARY KEY, txt text, fixed char(6), num bigint, amount numeric, flag bool)`)
	database.Exec(t, `INSERT INTO things VALUES `+randomRows(random, texts, texts, filterInts, decimals, bools))
	path := filepath.Join(t.TempDir(), "things.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	misfits := append([]string{"'many'", "x'00'", "1.25"}, filterInts...)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE things (id INTEGER PRIMARY KEY, txt TEXT, fixed TEXT COLLATE NOCASE, num INTEGER,
		amount DECIMAL(30,4), flag BOOLEAN);
		INSERT INTO things VALUES `+randomRows(random, texts, texts, misfits, filterInts[:5], append([]string{"2", "'perhaps'"}, bools...)))
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return map[string]filtered{
		"postgres": openFiltered(t, postgres.Connector{}, map[string]string{"url": database.URL}, true),
		"sqlite":   openFiltered(t, sqlite.Connector{}, map[string]string{"path": path}, false),
	}
}

// randomCondition draws an expression; some of its parts no database evaluates.
func randomCondition(t *rapid.T, depth int) string {
	if depth > 0 && rapid.IntRange(0, 2).Draw(t, "deeper") > 0 {
		switch rapid.SampledFrom([]string{"and", "and", "or", "not"}).Draw(t, "logic") {
		case "and":
			return "(" + randomCondition(t, depth-1) + ") and (" + randomCondition(t, depth-1) + ")"
		case "or":
			return "(" + randomCondition(t, depth-1) + ") or (" + randomCondition(t, depth-1) + ")"
		default:
			return "not (" + randomCondition(t, depth-1) + ")"
		}
	}
	text := func() string { return fmt.Sprintf("%q", rapid.SampledFrom(filterTexts).Draw(t, "text")) }
	number := func() string { return rapid.SampledFrom(filterInts[:6]).Draw(t, "number") }
	column := rapid.SampledFrom([]string{"txt", "fixed"}).Draw(t, "column")
	digits := rapid.SampledFrom([]string{"num", "amount"}).Draw(t, "digits")
	equality := rapid.SampledFrom([]string{"==", "!="}).Draw(t, "equality")
	order := rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="}).Draw(t, "order")
	switch rapid.IntRange(0, 9).Draw(t, "part") {
	case 0:
		return column + " " + equality + " " + text()
	case 1:
		return text() + " " + equality + " " + column
	case 2:
		return column + " in [" + text() + ", " + text() + "]"
	case 3:
		return column + " not in [" + text() + "]"
	case 4:
		return digits + " " + order + " " + number()
	case 5:
		return number() + " " + order + " " + digits
	case 6:
		return "num in [" + number() + ", " + number() + "]"
	case 7:
		return rapid.SampledFrom([]string{"txt", "num", "flag", "amount"}).Draw(t, "any") + " " + equality + " nil"
	case 8:
		return rapid.SampledFrom([]string{"flag", "not flag", "!flag", "flag == false", "flag != true"}).Draw(t, "truth")
	default:
		return rapid.SampledFrom([]string{`int(txt) > 0`, `lower(txt) == "test"`, `txt contains "e"`, `100 / num > 1`}).Draw(t, "ours")
	}
}

// keys reads the keys that a filter lets through, and, of all that is read,
// those that the whole expression keeps. What is a fault of the record is kept.
func (f filtered) keys(ctx context.Context, t require.TestingT, system *mappings.SystemMapping, where string) (shown, kept map[record.Key]bool) {
	w, err := f.object.Detect(ctx, connectors.Ask{Mode: connectors.ModeSnapshot, Full: true, Columns: system.Columns, Where: where})
	require.NoError(t, err, where)
	shown, kept = map[record.Key]bool{}, map[record.Key]bool{}
	for _, part := range w.Partitions {
		require.NoError(t, f.object.Read(ctx, part, func(batch *record.Batch) error {
			defer batch.Release()
			reader, err := system.NewReader(batch.Schema)
			if err != nil {
				return err
			}
			var out mappings.Canonical
			for i := range batch.Rows() {
				reader.Read(batch.Row(i, nil), &out)
				shown[out.Key] = true
				if out.InScope {
					kept[out.Key] = true
				}
			}
			return nil
		}), where)
	}
	return shown, kept
}

// A filter in the database hides nothing that `where` keeps, whatever is NULL,
// and where all of `where` is in it, it keeps nothing else.
func TestPushedDownFiltersHideNothing(t *testing.T) {
	t.Parallel()
	for name, table := range filteredTables(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pushed, equal := 0, 0
			rapid.Check(t, func(rt *rapid.T) {
				condition := randomCondition(rt, 3)
				system := filterMapping(rt, table, condition)
				where := pushDown(system, table.object)
				if where == "" {
					return
				}
				pushed++
				ctx := context.WithoutCancel(t.Context())
				_, want := table.keys(ctx, rt, system, "")
				shown, kept := table.keys(ctx, rt, system, where)
				require.Equal(rt, want, kept, "%s\n%s", condition, where)
				if _, whole := system.Filters(); whole && table.exact && allTranslated(system, table) {
					equal++
					require.Len(rt, shown, len(want), "%s\n%s", condition, where)
				}
			})
			require.Positive(t, pushed, "nothing was pushed down")
			if table.exact {
				require.Positive(t, equal)
			}
		})
	}
}

func allTranslated(system *mappings.SystemMapping, table filtered) bool {
	translator, _ := connectors.As[connectors.Translator](table.object)
	filters, _ := system.Filters()
	for _, f := range filters {
		if _, ok := translator.Translate(comparison(f)); !ok {
			return false
		}
	}
	return true
}

// filterMapping compiles a sync whose source has the condition as its `where`.
func filterMapping(t require.TestingT, table filtered, condition string) *mappings.SystemMapping {
	definitions, problems := mappings.Parse("test.yaml", []byte(`
sync: s
systems:
  src: {connector: x, object: things, role: source, where: '`+strings.ReplaceAll(condition, "'", "''")+`'}
  dst: {connector: x, object: things, role: target}
match: id
same: [id, txt]
`))
	require.NoError(t, problems.Err(), condition)
	object := mappings.Object{Schema: table.schema, Key: []string{"id"}, Exists: true, Writable: true, Upsert: true}
	mapping, problems := mappings.Compile(definitions[0], map[string]mappings.Object{"src": object, "dst": object})
	require.NoError(t, problems.Err(), condition)
	return mapping.Systems[0]
}
