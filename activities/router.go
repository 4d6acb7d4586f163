package activities

import (
	"context"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
)

// router writes one partition's canonical rows into a stage object per group.
// A group that gets no row gets no object.
type router struct {
	ctx    context.Context //nolint:containedctx // lives for one activity; the stage's writers are bound to it
	stage  *stage.Stage
	schema *record.Schema
	in     TransformInput
	groups map[int]*groupWriter
	shelf  shelf
	mask   uint64
	serial bool
}

type groupWriter struct {
	builder *record.Builder
	writer  *stage.Writer
}

// routerBatch keeps the batches of many open groups small.
const routerBatch = 4096

func newRouter(ctx context.Context, st *stage.Stage, canonical *record.Schema, in TransformInput) *router {
	return &router{ctx: ctx, stage: st, schema: stagedSchema(canonical), in: in, groups: map[int]*groupWriter{}}
}

func (r *router) add(group int, row []record.Value, mark record.Mark) error {
	g := r.groups[group]
	if g == nil {
		writer, err := r.stage.Create(r.ctx, groupName(r.in.Pass, r.in.System, r.in.Partition, group))
		if err != nil {
			return err
		}
		g = &groupWriter{builder: record.NewBuilder(r.schema), writer: writer}
		r.groups[group] = g
		if group == SerialGroup {
			r.serial = true
		} else {
			r.mask |= 1 << group
		}
	}
	if err := g.builder.Append(row, mark); err != nil {
		return err
	}
	if g.builder.Rows() >= routerBatch || g.builder.Full() {
		return g.flush()
	}
	return nil
}

func (r *router) hold(row ledger.Held) error { return r.shelf.put(r.ctx, row) }

func (g *groupWriter) flush() error {
	batch := g.builder.Flush()
	defer batch.Release()
	return g.writer.Write(batch)
}

func (r *router) commit() error {
	for _, g := range r.groups {
		if g.builder.Rows() > 0 {
			if err := g.flush(); err != nil {
				return err
			}
		}
		if _, err := g.writer.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// abort drops what was not committed; after commit it does nothing.
func (r *router) abort() {
	for _, g := range r.groups {
		g.builder.Release()
		g.writer.Abort()
	}
}
