package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/syncline-dev/syncline/internal/testenv"
)

// bucardo is that replicator's daemon, with one sync between two servers of its
// own. Its database is on the left one.
type bucardo struct {
	place *place
	// dir is its folder: what it is asked for by files, and its log.
	dir string
	// pid is the daemon's, which leads a session of its own; 0 while there is none.
	pid int
}

// patience is how long the daemon may take to start, to stop, and to do nothing.
const patience = 60 * time.Second

// bucardoRival replicates a table both ways where left wins conflicts. The
// tables are named alike in place, and filled already.
func bucardoRival(table string) func(context.Context, *place) (*rival, error) {
	return func(ctx context.Context, p *place) (*rival, error) {
		b := &bucardo{place: p, dir: filepath.Join(p.dir, "bucardo")}
		if err := b.start(ctx, table); err != nil {
			return nil, errors.Join(err, b.stop(ctx))
		}
		return &rival{
			name:  "bucardo 5.6, both ways, conflicts to the left, on a pair of servers of its own with the same rows and edits",
			timed: "from the kick of the running, idle daemon to its word that the sync is done",
			turn:  b.turn, rest: func(ctx context.Context) error { return b.purge(ctx, table) }, close: b.stop,
		}, nil
	}
}

// missing tells what bucardo needs and this machine has not.
func (b *bucardo) missing(ctx context.Context) error {
	if _, err := exec.LookPath("bucardo"); err != nil {
		return fmt.Errorf("%w: %w", errNoRival, err)
	}
	conn, err := pgx.Connect(ctx, b.place.source.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // the answer was read
	var there bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_available_extensions where name = 'plperlu')").Scan(&there); err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("%w: the server has no plperlu", errNoRival)
	}
	return nil
}

// start installs bucardo's database, tells it of the sync, starts the daemon
// and waits until it has done an empty sync.
func (b *bucardo) start(ctx context.Context, table string) error {
	if err := b.missing(ctx); err != nil {
		return err
	}
	if err := b.folder(); err != nil {
		return err
	}
	for _, s := range []*testenv.Server{b.place.source, b.place.target} {
		if err := execute(ctx, s, "create role bucardo superuser login"); err != nil {
			return err
		}
	}
	left, right, err := b.addresses()
	if err != nil {
		return err
	}
	// Its sweeper sleeps; purge does its work between the turns.
	for _, args := range [][]string{
		{"install", "--batch", "--dbuser=syncline", "--dbname=postgres", "--piddir=" + b.dir},
		{"set", "bucardo_vac=0", "log_level=terse", "reason_file=" + b.in("reason"), "warning_file=" + b.in("warnings"), "log_conflict_file=" + b.in("conflicts")},
		append([]string{"add", "db", "left", "dbname=postgres", "user=bucardo"}, left...),
		append([]string{"add", "db", "right", "dbname=postgres", "user=bucardo"}, right...),
		{"add", "table", "public." + table, "db=left", "relgroup=pair"},
		{"add", "sync", "pair", "relgroup=pair", "dbs=left:source,right:source", "conflict_strategy=left right", "autokick=0"},
		{"start"},
	} {
		if err := b.say(ctx, args...); err != nil {
			return err
		}
	}
	if err := b.find(ctx); err != nil {
		return err
	}
	// A kick that comes before the daemon listens is lost.
	until := time.Now().Add(patience)
	for {
		_, err := b.kick(ctx, 5*time.Second)
		if err == nil || ctx.Err() != nil || time.Now().After(until) {
			return err
		}
	}
}

func (b *bucardo) in(name string) string { return filepath.Join(b.dir, name) }

// folder makes bucardo's folder, for the user who runs it.
func (b *bucardo) folder() error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	who := bucardoUser()
	if who == nil {
		return nil
	}
	// The way to it is others' to pass, not to list.
	if err := os.Chmod(b.place.dir, 0o711); err != nil { //nolint:gosec // a folder of ours alone otherwise
		return err
	}
	return os.Chown(b.dir, int(who.Uid), int(who.Gid))
}

// bucardoUser runs bucardo when we are root; nil when we are anybody else.
func bucardoUser() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"bucardo", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if errU == nil && errG == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return nil
}

// addresses are both servers' as bucardo takes them.
func (b *bucardo) addresses() (left, right []string, err error) {
	var both [2][]string
	for i, s := range []*testenv.Server{b.place.source, b.place.target} {
		host, port, err := addressOf(s)
		if err != nil {
			return nil, nil, err
		}
		both[i] = []string{"host=" + host, "port=" + port}
	}
	return both[0], both[1], nil
}

func addressOf(s *testenv.Server) (host, port string, err error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return "", "", err
	}
	return net.SplitHostPort(u.Host)
}

// say runs bucardo's command.
func (b *bucardo) say(ctx context.Context, args ...string) error {
	host, port, err := addressOf(b.place.source)
	if err != nil {
		return err
	}
	own := []string{"--no-bucardorc", "--dbhost=" + host, "--dbport=" + port, "--logdest=" + b.dir}
	if args[0] != "install" {
		own = append(own, "--dbuser=bucardo", "--dbname=bucardo")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := exec.CommandContext(ctx, "bucardo", append(own, args...)...) //nolint:gosec // our own words
	c.Dir = b.dir
	c.Env = append(os.Environ(), "HOME="+b.dir, "PGBINDIR="+b.place.source.Bin)
	if who := bucardoUser(); who != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	}
	// A file, not a pipe: the daemon keeps what it is born with.
	out, err := os.Create(b.in("said"))
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // read by name below
	c.Stdout, c.Stderr = out, out
	if err := c.Run(); err != nil {
		text, _ := os.ReadFile(b.in("said")) //nolint:errcheck // what it said only explains
		return fmt.Errorf("bucardo %s: %w\n%s", strings.Join(args, " "), err, text)
	}
	return nil
}

// find waits for the daemon to write down who it is.
func (b *bucardo) find(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		text, err := os.ReadFile(b.in("bucardo.mcp.pid"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if pid, err := strconv.Atoi(strings.TrimSpace(first)); err == nil && pid > 1 {
			b.pid = pid
			return nil
		}
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("bucardo's daemon did not start: %w", err)
		}
	}
}

func wait(ctx context.Context, how time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(how):
		return nil
	}
}

// stop asks the daemon to stop, and ends what is left of its session.
func (b *bucardo) stop(ctx context.Context) error {
	if b.pid == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience/4)
	defer cancel()
	err := b.say(ctx, "stop")
	for syscall.Kill(-b.pid, 0) == nil {
		if wait(ctx, 50*time.Millisecond) != nil {
			_ = syscall.Kill(-b.pid, syscall.SIGKILL) //nolint:errcheck // it is gone, or it goes now
			break
		}
	}
	b.pid = 0
	return err
}
