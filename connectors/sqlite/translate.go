package sqlite

import "github.com/syncline-dev/syncline/connectors"

// Translate gives no filter yet.
func (o *object) Translate(connectors.Comparison) (string, bool) { return "", false }
