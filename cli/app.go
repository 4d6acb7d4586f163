package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/mappings"
	"github.com/syncline-dev/syncline/worker"
)

// app is what the commands share: the flags, and the house and the engine once
// a command needs them.
type app struct {
	screen  *screen
	signals *signals
	flags   struct {
		state, definitions, env, ledger, stage, keep, output string
		temporalPort, uiPort                                 int
		verbose                                              bool
	}
	// keep is how long the journal is kept; 0 is the default.
	keep   time.Duration
	house  *worker.House
	engine *engine.Engine
	worker sdkworker.Worker
	// spoken are the Syncs that the command asked for something.
	spoken map[string]bool
	// leaves: a run goes on that the command does not wait for.
	leaves bool
	log    *slog.Logger
	// logFile is open once something of the state folder is.
	logFile *os.File
}

// prepare makes sense of the global flags.
func (a *app) prepare() error {
	switch a.flags.output {
	case "text":
	case "json":
		a.screen.json = true
	default:
		return usage(fmt.Sprintf("-o %s: there is text and json", a.flags.output))
	}
	a.flags.env = setting(a.flags.env, "SYNCLINE_ENV", "")
	a.flags.ledger = setting(a.flags.ledger, "SYNCLINE_LEDGER", "")
	a.flags.stage = setting(a.flags.stage, "SYNCLINE_STAGE", "")
	a.flags.state = setting(a.flags.state, "SYNCLINE_STATE", ".syncline")
	a.flags.definitions = setting(a.flags.definitions, "SYNCLINE_DEFINITIONS", "mappings")
	keep, err := parseKeep(setting(a.flags.keep, "SYNCLINE_KEEP", ""))
	if err != nil {
		return err
	}
	a.keep = keep
	a.screen.env = a.flags.env
	if a.flags.env != "" {
		a.flags.state = filepath.Join(a.flags.state, "env", a.flags.env)
	}
	a.log = a.newLogger(nil)
	return nil
}

func (a *app) config() worker.Config {
	return worker.Config{
		State: a.flags.state, Definitions: a.flags.definitions, Env: a.flags.env,
		Ledger: a.flags.ledger, Stage: a.flags.stage, Keep: a.keep, Logger: a.log,
	}
}

// openHouse opens ledger, stage and connectors, once.
func (a *app) openHouse(ctx context.Context) (*worker.House, error) {
	if a.house != nil {
		return a.house, nil
	}
	if err := a.openLog(); err != nil {
		return nil, err
	}
	house, err := worker.Open(ctx, a.config())
	if err != nil {
		return nil, a.houseError(err)
	}
	a.house = house
	return house, nil
}

// openReading opens the house for commands that write nothing: in a folder
// where nothing was ever run, its ledger is only in memory.
func (a *app) openReading(ctx context.Context) (*worker.House, error) {
	if a.house != nil {
		return a.house, nil
	}
	config := a.config()
	if config.Ledger == "" {
		if _, err := os.Stat(filepath.Join(config.State, "ledger.db")); os.IsNotExist(err) {
			config.Memory = true
		}
	}
	house, err := worker.Open(ctx, config)
	if err != nil {
		return nil, a.houseError(err)
	}
	house.Sessions.ReadOnly = true
	a.house = house
	return house, nil
}

func (a *app) houseError(err error) error {
	if a.flags.ledger == "" && a.flags.stage == "" {
		return &exitError{code: exitFailed, err: err, next: "`syncline doctor` looks for the cause"}
	}
	return &exitError{code: exitUnreachable, err: err, next: "nothing was written; check --ledger and --stage with `syncline doctor`"}
}

// openEngine connects to the running engine of the state folder, or starts one
// for as long as the command runs; then this process is its worker too.
func (a *app) openEngine(ctx context.Context) (*engine.Engine, error) {
	if a.engine != nil {
		return a.engine, nil
	}
	house, err := a.openHouse(ctx)
	if err != nil {
		return nil, err
	}
	if err := house.Reserve(); err != nil {
		return nil, err
	}
	e, err := engine.Connect(ctx, engine.Options{
		State: house.Config.State, TemporalPort: a.flags.temporalPort, UIPort: a.flags.uiPort, Logger: a.log,
	})
	if errors.Is(err, engine.ErrPortTaken) {
		return nil, &exitError{code: exitFailed, err: fmt.Errorf("the engine: %w", err)}
	}
	if err != nil {
		return nil, &exitError{code: exitUnreachable, err: fmt.Errorf("the engine: %w", err), next: "`syncline doctor` looks for the cause"}
	}
	a.engine = e
	if e.Embedded() {
		if err := worker.Mend(ctx, e.Client(), e.Namespace()); err != nil {
			return nil, err
		}
		if err := a.startWorker(); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// parseKeep reads how long the journal is kept.
func parseKeep(text string) (time.Duration, error) {
	switch text {
	case "":
		return 0, nil
	case "forever":
		return worker.KeepForever, nil
	}
	keep, err := mappings.ParseDuration(text)
	if err != nil {
		return 0, usage("--keep " + text + ": say how long, such as 30d or 12w, or forever")
	}
	if config := (worker.Config{Keep: keep}); config.CheckKeep() != nil {
		return 0, usage("--keep " + text + ": " + config.CheckKeep().Error())
	}
	return keep, nil
}

// startWorker starts the worker, and the housekeeping that goes with one.
func (a *app) startWorker() error {
	a.house.Tend(context.Background())
	a.worker = worker.New(a.engine.Client(), a.house)
	if err := a.worker.Start(); err != nil {
		a.worker = nil
		return fmt.Errorf("start the worker: %w", err)
	}
	return nil
}

func (a *app) client() client.Client { return a.engine.Client() }

// close ends what was opened: worker, engine (client, server, UI), ledger.
func (a *app) close() {
	a.rest()
	if a.worker != nil {
		a.worker.Stop()
	}
	if a.engine != nil {
		if err := a.engine.Close(); err != nil {
			a.log.Warn("close the engine", "err", err)
		}
	}
	if a.house != nil {
		if err := a.house.Close(); err != nil {
			a.log.Warn("close the ledger", "err", err)
		}
	}
	if a.logFile != nil {
		_ = a.logFile.Close() // nothing can be said of it any more
	}
	a.worker, a.engine, a.house, a.logFile = nil, nil, nil, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
