#!/bin/bash
# Builds the fuzz targets with clang, libFuzzer and AddressSanitizer and runs each for a bounded time.
#
#   tools/fuzz.sh [NAME]...      all targets of tests/fuzz unless named
#   FUZZ_SECONDS=30              for each target
#
# The corpus grows in B-fuzz/corpus/NAME, seeded from tests/fuzz/corpus/NAME; failing inputs are left in B-fuzz/found.
set -euo pipefail
cd "$(dirname "$0")/.."
B=${B:-$PWD/build}-fuzz
seconds=${FUZZ_SECONDS:-30}

command -v clang >/dev/null || { echo 'fuzz: clang is missing: run tools/install-deps.sh test'; exit 1; }
if [ ! -f "$B/build.ninja" ]; then
	CC=clang meson setup "$B" -Dfuzz=true -Db_sanitize=address -Db_lundef=false -Dbuildtype=debugoptimized >"$B.log" 2>&1 ||
		{ tail -n 20 "$B.log"; exit 1; }
fi
if [ $# = 0 ]; then
	for source in tests/fuzz/fuzz_*.c; do
		name=${source##*/fuzz_}
		set -- "$@" "${name%.c}"
	done
fi
ninja -C "$B" --quiet "${@/#/tests/fuzz/fuzz_}"

mkdir -p "$B/found"
passed=0 failed=0
for name in "$@"; do
	mkdir -p "$B/corpus/$name"
	dictionary=()
	[ ! -f "tests/fuzz/$name.dict" ] || dictionary=("-dict=tests/fuzz/$name.dict")
	echo "fuzz: $name for $seconds s"
	if setarch -R "$B/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$B/found/$name-" "${dictionary[@]}" "$B/corpus/$name" "tests/fuzz/corpus/$name" \
		>"$B/$name.log" 2>&1; then
		passed=$((passed + 1))
		sed -n 's/^stat::number_of_executed_units: */  inputs tried: /p' "$B/$name.log"
	else
		failed=$((failed + 1))
		tail -n 40 "$B/$name.log"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
