package worker_test

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/mappings/examples"
)

// exampleResult is what an example leaves behind.
type exampleResult struct {
	conflicts []string // the kinds of those that wait for people
	in        string   // a SQLite database, the variable with a PostgreSQL URL, or a CSV file
	query     string   // gives what is there now; "" for a file
	want      []string
}

// Every definition of the examples runs as it is on what setup/ makes: the
// first run brings the systems together, as far as nobody has to decide, and
// the second finds nothing to do.
func TestExamplesRunTwice(t *testing.T) {
	left := map[string]exampleResult{
		"customers": {
			in: "crm.db", query: `SELECT email, plan, mrr FROM contacts`,
			want: []string{"Anna@Example.com|gold|49.9", "ben@example.com|∅|∅"},
		},
		"newsletter-export": {
			in:   "newsletter.csv",
			want: []string{"E-Mail,Name,Since", "anna@example.com,Anna Berg,2026-01-02"},
		},
		"members": {
			in: "club.db", query: `SELECT id, email, fee, active FROM members`,
			want: []string{"1|Eva@example.com|25|1", "2|tom@example.com|12.5|0"},
		},
		"customers-mirror": {
			in: "REPORTING_URL", query: `SELECT id::text, email, name, newsletter::text FROM customers`,
			want: []string{"1|anna@example.com|Anna Berg|true", "2|ben@example.com|Ben Ito|false"},
		},
		"orders": {
			in: "warehouse.db", query: `SELECT order_no, status, total, source FROM orders`,
			want: []string{"SO-7|new|19.95|webshop", "SO-8|shipped|2.5|webshop"},
		},
		// Only the shop has the teapot, and what only the shop has is for people to review.
		"products": {
			conflicts: []string{"identity_ambiguous"}, in: "SHOP_URL", query: `SELECT sku, title, stock::text FROM products`,
			want: []string{"K-1|Kettle 1.5 l|10", "T-2|Teapot|3"},
		},
		"staff": {
			in: "crm.db", query: `SELECT email, full_name, phone FROM users`,
			want: []string{"kim@example.com|Kim Lund|+46 8 123 456 78"},
		},
	}
	s := newSite(t, exampleSource(t))
	seedExamples(t, s)
	_, err := s.dial("SHOP_URL").Exec(t.Context(), `UPDATE customers SET created_at = '2026-01-02 10:00:00+00'`)
	require.NoError(t, err)
	project, problems := s.house.Project()
	require.NoError(t, problems.Err())
	require.Len(t, project.Definitions, len(left), "each example says here what it leaves behind")
	for _, d := range project.Definitions {
		name := d.Sync.Value
		want, known := left[name]
		require.True(t, known, name)
		outcome := activities.OutcomeDone
		if len(want.conflicts) > 0 {
			outcome = activities.OutcomeWaiting
		}
		for nth := range 2 {
			result := s.run(name)
			require.Equal(t, outcome, result.Outcome, "run %d of %s: %+v", nth+1, name, result)
			require.Zero(t, result.Counts.Quarantined+result.Counts.Owed, "run %d of %s: %+v", nth+1, name, result)
			if nth == 0 {
				require.Positive(t, result.Counts.Applied, "%s does nothing on what setup/ makes", name)
				require.Positive(t, written(result), "%s writes nothing on what setup/ makes", name)
				continue
			}
			require.Zero(t, result.Counts.Applied, "the second run of %s: %+v", name, result)
			require.Zero(t, written(result), "the second run of %s: %+v", name, result)
		}
		open, err := s.house.Ledger.Conflicts(t.Context(), ledger.ConflictFilter{Sync: name, State: "open"})
		require.NoError(t, err)
		var kinds []string
		for _, c := range open {
			kinds = append(kinds, string(c.Conflict.Kind))
		}
		require.Equal(t, want.conflicts, kinds, name)
		require.Equal(t, want.want, s.holds(want.in, want.query), name)
	}
}

// holds gives what a system of the examples has.
func (s *site) holds(in, query string) []string {
	s.t.Helper()
	switch path.Ext(in) {
	case ".csv":
		content, err := os.ReadFile(s.file(in))
		require.NoError(s.t, err)
		return strings.Split(strings.TrimSpace(string(content)), "\n")
	case ".db":
		return rows(s.t, s.sqlite(in), query)
	}
	return rows(s.t, s.dial(in), query)
}

// exampleSource is all examples as one file of definitions.
func exampleSource(t *testing.T) string {
	t.Helper()
	names, err := fs.Glob(examples.Files, "*.yaml")
	require.NoError(t, err)
	var all []string
	for _, name := range names {
		if name != "connections.yaml" {
			source, err := examples.Files.ReadFile(name)
			require.NoError(t, err)
			all = append(all, string(source))
		}
	}
	return strings.Join(all, "\n---\n")
}

// seedExamples makes the systems of the examples: connections, tables, files.
func seedExamples(t *testing.T, s *site) {
	t.Helper()
	connections, err := examples.Files.ReadFile("connections.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.file("connections.yaml"), connections, 0o600))
	files, err := fs.Glob(examples.Files, "setup/*")
	require.NoError(t, err)
	for _, file := range files {
		content, err := examples.Files.ReadFile(file)
		require.NoError(t, err)
		name, isSQL := strings.CutSuffix(path.Base(file), ".sql")
		switch {
		case !isSQL:
			require.NoError(t, os.WriteFile(s.file(name), content, 0o600))
		case strings.Contains(string(content), "(PostgreSQL)"):
			s.postgres(strings.ToUpper(name)+"_URL", string(content))
		default:
			s.sqlite(name+".db", string(content))
		}
	}
}
