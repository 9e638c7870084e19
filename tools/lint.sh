#!/bin/bash
# Formatting and the house rules: what is quick enough to run before every commit.  `make fmt` mends the formatting.
#
# Files that passed are remembered in the build folder by their contents, so a second run looks only at what changed.
set -euo pipefail
cd "$(dirname "$0")/.."
B=${B:-$PWD/build}

format()
{
	local memory=$B/format-seen rules files hashes status=0
	if ! clang-format --version | grep -q 'version 14\.'; then
		# Other versions lay some lines out differently; one version is the judge.
		echo 'lint: formatting not judged: clang-format is not version 14'
		return
	fi
	mkdir -p "$memory"
	rules=$memory/$(git hash-object .clang-format)
	touch "$rules"
	mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.c' '*.h' | while read -r f; do [ ! -f "$f" ] || echo "$f"; done)
	[ ${#files[@]} -gt 0 ] || return 0
	mapfile -t hashes < <(git hash-object "${files[@]}")
	paste <(printf '%s\n' "${hashes[@]}") <(printf '%s\n' "${files[@]}") |
		awk 'FILENAME != "-" { seen[$1]; next } !($1 in seen) { print $2 }' "$rules" - >"$rules.todo"
	xargs -r -P "$(nproc)" -n 8 clang-format --dry-run -Werror --ferror-limit=1 <"$rules.todo" || status=1
	if [ "$status" = 0 ]; then printf '%s\n' "${hashes[@]}" >"$rules"; fi
	rm -f "$rules.todo"
	return "$status"
}

status=0
format || { echo 'lint: run `make fmt`'; status=1; }
/usr/bin/python3 tools/check.py --build "$B" "$@" || status=1
exit "$status"
