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
//	overlap    how late a row may be: how far below the greatest cursor value
//	           rows of later transactions are looked for; default 1m
//
// # Reading
//
// A snapshot is cut into ranges of the key, read on one exported snapshot as
// long as the process that detected it holds it; after that each range is read
// as it is. The condition token of a row is its xmin.
//
// Cursor mode finds what is new by the column `modified`, and by xmin. A row
// may become visible long after the moment that it carries, because its
// transaction was still open, and many rows may carry one moment. Therefore a
// position has two parts: the oldest transaction that was in flight, below
// which everything has been read, and the least cursor value that an unseen
// transaction may carry. That value moves up only when every transaction that
// was open when it was taken has ended; until then it waits in the position as
// a candidate, and only costs the server a longer look at its index. So a long
// transaction loses nothing, and rows already read do not come again. An index
// on the column is what makes it fast. Rows whose cursor is NULL are seen by
// full reads only, as are rows that come more than `overlap` late from a
// transaction which began after the position was taken.
//
// # Writing
//
// A write is one transaction. Just before its commit it takes a lock on the
// sync's name and asks the fence, so that of two writers of one sync the older
// one commits nothing. A row that the database refuses is found by bisection
// under savepoints and fails alone. A creation that must not meet a row with
// the same match is exact among writers of the sync; against other writers
// only a unique index is.
//
// A bulk load copies a chunk straight into the table if none of its rows seem
// to be there. Otherwise the chunk goes to a temporary table, rows that are
// there and equal are dropped from it if they are many, and one update and one
// insert merge the rest. Chunks are kept until the server has taken them, so
// that one which it refuses can be sent again in the other way.
package postgres
