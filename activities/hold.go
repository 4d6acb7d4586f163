package activities

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
)

// A stateless run has no links and no members, so that a row that cannot be
// taken is held by its key alone: rows that cannot be mapped under the source's
// name, rows that the target refuses under the target's. They are released by
// the next run that can take them, or that does not see them any more.

// holdRows is how many rows are held in one commit.
const holdRows = 5000

// heldKeys gives the rows of a system that are held now.
func heldKeys(ctx context.Context, store *ledger.Store, pass Pass, system string) (map[record.Key]struct{}, error) {
	keys, err := store.HeldKeys(ctx, pass.Sync, system)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	held := make(map[record.Key]struct{}, len(keys))
	for _, key := range keys {
		held[key] = struct{}{}
	}
	return held, nil
}

// ends are rows that could not be taken, and rows that can be again. What a
// partition has of them is staged for resolve.
type ends struct {
	builder *record.Builder
	err     error
}

// endsSchema is the form in the stage; an empty reason releases the row.
func endsSchema() *record.Schema {
	text := record.Type{Kind: record.KindString}
	return record.NewSchema(record.Field{Name: "key", Type: record.Type{Kind: record.KindBytes}}, record.Field{Name: "reason", Type: text})
}

func (e *ends) reject(key record.Key, reason string) { e.add(key, reason) }
func (e *ends) release(key record.Key)               { e.add(key, "") }

func (e *ends) add(key record.Key, reason string) {
	if e.builder == nil {
		e.builder = record.NewBuilder(endsSchema())
	}
	if err := e.builder.Append([]record.Value{record.Bytes(key), reason}, record.Mark{}); err != nil && e.err == nil {
		e.err = err
	}
}

// stage writes what there is, and gives its Ref; "" if there is nothing.
func (e *ends) stage(ctx context.Context, to *stage.Stage, name string) (string, error) {
	if e.builder == nil {
		return "", nil
	}
	defer e.builder.Release()
	if e.err != nil {
		return "", connectors.Wrap(connectors.Permanent, "write the stage", e.err)
	}
	writer, err := to.Create(ctx, name)
	if err != nil {
		return "", connectors.Wrap(connectors.Transient, "write the stage", err)
	}
	defer writer.Abort()
	batch := e.builder.Flush()
	defer batch.Release()
	if err := writer.Write(batch); err != nil {
		return "", connectors.Wrap(connectors.Transient, "write the stage", err)
	}
	object, err := writer.Commit()
	if err != nil {
		return "", connectors.Wrap(connectors.Transient, "write the stage", err)
	}
	return object.Ref, nil
}

// hold is the resolve of a stateless partition. There is nothing to decide: it
// makes sure that the run is still the sync's current one before the partition
// is written, and that what could not be mapped is in the ledger before any
// position moves. Run twice, it holds the same.
func (r *Resolve) hold(ctx context.Context, in ResolveInput) (Resolved, error) {
	bad, good := map[record.Key]string{}, map[record.Key]struct{}{}
	for _, ref := range in.Rejects {
		if err := readEnds(ctx, r.Stage, ref, bad, good); err != nil {
			return Resolved{}, lost(err)
		}
	}
	var released []record.Key
	for key := range good {
		if _, isBad := bad[key]; !isBad { // another target could not take it
			released = append(released, key)
		}
	}
	held := make([]ledger.Held, 0, len(bad))
	for _, key := range slices.Sorted(maps.Keys(bad)) {
		held = append(held, ledger.Held{Key: key, Reason: bad[key]})
	}
	for len(held) > holdRows {
		if err := r.Ledger.Hold(ctx, in.Pass.fence(), in.System, held[:holdRows], nil, in.Pass.Now.Time()); err != nil {
			return Resolved{}, err
		}
		held = held[holdRows:]
		beat(ctx)
	}
	return Resolved{}, r.Ledger.Hold(ctx, in.Pass.fence(), in.System, held, released, in.Pass.Now.Time())
}

func readEnds(ctx context.Context, from *stage.Stage, ref string, bad map[record.Key]string, good map[record.Key]struct{}) error {
	reader, err := from.Open(ctx, ref)
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		batch, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for row := range batch.Rows() {
			key, _ := batch.Value(row, 0).(record.Bytes)
			if reason, _ := batch.Value(row, 1).(string); reason != "" {
				bad[record.Key(key)] = reason
			} else {
				good[record.Key(key)] = struct{}{}
			}
		}
		batch.Release()
	}
}

// refusals are the rows that a target does not take, during one bulk load.
type refusals struct {
	ledger *ledger.Store
	pass   Pass
	system string
	key    []string
	count  int64
	bad    []ledger.Held
	// unnamed are those without a key.
	unnamed nameless
	// held are the target's rows that are held from before, and seen those of
	// them that this load brings again.
	held map[record.Key]struct{}
	seen map[record.Key]struct{}
}

// see looks for rows that are held; where none is, it looks at nothing.
func (r *refusals) see(batch *record.Batch) {
	if len(r.held) == 0 {
		return
	}
	for row := range batch.Rows() {
		if key := keyIn(batch, row, r.key); r.isHeld(key) {
			if r.seen == nil {
				r.seen = map[record.Key]struct{}{}
			}
			r.seen[key] = struct{}{}
		}
	}
}

func (r *refusals) isHeld(key record.Key) bool { _, is := r.held[key]; return is }

// refuse notes a row. Many of them are written while the load goes on: should
// it fail, it is repeated, and refuses them again.
func (r *refusals) refuse(ctx context.Context, batch *record.Batch, row int, why error) error {
	held := ledger.Held{Key: keyIn(batch, row, r.key), Reason: why.Error()}
	if held.Key == "" {
		held = r.unnamed.hold(held.Reason)
	}
	r.count++
	r.bad = append(r.bad, held)
	delete(r.seen, held.Key)
	if len(r.bad) < holdRows {
		return nil
	}
	err := r.ledger.Hold(ctx, r.pass.fence(), r.system, r.bad, nil, r.pass.Now.Time())
	r.bad = r.bad[:0]
	return err
}

// commit writes the rest, once the load is done.
func (r *refusals) commit(ctx context.Context) error {
	if len(r.bad) == 0 && len(r.seen) == 0 {
		return nil
	}
	return r.ledger.Hold(ctx, r.pass.fence(), r.system, r.bad, slices.Sorted(maps.Keys(r.seen)), r.pass.Now.Time())
}

// keyIn gives the key of a row by the names of its columns.
func keyIn(batch *record.Batch, row int, columns []string) record.Key {
	values := make([]record.Value, len(columns))
	for i, column := range columns {
		if at := batch.Schema.Index(column); at >= 0 {
			values[i] = batch.Value(row, at)
		}
	}
	key, _ := record.NewKey(values...)
	return key
}
