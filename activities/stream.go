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
// never copied. Rows that cannot be mapped are staged beside, with the reason.
func (t *Transform) forTarget(ctx context.Context, session *Session, in TransformInput, raw *stage.Reader) (Transformed, error) {
	source, target := session.Systems[in.System], session.Systems[in.Target]
	writer, err := t.Stage.Create(ctx, targetName(in.Pass, in.System, in.Target, in.Partition), stage.Passing)
	if err != nil {
		return Transformed{}, connectors.Wrap(connectors.Transient, "write the stage", err)
	}
	defer writer.Abort()
	held, err := t.heldBefore(ctx, session, in)
	if err != nil {
		return Transformed{}, err
	}
	f := &forTarget{held: held, source: source.Mapping, writer: writer, unnamed: nameless{key: source.Mapping.Key, partition: in.Partition}}
	for {
		batch, err := raw.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f.out, lost(err)
		}
		if f.pipe == nil {
			if f.pipe, err = session.Mapping.NewPipe(source.Mapping, target.Mapping, batch.Schema, target.Description.Schema); err != nil {
				return f.out, connectors.Wrap(connectors.SchemaChanged, "map "+source.Mapping.Name, err)
			}
		}
		if err := f.pass(batch); err != nil {
			return f.out, err
		}
		beat(ctx, f.out.Rows)
	}
	object, err := writer.Commit()
	if err != nil {
		return f.out, connectors.Wrap(connectors.Transient, "write the stage", err)
	}
	f.out.Ref = object.Ref
	if f.out.Rejects, err = f.ends.stage(ctx, t.Stage, rejectsName(in.Pass, in.System, in.Target, in.Partition)); err != nil {
		return f.out, err
	}
	t.Sessions.at(PointTransformed)
	return f.out, nil
}

// heldBefore gives the rows of the source that earlier runs could not take. A
// complete listing needs none of them: what it does not hold again is released
// when it ends.
func (t *Transform) heldBefore(ctx context.Context, session *Session, in TransformInput) (map[record.Key]struct{}, error) {
	if in.Complete {
		return nil, nil
	}
	return heldKeys(ctx, t.Ledger, in.Pass, session.Scope.Systems[in.System])
}

// forTarget is one partition on its way into a target's columns.
type forTarget struct {
	source *mappings.SystemMapping
	pipe   *mappings.Pipe
	reader *mappings.Reader // of keys, once one is needed
	writer *stage.Writer
	held   map[record.Key]struct{}
	// unnamed are the rows without a key.
	unnamed nameless
	ends    ends
	out     Transformed
}

func (f *forTarget) pass(batch *record.Batch) error {
	defer batch.Release()
	mapped, counts, err := f.pipe.Map(batch)
	if err != nil {
		return connectors.Wrap(connectors.Permanent, "map", err)
	}
	defer mapped.Release()
	f.out.Rows += int64(batch.Rows())
	f.out.Tally.Read += int64(batch.Rows())
	f.out.Tally.Ignored += counts.Ignored
	f.out.Tally.Quarantined += counts.Rejected
	if err := f.hold(batch, counts.Rejects); err != nil {
		return err
	}
	return f.writer.Write(mapped)
}

// hold notes the rows that could not be mapped, and which of those that are
// held could. Nothing is looked at where nothing is or was bad.
func (f *forTarget) hold(batch *record.Batch, rejects []mappings.Reject) error {
	if len(rejects) == 0 && len(f.held) == 0 {
		return nil
	}
	if f.reader == nil {
		var err error
		if f.reader, err = f.source.NewReader(batch.Schema); err != nil {
			return connectors.Wrap(connectors.SchemaChanged, "read "+f.source.Name, err)
		}
	}
	var values []record.Value
	bad := make(map[int]bool, len(rejects))
	for _, r := range rejects {
		values = batch.Row(r.Row, values)
		if key := f.reader.Key(values); key != "" {
			f.ends.reject(key, r.Reason)
		} else {
			held := f.unnamed.hold(r.Reason)
			f.ends.reject(held.Key, held.Reason)
		}
		bad[r.Row] = true
	}
	for row := 0; len(f.held) > 0 && row < batch.Rows(); row++ {
		if bad[row] {
			continue
		}
		values = batch.Row(row, values)
		if key := f.reader.Key(values); f.isHeld(key) {
			f.ends.release(key)
		}
	}
	return nil
}

func (f *forTarget) isHeld(key record.Key) bool { _, is := f.held[key]; return is }

// stream is the load of a stateless run: one partition's batches are upserted
// by the target's bulk path, in one commit. What the target refuses is held.
func (l *Load) stream(ctx context.Context, in LoadInput) (Loaded, error) {
	session, err := l.Sessions.For(ctx, in.Pass, in.System)
	if err != nil {
		return Loaded{}, err
	}
	target := session.Systems[in.System]
	if target.Away != nil {
		return Loaded{}, target.Away
	}
	loader, ok := connectors.As[connectors.Loader](target.Object)
	if !ok {
		return Loaded{}, connectors.Errorf(connectors.Permanent, "%s cannot be loaded in bulk", target.Mapping.Name)
	}
	reader, err := l.Stage.Open(ctx, in.Ref)
	if err != nil {
		return Loaded{}, lost(err)
	}
	defer reader.Close()
	ctx, stop := beating(ctx)
	defer stop()
	r := &refusals{ledger: l.Ledger, pass: in.Pass, system: target.Mapping.Name, key: target.Mapping.Key}
	if !in.Complete {
		if r.held, err = heldKeys(ctx, l.Ledger, in.Pass, r.system); err != nil {
			return Loaded{}, err
		}
	}
	var sent Loaded
	next := func() (*record.Batch, error) {
		batch, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, lost(err)
		}
		r.see(batch)
		sent.Unchanged += int64(batch.Rows()) // which of them were is known in the end
		beat(ctx, sent)
		return batch, nil
	}
	refuse := func(batch *record.Batch, row int, err error) error { return r.refuse(ctx, batch, row, err) }
	fence, failed := l.reported.guard(ctx, l.Client, targetFence(l.Ledger, in.Pass))
	loaded, err := loader.Load(ctx, fence, target.Mapping.Key, next, refuse)
	if err != nil {
		failed()
		return Loaded{Quarantined: r.count}, connectors.Wrap(connectors.Transient, "write "+r.system, err)
	}
	l.Sessions.at(PointWritten)
	return Loaded{
		Created: loaded.Created, Updated: loaded.Updated, Deleted: loaded.Deleted, Unchanged: loaded.Unchanged, Quarantined: r.count,
	}, r.commit(ctx)
}
