package main

import "context"

// The definitions of one-way syncs: three fields by expression, all others
// handed on as they are.
const (
	peopleSync = `
systems:
  source: {connector: postgres, url: "${SOURCE_URL}", object: source, changes: snapshot, role: source}
  target: {connector: postgres, url: "${TARGET_URL}", object: target, role: target}
match: id
same: {except: [email, name, city]}
fields:
  email: {source: lower(email), target: email}
  name:  {source: trim(name), target: name}
  city:  {source: upper(city), target: city}
deletes: {effect: ignore}
`
	peopleWant = `id, lower(email), trim(name), upper(city), age, balance, active, score, born, updated_at`
	peopleRaw  = `id, email, name, city, age, balance, active, score, born, updated_at`
	pipe       = `$PSQL "$SOURCE_URL" -c "copy source to stdout (format binary)" | $PSQL "$TARGET_URL" -c "copy target from stdin (format binary)"`
)

func workloadNames() []string {
	var names []string
	for _, w := range workloads() {
		names = append(names, w.name)
	}
	return names
}

func workloads() []workload {
	return []workload{
		copyAll(), unchanged(), upsert(), wide(), csvToPostgres(), sqliteToPostgres(), postgresToSQLite(),
		delta(), twoWayFirst(), twoWayDelta(), overhead(),
	}
}

func copyAll() workload {
	return workload{
		name: "copy", about: "a table of 10 columns into an empty one with a primary key, 3 fields by expression, stateless",
		rows: 1_000_000, bar: bar{0.7, timesControl}, sync: peopleSync, control: pipe,
		setup:  func(ctx context.Context, p *place) error { return people().makePair(ctx, p) },
		reset:  emptyTarget,
		verify: samePeople,
	}
}

func samePeople(ctx context.Context, p *place, control bool) error {
	if control {
		return p.same(ctx, peopleRaw, "source", peopleRaw, "target")
	}
	return p.same(ctx, peopleWant, "source", peopleRaw, "target")
}

func overhead() workload {
	w := copyAll()
	w.name, w.about = "overhead", "copy, with the engine and its history, against the same steps called directly"
	w.control, w.directly, w.bar = "", true, bar{5, percentAtMost}
	w.verify = func(ctx context.Context, p *place, _ bool) error { return samePeople(ctx, p, false) }
	return w
}

func unchanged() workload {
	return workload{
		name: "unchanged", about: "copy again, nothing changed, the whole table read",
		rows: 1_000_000, bar: bar{0.3, timesControl}, sync: peopleSync, again: true,
		control: `$PSQL "$SOURCE_URL" -c "copy source to stdout" > /dev/null`,
		setup:   func(ctx context.Context, p *place) error { return people().makePair(ctx, p) },
		verify:  func(ctx context.Context, p *place, _ bool) error { return samePeople(ctx, p, false) },
	}
}

// upsert: the target has every row of the source in an older version, and as
// many others.
func upsert() workload {
	return workload{
		name: "upsert", about: "changed rows into a table of twice as many",
		rows: 1_000_000, bar: bar{0.8, timesControl}, sync: peopleSync,
		control: `$PSQL "$SOURCE_URL" -c "copy source to stdout (format binary)" | $PSQL "$TARGET_URL" ` +
			`-c "create temp table incoming (like target)" -c "copy incoming from stdin (format binary)" ` +
			`-c "insert into target select * from incoming on conflict (id) do update set email = excluded.email, name = excluded.name, ` +
			`city = excluded.city, age = excluded.age, balance = excluded.balance, active = excluded.active, score = excluded.score, ` +
			`born = excluded.born, updated_at = excluded.updated_at"`,
		setup: func(ctx context.Context, p *place) error { return people().makePair(ctx, p) },
		reset: func(ctx context.Context, p *place) error {
			return execute(ctx, p.target, "truncate target", people().fill("target", 1, 2*p.rows),
				"update target set age = age + 1000, score = -score where id <= "+itoa(p.rows), "vacuum full analyze target")
		},
		verify: func(ctx context.Context, p *place, control bool) error {
			if control {
				return p.same(ctx, peopleRaw, "source", peopleRaw, "target where id <= "+itoa(p.rows))
			}
			return p.same(ctx, peopleWant, "source", peopleRaw, "target where id <= "+itoa(p.rows))
		},
	}
}

func wide() workload {
	w := copyAll()
	w.name, w.about = "wide", "a table of 16 columns into an empty one with a primary key, 3 fields by expression, stateless"
	w.rows, w.bar = 2_000_000, bar{0.6, timesControl}
	w.setup = func(ctx context.Context, p *place) error { return orders().makePair(ctx, p) }
	const rest = `street, country, note, token, age, amount, balance, active, score, born, created_at, updated_at`
	w.verify = func(ctx context.Context, p *place, control bool) error {
		want := `id, lower(email), trim(name), upper(city), ` + rest
		if control {
			want = `id, email, name, city, ` + rest
		}
		return p.same(ctx, want, "source", `id, email, name, city, `+rest, "target")
	}
	return w
}
