package engine

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// maxLog is the size in bytes from which a start moves engine.log to engine.log.1.
const maxLog = 8 << 20

// openLog opens the file to which the server's warnings and errors go.
func openLog(dir string) (*os.File, error) {
	path := filepath.Join(dir, "engine.log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("turn over the engine's log: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the state folder is the user's word
	if err != nil {
		return nil, fmt.Errorf("open the engine's log: %w", err)
	}
	return f, nil
}

// serverLog hands the server's messages to slog.
type serverLog struct {
	to    *slog.Logger
	state *logState // shared by all loggers derived from one
}

type logState struct {
	started atomic.Bool
	fatal   chan error // takes the first fatal message of a start
}

var (
	_ log.Logger      = serverLog{}
	_ log.WithLogger  = serverLog{}
	_ log.SLogWrapper = serverLog{}
)

func (l serverLog) Debug(msg string, tags ...tag.Tag) { l.log(slog.LevelDebug, msg, tags) }
func (l serverLog) Info(msg string, tags ...tag.Tag)  { l.log(slog.LevelInfo, msg, tags) }
func (l serverLog) Warn(msg string, tags ...tag.Tag)  { l.log(slog.LevelWarn, msg, tags) }
func (l serverLog) Error(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

// DPanic is a bug in the server that it can live with, so we do too.
func (l serverLog) DPanic(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

func (l serverLog) Panic(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	panic("temporal server: " + msg)
}

// Fatal may not return. While the server starts, the goroutine that calls it stands
// still and the start fails with the message; later there is nothing left to save.
func (l serverLog) Fatal(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	if l.state.started.Load() {
		panic("temporal server: " + msg)
	}
	select {
	case l.state.fatal <- fmt.Errorf("%s %v", msg, attributes(tags)):
	default: // one is enough
	}
	select {}
}

// With implements log.WithLogger.
func (l serverLog) With(tags ...tag.Tag) log.Logger {
	return serverLog{to: slog.New(l.to.Handler().WithAttrs(attributes(tags))), state: l.state}
}

// SLog implements log.SLogWrapper.
func (l serverLog) SLog() *slog.Logger { return l.to }

func (l serverLog) log(level slog.Level, msg string, tags []tag.Tag) {
	// Most messages are below the level, and turning tags into attributes is not free.
	if l.to.Enabled(context.Background(), level) {
		l.to.LogAttrs(context.Background(), level, msg, attributes(tags)...)
	}
}

func attributes(tags []tag.Tag) []slog.Attr {
	attrs := make([]slog.Attr, len(tags))
	for i, t := range tags {
		attrs[i] = slog.Any(t.Key(), t.Value())
	}
	return attrs
}
