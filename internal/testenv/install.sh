#!/bin/sh
# Makes sure that PostgreSQL's server programs are on this machine, for the tests.
# They are looked for where binaries.go looks. Nothing is started and no cluster is
# made: each test process makes its own.
set -eu

found() {
	if [ -n "${SYNCLINE_PG_BIN:-}" ]; then
		[ -x "$SYNCLINE_PG_BIN/initdb" ] && [ -x "$SYNCLINE_PG_BIN/postgres" ]
		return
	fi
	for initdb in "$(command -v initdb || true)" /usr/lib/postgresql/*/bin/initdb \
		/usr/pgsql-*/bin/initdb /opt/homebrew/opt/postgresql@*/bin/initdb \
		/usr/local/opt/postgresql@*/bin/initdb /usr/local/pgsql/bin/initdb; do
		[ -x "$initdb" ] || continue
		bin=$(dirname "$(readlink -f "$initdb")")
		[ -x "$bin/postgres" ] && return 0
	done
	return 1
}

found && exit 0

if [ -n "${SYNCLINE_PG_BIN:-}" ]; then
	echo "SYNCLINE_PG_BIN=$SYNCLINE_PG_BIN holds no initdb and postgres." >&2
	exit 1
fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "Installing PostgreSQL's server programs for the tests (apt-get install postgresql)." >&2
	# Debian would make and start a cluster named main, which nobody asked for.
	mkdir -p /etc/postgresql-common/createcluster.d
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/syncline-tests.conf
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >&2
	apt-get install -q -y --no-install-recommends postgresql >&2
	found && exit 0
	echo "apt-get installed postgresql, but its initdb was not found." >&2
	exit 1
fi

echo "The tests need PostgreSQL's server programs (initdb, postgres):" \
	"sudo apt-get install postgresql, or brew install postgresql," \
	"or set SYNCLINE_PG_BIN to their folder." >&2
exit 1
