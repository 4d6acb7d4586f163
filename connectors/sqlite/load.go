package sqlite

import (
	"context"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/sqlite/bare"
	"github.com/syncline-dev/syncline/internal/record"
)

// Load upserts batches in one transaction, many rows with one statement. A row
// that is already as it should be is not written again.
func (o *object) Load(ctx context.Context, fence connectors.Fence, key []string, next func() (*record.Batch, error),
	reject func(batch *record.Batch, row int, err error) error,
) (connectors.Loaded, error) {
	var loaded connectors.Loaded
	err := o.writing(ctx, func(conn *bare.Conn, t *table) error {
		l, err := newLoader(conn, t, key, reject)
		if err != nil {
			return err
		}
		defer l.Close()
		for {
			batch, err := next()
			if err != nil {
				return err
			}
			if batch == nil {
				break
			}
			if err := l.batch(batch); err != nil {
				return err
			}
		}
		if loaded, err = l.loaded(); err != nil {
			return err
		}
		return fence.Guard(ctx)
	})
	if err != nil {
		return connectors.Loaded{}, doing("load into sqlite "+o.config.String(), err)
	}
	return loaded, nil
}

func countRows(conn *bare.Conn, t *table) (n int64, err error) {
	err = conn.Each(`SELECT count(*) FROM `+t.sql(), func(s *bare.Stmt) error {
		n = s.Int(0)
		return nil
	})
	return n, err
}
