package engine

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestServerThatCannotListenIsAnError takes the port between our look and the
// server's: the server calls Fatal, which must end neither the process nor the caller.
func TestServerThatCannotListenIsAnError(t *testing.T) {
	t.Parallel()
	for name, port := range map[string]func(*ports) *int{
		"frontend": func(p *ports) *int { return &p.temporal },
		"history":  func(p *ports) *int { return &p.history },
	} {
		dir := t.TempDir()
		db, err := openDatabase(dir, "default")
		require.NoError(t, err)
		p, claimed, err := choosePorts(t.Context(), Options{Host: "127.0.0.1", NoUI: true})
		require.NoError(t, err)
		t.Cleanup(claimed.release)
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		*port(&p) = l.Addr().(*net.TCPAddr).Port
		_, err = startServer(dir, "127.0.0.1", p, db, settings(0))
		require.ErrorContains(t, err, "address already in use", name)
	}
}

// TestNoFileIsLeftOpen starts and closes engines and looks for open files and
// sockets that grow with their number. (Goroutines do grow, by a hundred an engine:
// the server leaves those of its own workers.)
//
//nolint:paralleltest // others' files would be counted
func TestNoFileIsLeftOpen(t *testing.T) {
	const fds = "/proc/self/fd"
	if _, err := os.Stat(fds); err != nil {
		t.Skip("needs " + fds + " (Linux)")
	}
	count := func() int {
		open, err := os.ReadDir(fds)
		require.NoError(t, err)
		return len(open)
	}
	state := t.TempDir()
	before := count()
	for range 3 {
		begun := time.Now()
		e, err := Connect(t.Context(), Options{State: state})
		require.NoError(t, err)
		ready := time.Since(begun)
		require.NoError(t, e.Close())
		t.Logf("ready after %v, closed after %v", ready, time.Since(begun)-ready)
	}
	// An engine has dozens open; connections end in the background.
	require.Eventually(t, func() bool { return count() <= before+8 }, 10*time.Second, 20*time.Millisecond)
}
