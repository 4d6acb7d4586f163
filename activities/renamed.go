package activities

import (
	"context"
	"fmt"
	"slices"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/ledger"
)

// A name that the ledger does not know, for objects that it does, is asked
// about: taken for a first sync, what was known would be left behind.

// undefined gives what other syncs have met that no definition names any more,
// by sync; nothing, if this sync has met something itself.
func (s *Sessions) undefined(ctx context.Context, sync string, states map[string]ledger.SystemState) (map[string][]ledger.Met, error) {
	for _, state := range states {
		if state.Identity != "" {
			return nil, nil
		}
	}
	met, err := s.Ledger.Met(ctx)
	if err != nil || s.Defined == nil {
		return nil, err
	}
	others := map[string][]ledger.Met{}
	for _, m := range met {
		if m.Sync != sync {
			others[m.Sync] = append(others[m.Sync], m)
		}
	}
	for name := range others {
		paused, err := s.Ledger.Paused(ctx, name)
		if err != nil {
			return nil, err
		}
		if _, held := paused[""]; held || s.Defined(name) {
			delete(others, name)
		}
	}
	return others, nil
}

// renamed fails if a system, or the sync, looks like one under another name.
func (l *lookout) renamed() error {
	names := l.session.Scope.Systems
	for _, system := range l.session.Systems {
		name := system.Mapping.Name
		if system.Away != nil || l.states[name].Identity != "" || system.Description.Identity == "" {
			continue
		}
		for other, state := range l.states {
			if state.Identity == system.Description.Identity && !slices.Contains(names, other) {
				return askRename(
					fmt.Sprintf("the system %s is new, but it is the same database, table or file as %s, which the definition does not name any more", name, other),
					fmt.Sprintf("if it has a new name: `syncline rename %s --system %s=%s`; if not, keep %s in the definition", l.request.Sync, other, name, other),
				)
			}
		}
	}
	for other, met := range l.undefined {
		if l.sameSystems(met) {
			return askRename(
				fmt.Sprintf("the sync %s is new, but its systems are those of %s, which no definition describes any more", l.request.Sync, other),
				fmt.Sprintf("if it has a new name: `syncline rename %s %s`; if %s is over: `syncline pause %s`", other, l.request.Sync, other, other),
			)
		}
	}
	return nil
}

func (l *lookout) sameSystems(met []ledger.Met) bool {
	if len(met) != len(l.session.Systems) {
		return false
	}
	for _, system := range l.session.Systems {
		same := func(m ledger.Met) bool { return system.Away == nil && m.Identity == system.Description.Identity }
		if !slices.ContainsFunc(met, same) {
			return false
		}
	}
	return true
}

func askRename(what, hint string) error {
	return &connectors.Error{Kind: connectors.Permanent, Err: fmt.Errorf("%s; nothing was written", what), Hint: hint}
}
