package activities

import (
	"context"
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// lookup is what must be read again because a write met something else than
// expected.
type lookup struct {
	keys []record.Key
	sets [][]record.Value
}

func (l *lookup) key(k record.Key) {
	if k != "" {
		l.keys = append(l.keys, k)
	}
}

func (l *lookup) match(set []record.Value) { l.sets = append(l.sets, set) }

// lookAgain reads the rows as they are now and resolves their links anew, so
// that the next try writes on what is really there.
func (p *payer) lookAgain(ctx context.Context, look lookup, links []string) error {
	if len(links) == 0 {
		return nil
	}
	observations, err := p.fetch(ctx, p.system, distinct(look.keys))
	if err != nil {
		return err
	}
	found, err := p.find(ctx, look.sets)
	if err != nil {
		return err
	}
	for _, o := range found {
		if !slices.Contains(look.keys, o.Key) {
			observations = append(observations, o)
		}
	}
	done, err := p.settle(ctx, matter{
		step: StepLoad, part: fmt.Sprintf("%s/again/%d/%d", p.part, p.try, p.pass.Epoch),
		observations: observations, links: links,
	})
	if err != nil {
		return err
	}
	p.loaded.Opened += done.result.Opened
	return p.park(ctx, links, found)
}

// find looks for rows by the columns that make a creation a double.
func (p *payer) find(ctx context.Context, sets [][]record.Value) ([]reconcile.Observation, error) {
	mapping := p.opened().Mapping
	finder, ok := connectors.As[connectors.Finder](p.opened().Object)
	if !ok || len(sets) == 0 || len(mapping.Unless) == 0 {
		return nil, nil
	}
	places := make([]int, len(mapping.Unless))
	for i, column := range mapping.Unless {
		places[i] = slices.Index(mapping.Write, column)
	}
	var tuples [][]record.Value
	for _, set := range sets {
		tuple := make([]record.Value, len(places))
		whole := true
		for i, at := range places {
			if at < 0 || record.Blank(set[at]) {
				whole = false
				break
			}
			tuple[i] = set[at]
		}
		if whole {
			tuples = append(tuples, tuple)
		}
	}
	if len(tuples) == 0 {
		return nil, nil
	}
	batch, err := finder.Find(ctx, mapping.Columns, mapping.Unless, tuples)
	if err != nil {
		return nil, connectors.Wrap(connectors.Transient, "look for rows of "+p.name(), err)
	}
	defer batch.Release()
	return observeRaw(p.opened(), p.system, batch)
}

// finishCreations looks, before anything is created, whether an earlier
// attempt did create it: the intent is in the ledger, the answer never came.
// What it finds is resolved; those links are tried again.
func (p *payer) finishCreations(ctx context.Context, dues []due) (rest []due, again []string, err error) {
	begun, rest, err := p.begun(ctx, dues)
	if err != nil || len(begun) == 0 {
		return dues, nil, err
	}
	look, err := p.lookFor(begun)
	if err != nil {
		return nil, nil, err
	}
	found, err := p.find(ctx, look.sets)
	if err != nil {
		return nil, nil, err
	}
	byKey, err := p.fetch(ctx, p.system, distinct(look.keys))
	if err != nil {
		return nil, nil, err
	}
	for _, o := range byKey {
		if !o.Gone {
			found = append(found, o)
		}
	}
	if len(found) == 0 {
		return dues, nil, nil
	}
	for _, d := range begun {
		again = append(again, d.link.ID)
	}
	_, err = p.settle(ctx, matter{
		step: StepLoad, part: fmt.Sprintf("%s/found/%d/%d", p.part, p.try, p.pass.Epoch), observations: found, links: again,
	})
	if err != nil {
		return nil, nil, err
	}
	return rest, again, p.park(ctx, again, found)
}

// begun sets the creations apart that were begun before.
func (p *payer) begun(ctx context.Context, dues []due) (begun, rest []due, err error) {
	creates := slices.ContainsFunc(dues, func(d due) bool { return d.payment.Op == reconcile.OpCreate })
	if !creates {
		return nil, dues, nil
	}
	intents, err := p.ledger.Intents(ctx, p.session.Scope, p.system)
	if err != nil {
		return nil, nil, err
	}
	tried := make(map[string]bool, len(intents))
	for _, intent := range intents {
		tried[intent.LinkID] = true
	}
	for _, d := range dues {
		if d.payment.Op == reconcile.OpCreate && tried[d.link.ID] {
			begun = append(begun, d)
		} else {
			rest = append(rest, d)
		}
	}
	return begun, rest, nil
}

// lookFor says by what begun creations are found.
func (p *payer) lookFor(begun []due) (lookup, error) {
	var look lookup
	writer, err := p.opened().Mapping.NewWriter(p.opened().Description.Schema)
	if err != nil {
		return look, connectors.Wrap(connectors.SchemaChanged, "write "+p.name(), err)
	}
	for _, d := range begun {
		if item, err := p.item(writer, d); err == nil { // else the write says what is wrong
			look.match(item.Set)
			look.key(p.keyOf(item.Set))
		}
	}
	return look, nil
}

// keyOf gives the key that a creation brings along, if it does.
func (p *payer) keyOf(set []record.Value) record.Key {
	mapping := p.opened().Mapping
	values := make([]record.Value, 0, len(mapping.Key))
	for _, column := range mapping.Key {
		at := slices.Index(mapping.Write, column)
		if at < 0 {
			return ""
		}
		values = append(values, set[at])
	}
	key, _ := record.NewKey(values...)
	return key
}

// fetch reads rows of one system again by key and gives what they are now.
func (s *settler) fetch(ctx context.Context, system int, keys []record.Key) ([]reconcile.Observation, error) {
	opened := s.session.Systems[system]
	source, err := opened.Source()
	if err != nil {
		return nil, err
	}
	var all []reconcile.Observation
	for part := range slices.Chunk(keys, fetchRows) {
		batch, err := source.Fetch(ctx, opened.Mapping.Columns, part)
		if err != nil {
			return nil, connectors.Wrap(connectors.Transient, fmt.Sprintf("fetch %d rows of %s", len(part), opened.Mapping.Name), err)
		}
		found, err := observeRaw(opened, system, batch)
		batch.Release()
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		beat(ctx)
	}
	return all, nil
}

// fetchRows is how many rows are fetched by key in one request.
const fetchRows = 1000
