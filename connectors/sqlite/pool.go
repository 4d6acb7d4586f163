package sqlite

import (
	"context"
	"errors"
	"os"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
)

// Close closes idle connections; those in use are closed when they come back.
func (o *object) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.idle {
		p.conn.Close()
	}
	o.idle, o.closed = nil, true
}

// with runs do on a connection, whose statements fail when ctx ends.
func (o *object) with(ctx context.Context, do func(*bare.Conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := o.take()
	if err != nil {
		return err
	}
	stop := p.conn.InterruptOn(ctx)
	err = do(p.conn)
	stop()
	if p.conn.InTransaction() {
		if rollback := p.conn.Exec("ROLLBACK"); rollback != nil {
			p.conn.Close()
			return errors.Join(err, rollback)
		}
	}
	o.give(p)
	if ctxErr := ctx.Err(); err != nil && ctxErr != nil {
		return ctxErr
	}
	return err
}

// reading runs do in one read transaction: all that it sees is of one moment.
func (o *object) reading(ctx context.Context, do func(*bare.Conn, *table) error) error {
	return o.with(ctx, func(conn *bare.Conn) error {
		if err := conn.Exec("BEGIN"); err != nil {
			return err
		}
		t, err := o.table(conn)
		if err != nil {
			return err
		}
		if err := do(conn, t); err != nil {
			return err
		}
		return conn.Exec("COMMIT")
	})
}

// take gives a connection to the file that is at the path now: a connection to
// a file that was replaced since would read and write the old one.
func (o *object) take() (pooled, error) {
	file, err := os.Stat(o.path)
	if err != nil {
		return pooled{}, fileError(o.path, err)
	}
	if file.IsDir() {
		return pooled{}, connectors.Errorf(connectors.Permanent, "%s is a folder, not a database", o.path)
	}
	o.mu.Lock()
	for len(o.idle) > 0 {
		p := o.idle[len(o.idle)-1]
		o.idle = o.idle[:len(o.idle)-1]
		if os.SameFile(p.file, file) {
			o.mu.Unlock()
			return p, nil
		}
		p.conn.Close()
		o.cached = nil
	}
	o.mu.Unlock()
	conn, err := bare.Open(o.path, o.readOnly, o.busy)
	if err != nil {
		return pooled{}, err
	}
	settings := []string{"PRAGMA foreign_keys = OFF", "PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -8192"}
	if o.foreign {
		settings[0] = "PRAGMA foreign_keys = ON"
	}
	for _, pragma := range settings {
		if err := conn.Exec(pragma); err != nil {
			conn.Close()
			return pooled{}, err
		}
	}
	return pooled{conn: conn, file: file}, nil
}

func (o *object) give(p pooled) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.idle) >= maxIdle {
		p.conn.Close()
		return
	}
	o.idle = append(o.idle, p)
}
