# SPDX-License-Identifier: BSD-3-Clause
"""Systematic operator mutants over virtio_user/ (docs/mutants.md)."""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import time

import by_fuzzing
import by_tests
import choice
import explanations
import report
import store
import suite
import workspace
from programs import Baseline

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_REASONS = "tests/mutants/equivalent.txt"


def say(text):
    print(f"mutants: {text}", file=sys.stderr, flush=True)


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    else:
        say(text)


def options_of(arguments):
    parser = argparse.ArgumentParser(
        prog="vuser mutants --systematic", description=__doc__
    )
    parser.add_argument(
        "count", nargs="?", type=int, default=200, help="how many (200)"
    )
    parser.add_argument("--seed", default="1", help="of the choice (1)")
    parser.add_argument("--json", metavar="FILE", help="the report, as JSON")
    parser.add_argument("--only", metavar="ID", help="this one, and its diff")
    parser.add_argument(
        "--files",
        metavar="PATTERN",
        default="*",
        help="mutate only these files, as in 'virtio_user/os/*.cc' (*)",
    )
    parser.add_argument(
        "--tests",
        metavar="REGEX",
        default="",
        help="judge by these tests and fuzz targets only (all)",
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        type=float,
        metavar="SECONDS",
        help="judge no more mutants after this time; the next run goes on",
    )
    parser.add_argument(
        "--fuzz-seconds",
        type=int,
        default=60,
        help="for each mutant that the tests leave (60; 0: none)",
    )
    parser.add_argument(
        "--build-only", action="store_true", help="build, and judge none"
    )
    parser.add_argument("--jobs", type=int, default=2, help="at a time (2)")
    options = parser.parse_args(arguments)
    if options.count < 1 or options.jobs < 1 or options.fuzz_seconds < 0:
        parser.error("a number is out of range")
    return options


class Run:
    def __init__(self, options):
        self.options = options
        self.begin = time.monotonic()
        self.folder = _ROOT / "build" / "mutants"
        self.space = workspace.Workspace(
            _ROOT, self.folder, options.files, options.jobs, say
        )
        self.store = store.Store(
            self.folder / f"{self.space.digest}.results.json"
        )
        self.baseline = Baseline(self.folder / "baseline.json")

    def out_of_time(self):
        limit = self.options.seconds
        return limit is not None and time.monotonic() - self.begin > limit

    def chosen(self):
        living = self.space.living()
        if not self.options.only:
            return choice.choose(living, self.options.count, self.options.seed)
        some = [it for it in living if it.id == self.options.only]
        if not some:
            raise SystemExit(f"mutants: unknown: {self.options.only}")
        return some

    def leg(self, name, mutants, found, judge):
        """Judges the mutants; {number: result} of those that were."""
        known = {}
        for one in mutants:
            result = self.store.get(one, name, found)
            if result and not self.options.only:
                known[one.number] = result
        left = [it for it in mutants if it.number not in known]

        def work(one):
            if self.out_of_time():
                return
            result = judge(one)
            self.store.put(one, name, result)
            known[one.number] = result
            killed = sum(it["verdict"] == "killed" for it in known.values())
            by = f" by {result['by']}" if "by" in result else ""
            progress(
                f"{name}: {len(known)} of {len(mutants)}, {killed} killed; "
                f"{one.id} {result['verdict']}{by}"
            )

        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            list(pool.map(work, left))
        return known

    def build(self):
        """Everything with all mutants in it, but for those stillborn."""
        while True:
            before = len(self.space.stillborn)
            say("building the tests with all mutants in them")
            tests = suite.build_tests(self.space, self.options.tests)
            if not self.options.fuzz_seconds:
                return tests, []
            say("building the fuzz targets with all mutants in them")
            fuzzers = suite.build_fuzzers(self.space, self.options.tests)
            # Another compiler may have refused what the first one took.
            if len(self.space.stillborn) == before:
                return tests, fuzzers

    def judge(self):
        tests, fuzzers = self.build()
        if self.options.build_only:
            raise SystemExit(0)
        suite.measure(self.baseline, tests, self.options.jobs, progress)
        mutants = self.chosen()
        tested = self.leg(
            "tests", mutants, tests, lambda it: by_tests.judge(it, tests)
        )
        results = {number: {"tests": it} for number, it in tested.items()}
        left = [
            it
            for it in mutants
            if tested.get(it.number, {}).get("verdict")
            in ("survived", "not reached")
        ]
        if left and self.options.fuzz_seconds and not self.out_of_time():
            suite.measure(self.baseline, fuzzers, self.options.jobs, progress)
            fuzzed = self.leg(
                "fuzzing",
                left,
                fuzzers,
                lambda it: by_fuzzing.judge(
                    it,
                    fuzzers,
                    self.options.fuzz_seconds,
                    self.folder / "findings",
                ),
            )
            for number, result in fuzzed.items():
                results[number]["fuzzing"] = result
        return mutants, results

    def explained(self):
        file = _ROOT / _REASONS
        entries = explanations.parse(file.read_text())
        return explanations.match(
            entries, self.space.mutants, self.space.sources
        )

    def is_done(self, result):
        if result is None:
            return False
        killed = result["tests"]["verdict"] == "killed"
        return killed or not self.options.fuzz_seconds or "fuzzing" in result

    def report(self, mutants, results):
        explained, stale = self.explained()
        judged = [
            (it, results[it.number])
            for it in mutants
            if self.is_done(results.get(it.number))
        ]
        return report.Report(
            judged,
            self.space.sources,
            explained,
            stale,
            len(self.space.stillborn),
            len(mutants) - len(judged),
        )


def main(arguments):
    options = options_of(arguments)
    run = Run(options)
    mutants, results = run.judge()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if options.only:
        (one,) = mutants
        before, after = one.lines(run.space.sources[one.path])
        print(f"{one.id} in {one.function}\n- {before}\n+ {after}")
        print(json.dumps(results[one.number], indent=1))
        return 0
    outcome = run.report(mutants, results)
    print(outcome.text())
    if options.json:
        pathlib.Path(options.json).write_text(
            json.dumps(outcome.json(), indent=1) + "\n"
        )
    return 1 if outcome.failures() else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (
        explanations.FormatError,
        suite.SuiteError,
        workspace.BuildError,
    ) as error:
        print(f"mutants: {error}", file=sys.stderr)
        sys.exit(2)
    except subprocess.CalledProcessError as error:
        print(f"mutants: {error}\n{error.stderr or ''}", file=sys.stderr)
        sys.exit(2)
