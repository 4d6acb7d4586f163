package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/mappings"
	"github.com/syncline-dev/syncline/worker"
)

// pin gives the revision that a run takes: the named one; the deployed one, if
// the file does not differ from it; or the file itself, stored as a revision.
func (a *app) pin(ctx context.Context, house *worker.House, name string, asked int) (int, error) {
	if asked != 0 {
		revision, err := house.Ledger.Revision(ctx, name, asked)
		if err != nil {
			if errors.Is(err, ledger.ErrNotFound) {
				return 0, usage(fmt.Sprintf("there is no revision %d of %s; `syncline status %s` shows which one is deployed", asked, name, name))
			}
			return 0, fmt.Errorf("revision %d of %s: %w", asked, name, err)
		}
		return revision.Number, nil
	}
	latest, err := house.Ledger.Revision(ctx, name, 0)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return 0, err
	}
	def, err := a.find(house, name)
	if err != nil {
		if latest.Deployed {
			return latest.Number, nil // deployed from elsewhere; there is no file here
		}
		return 0, err
	}
	revision := ledger.Revision{Sync: name, YAML: def.Source, Hash: sourceHash(def), By: "run", At: time.Now()}
	if latest.Deployed {
		if latest.Hash != revision.Hash {
			return 0, &exitError{
				code: exitFailed,
				err:  fmt.Errorf("the file of %s differs from the deployed revision %d:\n%s", name, latest.Number, difference(latest.YAML, def.Source)),
				next: fmt.Sprintf("`syncline deploy %s` makes the file count, `syncline run %s --revision %d` runs what is deployed", name, name, latest.Number),
			}
		}
		return latest.Number, nil
	}
	return house.Ledger.SaveRevision(ctx, revision)
}

// find gives a definition of the folder that nothing is wrong with.
func (a *app) find(house *worker.House, name string) (*mappings.Definition, error) {
	project, problems := house.Project()
	problems = problems.In(a.flags.definitions)
	def, err := project.Find(name)
	if err != nil {
		if problems.Failed() {
			return nil, fmt.Errorf("%w, as far as the definitions can be read:\n%w", err, problems)
		}
		return nil, &exitError{code: exitUsage, err: err, next: "`syncline status` lists the syncs of " + a.flags.definitions}
	}
	var own mappings.Problems
	for _, p := range problems {
		if p.Sync == name || p.Sync == "" {
			own = append(own, p)
		}
	}
	if err := own.Err(); err != nil {
		return nil, err
	}
	own = mappings.Check(def, nil).In(a.flags.definitions)
	return def, own.Err()
}

func sourceHash(def *mappings.Definition) string {
	return record.HashText(strings.TrimSpace(def.Source)).String()
}

// difference shows which lines went and came.
func difference(before, after string) string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	var b strings.Builder
	for _, line := range old {
		if !slices.Contains(now, line) {
			fmt.Fprintf(&b, "  - %s\n", line)
		}
	}
	for _, line := range now {
		if !slices.Contains(old, line) {
			fmt.Fprintf(&b, "  + %s\n", line)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
