package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/syncline-dev/syncline/internal/testenv"
)

// place is where one workload runs: two servers, a folder, and a sync.
type place struct {
	rows    int
	dir     string
	source  *testenv.Server
	target  *testenv.Server
	profile string
	// state counts the state folders; each fresh one is a first sync.
	state int
	// turn counts the turns that were begun, where a turn has edits of its own.
	turn int
}

func newPlace(ctx context.Context, rows int) (*place, error) {
	dir, err := os.MkdirTemp("", "syncline-bench-")
	if err != nil {
		return nil, err
	}
	p := &place{rows: rows, dir: dir}
	if err := os.MkdirAll(p.definitions(), 0o700); err != nil {
		return nil, errors.Join(err, p.close())
	}
	durable := testenv.Options{Durable: true, Settings: map[string]string{
		// A checkpoint comes before each turn, never in the middle of one.
		"max_wal_size": "16GB", "checkpoint_timeout": "1h", "autovacuum": "off", "shared_buffers": "512MB",
	}}
	if p.source, err = testenv.StartPostgres(ctx, durable); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if p.target, err = testenv.StartPostgres(ctx, durable); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *place) close() error {
	var err error
	for _, s := range []*testenv.Server{p.source, p.target} {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

func (p *place) definitions() string { return filepath.Join(p.dir, "mappings") }

// define writes the definition of the sync, which is named like its file.
func (p *place) define(name, text string) error {
	return os.WriteFile(filepath.Join(p.definitions(), name+".yaml"), []byte(text), 0o600)
}

func (p *place) environ() []string {
	return []string{
		"SOURCE_URL=" + p.source.URL, "TARGET_URL=" + p.target.URL, "DIR=" + p.dir,
		"PSQL=" + filepath.Join(p.source.Bin, "psql") + " -X -q -v ON_ERROR_STOP=1",
	}
}

// fresh forgets what syncs know: the next run is a first one.
func (p *place) fresh() error {
	err := os.RemoveAll(p.stateDir())
	p.state++
	return err
}

func (p *place) stateDir() string { return filepath.Join(p.dir, fmt.Sprintf("state-%d", p.state)) }

// sync runs a sync once, in a process of its own.
func (p *place) sync(ctx context.Context, name string, direct bool) (measured, error) {
	before := p.serverCPU()
	m, err := task{
		State: p.stateDir(), Definitions: p.definitions(), Sync: name, Direct: direct, Profile: p.profile,
	}.run(ctx, p.environ())
	m.ServerCPU = p.serverCPU() - before
	return m, err
}

// settle lets sessions end, so that their processor time counts.
func settle() { time.Sleep(300 * time.Millisecond) }

// serverCPU is the processor time of both servers so far, in seconds.
func (p *place) serverCPU() float64 {
	settle()
	sum := 0.0
	for _, s := range []*testenv.Server{p.source, p.target} {
		seconds, err := s.CPUSeconds()
		if err != nil {
			return 0
		}
		sum += seconds
	}
	return sum
}

// shell times a shell command. $PSQL, $SOURCE_URL, $TARGET_URL and $DIR are set.
func (p *place) shell(ctx context.Context, script string) (float64, error) {
	c := exec.CommandContext(ctx, "bash", "-e", "-o", "pipefail", "-c", script) //nolint:gosec // the control
	c.Env = append(os.Environ(), p.environ()...)
	start := time.Now()
	out, err := c.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("control: %w\n%s", err, out)
	}
	return time.Since(start).Seconds(), nil
}

// execute runs statements, each by itself.
func execute(ctx context.Context, server *testenv.Server, statements ...string) error {
	conn, err := pgx.Connect(ctx, server.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // every statement was answered
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%.100s: %w", s, err)
		}
	}
	return nil
}

// checkpoint writes out what earlier turns left.
func (p *place) checkpoint(ctx context.Context) error {
	for _, s := range []*testenv.Server{p.source, p.target} {
		if err := execute(ctx, s, "checkpoint"); err != nil {
			return err
		}
	}
	return nil
}

// sum is a count and a checksum that does not depend on the order of rows.
type sum struct {
	rows int64
	hash string
}

// sumOf reads columns (SQL expressions) of a table as text and sums their hashes.
func sumOf(ctx context.Context, server *testenv.Server, columns, table string) (sum, error) {
	var s sum
	conn, err := pgx.Connect(ctx, server.URL)
	if err != nil {
		return s, err
	}
	defer conn.Close(ctx) //nolint:errcheck // the answer was read
	query := fmt.Sprintf(`select count(*), coalesce(sum(hashtextextended(row(%s)::text, 0)::numeric), 0)::text from %s`, columns, table)
	if err := conn.QueryRow(ctx, query).Scan(&s.rows, &s.hash); err != nil {
		return s, fmt.Errorf("sum %s: %w", table, err)
	}
	return s, nil
}

// same checks that two tables hold the same rows; wantColumns are what the
// source's columns become.
func (p *place) same(ctx context.Context, wantColumns, source, columns, target string) error {
	want, err := sumOf(ctx, p.source, wantColumns, source)
	if err != nil {
		return err
	}
	got, err := sumOf(ctx, p.target, columns, target)
	if err != nil {
		return err
	}
	if want != got {
		return fmt.Errorf("the target differs: %d rows with sum %s, should be %d with %s", got.rows, got.hash, want.rows, want.hash)
	}
	return nil
}

func (p *place) machine(ctx context.Context) (machine, error) {
	conn, err := pgx.Connect(ctx, p.target.URL)
	if err != nil {
		return machine{}, err
	}
	defer conn.Close(ctx) //nolint:errcheck // the answer was read
	var version string
	if err := conn.QueryRow(ctx, "show server_version").Scan(&version); err != nil {
		return machine{}, err
	}
	return thisMachine(version), nil
}
