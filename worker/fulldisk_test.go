//go:build linux

package worker_test

import (
	"database/sql"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/syncline-dev/syncline/activities"
	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/internal/engine"
	"github.com/syncline-dev/syncline/internal/testenv"
	"github.com/syncline-dev/syncline/worker"
	"github.com/syncline-dev/syncline/workflows"
)

const fullDefinition = `
sync: people
systems:
  crm: {connector: postgres, url: "${CRM_URL}", object: contacts, key: email%s}
  other: %s
match: email
same: [email, name, note]
%s
`

const fullRules = `conflicts: {resolve: [{system_wins: crm}]}
first_sync: {prefer: {system_wins: crm}, only_here: create}`

// fullCase is one place that can be full.
type fullCase struct {
	role, other, rules string
	ledger, stage      func(*disk) string // "" where it is not on the disk
	// make makes the other system and gives what reads it.
	make func(s *site, d *disk) (read func() []string)
	// owed: the run ends, and what could not be written stays owed.
	owed bool
	// says is part of what people read.
	says string
}

const seeNotes = `SELECT email, name, note FROM contacts`

func otherPostgres(s *site, _ *disk) func() []string {
	conn := s.postgres("OTHER_URL", `CREATE TABLE contacts (email text PRIMARY KEY, name text, note text)`)
	return func() []string { return rows(s.t, conn, seeNotes) }
}

func otherSQLite(s *site, d *disk) func() []string {
	path := d.path("other.db")
	s.t.Setenv("OTHER_PATH", path)
	change(s.t, openLite(s.t, path), `CREATE TABLE contacts (email TEXT PRIMARY KEY, name TEXT, note TEXT)`)
	return func() []string {
		db := openLite(s.t, path)
		require.Equal(s.t, []string{"ok"}, rows(s.t, db, `PRAGMA integrity_check`))
		return rows(s.t, db, seeNotes)
	}
}

func openLite(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func otherCSV(s *site, d *disk) func() []string {
	path := d.path("other.csv")
	s.t.Setenv("OTHER_PATH", path)
	require.NoError(s.t, os.WriteFile(path, []byte("email,name,note\n"), 0o600))
	return func() []string {
		f, err := os.Open(path) //nolint:gosec // the test's own file
		require.NoError(s.t, err)
		defer f.Close() //nolint:errcheck // only read from
		records, err := stdcsv.NewReader(f).ReadAll()
		require.NoError(s.t, err, "the file is whole")
		left, err := filepath.Glob(d.path(".*.syncline-new-*"))
		require.NoError(s.t, err)
		require.Empty(s.t, left, "nothing half written is left")
		var lines []string
		for _, r := range records[1:] {
			lines = append(lines, strings.Join(r, "|"))
		}
		slices.Sort(lines)
		return lines
	}
}

func fullCases() map[string]fullCase {
	const (
		toPostgres = `{connector: postgres, url: "${OTHER_URL}", object: contacts, key: email}`
		toSQLite   = `{connector: sqlite, path: "${OTHER_PATH}", object: contacts, key: email`
		toCSV      = `{connector: csv, path: "${OTHER_PATH}", key: email`
		only       = ", role: source"
		target     = ", role: target}"
	)
	return map[string]fullCase{
		"stage": {
			other: toPostgres, rules: fullRules, make: otherPostgres, says: "stage object",
			stage: func(d *disk) string { return "file://" + d.path("stage") },
		},
		"stage, stateless": {
			role: only, other: strings.TrimSuffix(toPostgres, "}") + target, make: otherPostgres, says: "stage object",
			stage: func(d *disk) string { return "file://" + d.path("stage") },
		},
		"ledger": {
			other: toPostgres, rules: fullRules, make: otherPostgres, says: "the ledger's disk is full",
			ledger: func(d *disk) string { return "sqlite://" + d.path("ledger.db") },
		},
		"csv":               {other: toCSV + "}", rules: fullRules, make: otherCSV, owed: true, says: "other.csv"},
		"csv, stateless":    {role: only, other: toCSV + target, make: otherCSV, says: "other.csv"},
		"sqlite":            {other: toSQLite + "}", rules: fullRules, make: otherSQLite, owed: true, says: "other"},
		"sqlite, stateless": {role: only, other: toSQLite + target, make: otherSQLite, says: "other"},
	}
}

// Wherever the disk is full: the run says so and what to do, nothing is lost or
// half written, positions stay, and the next run with room finishes the work.
//
//nolint:paralleltest // a limit of files is the whole process's
func TestFullDiskLosesNothing(t *testing.T) {
	if elsewhereLimited(t) {
		return
	}
	for name, c := range fullCases() {
		t.Run(name, func(t *testing.T) { fillUp(t, c) })
	}
}

func fillUp(t *testing.T, c fullCase) {
	d := newDisk(t)
	s := &site{t: t, dir: t.TempDir(), logs: &lockedBuffer{}}
	require.NoError(t, os.MkdirAll(filepath.Join(s.dir, "mappings"), 0o700))
	s.define(fmt.Sprintf(fullDefinition, c.role, c.other, c.rules))
	crm := s.postgres("CRM_URL", `CREATE TABLE contacts (email text PRIMARY KEY, name text, note text)`,
		`INSERT INTO contacts SELECT 'p' || n || '@example.com', 'Person ' || n, 'short' FROM generate_series(1, 300) n`)
	read := c.make(s, d)
	s.openFull(d, c)
	result, err := s.pass()
	require.NoError(t, err)
	require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
	agreed := read()
	require.Equal(t, rows(t, crm, seeNotes), agreed)

	change(t, crm, `UPDATE contacts SET note = (SELECT string_agg(md5(email || i), '') FROM generate_series(1, 100) i)`)
	change(t, crm, `INSERT INTO contacts SELECT 'q' || n || '@example.com', 'New ' || n, 'n' FROM generate_series(1, 200) n`)
	before := s.systems(t)
	free := d.fill()
	result, err = s.pass()
	said := result.Reason + " " + result.Systems["other"].Down
	if c.owed {
		require.NoError(t, err)
		require.Equal(t, activities.OutcomeWaiting, result.Outcome)
		require.Equal(t, int64(500), result.Counts.Owed, "%+v", result)
		require.Zero(t, written(result))
	} else {
		app, failed := errors.AsType[*temporal.ApplicationError](err)
		require.True(t, failed, "%v", err)
		require.Equal(t, string(connectors.NoSpace), app.Type(), app.Message())
		said = app.Message()
		require.Equal(t, before, s.systems(t), "positions stay")
	}
	require.Contains(t, said, c.says)
	require.Contains(t, said, connectors.FreeSpace)
	require.NotContains(t, said, "Person", "no value of a record")
	require.Equal(t, agreed, read(), "nothing is lost, and nothing half written")
	free()

	result, err = s.pass()
	require.NoError(t, err)
	require.Equal(t, activities.OutcomeDone, result.Outcome, "%+v", result)
	require.Equal(t, rows(t, crm, seeNotes), read())
	require.Len(t, read(), 500)
	result, err = s.pass()
	require.NoError(t, err)
	require.Zero(t, written(result), "nothing is left to do: %+v", result)
}

// Where everything shares one disk, the engine has no room either to say what
// happened, but for the reserve.
//
//nolint:paralleltest // a limit of files is the whole process's
func TestFullDiskUnderTheEngineIsSaid(t *testing.T) {
	if elsewhereLimited(t) {
		return
	}
	if os.Getenv(envLimited) != "" {
		limitedReserve(t)
		return
	}
	d := newDisk(t)
	toSQLite := `{connector: sqlite, path: ./other.db, object: contacts, key: email}`
	s := newSiteIn(t, d.dir, fmt.Sprintf(fullDefinition, "", toSQLite, fullRules), engine.Options{})
	require.NoError(t, s.house.Reserve())
	crm := s.postgres("CRM_URL", `CREATE TABLE contacts (email text PRIMARY KEY, name text, note text)`)
	other := s.sqlite("other.db", `CREATE TABLE contacts (email TEXT PRIMARY KEY, name TEXT, note TEXT)`)
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	change(t, crm, `INSERT INTO contacts SELECT 'q' || n || '@example.com', 'New ' || n,
		(SELECT string_agg(md5(n::text || i), '') FROM generate_series(1, 300) i) FROM generate_series(1, 3000) n`)
	_, err := s.try("people", workflows.Ask{})
	app, failed := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, failed, "%v", err)
	require.Equal(t, string(connectors.NoSpace), app.Type(), app.Message())
	require.NoFileExists(t, filepath.Join(s.house.Config.State, "reserve"))
	require.Empty(t, rows(t, other, seeNotes))

	free := d.fill()
	require.Equal(t, connectors.NoSpace, connectors.KindOf(s.house.Reserve()), "it does not begin without room")
	free()
	require.NoError(t, syscall.Mount("", d.dir, "", syscall.MS_REMOUNT, "size=200m"))
	require.NoError(t, s.house.Reserve())
	require.Equal(t, activities.OutcomeDone, s.run("people").Outcome)
	require.Equal(t, rows(t, crm, seeNotes), rows(t, other, seeNotes))
}

// limitedReserve is as much of it as can be shown without a disk of one's own.
func limitedReserve(t *testing.T) {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), logs: &lockedBuffer{}}
	s.openFull(newDisk(t), fullCase{})
	free := limitFiles(t)
	require.Equal(t, connectors.NoSpace, connectors.KindOf(s.house.Reserve()))
	require.NoFileExists(t, filepath.Join(s.house.Config.State, "reserve"), "a part of it is no use")
	free()
	require.NoError(t, s.house.Reserve())
	require.FileExists(t, filepath.Join(s.house.Config.State, "reserve"))
}

// openFull opens the house with one place on the disk, and the others elsewhere.
func (s *site) openFull(d *disk, c fullCase) {
	s.t.Helper()
	config := worker.Config{
		State: filepath.Join(s.dir, "state"), Definitions: filepath.Join(s.dir, "mappings"), Stage: "mem://",
		Logger: slog.New(slog.NewJSONHandler(s.logs, nil)),
	}
	if c.stage != nil {
		config.Stage = c.stage(d)
	}
	if c.ledger != nil {
		config.Ledger = c.ledger(d)
	} else {
		config.Ledger = testenv.Postgres(s.t).URL
	}
	house, err := worker.Open(s.t.Context(), config)
	require.NoError(s.t, err)
	s.house = house
	s.t.Cleanup(func() { require.NoError(s.t, house.Close()) })
}
