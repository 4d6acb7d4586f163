package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/syncline-dev/syncline/internal/record"
)

// Fence names who commits. Every commit checks, in its own transaction, that
// the epoch is the sync's current one and the run its holder.
type Fence struct {
	Sync, Run string
	Epoch     int64
}

// Begin is what a run says when it begins.
type Begin struct {
	Sync, Run, Trigger string
	// Fields are the canonical schema and Systems the systems, in the order of
	// the definition.
	Fields      []record.Field
	Systems     []string
	At          time.Time
	WorkflowURL string
}

// Run is one pass of a sync.
type Run struct {
	Sync, ID         string
	Number, Epoch    int64
	Trigger, Outcome string // Outcome is "" while it runs
	Started, Ended   time.Time
	// Result is JSON, of the caller's own shape.
	Result []byte
	URL    string
}

// Finish is a run's closing commit.
type Finish struct {
	Outcome string
	Result  []byte
	// Positions are stored for the systems that have one here, Listed marks
	// systems whose rows were all listed; both by name.
	Positions map[string]record.Position
	Listed    map[string]bool
	At        time.Time
}

// BeginRun raises the sync's epoch for a new run, which fences every earlier
// one. The same run id again gives the same epoch and number.
func (s *Store) BeginRun(ctx context.Context, b Begin) (Run, error) {
	if b.Run == "" {
		return Run{}, errors.New("ledger: begin a run: a run has an id")
	}
	var run Run
	err := s.update(ctx, "begin a run of "+b.Sync, func(t *tx) error {
		sync, err := t.ensureSync(b.Sync)
		if err != nil {
			return err
		}
		// Holding the sync's row keeps other beginners and committers waiting.
		if _, err := t.exec("UPDATE syncs SET name = name WHERE id = ?", sync); err != nil {
			return err
		}
		run, err = t.run("WHERE r.id = ?", b.Run)
		if err == nil && run.Sync != b.Sync {
			return fmt.Errorf("run %s belongs to sync %s", b.Run, run.Sync)
		}
		if err == nil || !errors.Is(err, ErrNotFound) {
			return err
		}
		return t.begin(sync, b, &run)
	})
	return run, err
}

func (t *tx) begin(sync int64, b Begin, run *Run) error {
	// Fenced runs never come back to their marks.
	if _, err := t.exec("DELETE FROM marks WHERE sync = ?", sync); err != nil {
		return err
	}
	err := t.row("UPDATE syncs SET epoch = epoch + 1, runs = runs + 1, run = ? WHERE id = ? RETURNING epoch, runs",
		[]any{b.Run, sync}, &run.Epoch, &run.Number)
	if err != nil {
		return err
	}
	_, err = t.exec("INSERT INTO runs (id, sync, number, epoch, cause, started, url) VALUES (?, ?, ?, ?, ?, ?, ?)",
		b.Run, sync, run.Number, run.Epoch, b.Trigger, micros(b.At), b.WorkflowURL)
	if err != nil {
		return err
	}
	run.Sync, run.ID, run.Trigger, run.Started, run.URL = b.Sync, b.Run, b.Trigger, at(micros(b.At)), b.WorkflowURL
	return t.define(b)
}

// define notes the definition's fields and systems and their order. A run that
// failed before it knew them leaves what was noted.
func (t *tx) define(b Begin) error {
	if len(b.Systems) == 0 {
		return nil
	}
	scope := Scope{Sync: b.Sync, Fields: b.Fields, Systems: b.Systems}
	n, err := t.scoped(scope)
	if err != nil {
		return err
	}
	if err := t.enroll(n, scope); err != nil {
		return err
	}
	for _, table := range []string{"fields", "systems"} {
		if _, err := t.exec("UPDATE "+table+" SET place = -1 WHERE sync = ?", n.sync); err != nil {
			return err
		}
	}
	for i, f := range b.Fields {
		if _, err := t.exec("UPDATE fields SET place = ?, type = ? WHERE sync = ? AND id = ?",
			i, f.Type.String(), n.sync, int64(n.fields[i])); err != nil {
			return err
		}
	}
	for i := range b.Systems {
		if _, err := t.exec("UPDATE systems SET place = ? WHERE id = ?", i, n.systems[i]); err != nil {
			return err
		}
	}
	return nil
}

// CheckFence fails with ErrFenced if another run has begun since.
func (s *Store) CheckFence(ctx context.Context, f Fence) error {
	return s.view(ctx, "check the fence of "+f.Sync, func(t *tx) error {
		_, err := t.fenced(f, false)
		return err
	})
}

// fenced checks the fence and gives the sync's number. With hold it keeps the
// epoch from changing until the transaction ends.
func (t *tx) fenced(f Fence, hold bool) (int64, error) {
	query := "SELECT id, epoch, run FROM syncs WHERE name = ?"
	if hold && t.postgres {
		query += " FOR UPDATE"
	}
	var sync, epoch int64
	var run string
	err := t.row(query, []any{f.Sync}, &sync, &epoch, &run)
	if errors.Is(err, ErrNotFound) {
		return 0, ErrFenced
	}
	if err == nil && (epoch != f.Epoch || run != f.Run) {
		err = ErrFenced
	}
	return sync, err
}

// FinishRun stores how a run ended and how far its systems were read, in one
// transaction. A second call with the same fence stores the same again.
func (s *Store) FinishRun(ctx context.Context, f Fence, end Finish) error {
	return s.update(ctx, "finish run "+f.Run, func(t *tx) error {
		if _, err := t.fenced(f, true); err != nil {
			return err
		}
		n, err := t.known(f.Sync)
		if err != nil {
			return err
		}
		_, err = t.exec("UPDATE runs SET outcome = ?, result = ?, ended = ? WHERE id = ?",
			end.Outcome, end.Result, micros(end.At), f.Run)
		if err != nil {
			return err
		}
		if err := t.savePositions(n, end.Positions, f.Epoch); err != nil {
			return err
		}
		for name, listed := range end.Listed {
			if !listed {
				continue
			}
			if _, err := t.exec("UPDATE systems SET listed = 1, swept = ? WHERE id = ?", micros(end.At), n.systemIDs[name]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) savePositions(n *names, positions map[string]record.Position, epoch int64) error {
	for name, position := range positions {
		text, err := json.Marshal(position)
		if err != nil {
			return err
		}
		_, err = t.exec("UPDATE systems SET position = ?, position_epoch = ? WHERE id = ?", string(text), epoch, n.systemIDs[name])
		if err != nil {
			return err
		}
	}
	return nil
}

// Run gives a run by its id.
func (s *Store) Run(ctx context.Context, id string) (Run, error) {
	var run Run
	err := s.view(ctx, "read run "+id, func(t *tx) (err error) {
		run, err = t.run("WHERE r.id = ?", id)
		return err
	})
	return run, err
}

// LastRun gives the newest run of a sync.
func (s *Store) LastRun(ctx context.Context, sync string) (Run, error) {
	runs, err := s.Runs(ctx, sync, 1)
	if err == nil && len(runs) == 0 {
		err = fmt.Errorf("ledger: last run of %s: %w", sync, ErrNotFound)
	}
	if err != nil {
		return Run{}, err
	}
	return runs[0], nil
}

// Runs gives the newest runs of a sync ("" is of all), the newest first; limit
// 0 is all.
func (s *Store) Runs(ctx context.Context, sync string, limit int) ([]Run, error) {
	var runs []Run
	err := s.view(ctx, "list runs", func(t *tx) error {
		runs = nil
		where, args := "ORDER BY r.started DESC, r.number DESC", []any{}
		if sync != "" {
			where, args = "WHERE s.name = ? ORDER BY r.number DESC", []any{sync}
		}
		if limit > 0 {
			where, args = where+" LIMIT ?", append(args, limit)
		}
		return t.rows(runColumns+where, args, func(r *sql.Rows) error {
			run, err := scanRun(r)
			runs = append(runs, run)
			return err
		})
	})
	return runs, err
}

const runColumns = "SELECT s.name, r.id, r.number, r.epoch, r.cause, r.outcome, r.started, r.ended, r.result, r.url " +
	"FROM runs r JOIN syncs s ON s.id = r.sync "

func (t *tx) run(where string, args ...any) (Run, error) {
	run, found := Run{}, false
	err := t.rows(runColumns+where, args, func(r *sql.Rows) (err error) {
		run, err = scanRun(r)
		found = true
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return run, err
}

func scanRun(r *sql.Rows) (Run, error) {
	var run Run
	var started, ended int64
	err := r.Scan(&run.Sync, &run.ID, &run.Number, &run.Epoch, &run.Trigger, &run.Outcome, &started, &ended, &run.Result, &run.URL)
	run.Started, run.Ended = at(started), at(ended)
	return run, err
}

// micros and at store times as microseconds; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func at(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
