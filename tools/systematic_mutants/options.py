# SPDX-License-Identifier: BSD-3-Clause
"""The arguments of `./vuser mutants --systematic`."""

import argparse
import math
import pathlib
import re


class UsageError(RuntimeError):
    """What is wrong with the arguments, as only the tree can tell."""


def _whole(least, most=None):
    wanted = f"a whole number from {least}"
    if most is not None:
        wanted += f" to {most}"

    def parsed(text):
        if re.fullmatch("[0-9]{1,9}", text):
            number = int(text)
            if least <= number and (most is None or number <= most):
                return number
        raise argparse.ArgumentTypeError(f"{text}: {wanted}")

    return parsed


def _seconds(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(
            f"{text}: seconds are a number above 0, as in 1800"
        )
    return seconds


def _check_json(parser, path):
    """Nobody wants to hear after hours that it cannot be written."""
    existed = path.exists()
    try:
        with open(path, "a", encoding="utf-8"):
            pass
    except OSError as error:
        parser.error(
            f"--json {path}: {error.strerror}; name a file that can be written"
        )
    if not existed:
        path.unlink()


def _parser():
    parser = argparse.ArgumentParser(
        prog="vuser mutants --systematic",
        description="Systematic operator mutants (docs/mutants.md).",
    )
    add = parser.add_argument
    add("count", nargs="?", type=_whole(1), default=200, help="how many (200)")
    add("--seed", default="1", help="of the choice (1)")
    add("--json", metavar="FILE", help="the report, as JSON")
    add("--only", metavar="ID", help="this one, and its diff")
    add(
        "--files",
        metavar="PATTERN",
        default="*",
        help="mutate only these files, as in 'virtio_user/os/*.cc' (*)",
    )
    add(
        "--tests",
        metavar="REGEX",
        default="",
        help="judge by these tests and fuzz targets only (all)",
    )
    add(
        "--for",
        dest="seconds",
        type=_seconds,
        metavar="SECONDS",
        help="judge no more mutants after this time; the next run goes on",
    )
    add(
        "--fuzz-seconds",
        type=_whole(0),
        default=60,
        help="for each mutant that the tests leave (60; 0: none)",
    )
    add("--build-only", action="store_true", help="build, and judge none")
    add("--jobs", type=_whole(1, 256), default=2, help="at a time (2)")
    return parser


def parse(arguments):
    """The options; what is wrong by itself ends it with exit code 2."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    try:
        re.compile(parsed.tests)
    except re.error as error:
        parser.error(
            f"--tests {parsed.tests}: not a regular expression: {error}"
        )
    if parsed.only == "":
        parser.error("--only '': an id is FILE:LINE:COLUMN:OPERATOR")
    if parsed.json is not None and parsed.only:
        parser.error("--json: there is no report of --only; leave one out")
    if parsed.json is not None:
        # By the caller's folder, which is left later on.
        parsed.json = pathlib.Path(parsed.json).resolve()
        _check_json(parser, parsed.json)
    return parsed
