package activities

import (
	"context"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
)

// missing stands for an object that a run would make, such as a new CSV file,
// where nothing may be written: it has no rows yet.
type missing struct {
	connectors.Object
	description connectors.Description
}

// Describe says what the object will look like.
func (m missing) Describe(context.Context) (connectors.Description, error) { return m.description, nil }

// Detect finds that there is nothing, completely.
func (missing) Detect(context.Context, connectors.Ask) (connectors.Window, error) {
	return connectors.Window{Mode: connectors.ModeSnapshot, Complete: true}, nil
}

// Read reads nothing.
func (missing) Read(context.Context, connectors.Partition, func(*record.Batch) error) error {
	return nil
}

// Fetch finds none of the keys.
func (m missing) Fetch(_ context.Context, columns []string, keys []record.Key) (*record.Batch, error) {
	fields := make([]record.Field, len(columns))
	for i, column := range columns {
		fields[i], _ = m.description.Schema.Field(column)
		fields[i].Name = column
	}
	b := record.NewBuilder(record.NewSchema(fields...))
	defer b.Release()
	for range keys {
		if err := b.Append(make([]record.Value, len(columns)), record.Mark{Op: record.Absent}); err != nil {
			return nil, err
		}
	}
	return b.Flush(), nil
}
