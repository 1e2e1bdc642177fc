# SPDX-License-Identifier: BSD-3-Clause
"""One run: builds, judges, reports."""

import concurrent.futures
import fcntl
import json
import pathlib
import subprocess
import sys
import time

import by_fuzzing
import by_tests
import candidates
import choice
import ending
import explanations
import options
import report
import store
import suite
import workspace
from clang import cindex
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


class BusyError(RuntimeError):
    pass


def only_one(folder):
    """Of all runs: they share the copy of the tree, and what is known."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / "lock", "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise BusyError(
            f"another ./vuser mutants --systematic is at work in {folder}:"
            " wait until it has ended"
        ) from error
    return lock


class Run:
    def __init__(self, parsed):
        self.options = parsed
        self.begin = time.monotonic()
        self.folder = _ROOT / "build" / "mutants"
        self.space = workspace.Workspace(
            _ROOT, self.folder, parsed.files, parsed.jobs, say
        )
        # What is wrong is said before anything is built.
        if not self.space.mutants:
            raise options.UsageError(
                f"--files {parsed.files}: there is nothing to change in"
                f" {' '.join(sorted(self.space.mutated))}"
            )
        if parsed.only:
            self.only(self.space.living())
        self.explained, self.stale = self.match()
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
        return self.only(living)

    def only(self, living):
        wanted = self.options.only
        some = [it for it in living if it.id == wanted]
        if some:
            return some
        place = ":".join(wanted.split(":")[:2]) + ":"
        there = [it.id for it in living if it.id.startswith(place)]
        why = "an id is FILE:LINE:COLUMN:OPERATOR, as the report has it"
        if any(it.id == wanted for it in self.space.mutants):
            why = "it does not compile"
        elif there:
            why = "on that line there are " + " ".join(there)
        raise options.UsageError(f"--only {wanted}: no such mutant: {why}")

    def leg(self, name, mutants, found, judge):
        """Judges the mutants; {number: result} of those that were."""
        known = {}
        seconds = self.options.fuzz_seconds if name == "fuzzing" else 0
        for one in mutants:
            result = self.store.get(one, name, found, seconds)
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
            if result["verdict"] == "unknown":
                by = f" ({result['how']})"
            progress(
                f"{name}: {len(known)} of {len(mutants)}, {killed} killed; "
                f"{one.id} {result['verdict']}{by}"
            )

        threads = concurrent.futures.ThreadPoolExecutor(self.options.jobs)
        with ending.workers(threads) as pool:
            list(pool.map(work, left))
        return known

    def build(self):
        """Everything with all mutants in it, but for those stillborn."""
        self.space.write()  # Bazel answers there.
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

    def to_judge(self):
        """The mutants that were chosen, and others that have a reason.

        A reason is to be true of those, too.
        """
        chosen = self.chosen()
        if self.options.only:
            return chosen, []
        numbers = {it.number for it in chosen}
        return chosen, [
            it
            for it in self.space.living()
            if it.number in self.explained and it.number not in numbers
        ]

    def judge(self):
        tests, fuzzers = self.build()
        if self.options.build_only:
            raise SystemExit(0)
        suite.measure(self.baseline, tests, self.options.jobs, progress)
        chosen, explained = self.to_judge()
        mutants = chosen + explained
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
        return chosen, explained, results

    def match(self):
        """The reasons, by number, and those that fit no mutant."""
        entries = explanations.parse((_ROOT / _REASONS).read_text())
        return explanations.match(
            explanations.of_files(entries, self.options.files),
            self.space.mutants,
            self.space.sources,
        )

    def is_done(self, result):
        if result is None:
            return False
        killed = result["tests"]["verdict"] == "killed"
        return killed or not self.options.fuzz_seconds or "fuzzing" in result

    def done(self, mutants, results):
        return [
            (it, results[it.number])
            for it in mutants
            if self.is_done(results.get(it.number))
        ]

    def report(self, chosen, explained, results):
        judged = self.done(chosen, results)
        return report.Report(
            judged,
            self.space.sources,
            self.explained,
            self.stale,
            len(self.space.stillborn),
            len(chosen) - len(judged),
            explanations.heads(self.space.mutants, self.space.sources),
            self.done(explained, results),
            self.rests_on(),
        )

    def rests_on(self):
        """What a verdict is worth nothing without."""
        return report.Basis(
            seed=self.options.seed,
            wanted=self.options.count,
            places=len(self.space.living()),
            fuzz_seconds=self.options.fuzz_seconds,
            files=self.options.files,
            tests=self.options.tests,
            commit=_git("rev-parse", "--short=12", "HEAD"),
            clean=_git("status", "--porcelain") == "",
        )


def _git(*arguments):
    """What git says; None without git, or in a tree that it does not know."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=_ROOT,
            capture_output=True,
            check=False,
            text=True,
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _run(parsed):
    with only_one(_ROOT / "build" / "mutants"):
        return _run_alone(parsed)


def _run_alone(parsed):
    run = Run(parsed)
    chosen, explained, results = run.judge()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if parsed.only:
        (one,) = chosen
        before, after = one.lines(run.space.sources[one.path])
        print(f"{one.id} in {one.function}\n- {before}\n+ {after}")
        told = results.get(one.number, {})
        print(json.dumps(told or "not judged yet", indent=1))
        if not told:
            return 2
        killed = any(it["verdict"] == "killed" for it in told.values())
        return 0 if killed or one.number in run.explained else 1
    outcome = run.report(chosen, explained, results)
    print(outcome.text())
    if parsed.json:
        parsed.json.write_text(json.dumps(outcome.json(), indent=1) + "\n")
        say(f"the report is {parsed.json}")
    if not outcome.judged:
        say("none was judged in that time; give it more with --for")
        return 2
    return 1 if outcome.failures() else 0


def main(parsed):
    try:
        return _run(parsed)
    except explanations.FormatError as error:
        print(f"mutants: {_REASONS}: {error}", file=sys.stderr)
    except (
        BusyError,
        OSError,
        candidates.ParseError,
        cindex.LibclangError,
        options.UsageError,
        suite.SuiteError,
        workspace.BuildError,
    ) as error:
        print(f"mutants: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"mutants: {error}\n{error.stderr or ''}", file=sys.stderr)
    except KeyboardInterrupt:
        say("interrupted; what was judged is kept, and the next run goes on")
    return 2
