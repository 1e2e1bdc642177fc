#!/bin/bash
# Systematic operator mutants over virtio_user/ (docs/mutants.md).
#
#   tools/systematic_mutants.sh [N] [--seed S] [--json FILE] [--only ID] ...
#
# Exits 0 if the tests and the fuzz targets notice enough of them and there is
# a reason for each of the rest, 1 if not, 2 if nothing could be judged or it
# was interrupted.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
export USER="${USER:-$(id -un)}" PYTHONDONTWRITEBYTECODE=1

# Debian's own, which has the package python3-clang-19; the rest is installed
# once the arguments make sense.
[[ -x /usr/bin/python3 ]] || "$root/tools/setup.sh" build mutants
exec /usr/bin/python3 "$root/tools/systematic_mutants" "$@"
