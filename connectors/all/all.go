// Package all is the one visible list of connectors. A new connector is a
// folder beside this one and a line here.
package all

import (
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/csv"
	"github.com/syncline-dev/syncline/connectors/memory"
	"github.com/syncline-dev/syncline/connectors/postgres"
	"github.com/syncline-dev/syncline/connectors/sqlite"
)

// Registry holds every connector.
func Registry() *connectors.Registry {
	return connectors.NewRegistry(
		csv.Connector{},
		memory.New(),
		postgres.Connector{},
		sqlite.Connector{},
	)
}
