package activities

import (
	"context"
	"errors"
	"io"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
	"github.com/syncline-dev/syncline/mappings"
)

// forTarget turns raw batches straight into the target's columns: the
// transform of a stateless run. Columns that are handed on as they are are
// never copied.
func (t *Transform) forTarget(ctx context.Context, session *Session, in TransformInput, raw *stage.Reader) (Transformed, error) {
	source, target := session.Systems[in.System], session.Systems[in.Target]
	writer, err := t.Stage.Create(ctx, targetName(in.Pass, in.System, in.Target, in.Partition))
	if err != nil {
		return Transformed{}, connectors.Wrap(connectors.Transient, "write the stage", err)
	}
	defer writer.Abort()
	var (
		out  Transformed
		pipe *mappings.Pipe
	)
	for {
		batch, err := raw.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, lost(err)
		}
		if pipe == nil {
			if pipe, err = session.Mapping.NewPipe(source.Mapping, target.Mapping, batch.Schema, target.Description.Schema); err != nil {
				return out, connectors.Wrap(connectors.SchemaChanged, "map "+source.Mapping.Name, err)
			}
		}
		if err := pass(pipe, batch, writer, &out); err != nil {
			return out, err
		}
		beat(ctx, out.Rows)
	}
	object, err := writer.Commit()
	if err != nil {
		return out, connectors.Wrap(connectors.Transient, "write the stage", err)
	}
	out.Ref = object.Ref
	return out, nil
}

func pass(pipe *mappings.Pipe, batch *record.Batch, writer *stage.Writer, out *Transformed) error {
	defer batch.Release()
	mapped, counts, err := pipe.Map(batch)
	if err != nil {
		return connectors.Wrap(connectors.Permanent, "map", err)
	}
	defer mapped.Release()
	out.Rows += int64(batch.Rows())
	out.Tally.Read += int64(batch.Rows())
	out.Tally.Ignored += counts.Ignored
	out.Tally.Quarantined += counts.Rejected
	return writer.Write(mapped)
}

// stream is the load of a stateless run: one partition's batches are upserted
// by the target's bulk path, in one commit.
func (l *Load) stream(ctx context.Context, in LoadInput) (Loaded, error) {
	session, err := l.Sessions.For(ctx, in.Pass, in.System)
	if err != nil {
		return Loaded{}, err
	}
	target := session.Systems[in.System]
	loader, ok := connectors.As[connectors.Loader](target.Object)
	if !ok {
		return Loaded{}, connectors.Errorf(connectors.Permanent, "%s cannot be loaded in bulk", target.Mapping.Name)
	}
	reader, err := l.Stage.Open(ctx, in.Ref)
	if err != nil {
		return Loaded{}, lost(err)
	}
	defer reader.Close()
	defer beating(ctx)()
	var out Loaded
	fence := targetFence(l.Ledger, in.Pass)
	loaded, err := loader.Load(ctx, fence, target.Mapping.Key,
		func() (*record.Batch, error) {
			batch, err := reader.Next()
			if errors.Is(err, io.EOF) {
				return nil, nil
			}
			return batch, err
		},
		func(*record.Batch, int, error) error { out.Quarantined++; return nil })
	if err != nil {
		return out, connectors.Wrap(connectors.Transient, "write "+target.Mapping.Name, err)
	}
	out.Created, out.Updated, out.Deleted, out.Unchanged = loaded.Created, loaded.Updated, loaded.Deleted, loaded.Unchanged
	return out, nil
}
