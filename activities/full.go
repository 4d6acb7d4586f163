package activities

import (
	"errors"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
)

// asFull gives a full disk under the ledger or the stage its kind: trying again
// for minutes would only hide it. Connectors give theirs by themselves.
func asFull(err error) error {
	switch {
	case connectors.KindOf(err) == connectors.NoSpace:
		return err
	case errors.Is(err, ledger.ErrFull):
		return &connectors.Error{Kind: connectors.NoSpace, Err: err, Hint: connectors.FreeSpace}
	case connectors.IsFull(err):
		return &connectors.Error{
			Kind: connectors.NoSpace, Err: err,
			Hint: "the disk is full; " + connectors.FreeSpace,
		}
	}
	return err
}

// isFull: a system's disk is full. The system stays owed, and the others do not
// wait for it.
func isFull(err error) bool {
	kind, known := systemKind(err)
	return known && kind == connectors.NoSpace
}
