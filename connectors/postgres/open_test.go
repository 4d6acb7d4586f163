package postgres_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/syncline-dev/syncline/connectors"
	"github.com/syncline-dev/syncline/connectors/postgres"
	"github.com/syncline-dev/syncline/internal/record"
	"github.com/syncline-dev/syncline/internal/testenv"
)

func openError(tb testing.TB, c connectors.Config) error {
	tb.Helper()
	o, err := postgres.Connector{}.Open(tb.Context(), c)
	if err == nil {
		o.Close()
	}
	require.Error(tb, err)
	return err
}

func TestOpenRefusedSaysWhyAndNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "Tr0ub4dor&3 \x25"
	db := testenv.Postgres(t, testenv.Options{Password: secret})
	db.Exec(t, "create table contacts (id int primary key)")
	u, err := url.Parse(db.URL)
	require.NoError(t, err)
	with := func(change func(*url.URL)) string {
		changed := *u
		change(&changed)
		return changed.String()
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := listener.Addr().String()
	require.NoError(t, listener.Close())
	for name, c := range map[string]struct {
		url, password, object string
		kind                  connectors.Kind
		says                  string
	}{
		"wrong password":        {db.URL, "Wr0ng " + secret, "contacts", connectors.Unauthorized, "check user and password"},
		"no password":           {with(func(u *url.URL) { u.User = url.User("syncline") }), "", "contacts", connectors.Unauthorized, ""},
		"no such user":          {with(func(u *url.URL) { u.User = url.UserPassword("nobody", secret) }), "", "contacts", connectors.Unauthorized, ""},
		"no such database":      {with(func(u *url.URL) { u.Path = "/nothing" }), "", "contacts", connectors.NotFound, "nothing"},
		"unreachable":           {with(func(u *url.URL) { u.Host = closed }), "", "contacts", connectors.Transient, "refused"},
		"no such table":         {db.URL, "", "contact", connectors.NotFound, "did you mean public.contacts?"},
		"no such schema":        {db.URL, "", "publik.contacts", connectors.NotFound, "did you mean public.contacts?"},
		"no url":                {"", "", "contacts", connectors.Permanent, "say url:"},
		"not a url":             {"postgres://syncline:" + secret + "@[::1/x", "", "contacts", connectors.Permanent, "not a PostgreSQL address"},
		"TLS that is not there": {with(func(u *url.URL) { u.RawQuery = "sslmode=require" }), "", "contacts", connectors.Transient, "TLS"},
	} {
		err := openError(t, connectors.Config{System: "crm", Object: c.object, Options: map[string]string{"url": c.url, "password": c.password}})
		require.Equal(t, c.kind, connectors.KindOf(err), "%s: %v", name, err)
		require.Contains(t, err.Error(), c.says, name)
		for e := err; e != nil; {
			require.NotContains(t, fmt.Sprintf("%+v", e), "Tr0ub4dor", name)
			unwrapped, is := e.(interface{ Unwrap() error })
			if !is {
				break
			}
			e = unwrapped.Unwrap()
		}
	}
	c := config(db, "contacts")
	c.Options["url"], c.Options["password"] = with(func(u *url.URL) { u.User = url.UserPassword("syncline", "wrong") }), secret
	open(t, c) // the password of its own option counts
}

func TestOpenOverTLS(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t, testenv.Options{TLS: true})
	db.Exec(t, "create table t (id int primary key)")
	open(t, config(db, "t"))
	c := config(db, "t")
	c.Options["url"] = strings.ReplaceAll(db.URL, url.QueryEscape(db.Server.CAFile), "/dev/null")
	require.Equal(t, connectors.Permanent, connectors.KindOf(openError(t, c)))
	u, err := url.Parse(db.URL)
	require.NoError(t, err)
	u.RawQuery = "sslmode=verify-full" // without the certificate that it trusts
	c.Options["url"] = u.String()
	require.Equal(t, connectors.Permanent, connectors.KindOf(openError(t, c)))
	u.RawQuery = "sslmode=disable"
	c.Options["url"] = u.String()
	require.Equal(t, connectors.Unauthorized, connectors.KindOf(openError(t, c)), "the server wants TLS")
}

func TestNamesAreLookedUpNotTrusted(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	long := strings.Repeat("é", 40) // 80 bytes, of which 62 are kept
	tables := []string{"plain", "Mixed Case", `quo"ted`, "dot.ted", `semi"; drop table plain; --`, "select", "a'b", long}
	for i, schema := range []string{"public", "Other.Schema"} {
		db.Exec(t, "create schema if not exists "+ident(schema))
		for j, table := range tables {
			db.Exec(t, fmt.Sprintf(`create table %s (id int primary key, "order" int); insert into %[1]s values (1, %d)`,
				pgx.Identifier{schema, table}.Sanitize(), 100*i+j))
		}
	}
	value := func(object string) record.Value {
		rows, _ := open(t, config(db, object)).readAll(snapshot("order"))
		require.Len(t, rows, 1)
		return rows[0].values[0]
	}
	for j, table := range tables {
		require.EqualValues(t, j, value(table))
		require.EqualValues(t, j, value(pgx.Identifier{table}.Sanitize()))
		require.EqualValues(t, j, value(pgx.Identifier{"public", table}.Sanitize()))
		require.EqualValues(t, 100+j, value(pgx.Identifier{"Other.Schema", table}.Sanitize()))
	}
	require.EqualValues(t, 0, value("PLAIN"))
	require.EqualValues(t, 0, value("Public.Plain"))
	require.EqualValues(t, 101, value("Other.Schema.Mixed Case"))
	require.EqualValues(t, 0, value("plain"), "nothing was dropped")

	c := config(db, "")
	names, err := postgres.Connector{}.Discover(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, names, 2*len(tables))
	for _, name := range names {
		value(name)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, `create domain code as varchar(3) not null;
		create table t (
			a int generated always as identity, b serial, c text not null default 'x', d int generated always as (b * 2) stored,
			e numeric(7,3), f code, g timestamptz default now(), primary key (c, b));
		create table u (x int, y int not null unique, z int unique);
		create table nokey (x int);
		create view v as select * from u;
		create materialized view m as select * from u;
		insert into nokey values (1)`)
	d := open(t, config(db, "t")).description
	require.Equal(t, []string{"c", "b"}, d.Key)
	flags := map[string][3]bool{}
	for _, f := range d.Schema.Fields {
		flags[f.Name] = [3]bool{f.Nullable, f.ReadOnly, f.HasDefault}
	}
	require.Equal(t, map[string][3]bool{
		"a": {false, true, true}, "b": {false, false, true}, "c": {false, false, true}, "d": {true, true, true},
		"e": {true, false, false}, "f": {false, false, false}, "g": {true, false, true},
	}, flags)
	require.Equal(t, "numeric(7,3)", d.Schema.Fields[4].Native)
	require.Equal(t, "string(3)", d.Schema.Fields[5].Type.String())
	require.Equal(t, connectors.Capabilities{
		Modes: []connectors.Mode{connectors.ModeSnapshot}, Token: true, Transactions: true, ServerKeys: true,
		Upsert: true, Writable: true, BatchRows: 10000,
	}, d.Can)
	require.Zero(t, d.Rows)

	require.Equal(t, []string{"y"}, open(t, config(db, "u")).description.Key, "a unique index without NULLs")
	require.True(t, open(t, config(db, "u")).description.Can.KeysReusable)
	none := open(t, config(db, "nokey"))
	require.Equal(t, int64(1), none.description.Rows, "counted: it was never analysed")
	require.Empty(t, none.description.Key)
	require.False(t, none.description.Can.Upsert)
	_, err := none.Fetch(t.Context(), nil, []record.Key{key(int64(1))})
	require.Equal(t, connectors.Permanent, connectors.KindOf(err))
	rows, w := none.readAll(snapshot())
	require.Len(t, rows, 1)
	require.True(t, w.Complete)
	for _, view := range []string{"v", "m"} {
		h := open(t, config(db, view))
		require.False(t, h.description.Can.Writable)
		require.Equal(t, "it is a view", h.description.Can.ReadOnlyBecause)
		require.False(t, h.description.Can.Token)
		h.readAll(snapshot())
	}
	c := config(db, "u")
	c.Key = []string{"z", "x"}
	require.Equal(t, []string{"z", "x"}, open(t, c).description.Key)
	c.Key = []string{"nope"}
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(openError(t, c)))
	c.Key, c.Modified = nil, "nope"
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(openError(t, c)))
}

func TestIdentityTellsTablesApart(t *testing.T) {
	t.Parallel()
	db, other := testenv.Postgres(t), testenv.Postgres(t)
	for _, d := range []*testenv.Database{db, other} {
		d.Exec(t, "create table t (id int primary key)")
	}
	one := open(t, config(db, "t")).description.Identity
	require.Equal(t, one, open(t, config(db, "public.t")).description.Identity)
	require.NotEqual(t, one, open(t, config(other, "t")).description.Identity)
	db.Exec(t, "alter table t rename to old; create table t (id int primary key)")
	require.NotEqual(t, one, open(t, config(db, "t")).description.Identity)
	require.Equal(t, one, open(t, config(db, "old")).description.Identity)
}

func TestARoleThatOnlyReads(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	role := "reader_" + strings.TrimPrefix(db.Name, "syncline_")
	db.Exec(t, fmt.Sprintf(`create table t (id int primary key, v text, secret text); insert into t values (1, 'v', 's');
		create table hidden (id int primary key);
		create role %[1]s login; grant select on t to %[1]s;
		create table partly (id int primary key, v text, secret text); insert into partly values (1, 'v', 's');
		grant select (id, v), update (v) on partly to %[1]s`, role))
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, db.URL)
		require.NoError(t, err)
		_, err = conn.Exec(ctx, "drop owned by "+role+"; drop role "+role)
		require.NoError(t, err)
		require.NoError(t, conn.Close(ctx))
	})
	u, err := url.Parse(db.URL)
	require.NoError(t, err)
	u.User = url.User(role)
	as := func(object string) connectors.Config {
		return connectors.Config{Object: object, Options: map[string]string{"url": u.String()}}
	}
	h := open(t, as("t"))
	require.False(t, h.description.Can.Writable)
	require.Equal(t, "the role "+role+" has neither INSERT nor UPDATE on it", h.description.Can.ReadOnlyBecause)
	rows, _ := h.readAll(snapshot())
	require.Len(t, rows, 1)
	_, err = h.sink.Apply(t.Context(), connectors.Writes{Columns: []string{"v"}, Items: []connectors.Item{
		{Op: connectors.OpUpdate, Key: key(int64(1)), Set: []record.Value{"x"}},
	}})
	require.Equal(t, connectors.Unauthorized, connectors.KindOf(err))

	partly := open(t, as("partly"))
	require.Equal(t, []string{"id", "v"}, partly.description.Schema.Names(), "columns that it may read")
	require.True(t, partly.description.Schema.Fields[0].ReadOnly)
	require.False(t, partly.description.Can.Token, "xmin needs the right to read the whole table")
	rows, _ = partly.readAll(snapshot())
	seen := record.HashRow(rows[0].values[1])
	write := connectors.Writes{Columns: []string{"v"}, Compare: []string{"v"}, Items: []connectors.Item{
		{Op: connectors.OpUpdate, Key: key(int64(1)), Set: []record.Value{"new"}, Seen: seen},
	}}
	require.Equal(t, connectors.Done, partly.apply(write)[0].Status)
	require.Equal(t, connectors.Refused, partly.apply(write)[0].Status)
	require.Equal(t, connectors.Unauthorized, connectors.KindOf(openError(t, as("hidden"))))

	db.Exec(t, fmt.Sprintf(`grant all on t to %[1]s; alter role %[1]s set default_transaction_read_only = on`, role))
	h = open(t, as("t"))
	require.False(t, h.description.Can.Writable)
	require.Equal(t, "default_transaction_read_only is on", h.description.Can.ReadOnlyBecause)
}

func TestADroppedOrRetypedColumn(t *testing.T) {
	t.Parallel()
	db := testenv.Postgres(t)
	db.Exec(t, "create table t (id int primary key, v text, n int); insert into t values (1, '5', 6)")
	h := open(t, config(db, "t"))
	w, err := h.Detect(t.Context(), snapshot("id", "v", "n"))
	require.NoError(t, err)
	read := func() error { return h.Read(t.Context(), w.Partitions[0], func(*record.Batch) error { return nil }) }
	require.NoError(t, read())
	db.Exec(t, "alter table t alter v type int using v::int")
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(read()), "retyped")
	db.Exec(t, "alter table t drop v")
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(read()), "dropped")
	_, err = h.Fetch(t.Context(), []string{"v"}, []record.Key{key(int64(1))})
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
	_, err = h.sink.Apply(t.Context(), connectors.Writes{Columns: []string{"v"}, Items: []connectors.Item{
		{Op: connectors.OpUpdate, Key: key(int64(1)), Set: []record.Value{"x"}},
	}})
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
	_, err = h.Detect(t.Context(), snapshot("id", "v"))
	require.Equal(t, connectors.SchemaChanged, connectors.KindOf(err))
	db.Exec(t, "drop table t")
	require.Error(t, read())
}

func TestAServerThatGoesAway(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres(t.Context(), testenv.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	db, err := server.CreateDatabase(t.Context())
	require.NoError(t, err)
	db.Exec(t, "create table t (id int primary key, v text); insert into t select i, repeat('x', 1000) from generate_series(1, 30000) i")
	db.Exec(t, "checkpoint") // the server does not wait for its log
	h := open(t, config(db, "t"))
	w, err := h.Detect(t.Context(), snapshot())
	require.NoError(t, err)
	err = h.Read(t.Context(), w.Partitions[0], func(*record.Batch) error { return server.Crash() })
	require.Error(t, err, "a read that ends early never says that it is complete")
	require.Equal(t, connectors.Transient, connectors.KindOf(err), "%v", err)
	_, err = h.object.Describe(t.Context())
	require.Equal(t, connectors.Transient, connectors.KindOf(err))
	require.NoError(t, server.Start(t.Context()))
	require.Eventually(t, func() bool { _, err := h.object.Describe(t.Context()); return err == nil }, 10*time.Second, 10*time.Millisecond)
	require.Len(t, h.readWindow(w), 30000)
}
