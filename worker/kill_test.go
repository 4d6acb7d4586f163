package worker_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"
	_ "modernc.org/sqlite"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/testenv"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

// The test binary is also the process that is killed.
const (
	envChild   = "SYNCLINE_TEST_CHILD"   // the folder of the house
	envPoint   = "SYNCLINE_TEST_POINT"   // the point to die at; "" to live
	envNth     = "SYNCLINE_TEST_NTH"     // which time it is reached
	envMeddle  = "SYNCLINE_TEST_MEDDLE"  // an SQL statement that somebody else runs on billing before we write
	envMeddled = "SYNCLINE_TEST_MEDDLED" // the file that says that it was run
	envControl = "SYNCLINE_TEST_CONTROL" // what is switched off in a negative control
	envEngine  = "SYNCLINE_TEST_ENGINE"  // "real" runs under the embedded engine
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envChild); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const killDefinition = `
sync: people
systems:
  crm:     {connector: postgres, url: "${CRM_URL}", object: contacts}
  billing: {connector: sqlite, path: ./billing.db, object: customers}
match: email
same: [email, city, phone]
fields:
  name: {crm: full_name, billing: name, resolve: [{priority: [billing, crm]}]}
conflicts: {resolve: [{priority: [crm, billing]}]}
deletes: {effect: hard}
limits: {delete: {count: 1000}}
first_sync: {prefer: {system_wins: crm}, only_here: create}
`

// child runs the sync once, as the command line does, and dies where it is told.
func child(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	house, err := worker.Open(ctx, worker.Config{State: filepath.Join(dir, "state"), Definitions: filepath.Join(dir, "mappings")})
	if err != nil {
		return err
	}
	hook(dir, house)
	project, problems := house.Project()
	if err := problems.Err(); err != nil {
		return err
	}
	def, err := project.Find("people")
	if err != nil {
		return err
	}
	revision, err := house.Ledger.SaveRevision(ctx, ledger.Revision{Sync: "people", YAML: def.Source, Hash: "1", By: "test", At: time.Now()})
	if err != nil {
		return err
	}
	if os.Getenv(envEngine) != "real" {
		return withoutEngine(ctx, house, revision)
	}
	e, err := engine.Connect(ctx, engine.Options{State: house.Config.State, NoUI: true})
	if err != nil {
		return err
	}
	if err := worker.Mend(ctx, e.Client(), e.Namespace()); err != nil {
		return err
	}
	w := worker.New(e.Client(), house)
	if err := w.Start(); err != nil {
		return err
	}
	started, err := worker.Ask(ctx, e.Client(), "people", workflows.Ask{Revision: revision})
	if err != nil {
		return err
	}
	var result activities.Result
	if err := e.Client().GetWorkflow(ctx, started.WorkflowID, started.RunID).Get(ctx, &result); err != nil {
		return err
	}
	return tell(result)
}

// tell prints the result and closes nothing: the end of a process is no
// cleaner than that.
func tell(result activities.Result) error {
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	return nil
}

// withoutEngine runs the same workflow and the same steps in Temporal's test
// environment, which starts in no time. After a kill the next run finds what
// the ledger and the systems have; the rounds with the engine inside go on with
// the run that was cut off.
func withoutEngine(ctx context.Context, house *worker.House, revision int) error {
	runs, err := house.Ledger.Runs(ctx, "people", 1)
	if err != nil {
		return err
	}
	number := int64(1)
	if len(runs) > 0 {
		number = runs[0].Number + 1
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	env.SetWorkerOptions(sdkworker.Options{DeadlockDetectionTimeout: time.Minute}) // the machine may be busy
	worker.Register(env, nil, house)
	env.ExecuteWorkflow(workflows.Run, activities.Request{
		Sync: "people", Run: workflows.RunID("people", number), Revision: revision, Trigger: "manual",
	})
	if err := env.GetWorkflowError(); err != nil {
		return err
	}
	var result activities.Result
	if err := env.GetWorkflowResult(&result); err != nil {
		return err
	}
	return tell(result)
}

// hook makes the process die at its point, lets somebody else edit a record
// between resolve and load, and switches off what a negative control does
// without.
func hook(dir string, house *worker.House) {
	point, meddle := activities.Point(os.Getenv(envPoint)), os.Getenv(envMeddle)
	nth, _ := strconv.Atoi(os.Getenv(envNth))
	seen := 0
	house.Sessions.At = func(p activities.Point) {
		if p == activities.PointIntended && meddle != "" {
			meddleOnce(filepath.Join(dir, "mappings", "billing.db"), meddle)
		}
		if p != point {
			return
		}
		if seen++; seen == nth {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	if os.Getenv(envControl) == "unconditional" {
		house.Sessions.Wrap = blindly
	}
}

func meddleOnce(path, statement string) {
	marker := os.Getenv(envMeddled)
	if _, err := os.Stat(marker); err == nil {
		return
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		panic(err)
	}
	defer db.Close()                                                           //nolint:errcheck // the statement below is what counts
	if _, err := db.ExecContext(context.Background(), statement); err != nil { //nolint:gosec // the test's own statement
		panic(err)
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil { //nolint:gosec // the test's own file
		panic(err)
	}
}

// killWorld is two systems, and what they should agree on.
type killWorld struct {
	t       *testing.T
	dir     string
	url     string
	crm     *pgx.Conn
	billing *sql.DB
	people  map[string]person // by email
	rnd     *rand.Rand
	next    int
	control string
	engine  string
}

type person struct{ name, city, phone string }

func newKillWorld(t *testing.T, seed uint64) *killWorld {
	t.Helper()
	ctx := t.Context()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "mappings"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mappings", "people.yaml"), []byte(killDefinition), 0o600))
	server := testenv.Postgres(t)
	crm, err := pgx.Connect(ctx, server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = crm.Close(context.Background()) })
	_, err = crm.Exec(ctx, `CREATE TABLE contacts (id serial PRIMARY KEY, email text, full_name text, city text, phone text)`)
	require.NoError(t, err)
	billing, err := sql.Open("sqlite", filepath.Join(dir, "mappings", "billing.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = billing.Close() })
	_, err = billing.ExecContext(ctx, `CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, city TEXT, phone TEXT)`)
	require.NoError(t, err)
	w := &killWorld{
		t: t, dir: dir, url: server.URL, crm: crm, billing: billing, people: map[string]person{},
		rnd: rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // repeatable on purpose
	}
	for range 30 {
		w.insert(w.rnd.IntN(2) == 0)
	}
	return w
}

func (w *killWorld) exec(inCRM bool, statement string, args ...any) {
	w.t.Helper()
	var err error
	if inCRM {
		_, err = w.crm.Exec(w.t.Context(), statement, args...)
	} else {
		_, err = w.billing.ExecContext(w.t.Context(), statement, args...)
	}
	require.NoError(w.t, err)
}

func (w *killWorld) insert(inCRM bool) {
	w.next++
	email := fmt.Sprintf("p%d@example.com", w.next)
	p := person{name: fmt.Sprintf("Person %d", w.next), city: "Berlin", phone: "1"}
	if inCRM {
		w.exec(true, `INSERT INTO contacts (email, full_name, city, phone) VALUES ($1, $2, $3, $4)`, email, p.name, p.city, p.phone)
	} else {
		w.exec(false, `INSERT INTO customers (email, name, city, phone) VALUES ($1, $2, $3, $4)`, email, p.name, p.city, p.phone)
	}
	w.people[email] = p
}

// edit changes both systems: different fields of the same people too, so that
// merging by field is what keeps both edits.
func (w *killWorld) edit() (meddle, who string) {
	emails := slices.Sorted(maps.Keys(w.people))
	w.rnd.Shuffle(len(emails), func(i, j int) { emails[i], emails[j] = emails[j], emails[i] })
	for i, email := range emails[:6] {
		p := w.people[email]
		w.next++
		p.name = fmt.Sprintf("Name %d", w.next)
		w.exec(true, `UPDATE contacts SET full_name = $1 WHERE email = $2`, p.name, email)
		if i < 3 {
			p.phone = strconv.Itoa(w.next)
			w.exec(false, `UPDATE customers SET phone = $1 WHERE email = $2`, p.phone, email)
		}
		w.people[email] = p
	}
	w.insert(true)
	w.insert(false)
	if len(emails) > 20 && w.rnd.IntN(2) == 0 {
		gone := emails[7]
		if w.rnd.IntN(2) == 0 {
			w.exec(true, `DELETE FROM contacts WHERE email = $1`, gone)
		} else {
			w.exec(false, `DELETE FROM customers WHERE email = $1`, gone)
		}
		delete(w.people, gone)
	}
	// Somebody edits, in billing, the very field that we are about to write there.
	who = emails[0]
	return fmt.Sprintf(`UPDATE customers SET name = 'Meddled %d' WHERE email = '%s'`, w.next, who), who
}

// run starts a child and gives its result; killed tells that it died as told.
func (w *killWorld) run(point activities.Point, nth int, meddle, marker string) (result activities.Result, killed bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0]) //nolint:gosec // the test itself
	c.Env = append(os.Environ(), envChild+"="+w.dir, envPoint+"="+string(point), envNth+"="+strconv.Itoa(nth),
		envMeddle+"="+meddle, envMeddled+"="+marker, envControl+"="+w.control, envEngine+"="+w.engine, "CRM_URL="+w.url)
	var complaints strings.Builder
	c.Stderr = &complaints
	out, err := c.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL && point != "" {
		return result, true
	}
	require.NoError(w.t, err, "%s", complaints.String())
	require.NoError(w.t, json.Unmarshal(out, &result), "%s", out)
	return result, false
}

// disagreement says how the systems differ from what they should agree on.
func (w *killWorld) disagreement() string {
	w.t.Helper()
	var wrong []string
	rows, err := w.crm.Query(w.t.Context(), `SELECT email, full_name, city, phone FROM contacts`)
	require.NoError(w.t, err)
	crm, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) ([4]string, error) {
		var v [4]string
		return v, r.Scan(&v[0], &v[1], &v[2], &v[3])
	})
	require.NoError(w.t, err)
	wrong = append(wrong, w.compare("crm", crm)...)
	var billing [][4]string
	list, err := w.billing.QueryContext(w.t.Context(), `SELECT email, name, city, phone FROM customers`)
	require.NoError(w.t, err)
	defer list.Close() //nolint:errcheck // read to its end below
	for list.Next() {
		var v [4]string
		require.NoError(w.t, list.Scan(&v[0], &v[1], &v[2], &v[3]))
		billing = append(billing, v)
	}
	require.NoError(w.t, list.Err())
	return strings.Join(append(wrong, w.compare("billing", billing)...), "\n")
}

func (w *killWorld) compare(system string, rows [][4]string) []string {
	var wrong []string
	seen := map[string]bool{}
	for _, r := range rows {
		want, known := w.people[r[0]]
		got := person{name: r[1], city: r[2], phone: r[3]}
		switch {
		case seen[r[0]]:
			wrong = append(wrong, system+" has twice: "+r[0])
		case !known:
			wrong = append(wrong, system+" still has "+r[0])
		case got != want:
			wrong = append(wrong, fmt.Sprintf("%s, %s: has %+v, should have %+v", system, r[0], got, want))
		}
		seen[r[0]] = true
	}
	for _, email := range slices.Sorted(maps.Keys(w.people)) {
		if !seen[email] {
			wrong = append(wrong, system+" lacks "+email)
		}
	}
	return wrong
}

// round edits, is killed at a point, comes back, and tells what is wrong then.
func (w *killWorld) round(i int, point activities.Point) (killed bool, wrong string) {
	w.t.Helper()
	meddle, who := w.edit()
	marker := filepath.Join(w.dir, fmt.Sprintf("meddled-%d", i))
	nth := 1
	if i%3 == 0 && (point == activities.PointExtracted || point == activities.PointTransformed || point == activities.PointWritten) {
		nth = 2 // the other system
	}
	_, killed = w.run(point, nth, meddle, marker)
	for range 2 { // the run that was cut off and the next; a quiet one to see what is left
		result, _ := w.run("", 0, meddle, marker)
		c := result.Counts
		if sum := c.Applied + c.Owed + c.Unchanged + c.Conflicts + c.Quarantined + c.Ignored; sum != c.Read || c.Conflicts+c.Quarantined != 0 {
			wrong += fmt.Sprintf("counts: %+v\n", c)
		}
	}
	if _, err := os.Stat(marker); err == nil {
		p := w.people[who]
		_, name, _ := strings.Cut(meddle, "'")
		p.name, _, _ = strings.Cut(name, "'")
		w.people[who] = p
	}
	return killed, wrong + w.disagreement()
}

// killRounds is how many times the process dies, and engineRounds how many times
// with the engine inside it, twice at each point.
const (
	killRounds   = 200
	engineRounds = 26
)

func TestKilledAtEveryPointLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	killAtEveryPoint(t, newKillWorld(t, 7), killRounds)
}

func TestKilledWithTheEngineInsideLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	w := newKillWorld(t, 8)
	w.engine = "real"
	killAtEveryPoint(t, w, engineRounds)
}

func killAtEveryPoint(t *testing.T, w *killWorld, rounds int) {
	t.Helper()
	w.run("", 0, "", filepath.Join(w.dir, "none"))
	require.Empty(t, w.disagreement(), "the first sync")
	points := activities.Points()
	dead := 0
	for i := 0; dead < rounds; i++ {
		require.Less(t, i, rounds+rounds/4, "killed %d times only", dead)
		point := points[dead%len(points)]
		killed, wrong := w.round(i, point)
		require.Empty(t, wrong, "round %d, killed (%v) at %q", i, killed, point)
		if killed { // else the edits did not lead there: other ones will
			dead++
		}
	}
}

// Without conditional writes the same test must find a lost edit.
func TestKillTestFindsUnconditionalWrites(t *testing.T) {
	t.Parallel()
	w := newKillWorld(t, 7)
	w.control = "unconditional"
	w.run("", 0, "", filepath.Join(w.dir, "none"))
	for i := range 10 {
		if _, wrong := w.round(i, activities.PointClosed); wrong != "" {
			t.Logf("found, as it must be: %s", wrong)
			return
		}
	}
	t.Fatal("unconditional writes lost nothing: the kill test cannot fail")
}
