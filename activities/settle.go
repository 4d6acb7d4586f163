package activities

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
)

// settler brings observations and the ledger together: it loads what is known
// of them, lets reconcile decide, and commits what came out, once. Resolve
// uses it for groups, load for rows that changed under its hands, and plan
// without the commit.
type settler struct {
	ledger  *ledger.Store
	session *Session
	pass    Pass
	windows []Window
	// at hears of labelled points.
	at func(Point)
	// dry gets the outcome instead of the ledger; plan sets it.
	dry func(*settled)
}

// settled is what a set of observations came to.
type settled struct {
	bucket  *reconcile.Bucket
	outcome *reconcile.Outcome
	owed    map[string][]reconcile.Payment
	result  Resolved
}

// matter is what there is to settle, under the mark (step, part).
type matter struct {
	step, part   string
	observations []reconcile.Observation
	// links are settled even where nothing of them was observed.
	links     []string
	decisions []reconcile.Decision
	// fetched counts the observations that no partition has.
	fetched int64
	// refused: what a system refused is tried again, now that its record moves.
	refused bool
}

// settle decides and commits; the commit is marked, and a second one under the
// same mark changes nothing.
func (s *settler) settle(ctx context.Context, m matter) (*settled, error) {
	done, err := s.decide(ctx, m)
	if err != nil || s.dry != nil {
		return done, err
	}
	return done, s.commit(ctx, m.step, m.part, done)
}

// decide lets reconcile decide, and writes nothing.
func (s *settler) decide(ctx context.Context, m matter) (*settled, error) {
	bucket, err := s.bucket(ctx, m.observations, m.links)
	if err != nil {
		return nil, err
	}
	if m.refused {
		if bucket, err = s.lookAtRefused(ctx, &m, bucket); err != nil {
			return nil, err
		}
	}
	bucket.Decisions = m.decisions
	rules := s.session.Rules(s.pass)
	outcome, err := reconcile.Resolve(rules, bucket)
	if err != nil {
		return nil, connectors.Wrap(connectors.Permanent, "resolve", err)
	}
	if err := s.newcomers(rules, bucket, outcome); err != nil {
		return nil, err
	}
	done := &settled{bucket: bucket, outcome: outcome, owed: make(map[string][]reconcile.Payment, len(outcome.Links))}
	for _, link := range outcome.Links {
		payments, err := reconcile.Owed(rules, link)
		if err != nil {
			return nil, connectors.Wrap(connectors.Permanent, "resolve", err)
		}
		done.owed[link.ID] = payments
	}
	done.result = s.summary(outcome)
	done.result.Fetched = m.fetched
	if s.dry != nil {
		s.dry(done)
		return done, nil
	}
	s.at(PointDecided)
	return done, nil
}

func (s *settler) commit(ctx context.Context, step, part string, done *settled) error {
	result, err := json.Marshal(done.result)
	if err != nil {
		return err
	}
	change := s.change(done)
	change.Step, change.Part, change.Result = step, part, result
	_, _, err = s.ledger.Commit(ctx, s.pass.fence(), s.session.Scope, change)
	return err
}

// change is what an outcome writes.
func (s *settler) change(done *settled) ledger.Change {
	outcome := done.outcome
	change := ledger.Change{
		Links: outcome.Links, Slots: make(map[string]uint16, len(outcome.Links)),
		Loose: outcome.Loose, Opened: outcome.Opened, Closed: outcome.Closed,
		Applied: outcome.Applied, Refused: outcome.Refused, Owed: done.owed,
		Journal: s.journal(outcome), Quarantine: quarantined(done.bucket), At: s.pass.Now.Time(),
	}
	for _, link := range outcome.Links {
		change.Slots[link.ID] = s.slot(link)
	}
	return change
}

// quarantined names the rows that could not be taken, with the reasons.
func quarantined(bucket *reconcile.Bucket) []ledger.Quarantined {
	var bad []ledger.Quarantined
	for _, o := range bucket.Observations {
		if o.Bad != "" {
			bad = append(bad, ledger.Quarantined{System: o.System, Key: o.Key, Field: o.BadField, Reason: o.Bad})
		}
	}
	return bad
}

// slot is a link's home; a link without a match lives where its first row does.
func (s *settler) slot(link *reconcile.Link) uint16 {
	for i, m := range link.Members {
		if m != nil {
			return slotOf(link.Match, i, m.Key)
		}
	}
	return slotOf(link.Match, 0, record.Key(link.ID))
}

// bucket loads what the ledger knows of everything that is observed.
func (s *settler) bucket(ctx context.Context, observations []reconcile.Observation, ids []string) (*reconcile.Bucket, error) {
	selected := ledger.Select{Keys: map[int][]record.Key{}, Links: ids}
	seen := map[ledger.MatchText]bool{}
	for _, o := range observations {
		if o.Key != "" {
			selected.Keys[o.System] = append(selected.Keys[o.System], o.Key)
		}
		for i, text := range o.Match {
			m := ledger.MatchText{Alternative: i, Text: text}
			if text != "" && !seen[m] {
				seen[m] = true
				selected.Matches = append(selected.Matches, m)
			}
		}
	}
	links, loose, err := s.ledger.Load(ctx, s.session.Scope, selected)
	if err != nil {
		return nil, err
	}
	// Where a row is gone or has another match, others with its match may have
	// waited for that.
	if left := leftMatches(links, observations, seen); len(left) > 0 {
		selected.Matches = append(selected.Matches, left...)
		if links, loose, err = s.ledger.Load(ctx, s.session.Scope, selected); err != nil {
			return nil, err
		}
	}
	conflicts, err := s.ledger.LooseConflicts(ctx, s.session.Scope, loose)
	if err != nil {
		return nil, err
	}
	bucket := &reconcile.Bucket{
		Links: links, Loose: loose, Conflicts: conflicts, Observations: observations, Now: s.pass.Now,
		Complete: make([]bool, len(s.session.Systems)), First: make([]bool, len(s.session.Systems)),
		NewID: func(system int, key record.Key, match []string) string {
			// It begins with its slot, so that what a group writes lies together.
			hash := record.HashText(s.pass.Sync, s.pass.Run, s.session.Scope.Systems[system], string(key)).String()
			return fmt.Sprintf("%04x%s", slotOf(match, system, key), hash[4:])
		},
	}
	for _, w := range s.windows {
		bucket.Complete[w.Index] = w.Complete
		bucket.First[w.Index] = w.First
	}
	return bucket, nil
}

// summary counts an outcome for the workflow.
func (s *settler) summary(outcome *reconcile.Outcome) Resolved {
	result := Resolved{
		Tally: outcome.Tally, Links: int64(len(outcome.Links)), Closed: int64(len(outcome.Closed)),
		Missed: int64(len(outcome.Refused)),
	}
	for _, conflict := range outcome.Opened {
		if conflict.ID == 0 && conflict.SkipUntil != record.TimestampInfinity {
			result.Opened++
		}
	}
	for _, note := range outcome.Notes {
		if note.Field < 0 || note.After != nil || note.Before == nil || record.IsMissing(note.Before) {
			continue
		}
		if result.Blanked == nil {
			result.Blanked = map[string]int64{}
		}
		result.Blanked[s.session.Mapping.Schema.Fields[note.Field].Name]++
	}
	return result
}

// journal keeps every value that lost against another, and the rule by which.
func (s *settler) journal(outcome *reconcile.Outcome) []ledger.Entry {
	var entries []ledger.Entry
	for _, note := range outcome.Notes {
		if len(note.Lost) == 0 {
			continue
		}
		for _, lost := range note.Lost {
			entry := ledger.Entry{
				Sync: s.pass.Sync, Run: s.pass.Run, LinkID: note.LinkID, Op: "overrule", Rule: note.Rule,
				At: s.pass.Now.Time(), Key: lost.Key,
			}
			if lost.System >= 0 {
				entry.System = s.session.Scope.Systems[lost.System]
			}
			if note.Field >= 0 {
				name := s.session.Mapping.Schema.Fields[note.Field].Name
				entry.Before = map[string]record.Value{name: lost.Value}
				entry.After = map[string]record.Value{name: note.After}
			} else {
				entry.Before = s.edits(lost)
			}
			entries = append(entries, entry)
		}
	}
	return entries
}

// edits are the fields that a side of a delete had changed, which it shows as
// one JSON object.
func (s *settler) edits(lost reconcile.Candidate) map[string]record.Value {
	text, ok := lost.Value.(record.JSON)
	if !ok {
		return nil
	}
	var shown map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &shown) != nil {
		return nil
	}
	edits := map[string]record.Value{}
	for _, field := range s.session.Mapping.Schema.Fields {
		if raw, edited := shown[field.Name]; edited {
			edits[field.Name] = editOf(field.Type, raw)
		}
	}
	return edits
}

func editOf(t record.Type, raw json.RawMessage) record.Value {
	var text string
	switch {
	case string(raw) == "null":
		return nil
	case json.Unmarshal(raw, &text) != nil:
		text = string(raw)
	}
	v, err := record.Convert(t, text)
	if err != nil {
		return text
	}
	return v
}
