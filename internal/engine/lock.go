package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockName   = "engine.lock"
	recordName = "engine.json"
)

// acquire takes the lock of an engine folder; it returns nil when another holds it.
// The operating system frees the lock when its holder dies, so none is ever stale.
func acquire(dir string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(dir, lockName))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the engine's folder %s: %w", dir, err)
	}
	if !ok {
		return nil, nil //nolint:nilnil // nil is the answer: somebody else has it
	}
	return lock, nil
}

// record is what engine.json says about the engine that holds the lock. It is
// believed only while the lock is held and the cluster at Address has the id Cluster.
type record struct {
	PID       int       `json:"pid"`
	Address   string    `json:"address"`
	UI        string    `json:"ui,omitempty"`
	Namespace string    `json:"namespace"`
	Cluster   string    `json:"cluster"`
	Server    string    `json:"server"` // the server's version
	Started   time.Time `json:"started"`
}

func readRecord(dir string) (record, error) {
	var r record
	text, err := os.ReadFile(filepath.Join(dir, recordName)) //nolint:gosec // the state folder is the user's word
	if err != nil {
		return r, fmt.Errorf("read the engine's record: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read the engine's record: %w", err)
	}
	return r, nil
}

// write replaces engine.json as a whole, so that no reader sees half of it.
func (r record) write(dir string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the engine's record: %w", err)
	}
	path := filepath.Join(dir, recordName)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the engine's record: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the engine's record: %w", err)
	}
	return nil
}

func removeRecord(dir string) error {
	err := os.Remove(filepath.Join(dir, recordName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the engine's record: %w", err)
	}
	return nil
}
