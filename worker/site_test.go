package worker_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	_ "modernc.org/sqlite"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/testenv"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

// site is a folder of definitions with its state, and a real engine and worker
// for it.
type site struct {
	t      *testing.T
	dir    string
	house  *worker.House
	engine *engine.Engine
	logs   *lockedBuffer
	// Of passes without an engine: how many there were, and the definition that
	// was saved last with its revision.
	passes   int64
	saved    string
	revision int
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newSite starts an engine in a fresh folder.
func newSite(t *testing.T, definition string) *site {
	t.Helper()
	return newSiteWith(t, definition, engine.Options{})
}

func newSiteWith(t *testing.T, definition string, options engine.Options) *site {
	t.Helper()
	return newSiteIn(t, t.TempDir(), definition, options)
}

func newSiteIn(t *testing.T, dir, definition string, options engine.Options) *site {
	t.Helper()
	return newSiteOn(t, dir, definition, worker.Config{}, options)
}

// newSiteOn says with config where ledger and stage are.
func newSiteOn(t *testing.T, dir, definition string, config worker.Config, options engine.Options) *site {
	t.Helper()
	for _, name := range []string{"TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_NAMESPACE"} {
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	s := &site{t: t, dir: dir, logs: &lockedBuffer{}}
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(s.dir, "none.toml"))
	require.NoError(t, os.MkdirAll(filepath.Join(s.dir, "mappings"), 0o700))
	s.define(definition)
	config.State, config.Definitions = filepath.Join(s.dir, "state"), filepath.Join(s.dir, "mappings")
	config.Logger = slog.New(slog.NewJSONHandler(s.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	house, err := worker.Open(t.Context(), config)
	require.NoError(t, err)
	s.house = house
	options.State, options.NoUI, options.Logger = house.Config.State, true, house.Config.Logger
	s.engine, err = engine.Connect(t.Context(), options)
	require.NoError(t, err)
	w := worker.New(s.engine.Client(), house)
	require.NoError(t, w.Start())
	t.Cleanup(func() {
		w.Stop()
		require.NoError(t, s.engine.Close())
		require.NoError(t, house.Close())
	})
	return s
}

func (s *site) define(definition string) {
	s.t.Helper()
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "mappings", "definition.yaml"), []byte(definition), 0o600))
}

// try runs a sync once, as `syncline run` does.
func (s *site) try(name string, ask workflows.Ask) (activities.Result, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	project, problems := s.house.Project()
	require.NoError(s.t, problems.Err())
	def, err := project.Find(name)
	require.NoError(s.t, err)
	if ask.Revision == 0 {
		ask.Revision, err = s.house.Ledger.SaveRevision(ctx, ledger.Revision{
			Sync: name, YAML: def.Source, Hash: def.Source, By: "test", At: time.Now(),
		})
		require.NoError(s.t, err)
	}
	started, err := worker.Ask(ctx, s.engine.Client(), name, ask)
	require.NoError(s.t, err)
	var result activities.Result
	err = s.engine.Client().GetWorkflow(ctx, started.WorkflowID, started.RunID).Get(ctx, &result)
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return result, app
	}
	if err != nil {
		s.t.Log(s.pending(started))
	}
	return result, err
}

// pending says what a run that does not end is waiting for.
func (s *site) pending(started workflows.Started) string {
	description, err := s.engine.Client().DescribeWorkflowExecution(context.Background(), started.WorkflowID, started.RunID)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, p := range description.GetPendingActivities() {
		fmt.Fprintf(&b, "%s, attempt %d: %s\n", p.GetActivityType().GetName(), p.GetAttempt(), p.GetLastFailure().GetMessage())
	}
	return b.String() + s.logs.String()
}

// run runs a sync that must not fail, and checks that its counts balance.
func (s *site) run(name string) activities.Result {
	s.t.Helper()
	result, err := s.try(name, workflows.Ask{})
	require.NoError(s.t, err)
	c := result.Counts
	require.Equal(s.t, c.Read, c.Applied+c.Owed+c.Unchanged+c.Conflicts+c.Quarantined+c.Ignored, "the counts balance: %+v", c)
	return result
}

// written counts the writes of a run.
func written(r activities.Result) int64 {
	n := int64(0)
	for _, w := range r.Systems {
		n += w.Created + w.Updated + w.Deleted
	}
	return n
}

// sqlite opens a database beside the definitions and runs statements on it.
func (s *site) sqlite(name string, statements ...string) *sql.DB {
	s.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, "mappings", name)+"?_pragma=busy_timeout(10000)")
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = db.Close() })
	for _, statement := range statements {
		_, err := db.ExecContext(s.t.Context(), statement)
		require.NoError(s.t, err, statement)
	}
	return db
}

// postgres gives a fresh database, its URL in an environment variable.
func (s *site) postgres(variable string, statements ...string) *pgx.Conn {
	s.t.Helper()
	return s.postgresWith(testenv.Options{}, variable, statements...)
}

func (s *site) postgresWith(options testenv.Options, variable string, statements ...string) *pgx.Conn {
	s.t.Helper()
	database := testenv.Postgres(s.t, options)
	s.t.Setenv(variable, database.URL)
	conn := s.dial(variable)
	for _, statement := range statements {
		_, err := conn.Exec(s.t.Context(), statement)
		require.NoError(s.t, err, statement)
	}
	return conn
}

// dial connects to the database whose URL is in an environment variable.
func (s *site) dial(variable string) *pgx.Conn {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), os.Getenv(variable))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// rows gives a query's rows as sorted lines, so that systems compare.
func rows(t *testing.T, db any, query string) []string {
	t.Helper()
	var lines []string
	switch db := db.(type) {
	case *sql.DB:
		got, err := db.QueryContext(t.Context(), query)
		require.NoError(t, err)
		defer got.Close() //nolint:errcheck // read to its end
		columns, err := got.Columns()
		require.NoError(t, err)
		for got.Next() {
			cells := make([]sql.NullString, len(columns))
			into := make([]any, len(columns))
			for i := range cells {
				into[i] = &cells[i]
			}
			require.NoError(t, got.Scan(into...))
			lines = append(lines, line(cells))
		}
		require.NoError(t, got.Err())
	case *pgx.Conn:
		got, err := db.Query(t.Context(), query)
		require.NoError(t, err)
		lines, err = pgx.CollectRows(got, func(r pgx.CollectableRow) (string, error) {
			cells := make([]sql.NullString, len(r.FieldDescriptions()))
			into := make([]any, len(cells))
			for i := range cells {
				into[i] = &cells[i]
			}
			err := r.Scan(into...)
			return line(cells), err
		})
		require.NoError(t, err)
	}
	slices.Sort(lines)
	return lines
}

func line(cells []sql.NullString) string {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = c.String
		if !c.Valid {
			texts[i] = "∅"
		}
	}
	return strings.Join(texts, "|")
}

func (s *site) file(name string) string { return filepath.Join(s.dir, "mappings", name) }

// story is what stands in the quarantine and in the log.
func (s *site) story() string {
	rows, err := s.house.Ledger.Quarantine(s.t.Context(), "", 10)
	return fmt.Sprintf("%+v %v\n%s", rows, err, s.logs.String())
}
