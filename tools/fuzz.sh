#!/bin/bash
# Fuzzes; `./vuser fuzz --help` says how.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export USER="${USER:-$(id -un)}"

# Bazel brings it along; the rest is installed once the arguments make sense.
command -v python3 >/dev/null || "$here/setup.sh" build
exec python3 -B "$here/fuzz/main.py" "$@"
