package activities

import (
	"context"
	"errors"
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
	session, err := e.Sessions.For(ctx, in.Pass, in.System)
	if err != nil {
		return Extracted{}, err
	}
	system := session.Systems[in.System]
	source, err := system.Source()
	if err != nil {
		return Extracted{}, err
	}
	doing := fmt.Sprintf("read %s, partition %s", system.Mapping.Name, in.Partition.ID)
	var how []stage.Option
	if in.Stateless {
		how = append(how, stage.Passing) // transform takes it at once
	}
	writer, err := e.Stage.Create(ctx, rawName(in.Pass, in.System, in.Partition.ID), how...)
	if err != nil {
		return Extracted{}, connectors.Wrap(connectors.Transient, doing, err)
	}
	defer writer.Abort()
	ctx, stop := beating(ctx)
	defer stop()
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

func partName(pass Pass, system int, part, object string) string {
	if pass.Attempt > 0 { // a step of the attempt before may still be writing
		return fmt.Sprintf("%s/again-%d/%d/%s/%s.arrow", pass.Run, pass.Attempt, system, part, object)
	}
	return fmt.Sprintf("%s/%d/%s/%s.arrow", pass.Run, system, part, object)
}

func rawName(pass Pass, system int, part string) string { return partName(pass, system, part, "raw") }

func groupName(pass Pass, system int, part string, group int) string {
	if group == SerialGroup {
		return partName(pass, system, part, "serial")
	}
	return partName(pass, system, part, fmt.Sprintf("group-%d", group))
}

func targetName(pass Pass, system, target int, part string) string {
	return partName(pass, system, part, fmt.Sprintf("for-%d", target))
}

func rejectsName(pass Pass, system, target int, part string) string {
	return partName(pass, system, part, fmt.Sprintf("rejects-%d", target))
}

// lost gives what the stage complains about its kind: an object that is gone or
// damaged sends the workflow back to extract.
func lost(err error) error {
	if errors.Is(err, stage.ErrMissing) {
		return connectors.Wrap(KindStageMissing, "read the stage", err)
	}
	return connectors.Wrap(connectors.Transient, "read the stage", err)
}
