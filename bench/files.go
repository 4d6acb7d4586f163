package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"os/exec"

	"github.com/zeebo/xxh3"
)

// makePlain makes the source, the target and what the source is in a file.
func makePlain(also string) func(ctx context.Context, p *place) error {
	return func(ctx context.Context, p *place) error {
		if err := plain().makePair(ctx, p); err != nil {
			return err
		}
		_, err := p.shell(ctx, also)
		return err
	}
}

const sqliteTable = `create table %s (id integer primary key, email text, name text, city text, age integer, cents integer, ` +
	`active integer, score integer, born text, token text)`

func csvToPostgres() workload {
	return workload{
		name: "csv-to-pg", about: "a CSV file into an empty table with a primary key, stateless",
		rows: 1_000_000, bar: bar{0.8, timesControl},
		sync: `
systems:
  source: {connector: csv, path: ../source.csv, key: id, role: source}
  target: {connector: postgres, url: "${TARGET_URL}", object: target, role: target}
match: id
same: all
deletes: {effect: ignore}
`,
		control: `$PSQL "$TARGET_URL" -c "\copy target from '$DIR/source.csv' (format csv, header)"`,
		setup:   makePlain(`$PSQL "$SOURCE_URL" -c "\copy source to '$DIR/source.csv' (format csv, header)"`),
		reset:   emptyTarget,
		verify:  samePlain(`tail -n +2 "$DIR/source.csv"`, plainOf("TARGET", "target")),
	}
}

func sqliteToPostgres() workload {
	return workload{
		name: "sqlite-to-pg", about: "a SQLite table into an empty PostgreSQL table with a primary key, stateless",
		rows: 1_000_000, bar: bar{0.8, timesControl},
		sync: `
systems:
  source: {connector: sqlite, path: ../source.db, object: source, changes: snapshot, role: source}
  target: {connector: postgres, url: "${TARGET_URL}", object: target, role: target}
match: id
same: all
deletes: {effect: ignore}
`,
		control: `sqlite3 -csv "$DIR/source.db" "select * from source" | $PSQL "$TARGET_URL" -c "copy target from stdin (format csv)"`,
		setup: makePlain(fmt.Sprintf(`sqlite3 "$DIR/source.db" "`+sqliteTable+`"; `+
			`$PSQL "$SOURCE_URL" -c "copy source to stdout (format csv)" | sqlite3 "$DIR/source.db" ".import --csv /dev/stdin source"`, "source")),
		reset:  emptyTarget,
		verify: samePlain(sqliteOf("source"), plainOf("TARGET", "target")),
	}
}

func postgresToSQLite() workload {
	return workload{
		name: "pg-to-sqlite", about: "a PostgreSQL table into an empty SQLite table with a primary key, stateless",
		rows: 1_000_000, bar: bar{0.8, timesControl},
		sync: `
systems:
  source: {connector: postgres, url: "${SOURCE_URL}", object: source, changes: snapshot, role: source}
  target: {connector: sqlite, path: ../target.db, object: target, role: target}
match: id
same: all
deletes: {effect: ignore}
`,
		control: `$PSQL "$SOURCE_URL" -c "copy source to stdout (format csv)" | sqlite3 "$DIR/target.db" ".import --csv /dev/stdin target"`,
		setup:   func(ctx context.Context, p *place) error { return plain().makePair(ctx, p) },
		reset: func(ctx context.Context, p *place) error {
			_, err := p.shell(ctx, fmt.Sprintf(`rm -f "$DIR"/target.db*; sqlite3 "$DIR/target.db" "`+sqliteTable+`"`, "target"))
			return err
		},
		verify: samePlain(plainOf("SOURCE", "source"), sqliteOf("target")),
	}
}

// plainOf and sqliteOf print the rows of a table, comma separated; no value of
// plain holds a comma, a quote or a space.
func plainOf(server, table string) string {
	return fmt.Sprintf(`$PSQL "$%s_URL" -c "copy %s to stdout (format csv)"`, server, table)
}

func sqliteOf(table string) string {
	name := "source.db"
	if table == "target" {
		name = "target.db"
	}
	return fmt.Sprintf(`sqlite3 -separator , "$DIR/%s" "select * from %s"`, name, table)
}

// samePlain compares what two commands print, whatever the order of the lines.
func samePlain(want, got string) func(ctx context.Context, p *place, _ bool) error {
	return func(ctx context.Context, p *place, _ bool) error {
		a, err := p.lines(ctx, want)
		if err != nil {
			return err
		}
		b, err := p.lines(ctx, got)
		if err != nil {
			return err
		}
		if a != b || a.count != int64(p.rows) {
			return fmt.Errorf("the target differs: %+v, should be %+v", b, a)
		}
		return nil
	}
}

// lineSum is a count and the sum of the hashes of lines.
type lineSum struct {
	count  int64
	hi, lo uint64
}

func (p *place) lines(ctx context.Context, script string) (lineSum, error) {
	var s lineSum
	c := exec.CommandContext(ctx, "bash", "-e", "-o", "pipefail", "-c", script) //nolint:gosec // ours
	c.Env = append(os.Environ(), p.environ()...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return s, err
	}
	if err := c.Start(); err != nil {
		return s, err
	}
	r := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return s, errors.Join(err, c.Wait())
		}
		h := xxh3.Hash128(line)
		var carry uint64
		s.lo, carry = bits.Add64(s.lo, h.Lo, 0)
		s.hi, _ = bits.Add64(s.hi, h.Hi, carry)
		s.count++
	}
	return s, c.Wait()
}
