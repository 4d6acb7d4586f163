package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/syncline-dev/syncline/internal/testenv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// delta: a hundredth of the table changed since the last run.
func delta() workload {
	turn := 0
	return workload{
		name: "delta", about: "10,000 changed rows of a table, found by a cursor",
		rows: 1_000_000, bar: bar{1.5, secondsAtMost}, again: true,
		sync: `
systems:
  source: {connector: postgres, url: "${SOURCE_URL}", object: source, changes: cursor, modified: updated_at, sweep: 24h, role: source}
  target: {connector: postgres, url: "${TARGET_URL}", object: target, role: target}
match: id
same: all
deletes: {effect: ignore}
`,
		setup: func(ctx context.Context, p *place) error {
			if err := people().makePair(ctx, p); err != nil {
				return err
			}
			return execute(ctx, p.source, "create index on source (updated_at)", "vacuum analyze source")
		},
		reset: func(ctx context.Context, p *place) error {
			turn++
			return execute(ctx, p.source, fmt.Sprintf(
				"update source set age = age + 1, updated_at = clock_timestamp() where id %% greatest(%d / 10000, 1) = %d", p.rows, turn))
		},
		verify: func(ctx context.Context, p *place, _ bool) error {
			return p.same(ctx, peopleRaw, "source", peopleRaw, "target")
		},
	}
}

const twoWaySync = `
systems:
  left:  {connector: postgres, url: "${SOURCE_URL}", object: source}
  right: {connector: postgres, url: "${TARGET_URL}", object: target}
match: id
same: all
conflicts: {resolve: [{priority: [left, right]}]}
first_sync: {prefer: {system_wins: left}, only_here: create}
`

func makeTwins(ctx context.Context, p *place) error {
	if err := people().make(ctx, p.source, "source", p.rows); err != nil {
		return err
	}
	return people().make(ctx, p.target, "target", p.rows)
}

// A cursor finds the edits; when a record was touched is each side's own.
const twoWayCursorSync = `
systems:
  left:  {connector: postgres, url: "${SOURCE_URL}", object: people, changes: cursor, modified: updated_at, sweep: 24h}
  right: {connector: postgres, url: "${TARGET_URL}", object: people, changes: cursor, modified: updated_at, sweep: 24h}
match: id
same: {except: [updated_at]}
conflicts: {resolve: [{priority: [left, right]}]}
first_sync: {prefer: {system_wins: left}, only_here: create}
`

func sameTwins(ctx context.Context, p *place, _ bool) error {
	return p.same(ctx, peopleRaw, "source", peopleRaw, "target")
}

func twoWayFirst() workload {
	return workload{
		name: "two-way-first", about: "two full tables that already agree meet for the first time, both ways, SQLite ledger; " +
			"records are what is read, of both sides, so that each pair of rows is two",
		rows: 1_000_000, bar: bar{40_000, recordsPerSecond}, sync: twoWaySync, records: 2,
		setup: makeTwins, verify: sameTwins,
	}
}

// twoWayDelta: a tenth of the records is edited, half of them on each side,
// and one edit in a hundred has another one of the same field against it.
func twoWayDelta() workload {
	var ours sum
	return workload{
		name: "two-way-delta", about: "edits on both sides, 1 % in conflict, settled by policy; records are the edits",
		rows: 1_000_000, bar: bar{3, timesControl}, alone: bar{42_000, recordsPerSecond},
		sync: twoWayCursorSync, again: true, records: 0.1, rival: bucardoRival("people"),
		setup: func(ctx context.Context, p *place) error {
			for _, s := range []*testenv.Server{p.source, p.target} {
				if err := people().make(ctx, s, "people", p.rows); err != nil {
					return err
				}
				if err := execute(ctx, s, "create index on people (updated_at)"); err != nil {
					return err
				}
			}
			return nil
		},
		reset: func(ctx context.Context, p *place) error {
			p.turn++
			edit := "update people set age = age + %d, updated_at = clock_timestamp() where id %% %d = %d"
			if err := execute(ctx, p.source, fmt.Sprintf(edit, 1, 20, p.turn%20)); err != nil {
				return err
			}
			return execute(ctx, p.target, fmt.Sprintf(edit, 2, 20, (p.turn+10)%20), fmt.Sprintf(edit, 3, 2000, p.turn%20))
		},
		// Both sides agree, and the control came to what ours came to.
		verify: func(ctx context.Context, p *place, control bool) error {
			const columns = "id, email, name, city, age, balance, active, score, born"
			if err := p.same(ctx, columns, "people", columns, "people"); err != nil {
				return err
			}
			now, err := sumOf(ctx, p.source, columns, "people")
			if err != nil {
				return err
			}
			if control && now != ours {
				return fmt.Errorf("the control's rows are not ours: %d with sum %s, ours %d with %s", now.rows, now.hash, ours.rows, ours.hash)
			}
			ours = now
			return nil
		},
	}
}
