// Package postgres keeps tables of PostgreSQL (13 or newer) in agreement with
// other systems: it reads with binary COPY straight into Arrow columns, and
// writes with set-based statements that touch a row only if it still is what
// the writer saw.
//
// # Options
//
//	url        postgres://user@host/db?sslmode=…, or keyword=value; sslmode,
//	           sslrootcert, search_path, pool_max_conns … stand in it
//	password   overrides the one in the url
//	timezone   the zone that columns of type timestamp (without time zone) are
//	           in; default UTC
//	overlap    how far a cursor stays behind the server's clock, so that clocks
//	           of applications may be late by that much; default 3s
//	settle     how long Detect waits for short transactions in flight to end
//	           before it leaves the position behind them; default 2s
//
// # Reading
//
// A snapshot is cut into ranges of the key, read on one exported snapshot as
// long as the process that detected it holds it; after that each range is read
// as it is. The condition token of a row is its xmin.
//
// Cursor mode reads what lies above a position in the column `modified`. A row
// may become visible long after the moment that it carries: its transaction
// was still open. Therefore a position moves to a cursor value only when every
// transaction that was open at the time has ended and what it left behind has
// been read; until then the value waits in the position as a candidate. Rows
// whose `modified` is NULL are seen by full reads only.
//
// # Writing
//
// A write is one transaction. Just before its commit it takes a lock on the
// sync's name and asks the fence, so that of two writers of one sync the older
// one commits nothing. A row that the database refuses is found by bisection
// under savepoints and fails alone. A creation that must not meet a row with
// the same match is exact among writers of the sync; against other writers
// only a unique index is.
package postgres
