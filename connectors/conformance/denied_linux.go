package conformance

import (
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nobody is a user who owns nothing.
const nobody = 65534

// Denied takes away all rights to a file and gives what opening it returns then.
// Root may read every file, and so open runs as a user who may not; it has to
// open the file in its own goroutine, because on Linux a thread has rights of
// its own.
func Denied(tb testing.TB, file string, open func() error) error {
	tb.Helper()
	require.NoError(tb, os.Chmod(file, 0))
	if os.Geteuid() != 0 {
		return open()
	}
	var control, err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine, and its rights with it
		if control = syscall.Setfsuid(nobody); control != nil {
			return
		}
		_, control = os.ReadFile(file) //nolint:gosec // the fixture's own
		err = open()
	}()
	<-done
	require.ErrorIs(tb, control, fs.ErrPermission, "the file can still be read")
	return err
}
