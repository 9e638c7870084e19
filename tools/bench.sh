#!/bin/bash
# Runs the benchmarks and prints a table:  tools/bench.sh [NAME]...
#
# NAME is bench/bench_NAME.c or bench/NAME.py; all unless named.  The figures are also left in B/bench.tsv.
set -euo pipefail
cd "$(dirname "$0")/.."
export B=${B:-$PWD/build}

if [ $# = 0 ]; then
	for source in bench/bench_*.c bench/*.py; do
		[ -f "$source" ] || continue
		name=${source##*/}
		name=${name#bench_}
		set -- "$@" "${name%.*}"
	done
fi
ninja -C "$B" --quiet benchmarks
status=0
: >"$B/bench.tsv"
for name in "$@"; do
	echo "bench: $name" >&2
	if [ -f "bench/bench_$name.c" ]; then
		"$B/bench/bench_$name"
	elif [ -f "bench/$name.py" ]; then
		/usr/bin/python3 "bench/$name.py"
	else
		echo "bench: there is no benchmark $name" >&2
		false
	fi >>"$B/bench.tsv" || { echo "bench: $name failed" >&2; status=1; }
done
awk -F '\t' '/^#/ { print; next } { printf "%-44s %14s %s\n", $1, $2, $3 }' "$B/bench.tsv"
exit "$status"
