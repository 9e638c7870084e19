#!/bin/bash
# Runs the suites that a list names and prints `N passed, N failed` last:  tools/test.sh commit|nightly|SUITE...
#
# The lists are tests/commit.list and tests/nightly.list; tools/suites.py knows the suites.  B names the build folder.
set -euo pipefail
cd "$(dirname "$0")/.."
B=${B:-$PWD/build} exec /usr/bin/python3 tools/suites.py "$@"
