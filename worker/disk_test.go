//go:build linux

package worker_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// disk is a folder that can be full. Where mounting is allowed it is a small
// file system of its own. Elsewhere the test runs in a process of its own, whose
// files get a largest size while the disk is "full", which is why each case has
// only one place that is a file: everything else is PostgreSQL or in memory.
type disk struct {
	t       *testing.T
	dir     string
	mounted bool
}

// fullSize is the largest size of a file on a "full" disk without a mount.
const fullSize = 48 << 10

func newDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{t: t, dir: filepath.Join(t.TempDir(), "disk")}
	require.NoError(t, os.Mkdir(d.dir, 0o700))
	if os.Getenv(envLimited) == "" {
		d.mounted = true
		require.NoError(t, mount(d.dir))
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(d.dir, syscall.MNT_DETACH)) })
	}
	return d
}

func mount(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m,mode=0700") }

// envLimited marks the process whose files get a largest size.
const envLimited = "SYNCLINE_TEST_LIMITED"

// elsewhereLimited runs the test again in such a process, if mounting is refused
// here; it reports whether it did.
func elsewhereLimited(t *testing.T) bool {
	t.Helper()
	try := t.TempDir()
	err := mount(try)
	if err == nil {
		require.NoError(t, syscall.Unmount(try, syscall.MNT_DETACH))
	}
	if err == nil || os.Getenv(envLimited) != "" {
		return false
	}
	t.Logf("mounting is refused (%v): files get a largest size instead", err)
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$") //nolint:gosec // the test itself
	c.Env = append(os.Environ(), envLimited+"=1")
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return true
}

func (d *disk) path(name string) string { return filepath.Join(d.dir, name) }

// fill leaves no room; the function that it gives makes room again.
func (d *disk) fill() (free func()) {
	d.t.Helper()
	if !d.mounted {
		return limitFiles(d.t)
	}
	filler := d.path("filler")
	f, err := os.Create(filler) //nolint:gosec // the test's own file
	require.NoError(d.t, err)
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			require.ErrorIs(d.t, err, syscall.ENOSPC)
			size /= 2
		}
	}
	require.NoError(d.t, f.Close())
	return func() { require.NoError(d.t, os.Remove(filler)) }
}

func limitFiles(t *testing.T) (free func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old))
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: fullSize, Max: old.Max}))
	return func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old)) }
}
