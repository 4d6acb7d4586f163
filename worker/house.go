package worker

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/all"
	"github.com/syncline-dev/syncline/internal/ledger"
	"github.com/syncline-dev/syncline/internal/stage"
	_ "github.com/syncline-dev/syncline/internal/stage/cloud" // stages on s3://, gs:// and azblob://
	"github.com/syncline-dev/syncline/mappings"
)

// Config says where a house stands.
type Config struct {
	// State is the folder of ledger, stage and engine.
	State string
	// Definitions is the folder of definitions and connections.
	Definitions string
	// Env chooses connections.<env>.yaml.
	Env string
	// Ledger and Stage are URLs; "" means files in the state folder.
	Ledger, Stage string
	// Memory leaves no trace: the ledger is a file that goes with Close, the
	// stage is in memory. For looking ahead where nothing was ever run.
	Memory bool
	// Keep is how long the journal and tombstones are kept; 0 is DefaultKeep.
	Keep   time.Duration
	Logger *slog.Logger
}

// House is what everything in one state folder shares.
type House struct {
	Config   Config
	Ledger   *ledger.Store
	Stage    *stage.Stage
	Registry *connectors.Registry
	Sessions *activities.Sessions
	// passing is the folder that goes with Close.
	passing string
	// tending ends the housekeeping; nil while there is none.
	tending func()
}

// Open opens a house; the state folder is made if it is not there.
func Open(ctx context.Context, c Config) (*House, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if _, err := c.keep(); err != nil {
		return nil, err
	}
	h := &House{Registry: all.Registry()}
	ledgerURL, stageURL, err := h.places(&c)
	if err != nil {
		return nil, err
	}
	h.Config = c
	store, err := ledger.Open(ctx, ledgerURL)
	if err != nil {
		h.removePassing()
		return nil, err
	}
	staged, err := stage.Open(ctx, stageURL)
	if err != nil {
		h.removePassing()
		return nil, closeAfter(store, err)
	}
	h.Ledger, h.Stage = store, staged
	h.Sessions = &activities.Sessions{Ledger: store, Registry: h.Registry, Connect: h.Connect, Defined: h.defined, Logger: c.Logger}
	return h, nil
}

func closeAfter(store *ledger.Store, err error) error {
	_ = store.Close() // the first error is the one that matters
	return err
}

func (h *House) places(c *Config) (ledgerURL, stageURL string, err error) {
	if c.Memory {
		if h.passing, err = os.MkdirTemp("", "syncline-"); err != nil {
			return "", "", fmt.Errorf("make a passing ledger: %w", err)
		}
		return "sqlite://" + filepath.Join(h.passing, "ledger.db"), "mem://", nil
	}
	state, err := filepath.Abs(c.State)
	if err != nil {
		return "", "", err
	}
	c.State = state
	if err := os.MkdirAll(state, 0o700); err != nil {
		return "", "", fmt.Errorf("make the state folder: %w", err)
	}
	ledgerURL, stageURL = c.Ledger, c.Stage
	if ledgerURL == "" {
		ledgerURL = "sqlite://" + filepath.Join(state, "ledger.db")
	}
	if stageURL == "" {
		stageURL = (&url.URL{Scheme: "file", Path: filepath.Join(state, "stage")}).String()
	}
	return ledgerURL, stageURL, nil
}

// Close closes the house.
func (h *House) Close() error {
	if h.tending != nil {
		h.tending()
	}
	err := h.Stage.Close()
	if closing := h.Ledger.Close(); err == nil {
		err = closing
	}
	h.removePassing()
	return err
}

func (h *House) removePassing() {
	if h.passing != "" {
		_ = os.RemoveAll(h.passing) // what stays is in the folder for temporary files
	}
}

// Project reads the definitions and connections as they are now.
func (h *House) Project() (*mappings.Project, mappings.Problems) {
	return mappings.LoadProject(os.DirFS(h.Config.Definitions), h.Config.Env)
}

// defined tells whether a definition describes the sync; of files that cannot
// be read nobody knows, so they might.
func (h *House) defined(sync string) bool {
	project, problems := h.Project()
	_, err := project.Find(sync)
	return err == nil || problems.Failed()
}

// Connect gives a system's connector and options, secrets substituted and
// paths made absolute from the definitions' folder.
func (h *House) Connect(system *mappings.System) (string, map[string]string, error) {
	// What is wrong with other definitions is no matter here.
	project, _ := h.Project()
	name, options, problems := project.Connect(system, mappings.Lookup{Env: os.LookupEnv, File: readSecret})
	if err := problems.Err(); err != nil {
		return "", nil, connectors.Wrap(connectors.Unauthorized, "connect "+system.Name.Value, err)
	}
	if path := options["path"]; path != "" && !filepath.IsAbs(path) {
		base, err := filepath.Abs(h.Config.Definitions)
		if err != nil {
			return "", nil, err
		}
		options["path"] = filepath.Join(base, path)
	}
	return name, options, nil
}

func readSecret(path string) ([]byte, error) {
	return os.ReadFile(path) //nolint:gosec // the definition's author names the file
}
