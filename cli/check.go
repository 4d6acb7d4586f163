package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/mappings"
	"github.com/syncline-dev/syncline/worker"
)

func newCheck(a *app) *cobra.Command {
	var offline bool
	c := &cobra.Command{
		Use:   "check [NAME...]",
		Short: "Say everything that is wrong with the definitions",
		Long: "Say everything that is wrong with the definitions, all faults of all files at once.\n" +
			"It looks at the systems' columns unless --offline is given, and writes nothing.",
		RunE: func(c *cobra.Command, names []string) error {
			house, err := a.openReading(c.Context())
			if err != nil {
				return err
			}
			project, _ := house.Project() // its problems are told below
			for _, name := range names {
				if _, err := project.Find(name); err != nil && len(project.Definitions) > 0 {
					return &exitError{code: exitUsage, err: err, next: "`syncline status` lists the syncs of " + a.flags.definitions}
				}
			}
			problems, checked := a.check(c.Context(), house, names, offline)
			return a.showProblems(problems, checked)
		},
	}
	c.Flags().BoolVar(&offline, "offline", false, "do not look at the systems")
	return c
}

// checkTimeout is how long check waits for one system to describe itself.
const checkTimeout = 20 * time.Second

func (a *app) check(ctx context.Context, house *worker.House, names []string, offline bool) (mappings.Problems, int) {
	project, problems := house.Project()
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	checked := 0
	for _, def := range project.Definitions {
		if len(names) > 0 && !wanted[def.Sync.Value] {
			continue
		}
		checked++
		objects := map[string]mappings.Object{}
		if !offline {
			var unreached mappings.Problems
			objects, unreached = a.describe(ctx, house, def)
			problems = append(problems, unreached...)
		}
		problems = append(problems, mappings.Check(def, objects)...)
	}
	if len(names) > 0 {
		var own mappings.Problems
		for _, p := range problems {
			if p.Sync == "" || wanted[p.Sync] {
				own = append(own, p)
			}
		}
		problems = own
	}
	problems = problems.In(a.flags.definitions)
	slices.SortStableFunc(problems, func(a, b mappings.Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return problems, checked
}

// describe asks the systems of a definition what they look like.
func (a *app) describe(ctx context.Context, house *worker.House, def *mappings.Definition) (map[string]mappings.Object, mappings.Problems) {
	objects := map[string]mappings.Object{}
	var problems mappings.Problems
	project, _ := house.Project() // a connection that is not there has been said
	for _, system := range def.Systems {
		if system.Use.Value != "" && project.Connections[system.Use.Value] == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		description, err := house.Sessions.Describe(ctx, def, system)
		cancel()
		if err != nil {
			problems = append(problems, a.undescribed(def, system, err)...)
			continue
		}
		objects[system.Name.Value] = activities.MappingObject(description)
	}
	return objects, problems
}

// undescribed says why a system could not be looked at, at its place in the
// definition.
func (a *app) undescribed(def *mappings.Definition, system *mappings.System, err error) mappings.Problems {
	var own mappings.Problems
	if errors.As(err, &own) { // such as a variable that is not set, at its own place
		return own
	}
	name := system.Name.Value
	problem := mappings.Problem{
		Pos: system.Pos, Severity: mappings.SeverityError, Sync: def.Sync.Value, Line: a.lineAt(system.Pos),
		Message: fmt.Sprintf("system %s: %s", name, strings.TrimPrefix(err.Error(), "system "+name+": ")),
	}
	if codeOfKind(err) == exitUnreachable {
		problem.Hint = unreachedHint
	}
	return mappings.Problems{problem}
}

// lineAt gives a line of a definition's file; "" where it cannot be read.
func (a *app) lineAt(pos mappings.Pos) string {
	text, err := os.ReadFile(filepath.Join(a.flags.definitions, pos.File))
	if err != nil {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	if pos.Line < 1 || pos.Line > len(lines) {
		return ""
	}
	return strings.TrimRight(lines[pos.Line-1], "\r")
}

const unreachedHint = "`syncline connections test` tries it alone; `check --offline` goes without"

func (a *app) showProblems(problems mappings.Problems, checked int) error {
	if a.screen.json {
		for _, p := range problems {
			if err := a.screen.print(p); err != nil {
				return err
			}
		}
	} else {
		for _, p := range problems {
			a.screen.say("%s\n", p.String())
		}
	}
	if problems.Failed() {
		code := exitUnreachable
		for _, p := range problems {
			if p.Severity != mappings.SeverityWarning && p.Hint != unreachedHint {
				code = exitFailed
			}
		}
		return &exitError{code: code, err: errors.New("the definitions are not ready to run"), next: "mend them and check again"}
	}
	if !a.screen.json {
		a.screen.say("%s %s in order", a.screen.green("✓"), count(checked, "definition"))
	}
	return nil
}
