#!/usr/bin/env bash
# What single faults need of the system: libfaketime, from Debian's own archive. The others run without.
set -euo pipefail
if [ ! -e /usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 ] && command -v apt-get >/dev/null; then
	apt-get install --yes --quiet faketime
fi
