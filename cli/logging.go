package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/syncline-dev/syncline/workflows"
)

const (
	logFolder = "logs"
	logName   = "syncline.log"
	// maxLog is the size in bytes from which the next command moves the log
	// aside; one older file is kept.
	maxLog = 16 << 20
)

func (a *app) logPath() string { return filepath.Join(a.flags.state, logFolder, logName) }

// openLog lets the log go to a file of the state folder, as JSON lines.
func (a *app) openLog() error {
	if a.logFile != nil {
		return nil
	}
	path := a.logPath()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return a.unwritable(err)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		_ = os.Rename(path, path+".1") // a log that cannot be moved grows on
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the state folder is the user's word
	if err != nil {
		return a.unwritable(err)
	}
	a.logFile = file
	a.log = a.newLogger(file)
	return nil
}

// unwritable says that the state folder cannot be used.
func (a *app) unwritable(err error) error {
	return &exitError{
		code: exitFailed, err: fmt.Errorf("the state folder %s cannot be written, nothing was started: %w", a.flags.state, err),
		next: "give this user the right to write there, or name another folder with --state; `syncline doctor` looks at all of it",
	}
}

// newLogger logs to a file, if there is one, and with --verbose to stderr. What
// is logged has names, numbers and errors; never a record's values or a secret,
// because nobody who logs is given any.
func (a *app) newLogger(file *os.File) *slog.Logger {
	var to handlers
	if file != nil {
		to = append(to, slog.NewJSONHandler(file, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	if a.flags.verbose {
		to = append(to, slog.NewTextHandler(a.screen.err, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	if len(to) == 0 {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(ourWords{to})
}

// handlers hands a record to each of them.
type handlers []slog.Handler

// Enabled implements slog.Handler.
func (hs handlers) Enabled(ctx context.Context, level slog.Level) bool {
	return slices.ContainsFunc(hs, func(h slog.Handler) bool { return h.Enabled(ctx, level) })
}

// Handle implements slog.Handler.
func (hs handlers) Handle(ctx context.Context, r slog.Record) error {
	var first error
	for _, h := range hs {
		if err := h.Handle(ctx, r.Clone()); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// WithAttrs implements slog.Handler.
func (hs handlers) WithAttrs(attrs []slog.Attr) slog.Handler {
	return hs.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (hs handlers) WithGroup(name string) slog.Handler {
	return hs.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (hs handlers) each(f func(slog.Handler) slog.Handler) slog.Handler {
	made := make(handlers, len(hs))
	for i, h := range hs {
		made[i] = f(h)
	}
	return made
}

// ourWords says sync, run and step where Temporal's client says WorkflowID and
// ActivityType, so that all lines are found by the same words.
type ourWords struct{ slog.Handler }

// Handle implements slog.Handler.
func (h ourWords) Handle(ctx context.Context, r slog.Record) error {
	attrs := make([]slog.Attr, 0, r.NumAttrs()+1)
	r.Attrs(func(attr slog.Attr) bool {
		attrs = append(attrs, inOurWords(attr)...)
		return true
	})
	said := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	said.AddAttrs(attrs...)
	return h.Handler.Handle(ctx, said)
}

// WithAttrs implements slog.Handler.
func (h ourWords) WithAttrs(attrs []slog.Attr) slog.Handler {
	var said []slog.Attr
	for _, attr := range attrs {
		said = append(said, inOurWords(attr)...)
	}
	return ourWords{h.Handler.WithAttrs(said)}
}

// WithGroup implements slog.Handler.
func (h ourWords) WithGroup(name string) slog.Handler { return ourWords{h.Handler.WithGroup(name)} }

func inOurWords(attr slog.Attr) []slog.Attr {
	switch attr.Key {
	case "WorkflowID":
		id := attr.Value.String()
		attrs := []slog.Attr{slog.String("sync", workflows.SyncOf(id))}
		if strings.Contains(id, "/run/") {
			attrs = append(attrs, slog.String("run", id))
		}
		return attrs
	case "ActivityType":
		return []slog.Attr{slog.String("step", attr.Value.String())}
	case "Error":
		return []slog.Attr{slog.String("err", attr.Value.String())}
	case "Namespace", "TaskQueue", "WorkerID", "RunID", "WorkflowType", "ActivityID":
		return nil
	default:
		return []slog.Attr{attr}
	}
}
