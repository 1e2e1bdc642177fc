#!/bin/bash
# Runs a fuzz target on each file of its corpus, once.
#
#   replay.sh BINARY FILE...
#
# Fails where there is no file: a replay of nothing shows nothing.
set -euo pipefail

if [[ $# -lt 2 ]]; then
  echo "replay: there is no corpus for ${1:-a target}" >&2
  exit 1
fi
exec "$@"
