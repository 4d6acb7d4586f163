package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/reconcile"
	"github.com/syncline-dev/syncline/mappings"
)

// Guard stands before the first write of a run: it compares what the run is
// about to do with the limits of the definition. It reads only, and an
// approval lets exactly the set through that was shown.
type Guard struct {
	Sessions *Sessions
	Ledger   *ledger.Store
}

// What holds where a definition sets no limit: nobody deletes or blanks a
// third of a table by accident. Percentages count only above the floor.
const (
	defaultPercent = 30
	percentFloor   = 20
	guardDay       = 24 * time.Hour
)

// Run compares.
func (g *Guard) Run(ctx context.Context, in GuardInput) (Guarded, error) {
	out, err := g.guard(ctx, in)
	return out, asTemporal(err)
}

func (g *Guard) guard(ctx context.Context, in GuardInput) (Guarded, error) {
	session, err := g.Sessions.For(ctx, in.Pass)
	if err != nil {
		return Guarded{}, err
	}
	ctx, stop := beating(ctx)
	defer stop()
	owed, err := g.Ledger.OwedCount(ctx, session.Scope)
	if err != nil {
		return Guarded{}, err
	}
	if err := g.unguarded(ctx, session, &in); err != nil {
		return Guarded{}, err
	}
	found, err := g.exceeded(ctx, session, in, owed)
	if err != nil || len(found) == 0 {
		g.Sessions.at(PointGuarded)
		return Guarded{}, err
	}
	hash, count, err := g.Ledger.OwedDigest(ctx, session.Scope)
	if err != nil {
		return Guarded{}, err
	}
	if approval, err := g.Ledger.Approval(ctx, in.Pass.Sync, hash); err == nil && approval.Hash == hash {
		return Guarded{}, nil
	}
	return Guarded{Stopped: strings.Join(found, "; "), Hash: hash, Count: count}, nil
}

// exceeded says which limits what is owed, by system and op, would exceed.
func (g *Guard) exceeded(ctx context.Context, session *Session, in GuardInput, owed map[string]map[string]int64) ([]string, error) {
	counts, err := g.Ledger.Count(ctx, in.Pass.Sync)
	if err != nil {
		return nil, err
	}
	limits := session.Definition.Limits
	empty := emptied(session.Rules(in.Pass), counts)
	var found []string
	for i, system := range session.Scope.Systems {
		if slices.Contains(in.Pass.Down, i) {
			continue // nothing is written to it now; when it is back, it is counted
		}
		deletes, err := g.deletes(ctx, in.Pass, system, owed[system], counts[system], limits.Delete)
		if now := deletesIn(owed[system]); len(deletes) == 0 && now > 1 && len(empty) > 0 {
			deletes = []string{fmt.Sprintf("%d deletes in %s: %s has nothing left", now, system, strings.Join(empty, ", "))}
		}
		if err != nil {
			return nil, err
		}
		found = append(found, deletes...)
		updates := owed[system]["update"]
		if over := exceeds(limits.Update, updates, counts[system]); over != "" {
			found = append(found, fmt.Sprintf("%d updates in %s: %s", updates, system, over))
		}
	}
	most := int64(0)
	for _, n := range counts {
		most = max(most, n)
	}
	for _, field := range slices.Sorted(maps.Keys(in.Resolved.Blanked)) {
		n := in.Resolved.Blanked[field]
		over := exceeds(orDefault(limits.Blank), n, most)
		if all := n > 1 && n >= most; over == "" && all && limits.Blank.Percent < 100 {
			over = "those are all that there are" // however few: a column was lost, not edited
		}
		if over != "" {
			found = append(found, fmt.Sprintf("field %s turned empty in %d records: %s", field, n, over))
		}
	}
	if over := exceeds(limits.Conflict, in.Resolved.Opened, most); over != "" {
		found = append(found, fmt.Sprintf("%d new conflicts: %s", in.Resolved.Opened, over))
	}
	return found, nil
}

// emptied names the systems that have nothing left, and would have if nobody
// had emptied them: what others have alone does not make it an everyday delete.
func emptied(rules *reconcile.Rules, counts map[string]int64) []string {
	var names []string
	for _, system := range rules.Systems {
		if system.Reads && system.Create && !system.Unlisted && counts[system.Name] == 0 {
			names = append(names, system.Name)
		}
	}
	return names
}

func deletesIn(ops map[string]int64) int64 { return ops[reconcile.OpDelete] + ops[reconcile.OpSoft] }

// deletes compares what one system is about to lose, and lost in the last day.
func (g *Guard) deletes(ctx context.Context, pass Pass, system string, ops map[string]int64, rows int64, limit mappings.Limit,
) ([]string, error) {
	now := deletesIn(ops)
	if now == 0 {
		return nil, nil
	}
	if now > 1 && now >= rows { // however few: an emptied source never empties the others
		return []string{fmt.Sprintf("%d deletes in %s: that is all that it has", now, system)}, nil
	}
	earlier := int64(0)
	for _, op := range []string{reconcile.OpDelete, reconcile.OpSoft} {
		n, err := g.Ledger.JournalCount(ctx, pass.Sync, system, op, pass.Now.Time().Add(-guardDay))
		if err != nil {
			return nil, err
		}
		earlier += n
	}
	over := exceeds(orDefault(limit), now+earlier, rows+earlier)
	if over == "" {
		return nil, nil
	}
	return []string{fmt.Sprintf("%d deletes in %s (%d in the last day): %s", now, system, now+earlier, over)}, nil
}

func orDefault(l mappings.Limit) mappings.Limit {
	if !l.Set {
		return mappings.Limit{Percent: defaultPercent, Set: true}
	}
	return l
}

// exceeds says by what a limit is exceeded, or "".
func exceeds(l mappings.Limit, n, of int64) string {
	if l.Count > 0 && n > l.Count {
		return fmt.Sprintf("the limit is %d", l.Count)
	}
	if l.Percent > 0 && n > percentFloor && float64(n)*100 > l.Percent*float64(max(of, 1)) {
		return fmt.Sprintf("the limit is %g %% of %d", l.Percent, of)
	}
	return ""
}
