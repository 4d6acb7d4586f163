package activities

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/stage"
)

// Resolve is the fourth step: one group of records of all systems meets the
// ledger, and one fenced commit records what came out and what each system is
// owed for it. Run twice, it finds its mark and returns the same.
type Resolve struct {
	Sessions *Sessions
	Ledger   *ledger.Store
	Stage    *stage.Stage
}

// KindStageMissing is the error type that sends the workflow back to extract.
const KindStageMissing = "stage_missing"

// Run resolves.
func (r *Resolve) Run(ctx context.Context, in ResolveInput) (Resolved, error) {
	var (
		out Resolved
		err error
	)
	if in.Stateless {
		out, err = r.hold(ctx, in)
	} else {
		out, err = r.resolve(ctx, in)
	}
	return out, asTemporal(err)
}

func (r *Resolve) resolve(ctx context.Context, in ResolveInput) (Resolved, error) {
	part := in.mark()
	if done, found, err := r.Ledger.Mark(ctx, in.Pass.Run, StepResolve, part); err != nil || found {
		var earlier Resolved
		if err == nil {
			err = json.Unmarshal(done, &earlier)
		}
		return earlier, err
	}
	session, err := r.Sessions.For(ctx, in.Pass, AllSystems)
	if err != nil {
		return Resolved{}, err
	}
	ctx, stop := beating(ctx)
	defer stop()
	settler := &settler{ledger: r.Ledger, session: session, pass: in.Pass, windows: in.Windows, at: r.Sessions.at}
	if in.Group == SettleGroup {
		return r.due(ctx, settler, part)
	}
	return r.group(ctx, settler, in, part)
}

// lookForAbsent fetches, by key and without any filter, what a complete
// listing did not show: absent is not deleted, only not found is.
func (s *settler) lookForAbsent(ctx context.Context, slots [2]uint16, g *group) error {
	for _, w := range s.windows {
		if !w.Complete || w.First {
			continue
		}
		var missing []record.Key
		err := s.ledger.EachMember(ctx, s.session.Scope, w.Index, slots, func(m ledger.MemberKey) error {
			if _, shown := g.seen[w.Index][m.Key]; !shown && m.Key != "" && !m.Gone && m.State != reconcile.Creating {
				missing = append(missing, m.Key)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			continue
		}
		found, err := s.fetch(ctx, w.Index, missing)
		if err != nil {
			return err
		}
		g.observations = append(g.observations, found...)
		g.fetched += int64(len(found))
	}
	return nil
}

// due settles what waits in the ledger: decisions that people made, conflicts
// whose deadline has passed, and what they asked to try again. The rows are read again first, so that
// a decision meets what is there now.
func (r *Resolve) due(ctx context.Context, s *settler, part string) (Resolved, error) {
	pending, err := r.Ledger.Decisions(ctx, s.pass.Sync, "pending")
	if err != nil {
		return Resolved{}, err
	}
	open, err := r.Ledger.Conflicts(ctx, ledger.ConflictFilter{Sync: s.pass.Sync, State: "open"})
	if err != nil {
		return Resolved{}, err
	}
	decisions := make([]reconcile.Decision, 0, len(pending))
	decided := make(map[int64]bool, len(pending))
	for _, d := range pending {
		decisions = append(decisions, d.Decision)
		decided[d.ConflictID] = true
	}
	var links []string
	keys := map[int][]record.Key{}
	for _, c := range open {
		if !decided[c.ID] && (c.Deadline == 0 || c.Deadline > s.pass.Now) {
			continue
		}
		if c.LinkID != "" {
			links = append(links, c.LinkID)
		}
		for _, candidate := range c.Candidates {
			if candidate.System >= 0 && candidate.Key != "" {
				keys[candidate.System] = append(keys[candidate.System], candidate.Key)
			}
		}
	}
	if err := s.retries(ctx, keys); err != nil {
		return Resolved{}, err
	}
	if err := s.renew(ctx, part); err != nil {
		return Resolved{}, err
	}
	if len(links) == 0 && len(keys) == 0 && len(decisions) == 0 {
		return Resolved{}, nil
	}
	observations, err := s.again(ctx, links, keys)
	if err != nil {
		return Resolved{}, err
	}
	done, err := s.settle(ctx, matter{
		step: StepResolve, part: part, observations: observations, links: links, decisions: decisions,
		fetched: int64(len(observations)),
	})
	if err != nil {
		return Resolved{}, err
	}
	return done.result, nil
}

// again fetches all rows of links, and further rows, as they are now.
func (s *settler) again(ctx context.Context, links []string, keys map[int][]record.Key) ([]reconcile.Observation, error) {
	loaded, _, err := s.ledger.Load(ctx, s.session.Scope, ledger.Select{Links: links})
	if err != nil {
		return nil, err
	}
	for _, link := range loaded {
		for i, m := range link.Members {
			if m != nil && m.Key != "" {
				keys[i] = append(keys[i], m.Key)
			}
		}
	}
	var observations []reconcile.Observation
	for i := range s.session.Systems {
		if len(keys[i]) == 0 || slices.Contains(s.pass.Down, i) { // what it held when it was last seen counts
			continue
		}
		found, err := s.fetch(ctx, i, distinct(keys[i]))
		if err != nil {
			return nil, err
		}
		observations = append(observations, found...)
	}
	return observations, nil
}

func distinct(keys []record.Key) []record.Key {
	seen := make(map[record.Key]bool, len(keys))
	unique := keys[:0:0]
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			unique = append(unique, k)
		}
	}
	return unique
}
