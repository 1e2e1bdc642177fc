#!/bin/bash
# Runs a test written in Python by Debian's own interpreter.
set -euo pipefail

PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 "$@"
