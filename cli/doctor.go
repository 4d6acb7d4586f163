package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/worker"
)

func newDoctor(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Look at everything, and say what to do about it",
		Long: "Look at the state folder, the ledger, the engine, the definitions and each connection. It\n" +
			"changes nothing. Exit code 0: all is well.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			found := a.examine(c.Context())
			ill := 0
			for _, f := range found {
				if !f.OK {
					ill++
				}
				if err := a.showFinding(f); err != nil {
					return err
				}
			}
			if ill > 0 {
				return &exitError{code: exitFailed, err: fmt.Errorf("%s not well", verb(ill, "thing", "is", "are"))}
			}
			return nil
		},
	}
}

// finding is what doctor says of one thing.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Says string `json:"says"`
	Next string `json:"next,omitempty"`
}

func (a *app) showFinding(f finding) error {
	s := a.screen
	if s.json {
		return s.print(f)
	}
	mark, next := s.green("✓"), ""
	if !f.OK {
		mark = s.red("✗")
	}
	if f.Next != "" {
		next = "  " + s.dim("→ "+f.Next)
	}
	s.say("%s %-12s %s%s", mark, f.What, f.Says, next)
	return nil
}

func (a *app) examine(ctx context.Context) []finding {
	found := []finding{a.examineState()}
	house, ledgerFinding := a.examineLedger(ctx)
	found = append(found, ledgerFinding, a.examineEngine(ctx))
	if house == nil {
		return found
	}
	found = append(found, a.examineDefinitions(house))
	project, _ := house.Project() // what is wrong with them has been said
	for _, p := range places(project) {
		probe := probePlace(ctx, house, p)
		f := finding{What: "connection", OK: probe.OK, Says: p.name + ": " + count(probe.Objects, "object")}
		if !probe.OK {
			f.Says, f.Next = p.name+": "+probe.Error, "mend it in "+filepath.Join(a.flags.definitions, "connections.yaml")
		}
		found = append(found, f)
	}
	return found
}

func (a *app) examineState() finding {
	f := finding{What: "state", OK: true, Says: a.flags.state}
	info, err := os.Stat(a.flags.state)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.Says += " is not there yet; the first run makes it"
	case err != nil:
		f.OK, f.Says, f.Next = false, err.Error(), "--state names the folder"
	case !info.IsDir():
		f.OK, f.Says, f.Next = false, a.flags.state+" is no folder", "--state names the folder"
	default:
		probe, err := os.CreateTemp(a.flags.state, ".doctor-*")
		if err != nil {
			f.OK, f.Says, f.Next = false, "cannot be written: "+err.Error(), "give this user the right to write there"
			break
		}
		_ = errors.Join(probe.Close(), os.Remove(probe.Name())) // that it could be made is the answer
		f.Says += fmt.Sprintf(", %.1f MB", float64(sizeOf(a.flags.state))/(1<<20))
	}
	return f
}

func sizeOf(dir string) int64 {
	total := int64(0)
	_ = filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is not counted
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return total
}

func (a *app) examineLedger(ctx context.Context) (*worker.House, finding) {
	f := finding{What: "ledger", OK: true}
	house, err := a.openReading(ctx)
	if err != nil {
		f.OK, f.Says = false, err.Error()
		f.Next = "a ledger in a file: restore it from its backup; --ledger: see that the database is up and lets this user in"
		return nil, f
	}
	if house.Config.Memory {
		f.Says = "is not there yet; the first run makes it"
		return house, f
	}
	runs, err := house.Ledger.Runs(ctx, "", 1)
	if err != nil {
		f.OK, f.Says = false, err.Error()
		return house, f
	}
	f.Says = "its tables are as this version wants them"
	if len(runs) > 0 {
		f.Says += "; last run " + runs[0].ID + " " + orElse(runs[0].Outcome, "going on")
	}
	f.Says += a.waiting(ctx, house.Ledger)
	return house, f
}

// waiting says how much waits for a person.
func (a *app) waiting(ctx context.Context, store *ledger.Store) string {
	text := ""
	if rows, err := store.Conflicts(ctx, ledger.ConflictFilter{State: "open"}); err == nil && len(rows) > 0 {
		text += "; " + count(len(rows), "open conflict")
	}
	if rows, err := store.Quarantine(ctx, "", 0); err == nil && len(rows) > 0 {
		text += "; " + count(len(rows), "quarantined record")
	}
	return text
}

func (a *app) examineEngine(ctx context.Context) finding {
	f := finding{What: "engine", OK: true}
	running, err := engine.Look(engine.Options{State: a.flags.state})
	switch {
	case err != nil:
		f.OK, f.Says, f.Next = false, err.Error(), "see TEMPORAL_* and temporal.toml"
	case running.External:
		return a.examineCluster(ctx, running)
	case running.Up:
		f.Says = fmt.Sprintf("is up: %s, Web UI %s, process %d", running.Address, running.UI, running.PID)
		if running.Address == "" {
			f.Says = "another process has it and is starting or stopping"
		}
	default:
		f.Says = "is not up; " + freePorts(ctx)
		f.Next = "`syncline up` keeps it up, `syncline run` starts it for one run"
	}
	return f
}

func (a *app) examineCluster(ctx context.Context, running engine.Running) finding {
	f := finding{What: "engine", OK: true, Says: "the cluster at " + running.Address + " answers"}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	e, err := engine.Connect(ctx, engine.Options{State: a.flags.state, Logger: a.log})
	if err != nil {
		f.OK, f.Says, f.Next = false, err.Error(), "see TEMPORAL_* and temporal.toml"
		return f
	}
	if err := e.Close(); err != nil {
		f.Says += "; " + err.Error()
	}
	return f
}

// freePorts says whether the usual ports are free.
func freePorts(ctx context.Context) string {
	text := ""
	for _, port := range []int{7233, 8233} {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			text += fmt.Sprintf("port %d is taken, it will take the next one; ", port)
			continue
		}
		_ = listener.Close() // it was only asked for
	}
	return text + "nothing else is in its way"
}

func (a *app) examineDefinitions(house *worker.House) finding {
	f := finding{What: "definitions", OK: true}
	problems, checked := a.check(context.Background(), house, nil, true)
	faults := 0
	for _, p := range problems {
		if p.Severity != "warning" {
			faults++
		}
	}
	f.Says = fmt.Sprintf("%s in %s", count(checked, "definition"), a.flags.definitions)
	if faults > 0 {
		f.OK, f.Says, f.Next = false, f.Says+", "+count(faults, "fault"), "`syncline check` shows them"
	}
	return f
}
