//go:build !linux

package conformance

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Denied takes away all rights to a file and gives what opening it returns then.
func Denied(tb testing.TB, file string, open func() error) error {
	tb.Helper()
	if os.Geteuid() <= 0 {
		tb.Skip("root, and everybody on Windows, reads files without rights")
	}
	require.NoError(tb, os.Chmod(file, 0))
	return open()
}
