package worker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/connectors"
)

// reserveSize is what the engine needs, and more, to write down how a run failed.
const reserveSize = 8 << 20

// Reserve keeps some room on the disk of the state folder. Where ledger, stage
// and engine share a disk, the step that fills it leaves no room for the engine
// to store that it failed, and the run would wait for ever without a word; the
// reserve is given up then. It fails, of kind NoSpace, where there is no room to
// begin with.
func (h *House) Reserve() error {
	path := h.reservePath()
	if info, err := os.Stat(path); err == nil && info.Size() == reserveSize {
		return nil
	}
	// Random, because some file systems store no zeros.
	noise := make([]byte, reserveSize)
	_, _ = rand.Read(noise) // never fails
	err := os.WriteFile(path, noise, 0o600)
	if err == nil {
		return nil
	}
	_ = os.Remove(path) // a part of it is no use
	if !connectors.IsFull(err) {
		return fmt.Errorf("reserve room in the state folder: %w", err)
	}
	return &connectors.Error{
		Kind: connectors.NoSpace, Doing: "begin in " + h.Config.State,
		Err:  fmt.Errorf("the disk has less than %d MB left", reserveSize>>20),
		Hint: "nothing was read or written; " + connectors.FreeSpace,
	}
}

func (h *House) reservePath() string { return filepath.Join(h.Config.State, "reserve") }

// makeRoom gives the reserve up if a step failed because a disk is full.
func (h *House) makeRoom(err error) {
	app, failed := errors.AsType[*temporal.ApplicationError](err)
	if failed && app.Type() == string(connectors.NoSpace) {
		_ = os.Remove(h.reservePath()) // another step was first, or there is none
	}
}
