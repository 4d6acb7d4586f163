package cli_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // scripts look into databases
	"github.com/rogpeppe/go-internal/testscript"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	_ "modernc.org/sqlite" // scripts look into databases

	"github.com/syncline-dev/syncline/cli"
	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/internal/testenv"
	"github.com/syncline-dev/syncline/workflows"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect to see") //nolint:gochecknoglobals // a flag of the test

// The test binary is also the programs that scripts run, each in a process of
// its own: with real exit codes, signals and files.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"syncline": func() {
			os.Exit(cli.Execute(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
		"sqlite":     func() { exit(runSQL(os.Args[1], os.Args[2])) },
		"psql":       func() { exit(runPostgres(os.Args[1])) },
		"scrub":      func() { exit(scrub(os.Stdin, os.Stdout)) },
		"coded":      func() { exit(coded(os.Args[1], os.Args[2:])) },
		"linkof":     func() { exit(linkOf(os.Stdin, os.Stdout)) },
		"onterminal": func() { exit(onTerminal(os.Args[1], os.Args[2:])) },
		"stays": func() {
			shown, err := stays(os.Args[1], os.Args[2:])
			fmt.Print(shown)
			exit(err)
		},
		"schedule": func() { exit(schedule(os.Args[1])) },
	})
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runSQL runs statements on a database file, and prints the rows of the last.
func runSQL(file, statements string) error {
	return query("sqlite", "file:"+file+"?_pragma=busy_timeout(20000)", statements)
}

// runPostgres does the same in the script's PostgreSQL.
func runPostgres(statements string) error { return query("pgx", os.Getenv("PG_URL"), statements) }

func query(driver, address, statements string) error {
	db, err := sql.Open(driver, address)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // a test's own database
	rows, err := db.QueryContext(context.Background(), statements)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // read to its end
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		texts := make([]string, len(cells))
		for i, c := range cells {
			if texts[i] = c.String; !c.Valid {
				texts[i] = "NULL"
			}
		}
		fmt.Println(strings.Join(texts, "|"))
	}
	return rows.Err()
}

// scrub replaces what differs from run to run, so that the rest can be compared
// to the letter.
func scrub(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	for _, r := range []struct{ pattern, with string }{
		{`"seconds":[0-9.e-]+`, `"seconds":0.1`},
		{`in [0-9.]+ s\b`, "in 0.1 s"},
		{`, [0-9]+ ms`, ", 1 ms"},
		{`about [0-9]+ rows`, "about 9 rows"},
		{`http://127\.0\.0\.1:[0-9]+`, "http://127.0.0.1:8233"},
		{`port [0-9]+ is taken, it will take the next one; `, ""},
		{`127\.0\.0\.1:[0-9]+`, "127.0.0.1:0"},
		{`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?`, "2026-01-05T10:00:00Z"},
		{`"(seen|hash|digest)":"[0-9a-f]+"`, `"$1":"d1635"`},
		{`(hash +)[0-9a-f]+`, "${1}d1635"},
		{`link [0-9a-f]{32}`, "link 1"},
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "id"},
		{`\S*/script-[^/ ]+/`, "$$WORK/"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAll(text, []byte(r.with))
	}
	_, err = out.Write(text)
	return err
}

// coded runs a program, passes an interrupt on to it, and prints its exit code:
// what `exits` cannot do for one in the background.
func coded(program string, args []string) error {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	c := exec.CommandContext(context.Background(), program, args...) //nolint:gosec // the script names it
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		return err
	}
	go func() {
		for s := range interrupts {
			_ = c.Process.Signal(s) // it may have ended by itself
		}
	}()
	err := c.Wait()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return err
	}
	fmt.Printf("exit code %d\n", c.ProcessState.ExitCode())
	return nil
}

// onTerminal runs a program with everything it reads and writes on the terminal
// that `ttyin` made: testscript itself keeps output away from it.
func onTerminal(program string, args []string) error {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer terminal.Close()                                           //nolint:errcheck // read and written to its end
	c := exec.CommandContext(context.Background(), program, args...) //nolint:gosec // the script names it
	c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
	return c.Run()
}

// linkOf prints the first link that is named in a text.
func linkOf(in io.Reader, out io.Writer) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	m := regexp.MustCompile(`link ([0-9a-f]{32})`).FindSubmatch(text)
	if m == nil {
		return errors.New("no link is named")
	}
	_, err = out.Write(m[1])
	return err
}

// envFile sets a variable to what a file holds.
func envFile(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// params are what all scripts share: no cluster, no colours, no variables of
// whoever runs the tests.
func params(dir string) testscript.Params {
	return testscript.Params{
		Dir: dir, UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TEMPORAL_CONFIG_FILE", env.WorkDir+"/none.toml")
			env.Setenv("NO_COLOR", "1")
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "waitfor": waitFor, "waitlog": waitLog, "waitschedule": waitSchedule, "idof": idOf,
			"envfile": envFile,
		},
	}
}

// exits runs a command that must end with a certain exit code, which
// stands before it.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("it ended with %s, not with %s", code, args[0])
	}
}

// waitFor waits until a file is there.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[0])
	wait(ts, file, func() bool {
		_, err := os.Stat(file)
		return err == nil
	})
}

// waitLog waits until the log says something.
func waitLog(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(".syncline/logs/syncline.log")
	wait(ts, args[0], func() bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), args[0])
	})
}

func wait(ts *testscript.TestScript, what string, there func() bool) {
	for end := time.Now().Add(time.Minute); !there(); {
		if time.Now().After(end) {
			ts.Fatalf("%s did not come", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// waitSchedule waits until a sync has the schedule that a file holds.
func waitSchedule(ts *testscript.TestScript, _ bool, args []string) {
	want := ts.ReadFile(args[1])
	wait(ts, "the schedule of "+args[0], func() bool {
		return ts.Exec("schedule", args[0]) == nil && ts.ReadFile("stdout") == want
	})
}

// idOf sets a variable to the id of the conflict about a record (by its match),
// or of the quarantined record (by its key), from the list that was just
// printed: ids follow no order of the records.
func idOf(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile("stdout"))
	if !strings.HasPrefix(text, "[") { // objects, line by line
		text = "[" + strings.ReplaceAll(text, "\n", ",") + "]"
	}
	var rows []struct {
		ID    int    `json:"id"`
		Match string `json:"match"`
		Key   string `json:"key"`
	}
	ts.Check(json.Unmarshal([]byte(text), &rows))
	for _, row := range rows {
		if args[1] == cmp.Or(row.Match, row.Key) {
			ts.Setenv(args[0], strconv.Itoa(row.ID))
			return
		}
	}
	ts.Fatalf("nothing that was listed is about %s", args[1])
}

// TestScripts are the commands that need no engine.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, params("testdata/script"))
}

// TestEngineScripts are the commands with a real engine, most of which share
// the one of a `syncline up`.
func TestEngineScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts engines")
	}
	t.Parallel()
	testscript.Run(t, params("testdata/engine"))
}

// TestPostgresScripts are those that look at a real PostgreSQL.
func TestPostgresScripts(t *testing.T) {
	t.Parallel()
	p := params("testdata/postgres")
	base := p.Setup
	p.Setup = func(env *testscript.Env) error {
		database := testenv.Postgres(t, testenv.Options{Password: "right"})
		env.Setenv("PG_URL", database.URL)
		return base(env)
	}
	testscript.Run(t, p)
}

// schedule prints what the engine of a `syncline up` has as the schedule of a
// sync.
func schedule(sync string) error {
	e, err := engine.Connect(context.Background(), engine.Options{State: ".syncline"})
	if err != nil {
		return err
	}
	defer e.Close() //nolint:errcheck // only a client
	d, err := e.Client().ScheduleClient().GetHandle(context.Background(), workflows.ScheduleID(sync)).Describe(context.Background())
	if _, none := errors.AsType[*serviceerror.NotFound](err); none {
		fmt.Println("none")
		return nil
	}
	if err != nil {
		return err
	}
	spec, policy := d.Schedule.Spec, d.Schedule.Policy
	for _, interval := range spec.Intervals {
		fmt.Println("every", interval.Every)
	}
	for _, c := range spec.Calendars {
		fmt.Println("at", c.Hour, c.Minute, "on", c.DayOfWeek, "of", c.DayOfMonth, c.Month)
	}
	action, is := d.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !is {
		return fmt.Errorf("its action is a %T", d.Schedule.Action)
	}
	fmt.Printf("timezone %q, jitter %s, overlap %s, catch-up %s\n", spec.TimeZoneName, spec.Jitter, policy.Overlap, policy.CatchupWindow)
	fmt.Printf("starts %v as %s on %s: %s\n", action.Workflow, action.ID, action.TaskQueue, d.Schedule.State.Note)
	return nil
}
