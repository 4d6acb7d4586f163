package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/mappings"
)

// watched is where triggers are: an object of a system, however it is named in a
// definition.
type watched struct {
	def       *mappings.Definition
	system    *mappings.System
	connector string
	options   map[string]string
}

func (p watched) is(other watched) bool {
	return p.connector == other.connector && p.system.Object.Value == other.system.Object.Value && maps.Equal(p.options, other.options)
}

// places are where a definition asks for triggers. One whose connection is not
// known any more is left out.
func (a *app) places(def *mappings.Definition) []watched {
	var list []watched
	for _, system := range def.Systems {
		if system.Changes.Value != string(connectors.ModeTrigger) {
			continue
		}
		if connector, options, err := a.house.Connect(system); err == nil {
			list = append(list, watched{def: def, system: system, connector: connector, options: options})
		}
	}
	return list
}

// install installs triggers where a definition asks for them.
func (a *app) install(ctx context.Context, def *mappings.Definition) error {
	for _, system := range def.Systems {
		if system.Changes.Value != string(connectors.ModeTrigger) {
			continue
		}
		if err := a.triggers(ctx, def, system, connectors.Triggers.Install); err != nil {
			return err
		}
	}
	return nil
}

// uninstall removes the triggers that revisions of a sync asked for, where
// nothing that is deployed asks for them. All revisions are gone through: a
// deploy that ended half-way has installed too. What is gone has no triggers.
func (a *app) uninstall(ctx context.Context, sync string) error {
	wanted, err := a.wanted(ctx)
	if err != nil {
		return err
	}
	revisions, err := a.house.Ledger.Revisions(ctx, sync)
	if err != nil {
		return err
	}
	var wrong []error
	for _, revision := range revisions {
		definitions, problems := mappings.Parse(sync, []byte(revision.YAML))
		if problems.Failed() || len(definitions) != 1 {
			continue // of a version that read it otherwise
		}
		for _, p := range a.places(definitions[0]) {
			if slices.ContainsFunc(wanted, p.is) {
				continue
			}
			wanted = append(wanted, p) // once is enough
			err := a.triggers(ctx, p.def, p.system, connectors.Triggers.Uninstall)
			if err != nil && connectors.KindOf(err) != connectors.NotFound {
				wrong = append(wrong, fmt.Errorf("of revision %d, object %s: %w", revision.Number, p.system.Object.Value, err))
			}
		}
	}
	return errors.Join(wrong...)
}

// wanted are the places of everything that is deployed.
func (a *app) wanted(ctx context.Context) ([]watched, error) {
	deployed, err := a.house.Ledger.Deployed(ctx)
	if err != nil {
		return nil, err
	}
	var list []watched
	for _, revision := range deployed {
		if definitions, problems := mappings.Parse(revision.Sync, []byte(revision.YAML)); !problems.Failed() && len(definitions) == 1 {
			list = append(list, a.places(definitions[0])...)
		}
	}
	return list, nil
}

// triggers opens an object and does something about its triggers.
func (a *app) triggers(ctx context.Context, def *mappings.Definition, system *mappings.System, do func(connectors.Triggers, context.Context) error) error {
	object, err := a.house.Sessions.OpenObject(ctx, def, system)
	if err != nil {
		return fmt.Errorf("triggers of %s: %w", system.Name.Value, err)
	}
	defer object.Close()
	t, ok := connectors.As[connectors.Triggers](object)
	if !ok {
		return fmt.Errorf("system %s has no triggers; `changes: auto` takes what there is", system.Name.Value)
	}
	if err := do(t, ctx); err != nil {
		return fmt.Errorf("triggers of %s: %w", system.Name.Value, err)
	}
	return nil
}
