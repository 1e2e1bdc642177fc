# SPDX-License-Identifier: BSD-3-Clause
"""Systematic operator mutants over virtio_user/ (docs/mutants.md)."""

import pathlib
import subprocess
import sys

import ending
import options

_SETUP = pathlib.Path(__file__).resolve().parents[1] / "setup.sh"


def main(arguments):
    parsed = options.parse(arguments)
    ending.watch_signals()
    setup = [str(_SETUP), "build", "mutants", "fuzz"]
    try:
        done = subprocess.run(setup, stdout=sys.stderr, check=False)
    except KeyboardInterrupt:
        print("mutants: interrupted", file=sys.stderr)
        return 2
    if done.returncode != 0:
        print(
            "mutants: what is missing could not be installed; see above, or"
            " `./vuser setup mutants`",
            file=sys.stderr,
        )
        return 2
    # Its imports are among what was installed.
    try:
        import run  # pylint: disable=import-outside-toplevel
    except ImportError as error:
        print(
            f"mutants: {error}; `./vuser setup mutants` installs what this"
            " needs for Debian's own python3",
            file=sys.stderr,
        )
        return 2
    return run.main(parsed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
