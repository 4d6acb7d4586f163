package main

import (
	"context"
	"fmt"

	"github.com/syncline-dev/syncline/internal/testenv"
)

// table is a table made of row numbers: the same everywhere, at any time.
type table struct {
	columns string // definitions after the key
	values  string // of row i
}

// people has 10 columns and about 130 bytes a row.
func people() table {
	return table{
		columns: `email text not null, name text, city text, age int, balance numeric(12,2), active bool, score float8,
			born date, updated_at timestamptz`,
		values: `'Person' || i || '@Example.com', ' Person ' || left(md5(i::text), 12) || ' ', 'City ' || i % 1000, (i % 90)::int,
			(i % 1000000) / 100.0, i % 2 = 0, i / 3.0, date '1970-01-01' + (i % 20000)::int,
			timestamptz '2026-01-01' + i * interval '1 second'`,
	}
}

// orders has 16 columns and about 280 bytes a row.
func orders() table {
	return table{
		columns: `email text not null, name text, street text, city text, country text, note text, token text, age int, amount int,
			balance numeric(12,2), active bool, score float8, born date, created_at timestamptz, updated_at timestamptz`,
		values: `'Person' || i || '@Example.com', ' Person ' || left(md5(i::text), 12) || ' ', (i % 300) || ' ' || md5(i::text) || ' Street',
			'City ' || i % 1000, 'Country ' || i % 200, repeat(left(md5(i::text), 10), 4), md5((i + 1)::text), (i % 90)::int,
			(i % 100000)::int, (i % 1000000) / 100.0, i % 2 = 0, i / 3.0, date '1970-01-01' + (i % 20000)::int,
			timestamptz '2020-01-01' + i * interval '1 second', timestamptz '2026-01-01' + i * interval '1 second'`,
	}
}

// plain has 10 columns that CSV and SQLite know too.
func plain() table {
	return table{
		columns: `email text, name text, city text, age bigint, cents bigint, active bigint, score bigint, born text, token text`,
		values: `'person' || i || '@example.com', 'Person' || left(md5(i::text), 12), 'City' || i % 1000, i % 90, i % 1000000, i % 2,
			i * 3, (date '1970-01-01' + (i % 20000)::int)::text, left(md5((i + 1)::text), 16)`,
	}
}

func (t table) create(name string) string {
	return fmt.Sprintf("create table %s (id bigint primary key, %s)", name, t.columns)
}

func (t table) fill(name string, from, to int) string {
	return fmt.Sprintf("insert into %s select i, %s from generate_series(%d::bigint, %d) i", name, t.values, from, to)
}

// make creates and fills a table.
func (t table) make(ctx context.Context, server *testenv.Server, name string, rows int) error {
	return execute(ctx, server, t.create(name), t.fill(name, 1, rows), "vacuum analyze "+name)
}

// makePair makes a full source and an empty target of the same shape.
func (t table) makePair(ctx context.Context, p *place) error {
	if err := t.make(ctx, p.source, "source", p.rows); err != nil {
		return err
	}
	return execute(ctx, p.target, t.create("target"))
}

func emptyTarget(ctx context.Context, p *place) error {
	return execute(ctx, p.target, "truncate target")
}
