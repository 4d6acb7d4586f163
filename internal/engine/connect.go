package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
)

// ErrUnreachable is in every error that means: the cluster that was asked for does
// not answer, or does not let us in.
var ErrUnreachable = errors.New("cannot reach Temporal")

// ErrPortTaken is in the error for a port that was asked for and is in use.
var ErrPortTaken = errors.New("port is taken")

// Options say which cluster is wanted. The zero value with a State is the engine of
// that folder, on the first free ports from 7233 and 8233 upward.
type Options struct {
	// State is the state folder; it may be relative and is created when missing.
	State string
	// Address of an external cluster (host:port). Empty: what envconfig finds in
	// TEMPORAL_ADDRESS and temporal.toml, else the engine of the state folder.
	Address string
	// Profile of temporal.toml; empty for TEMPORAL_PROFILE, else "default".
	Profile string
	// Namespace; empty for what envconfig finds, else "default".
	Namespace string
	// UI is the address of an external cluster's Web UI, for links only; empty for
	// TEMPORAL_UI_URL.
	UI string

	// Host is the IP address that an engine started here listens on; empty for
	// 127.0.0.1. Nobody is asked for a password there.
	Host string
	// TemporalPort and UIPort of an engine started here; 0 for the first free one
	// from 7233 and 8233 upward.
	TemporalPort, UIPort int
	// NoUI leaves the Web UI out of an engine started here.
	NoUI bool
	// LongHistory is the number of events after which a workflow is told to continue
	// as new; 0 for Temporal's own number. Tests lower it.
	LongHistory int

	// Logger hears what the client says; nil for nobody.
	Logger *slog.Logger
}

// Engine is an open connection to a Temporal cluster and, if it was started here,
// the cluster itself. Its methods may be called concurrently.
type Engine struct {
	client    client.Client
	address   string
	ui        string
	namespace string
	external  bool

	own   *embedded // nil when the cluster is not ours
	close func() error
}

// Connect opens the cluster that the options ask for and starts one if it must. ctx
// bounds only the opening. The caller stops its workers and then calls Close.
func Connect(ctx context.Context, o Options) (*Engine, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	target, err := externalTarget(o)
	if err != nil {
		return nil, err
	}
	if target.HostPort != "" {
		return connectExternal(ctx, o, target)
	}
	if o.Namespace == "" {
		o.Namespace = target.Namespace
	}
	return connectLocal(ctx, o)
}

// lockPatience is how long we wait for another process that holds the lock but does
// not answer: one that starts or stops needs seconds on a busy machine.
const lockPatience = 60 * time.Second

// connectLocal attaches to the engine of the state folder, or becomes it.
func connectLocal(ctx context.Context, o Options) (*Engine, error) {
	if o.State == "" {
		return nil, errors.New("start the engine: no state folder given")
	}
	if net.ParseIP(o.Host) == nil {
		return nil, fmt.Errorf("start the engine: the host to listen on must be an IP address, not %q", o.Host)
	}
	state, err := filepath.Abs(o.State)
	if err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	dir := filepath.Join(state, "engine")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	var last error
	for deadline := time.Now().Add(lockPatience); time.Now().Before(deadline); {
		lock, err := acquire(dir)
		if err != nil {
			return nil, err
		}
		if lock != nil {
			return start(ctx, dir, lock, o)
		}
		e, err := attach(ctx, dir, o)
		if err == nil || errors.Is(err, errOtherNamespace) {
			return e, err
		}
		last = err
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the engine in %s: %w (%w)", dir, ctx.Err(), last)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil, fmt.Errorf("%w: another process holds %s, but its engine does not answer: %w",
		ErrUnreachable, filepath.Join(dir, lockName), last)
}

var errOtherNamespace = errors.New("the running engine has another namespace")

// attach connects to the engine that the record names, if that is really the engine
// of this folder: a port may have passed to another one since.
func attach(ctx context.Context, dir string, o Options) (*Engine, error) {
	r, err := readRecord(dir)
	if err != nil {
		return nil, err
	}
	if o.Namespace != "" && o.Namespace != r.Namespace {
		return nil, fmt.Errorf("%w: %q, not %q; stop the process %d first", errOtherNamespace, r.Namespace, o.Namespace, r.PID)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := dial(ctx, client.Options{HostPort: r.Address, Namespace: r.Namespace}, o.Logger)
	if err != nil {
		return nil, err
	}
	id, err := clusterID(ctx, c)
	if err == nil && id != r.Cluster {
		err = fmt.Errorf("%w: another cluster answers at %s", ErrUnreachable, r.Address)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Engine{client: c, address: r.Address, ui: r.UI, namespace: r.Namespace, close: closer(c, nil)}, nil
}

// Client is the connection to the cluster, in the engine's namespace. It is closed
// by Close.
func (e *Engine) Client() client.Client { return e.client }

// Address is the cluster's gRPC address, host:port.
func (e *Engine) Address() string { return e.address }

// Namespace is the namespace in which everything of ours runs.
func (e *Engine) Namespace() string { return e.namespace }

// Embedded tells whether the cluster runs in this process and ends with Close.
func (e *Engine) Embedded() bool { return e.own != nil }

// External tells whether the cluster is neither in this process nor in another one
// of the same state folder.
func (e *Engine) External() bool { return e.external }

// UIURL is the address of the Web UI, empty when there is none that we know of.
func (e *Engine) UIURL() string { return e.ui }

// WorkflowURL is the Web UI's page of one workflow execution, of the latest run when
// runID is empty. It is empty when no Web UI is known.
func (e *Engine) WorkflowURL(workflowID, runID string) string {
	return workflowURL(e.ui, e.namespace, workflowID, runID)
}

func workflowURL(ui, namespace, workflowID, runID string) string {
	if ui == "" {
		return ""
	}
	u := strings.TrimSuffix(ui, "/") + "/namespaces/" + url.PathEscape(namespace) + "/workflows/" + url.PathEscape(workflowID)
	if runID != "" {
		u += "/" + url.PathEscape(runID) + "/history"
	}
	return u
}

// Close closes the client and, when the cluster is ours, stops the server and then
// the Web UI. It may be called more than once.
func (e *Engine) Close() error { return e.close() }

// closer returns the function that ends an Engine, once.
func closer(c client.Client, own *embedded) func() error {
	return sync.OnceValue(func() error {
		c.Close()
		if own == nil {
			return nil
		}
		own.log.Info("Stopped client")
		return own.stop()
	})
}
