package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Running is what can be said of the engine that the options mean, without
// starting one.
type Running struct {
	// External: a cluster of its own, which is not asked whether it is there.
	External bool
	// Up: a process holds the engine of the state folder; PID and the rest are
	// of that process and zero while it starts or stops.
	Up                  bool
	PID                 int
	Address, UI, Server string
	Namespace           string
	Started             time.Time
}

// Look says whether the engine of the options runs, and where.
func Look(o Options) (Running, error) {
	target, err := externalTarget(o)
	if err != nil {
		return Running{}, err
	}
	if target.HostPort != "" {
		return Running{External: true, Address: target.HostPort, Namespace: target.Namespace, UI: externalUI(o, target.HostPort)}, nil
	}
	state, err := filepath.Abs(o.State)
	if err != nil {
		return Running{}, fmt.Errorf("look for the engine: %w", err)
	}
	dir := filepath.Join(state, "engine")
	if !exists(filepath.Join(dir, lockName)) {
		return Running{}, nil
	}
	lock, err := acquire(dir)
	if err != nil {
		return Running{}, err
	}
	if lock != nil {
		return Running{}, lock.Unlock()
	}
	running := Running{Up: true}
	if r, err := readRecord(dir); err == nil {
		running.PID, running.Address, running.UI, running.Server = r.PID, r.Address, r.UI, r.Server
		running.Namespace, running.Started = r.Namespace, r.Started
	}
	return running, nil
}

// WorkflowURL is the Web UI's page of the latest run of a workflow; it is empty
// when no Web UI is known.
func (r Running) WorkflowURL(workflowID string) string {
	return workflowURL(r.UI, r.Namespace, workflowID, "")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
