# SPDX-License-Identifier: BSD-3-Clause
"""The command: its arguments, and how it is ended."""

import contextlib
import io
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

_TOOL = "tools/systematic_mutants"
sys.path.insert(0, _TOOL)

import options  # pylint: disable=wrong-import-position

# Runs two programs at a time out of ten, each of which starts one that stays.
_ENDED = """
    import pathlib, sys
    sys.path.insert(0, sys.argv[1])
    import ending, programs, suite
    folder = pathlib.Path(sys.argv[2])
    found = [
        programs.Program(
            f"//tests:p{i}", pathlib.Path("/bin/sh"), folder,
            ["-c", f"sleep 987{i} & echo $! $$ >{folder}/pid{i}; wait"],
        )
        for i in range(10)
    ]
    ending.watch_signals()
    baseline = programs.Baseline(folder / "baseline.json")
    try:
        suite.measure(baseline, found, 2, lambda text: None)
    except KeyboardInterrupt:
        sys.exit(2)
"""


def _lives(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _wait_for(condition):
    ends = time.monotonic() + 30
    while not condition() and time.monotonic() < ends:
        time.sleep(0.05)
    return condition()


class OptionsTest(unittest.TestCase):
    def refused(self, *arguments):
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            with self.assertRaises(SystemExit) as caught:
                options.parse(arguments)
        self.assertEqual(caught.exception.code, 2)
        return err.getvalue()

    def test_what_is_wrong_is_named(self):
        for arguments, named in (
            (["0"], "0: a whole number from 1"),
            (["many"], "many: a whole number from 1"),
            (["--jobs", "0"], "--jobs: 0: a whole number from 1 to 256"),
            (["--jobs", "257"], "--jobs: 257: a whole number from 1 to 256"),
            (["--fuzz-seconds", "-1"], "--fuzz-seconds: -1: a whole number"),
            (["--for", "0"], "--for: 0: seconds are a number above 0"),
            (["--tests", "a("], "--tests a(: not a regular expression"),
            (["--json", "/no/such/it.json"], "--json /no/such/it.json: "),
            (["--only", "a:1:2:bound", "--json", "it"], "no report of --only"),
            (["--fast"], "--fast"),
        ):
            with self.subTest(arguments):
                self.assertIn(named, self.refused(*arguments))

    def test_the_report_lies_where_it_was_asked_for(self):
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name).resolve()
            os.chdir(folder)
            parsed = options.parse(["--json", "it.json"])
            self.assertEqual(parsed.json, folder / "it.json")
            # It was only tried.
            self.assertEqual(list(folder.iterdir()), [])

    def test_wrong_arguments_and_help_install_nothing(self):
        for argument, code in (("--fast", 2), ("--help", 0)):
            with self.subTest(argument):
                done = subprocess.run(
                    [sys.executable, _TOOL, argument],
                    capture_output=True,
                    check=False,
                    text=True,
                    # Without it nothing could be installed or built.
                    env={
                        "PATH": "/nonexistent",
                        "PYTHONDONTWRITEBYTECODE": "1",
                    },
                )
                self.assertEqual(done.returncode, code, done.stderr)


class EndingTest(unittest.TestCase):
    def test_signals_end_the_programs_and_start_no_others(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number), self.started() as (process, folder):
                process.send_signal(number)
                self.assertEqual(process.wait(20), 2)
                self.assertTrue(self.ended(folder))

    def test_a_process_that_is_killed_takes_its_programs_along(self):
        with self.started() as (process, folder):
            process.kill()
            process.wait()
            shells = [pids[1] for pids in self.pids(folder)]
            self.assertTrue(
                _wait_for(lambda: not any(map(_lives, shells)))
            )
            for sleeper, _ in self.pids(folder):
                os.kill(int(sleeper), signal.SIGKILL)

    @contextlib.contextmanager
    def started(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            with subprocess.Popen(
                [
                    sys.executable, "-c", textwrap.dedent(_ENDED), _TOOL, name
                ]
            ) as process:
                begun = _wait_for(lambda: len(self.pids(folder)) == 2)
                self.assertTrue(begun)
                try:
                    yield process, folder
                finally:
                    process.kill()

    def pids(self, folder):
        texts = [it.read_text().split() for it in folder.glob("pid*")]
        return [it for it in texts if len(it) == 2]

    def ended(self, folder):
        pids = [pid for pair in self.pids(folder) for pid in pair]
        return len(pids) == 4 and _wait_for(
            lambda: not any(map(_lives, pids))
        )


if __name__ == "__main__":
    unittest.main()
