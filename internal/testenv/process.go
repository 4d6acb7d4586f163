package testenv

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	_ "embed"
)

//go:embed watchdog.sh
var watchdogScript string

// process is one run of a server under its watchdog.
type process struct {
	cmd   *exec.Cmd
	owner io.WriteCloser // closing it, or our death, ends the server
	dir   string
}

// startProcess runs the server whose data lie in dir/data. Its messages go to
// dir/log.
func startProcess(ctx context.Context, program, dir string) (*process, error) {
	if err := os.Remove(filepath.Join(dir, "exited")); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the watchdog has its own by then
	cmd := command(ctx, dir, "/bin/sh", "-c", watchdogScript, "syncline-watchdog", program, dir)
	cmd.Stdout, cmd.Stderr = log, log
	owner, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	return &process{cmd: cmd, owner: owner, dir: dir}, nil
}

// exited tells whether the server ended by itself.
func (p *process) exited() bool {
	_, err := os.Stat(filepath.Join(p.dir, "exited"))
	return err == nil
}

// end sends the watchdog a word (see watchdog.sh; empty for the end of the input)
// and waits until it is gone.
func (p *process) end(word string) error {
	if word != "" {
		// A refused write means that the watchdog is gone already.
		_, _ = io.WriteString(p.owner, word+"\n")
	}
	_ = p.owner.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("stop postgres: %w", err)
	}
	return nil
}

// command prepares a program that runs in dir, as a user to whom PostgreSQL does
// not object, out of reach of a terminal's Ctrl-C (the watchdog cleans up then)
// and without the PG* variables of the person who runs the tests.
func command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // our own words
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if who := serverUser(); who != nil {
		cmd.SysProcAttr.Credential = who
	}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "HOME=") && !strings.HasPrefix(v, "LC_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+dir, "LC_ALL=C")
	return cmd
}

// serverUser is the user that runs the server when we are root, which PostgreSQL
// refuses; nil when we are anybody else.
func serverUser() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
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
	return &syscall.Credential{Uid: 65534, Gid: 65534}
}

// own gives path to the user that runs the server.
func own(path string) error {
	who := serverUser()
	if who == nil {
		return nil
	}
	if err := os.Chown(path, int(who.Uid), int(who.Gid)); err != nil {
		return fmt.Errorf("give %s to the server's user: %w", path, err)
	}
	return nil
}
