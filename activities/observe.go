package activities

import (
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
)

// observeRaw evaluates the mapping for raw rows that were fetched or returned
// by a write.
func observeRaw(system *OpenSystem, index int, batch *record.Batch) ([]reconcile.Observation, error) {
	reader, err := system.Mapping.NewReader(batch.Schema)
	if err != nil {
		return nil, connectors.Wrap(connectors.SchemaChanged, "read "+system.Mapping.Name, err)
	}
	var (
		found     = make([]reconcile.Observation, 0, batch.Rows())
		canonical mappings.Canonical
		values    []record.Value
	)
	for row := range batch.Rows() {
		values = batch.Row(row, values)
		mark := batch.Mark(row)
		readRow(reader, values, mark, &canonical)
		canonical.Key = reader.Key(values)
		found = append(found, observation(&canonical, index, mark, reader.CompareHash(values), system.Mapping.Hash))
	}
	return found, nil
}
