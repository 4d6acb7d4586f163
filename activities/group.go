package activities

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
)

// sliceRows is about how many records of a group are decided at once. A record
// of ten fields costs some 3 KB with its link, its bases and what was decided;
// in its group's batches it costs a tenth of that.
const sliceRows = 4_000

// group is the records of one group, of all systems, or a slice of them.
type group struct {
	observations []reconcile.Observation
	// seen has, per system, the keys that the listing showed.
	seen []map[record.Key]struct{}
	// fetched counts the observations that no partition has.
	fetched int64
}

func newGroup(systems int) *group {
	g := &group{seen: make([]map[record.Key]struct{}, systems)}
	for i := range g.seen {
		g.seen[i] = map[record.Key]struct{}{}
	}
	return g
}

func (g *group) take(row []record.Value, mark record.Mark, fields, system int, mapHash record.Hash) {
	o, same := observe(row, mark, fields, system, mapHash)
	g.seen[system][o.Key] = struct{}{}
	if !same {
		g.observations = append(g.observations, o)
	}
}

// group decides a group slice by slice, while what was decided before is
// written; all of it is one commit.
func (r *Resolve) group(ctx context.Context, s *settler, in ResolveInput, part string) (Resolved, error) {
	records, err := r.read(ctx, s.session, in)
	if err != nil {
		return Resolved{}, err
	}
	defer records.release()
	r.Sessions.at(PointRead)
	var sum Resolved
	decided := make(chan *settled)
	work, within := errgroup.WithContext(ctx)
	deciding, stop := context.WithCancel(within)
	defer stop()
	work.Go(func() error {
		defer close(decided)
		return r.decide(deciding, s, in, records, decided)
	})
	var result []byte
	work.Go(func() error {
		defer stop() // also when this part of the run is committed already
		var err error
		result, _, err = r.Ledger.CommitParts(within, in.Pass.fence(), s.session.Scope, ledger.Parts{
			Step: StepResolve, Part: part,
			Next: func(int) (*ledger.Change, error) {
				done, more := <-decided
				if !more {
					return nil, context.Cause(within)
				}
				sum.Add(done.result)
				change := s.change(done)
				return &change, nil
			},
			Result: func() ([]byte, error) { return json.Marshal(sum) },
		})
		return err
	})
	if err := work.Wait(); err != nil {
		return Resolved{}, err
	}
	r.Sessions.at(PointResolved)
	var out Resolved
	return out, json.Unmarshal(result, &out)
}

// decide gives the slices' outcomes one after the other.
func (r *Resolve) decide(ctx context.Context, s *settler, in ResolveInput, records *records, to chan<- *settled) error {
	for n := range records.slices {
		slice := records.slice(n, s.session)
		if in.Group != SerialGroup {
			if err := s.lookForAbsent(ctx, records.slots.cut(n, records.slices), slice); err != nil {
				return unless(ctx, err)
			}
		}
		done, err := s.decide(ctx, matter{observations: slice.observations, fetched: slice.fetched, refused: true})
		if err != nil {
			return unless(ctx, err)
		}
		select {
		case to <- done:
		case <-ctx.Done():
			return nil
		}
		beat(ctx)
	}
	return nil
}

// unless drops an error that only says that nobody waits for the work any more.
func unless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // see above
	}
	return err
}

// records are a group's staged batches, cut into slices of its slots.
type records struct {
	slots   slotRange
	slices  int
	batches []stagedBatch
	// rows has, by slice, where its records are.
	rows [][]stagedRow
}

type stagedBatch struct {
	*record.Batch
	system int
}

type stagedRow struct{ batch, row int32 }

// read collects the group's records from the stage.
func (r *Resolve) read(ctx context.Context, session *Session, in ResolveInput) (*records, error) {
	g := &records{slots: slotRange{0, 1<<16 - 1}, slices: 1}
	if in.Group != SerialGroup {
		g.slots = slotsOf(in.Group, in.Pass.Groups)
	}
	total := 0
	for _, part := range in.Parts {
		name := groupName(in.Pass, part.System, part.ID, in.Group)
		rows, err := g.readPart(ctx, r.Stage, name, part.System)
		if err != nil {
			g.release()
			return nil, lost(err)
		}
		total += rows
		beat(ctx)
	}
	// An identity that moves has to be seen whole: by the serial group, or by
	// the only one.
	if in.Group != SerialGroup && in.Pass.Groups > 1 {
		g.slices = min(max(total/sliceRows, 1), g.slots.width())
	}
	g.sort(len(session.Mapping.Schema.Fields) + stagedSlot)
	return g, nil
}

func (g *records) readPart(ctx context.Context, from *stage.Stage, name string, system int) (rows int, err error) {
	reader, err := from.Open(ctx, name)
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	for {
		batch, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows += batch.Rows()
		g.batches = append(g.batches, stagedBatch{batch, system})
	}
}

// sort finds the slice of each record by its slot.
func (g *records) sort(slotColumn int) {
	g.rows = make([][]stagedRow, g.slices)
	for b, batch := range g.batches {
		for row := range batch.Rows() {
			n := 0
			if g.slices > 1 {
				slot, _ := batch.Value(row, slotColumn).(int64)
				n = g.slots.place(uint16(slot), g.slices)
			}
			g.rows[n] = append(g.rows[n], stagedRow{int32(b), int32(row)})
		}
	}
}

func (g *records) slice(n int, session *Session) *group {
	slice := newGroup(len(session.Systems))
	fields := len(session.Mapping.Schema.Fields)
	for _, at := range g.rows[n] {
		batch := g.batches[at.batch]
		slice.take(batch.Row(int(at.row), nil), batch.Mark(int(at.row)), fields, batch.system, session.Systems[batch.system].Mapping.Hash)
	}
	g.rows[n] = nil
	return slice
}

func (g *records) release() {
	for _, batch := range g.batches {
		batch.Release()
	}
	g.batches = nil
}
