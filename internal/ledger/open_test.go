package ledger_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/internal/ledger"
)

const openVariable = "SYNCLINE_TEST_OPEN_LEDGER"

// The test binary opens a ledger and ends, when it is told to.
func TestOpenOnce(t *testing.T) {
	t.Parallel()
	path := os.Getenv(openVariable)
	if path == "" {
		path = filepath.Join(t.TempDir(), "ledger.db")
	}
	s, err := ledger.Open(context.Background(), "sqlite://"+path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// Commands that are started at once in a fresh folder all get their ledger.
func TestProcessesOpenAFreshLedgerAtOnce(t *testing.T) {
	t.Parallel()
	for range 5 {
		path := filepath.Join(t.TempDir(), "ledger.db")
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOpenOnce$") //nolint:gosec // this test itself
				c.Env = append(os.Environ(), openVariable+"="+path)
				out, err := c.CombinedOutput()
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		group.Wait()
	}
}
