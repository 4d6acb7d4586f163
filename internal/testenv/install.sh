#!/bin/sh
# Makes sure that PostgreSQL's server programs are on this machine, for the tests,
# and then runs the command that it was given, if any. The programs are looked for
# where binaries.go looks. Nothing is started and no cluster is made: each test
# process makes its own. Where they cannot be installed and there is a Docker
# engine, `make test` runs in a container that can.
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

go_on() {
	[ $# = 0 ] && exit 0
	exec "$@"
}

found && go_on "$@"

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
	found && go_on "$@"
	echo "apt-get installed postgresql, but its initdb was not found." >&2
	exit 1
fi

if [ $# != 0 ] && docker info >/dev/null 2>&1; then
	echo "PostgreSQL's server programs are not here; running the tests in a container." >&2
	exec docker run --rm -v "$PWD:/src" -v syncline-go:/root/.cache/go-build -v syncline-mod:/go/pkg/mod \
		-w /src -e GOFLAGS=-buildvcs=false golang:1.26.8 make test
fi

echo "The tests need PostgreSQL's server programs (initdb, postgres):" \
	"sudo apt-get install postgresql, or brew install postgresql," \
	"or set SYNCLINE_PG_BIN to their folder." >&2
exit 1
