package activities

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
	"github.com/syncline-dev/syncline/mappings"
)

// Transform is the third step: raw batches become canonical records, sorted
// into the groups in which they are resolved. A record that is known and just
// as it was is not evaluated; only its key goes on. Run twice, it rewrites its
// own objects.
type Transform struct {
	Sessions *Sessions
	Ledger   *ledger.Store
	Stage    *stage.Stage
}

// Run transforms.
func (t *Transform) Run(ctx context.Context, in TransformInput) (Transformed, error) {
	out, err := t.transform(ctx, in)
	return out, asTemporal(err)
}

func (t *Transform) transform(ctx context.Context, in TransformInput) (Transformed, error) {
	session, err := t.Sessions.For(ctx, in.Pass)
	if err != nil {
		return Transformed{}, err
	}
	raw, err := t.Stage.Open(ctx, in.Ref)
	if err != nil {
		return Transformed{}, lost(err)
	}
	defer raw.Close()
	ctx, stop := beating(ctx)
	defer stop()
	if in.Stateless {
		return t.forTarget(ctx, session, in, raw)
	}
	router := newRouter(ctx, t.Stage, session.Mapping.Schema, in)
	router.shelf = shelf{ledger: t.Ledger, pass: in.Pass, system: session.Systems[in.System].Mapping.Name}
	defer router.abort()
	var out Transformed
	unnamed := &nameless{key: session.Systems[in.System].Mapping.Key, partition: in.Partition}
	for {
		batch, err := raw.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return out, lost(err)
		}
		err = routeBatch(ctx, t.Ledger, session, in, batch, unnamed, router, &out)
		batch.Release()
		if err != nil {
			return out, err
		}
		beat(ctx, out.Rows)
	}
	out.Groups, out.Serial = router.mask, router.serial
	if err := router.shelf.commit(ctx); err != nil {
		return out, err
	}
	if err := router.commit(); err != nil {
		return out, err
	}
	t.Sessions.at(PointTransformed)
	return out, nil
}

// place is where canonical rows go: a router into the stage, or memory.
type place interface {
	add(group int, row []record.Value, mark record.Mark) error
	// hold takes a row without a key, which no group can take.
	hold(row ledger.Held) error
}

// routeBatch sends each row of a raw batch to its group.
func routeBatch(ctx context.Context, store *ledger.Store, session *Session, in TransformInput, batch *record.Batch,
	unnamed *nameless, to place, out *Transformed,
) error {
	system := session.Systems[in.System].Mapping
	reader, err := system.NewReader(batch.Schema)
	if err != nil {
		return connectors.Wrap(connectors.SchemaChanged, "read "+system.Name, err)
	}
	rows, known, err := compare(ctx, store, session, in, batch, reader)
	if err != nil {
		return err
	}
	s := &sorter{session: session, in: in, reader: reader, unnamed: unnamed, to: to, out: out}
	for row := range rows {
		var brief ledger.Brief
		if known != nil {
			brief = known[row]
		}
		s.values = batch.Row(row, s.values)
		if err := s.row(rows[row], brief, batch.Mark(row)); err != nil {
			return fmt.Errorf("a record of %s: %w", system.Name, err)
		}
	}
	return nil
}

// sorter sends rows to their groups, one after the other.
type sorter struct {
	session   *Session
	in        TransformInput
	reader    *mappings.Reader
	unnamed   *nameless
	to        place
	out       *Transformed
	canonical mappings.Canonical
	values    []record.Value
	staged    []record.Value
}

func (s *sorter) row(row ledger.Seen, brief ledger.Brief, mark record.Mark) error {
	s.out.Rows++
	fields, home := len(s.session.Mapping.Schema.Fields), groupOf(brief.Slot, s.in.Pass.Groups)
	if !s.in.Pass.Anew && sameAsSeen(brief, mark) {
		countSame(brief, &s.out.Tally)
		s.staged = stageSame(fields, row.Key, row.RawHash, brief.Slot, s.staged)
		return s.to.add(home, s.staged, record.Mark{})
	}
	readRow(s.reader, s.values, mark, &s.canonical)
	if !brief.Known && !s.canonical.InScope && s.canonical.Bad == "" {
		s.out.Tally.Read++
		s.out.Tally.Ignored++
		return nil
	}
	if s.canonical.Bad != "" && mark.Bad == "" {
		mark.Bad = s.canonical.Bad
	}
	if row.Key == "" {
		s.out.Tally.Read++
		s.out.Tally.Quarantined++
		return s.to.hold(s.unnamed.hold(mark.Bad))
	}
	slot := brief.Slot
	if !brief.Known {
		slot = slotOf(s.canonical.Match, s.in.System, s.canonical.Key)
	}
	s.staged = stageRow(&s.canonical, row.RawHash, slot, s.staged)
	group := route(s.session.Mapping, s.in, brief, &s.canonical, slot)
	if err := s.to.add(group, s.staged, mark); err != nil {
		return err
	}
	if group != SerialGroup || !brief.Known {
		return nil
	}
	// Its home must know that it was shown.
	s.staged = stageSame(fields, row.Key, record.Hash{}, brief.Slot, s.staged)
	return s.to.add(home, s.staged, record.Mark{})
}

// readRow evaluates the mapping for one row; deletes have only a key.
func readRow(reader *mappings.Reader, values []record.Value, mark record.Mark, out *mappings.Canonical) {
	reader.Read(values, out)
	if mark.Op != record.Present {
		out.Bad, out.BadField = "", ""
		out.InScope = true
		for i := range out.Values {
			out.Values[i] = record.Missing
		}
	}
}

// compare asks the ledger for what it knows of a batch's rows, in their order;
// nothing, if the system was never listed.
func compare(ctx context.Context, store *ledger.Store, session *Session, in TransformInput, batch *record.Batch,
	reader *mappings.Reader,
) ([]ledger.Seen, []ledger.Brief, error) {
	rows := make([]ledger.Seen, batch.Rows())
	mapping := session.Systems[in.System].Mapping
	var values []record.Value
	for row := range rows {
		values = batch.Row(row, values)
		rows[row] = ledger.Seen{Key: reader.Key(values), RawHash: reader.CompareHash(values), MapHash: mapping.Hash}
	}
	if in.First {
		return rows, nil, nil
	}
	known, err := store.Compare(ctx, session.Scope, in.System, rows)
	return rows, known, err
}

// sameAsSeen: the raw columns that the mapping reads are as they were, the
// mapping is as it was, and nothing else asks for another look.
func sameAsSeen(brief ledger.Brief, mark record.Mark) bool {
	switch brief.State {
	case reconcile.Live, reconcile.Quarantined, reconcile.OutOfScope, reconcile.Detached:
		return brief.Known && brief.Same && brief.SinceWrite && mark.Op == record.Present && mark.Bad == ""
	default:
		return false
	}
}

func countSame(brief ledger.Brief, tally *reconcile.Tally) {
	tally.Read++
	switch brief.State {
	case reconcile.Quarantined:
		tally.Quarantined++
	case reconcile.OutOfScope, reconcile.Detached, reconcile.Unlinked:
		tally.Ignored++
	case reconcile.Live, reconcile.Creating:
		tally.Unchanged++
	default:
		tally.Unchanged++
	}
}

// route says in which group a record is resolved. What is known goes home,
// unless its match moved; what is new goes to its match's slot, unless there
// are several ways to match, which only one group can see all of.
func route(m *mappings.Mapping, in TransformInput, brief ledger.Brief, c *mappings.Canonical, slot uint16) int {
	if in.Pass.Groups == 1 {
		return 0
	}
	if brief.Known {
		if len(c.Match) > 0 && !sameMatch(brief.Match, c.Match) {
			return SerialGroup
		}
		return groupOf(slot, in.Pass.Groups)
	}
	if len(m.Definition.Match.Alternatives) > 1 {
		return SerialGroup
	}
	return groupOf(slot, in.Pass.Groups)
}

func sameMatch(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
