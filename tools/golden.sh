#!/bin/bash
# Replays recorded answers of the original against a server of ours:  tools/golden.sh [--update] [--listed] [--show REGEX] [AREA]...
#
# WHERRY_GOLDEN names the folder with the recordings and their replay.py.  See tests/golden/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
B=${B:-$PWD/build} exec /usr/bin/python3 tools/golden.py "$@"
