#!/bin/bash
# A cluster on this machine with a demo in it:  tools/up.sh up | down | load IMAGE      (make up NODES=2, make down, make load IMAGE=FILE)
#
#   up    installs, builds, starts NODES hosts (1), each a network namespace, deploys demo/, and says how to use it; again: brings
#         back what does not run, on the same data
#   load  imports an image archive on every host
#   down  stops and removes all that up made
#
# WHERRY_UP names another cluster (wherry), so that two can stand beside each other.  Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
export B=${B:-$PWD/build}

[ "$(id -u)" = 0 ] || { echo "up: needs root, to make network namespaces and run containers: sudo make ${1:-up}"; exit 1; }
case ${1:-} in
up)
	tools/install-deps.sh run build
	[ -x "$B/wherry" ] || echo 'building wherry (a minute or so)'
	make -s build B="$B"
	;;
down | load) ;;
*) echo 'usage: tools/up.sh up | down | load IMAGE'; exit 2 ;;
esac
exec /usr/bin/python3 tools/up.py "$@"
