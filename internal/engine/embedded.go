package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/gofrs/flock"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/headers"
)

// embedded is an engine that runs in this process.
type embedded struct {
	dir    string
	lock   *flock.Flock
	server *server
	ui     *ui // nil without Web UI
	log    *slog.Logger
}

// start runs an engine in dir, whose lock is ours, and connects to it. When it fails,
// nothing is left running and the lock is free.
func start(ctx context.Context, dir string, lock *flock.Flock, o Options) (_ *Engine, err error) {
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	own := &embedded{dir: dir, lock: lock, log: o.Logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, own.stop())
		}
	}()
	// What a killed process left would send others to the wrong address.
	if err := removeRecord(dir); err != nil {
		return nil, err
	}
	db, err := openDatabase(dir, o.Namespace)
	if err != nil {
		return nil, err
	}
	r := record{PID: os.Getpid(), Namespace: o.Namespace, Server: headers.ServerVersion, Started: time.Now().UTC()}
	if err := own.listen(ctx, o, db, &r); err != nil {
		return nil, err
	}
	c, err := dialStarting(ctx, client.Options{HostPort: r.Address, Namespace: o.Namespace}, o.Logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if err := ensureSearchAttributes(ctx, c, o.Namespace); err != nil {
		return nil, err
	}
	if r.Cluster, err = clusterID(ctx, c); err != nil {
		return nil, err
	}
	// Only now may others attach.
	if err := r.write(dir); err != nil {
		return nil, err
	}
	return &Engine{
		client: c, address: r.Address, ui: r.UI, namespace: o.Namespace, own: own, close: closer(c, own),
	}, nil
}

// listen chooses ports, starts the server and the Web UI on them and notes in the
// record where they are.
func (e *embedded) listen(ctx context.Context, o Options, db *config.SQL, r *record) error {
	p, claimed, err := choosePorts(ctx, o)
	if err != nil {
		return err
	}
	defer claimed.release()
	if e.server, err = startServer(e.dir, o.Host, p, db, settings(o.LongHistory)); err != nil {
		return err
	}
	r.Address = address(o.Host, p.temporal)
	if p.ui == 0 {
		return nil
	}
	if e.ui, err = startUI(ctx, o.Host, p.ui, r.Address, o.Namespace); err != nil {
		return err
	}
	r.UI = e.ui.url
	return nil
}

// dialStarting connects to a server that may need a moment until it answers.
func dialStarting(ctx context.Context, o client.Options, logger *slog.Logger) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		c, err := dial(ctx, o, logger)
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the Temporal server: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop ends the server, then the Web UI, and lets others start. It can be called on
// an engine that started only in part.
func (e *embedded) stop() error {
	// First, so that nobody attaches to what is about to end.
	errs := []error{removeRecord(e.dir)}
	if e.server != nil {
		errs = append(errs, e.server.stop())
		e.log.Info("Stopped server")
	}
	if e.ui != nil {
		errs = append(errs, e.ui.stop())
		e.log.Info("Stopped Web UI")
	}
	if err := e.lock.Unlock(); err != nil {
		errs = append(errs, fmt.Errorf("unlock the engine's folder: %w", err))
	}
	return errors.Join(errs...)
}
