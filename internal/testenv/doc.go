// Package testenv gives tests and benchmarks real database servers that nobody
// has to set up and that never outlive the process which asked for them.
//
//	db := testenv.Postgres(t)          // a fresh database, dropped at the test's end
//	conn, err := pgx.Connect(ctx, db.URL)
//
// The first call in a process initialises and starts one server in a temporary
// folder, on a free port of 127.0.0.1; later calls only create a database in it.
// Calls that ask for other options (a password, TLS, settings) share a server
// among those who ask for the same.
//
// A small shell process watches each server. It holds the reading end of a pipe
// whose other end is ours: when we end, however we end, the pipe closes, and it
// stops the server and removes its folder. So neither a TestMain nor a clean exit
// is needed, and no goroutine of ours is left for a leak checker to find.
package testenv
