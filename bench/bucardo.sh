#!/bin/sh
# Makes sure that bucardo, the control of the benchmark two-way-delta, is on this
# machine, with PostgreSQL's PL/Perl, which its own database needs. Without them the
# workload runs without a control. Nothing is started.
#   $1  the workloads to run; empty for all
set -u

case ",${1:-}," in
,, | *,two-way-delta,*) ;;
*) exit 0 ;;
esac

# The newest, as the benchmark takes the newest server.
major=$(ls /usr/lib/postgresql 2>/dev/null | sort -n | tail -n 1)
if command -v bucardo >/dev/null && [ -e "/usr/share/postgresql/$major/extension/plperlu.control" ]; then
	exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -n "$major" ]; then
	echo "Installing bucardo for two-way-delta (apt-get install bucardo postgresql-plperl-$major)." >&2
	export DEBIAN_FRONTEND=noninteractive
	if apt-get update -q >/dev/null 2>&1 &&
		apt-get install -q -y --no-install-recommends bucardo "postgresql-plperl-$major" >/dev/null 2>&1; then
		exit 0
	fi
	echo "apt-get could not install bucardo: two-way-delta runs without its control." >&2
	exit 0
fi
echo "No bucardo here (Debian, as root: apt-get install bucardo postgresql-plperl-NN): two-way-delta runs without its control." >&2
