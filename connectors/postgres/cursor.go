package postgres

import (
	"context"
	"errors"

	"github.com/syncline-dev/syncline/connectors"
)

func (o *object) detectCursor(ctx context.Context, t *table, ask connectors.Ask) (connectors.Window, error) {
	return connectors.Window{}, errors.New("soon")
}
