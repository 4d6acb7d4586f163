package activities

import (
	"context"
	"fmt"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
)

// Extract is the second step: one partition of one system goes into the stage
// as it is. Run twice, it rewrites its own object.
type Extract struct {
	Sessions *Sessions
	Stage    *stage.Stage
}

// Run extracts.
func (e *Extract) Run(ctx context.Context, in ExtractInput) (Extracted, error) {
	out, err := e.extract(ctx, in)
	return out, asTemporal(err)
}

func (e *Extract) extract(ctx context.Context, in ExtractInput) (Extracted, error) {
	session, err := e.Sessions.For(ctx, in.Pass)
	if err != nil {
		return Extracted{}, err
	}
	system := session.Systems[in.System]
	source, err := system.Source()
	if err != nil {
		return Extracted{}, err
	}
	doing := fmt.Sprintf("read %s, partition %s", system.Mapping.Name, in.Partition.ID)
	writer, err := e.Stage.Create(ctx, rawName(in.Pass, in.System, in.Partition.ID))
	if err != nil {
		return Extracted{}, connectors.Wrap(connectors.Transient, doing, err)
	}
	defer writer.Abort()
	defer beating(ctx)()
	rows := int64(0)
	err = source.Read(ctx, in.Partition, func(batch *record.Batch) error {
		defer batch.Release()
		rows += int64(batch.Rows())
		beat(ctx, rows)
		return writer.Write(batch)
	})
	if err != nil {
		return Extracted{}, connectors.Wrap(connectors.Transient, doing, err)
	}
	object, err := writer.Commit()
	if err != nil {
		return Extracted{}, connectors.Wrap(connectors.Transient, doing, err)
	}
	e.Sessions.at(PointExtracted)
	return Extracted{Ref: object.Ref, Rows: rows, Bytes: object.Bytes}, nil
}

// The names of a run's objects in the stage.

func runPrefix(run string) string { return run }

func rawName(pass Pass, system int, part string) string {
	return fmt.Sprintf("%s/%d/%s/raw.arrow", pass.Run, system, part)
}

func groupName(pass Pass, system int, part string, group int) string {
	if group == SerialGroup {
		return fmt.Sprintf("%s/%d/%s/serial.arrow", pass.Run, system, part)
	}
	return fmt.Sprintf("%s/%d/%s/group-%d.arrow", pass.Run, system, part, group)
}

func targetName(pass Pass, system, target int, part string) string {
	return fmt.Sprintf("%s/%d/%s/for-%d.arrow", pass.Run, system, part, target)
}
