"""Whole runs, of fake_engine.py."""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

import engine
import engine_output
import findings
import main
import options
import session
import tree
import watch

FAKE = pathlib.Path(__file__).parent / "fake_engine.py"


class Fixture(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = pathlib.Path(folder.name).resolve() / "two words"
        self.work.mkdir()
        self.seeds = {}  # What is generated: contents by name.
        for name, value in (
            ("WORK", self.work), ("CORPORA", self.work / "committed"),
            ("LEFT_OUT", self.work / "left_out"),
            ("build_generator", mock.Mock()),
            ("write_seeds", self.write_seeds),
        ):
            patch = mock.patch.object(tree, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        for folder in ("corpus", "artifacts"):
            (self.work / "demo" / folder).mkdir(parents=True)
        self.interrupt = mock.Mock(seen=False)

    def write_seeds(self, name, folder):
        folder.mkdir(parents=True)
        for seed, data in self.seeds.items():
            (folder / seed).write_bytes(data)

    def command(self):
        return [
            sys.executable,
            str(FAKE),
            f"-artifact_prefix={self.work}/demo/artifacts/",
            "-max_total_time=1",
            "corpus",
        ]

    def run_fake(self, how, jobs=1, seconds=1):
        """Of a run that is over: its session, exit code and text."""
        one = session.Session("demo", self.command(), jobs, seconds, 40)
        out = io.StringIO()
        with mock.patch.dict(os.environ, FAKE_ENGINE=how):
            with contextlib.redirect_stdout(out):
                screen = watch.Screen(io.StringIO())
                watch.watch([one], screen, self.interrupt)
                wanted = options.Options(targets=["demo"])
                with contextlib.redirect_stderr(io.StringIO()):
                    code = main.conclude(wanted, [one], self.interrupt)
        return one, code, out.getvalue()


class SessionTest(Fixture):
    def test_NothingFound_IsAPass(self):
        one, code, text = self.run_fake("pass", jobs=2)
        self.assertEqual((code, text), (0, "verdict: pass, 202 executions\n"))
        now = one.summary()
        self.assertEqual(now["execs"], 202)
        self.assertEqual((now["coverage"], now["states"]), (5, 7))

    def test_TheSameFindingIsToldOnceAndCounted(self):
        one, code, text = self.run_fake("find")
        self.assertEqual(code, 4)
        (entry,) = one.findings.entries.values()
        self.assertGreater(entry.count, 1)
        first, *rest = text.splitlines()
        self.assertEqual(first, "finding: demo at it: told once")
        # Once when it came, and once with what to do.
        self.assertEqual(rest.count(first), 1)
        self.assertIn(f"seen {entry.count} times", text)
        self.assertEqual(rest[-1], "verdict: violation, 1 finding")

    def test_AFindingIsMadeSmallAndKept(self):
        one, _, text = self.run_fake("find")
        (entry,) = one.findings.entries.values()
        self.assertEqual(entry.path.parent, self.work / "demo" / "findings")
        self.assertEqual(entry.path.read_bytes(), b"!")
        self.assertIn("input of 1 bytes, 9 before", text)
        self.assertIn(f"./vuser fuzz demo '{entry.path}'", text)
        self.assertIn(f"./vuser shrink '{entry.path}.script'", text)
        script = entry.path.with_suffix(".script").read_text()
        self.assertEqual(script, "# vuser replay script\nset pairs 1\n")

    def test_ASmallerInputOfAnotherFinding_IsThatFindings(self):
        one, _, text = self.run_fake("find_stray")
        entry, stray = one.findings.entries.values()
        self.assertEqual(entry.path.read_bytes(), b"!" * 9)
        self.assertEqual(stray.finding.name, ("demo", "stray"))
        self.assertEqual(stray.path.read_bytes(), b"!?")
        self.assertIn("finding: demo at stray: told once", text)
        self.assertIn("verdict: violation, 2 findings", text)

    def test_OtherSites_AreOtherFindings(self):
        one, code, text = self.run_fake("find_other", jobs=2)
        self.assertEqual(code, 4)
        self.assertGreater(len(one.findings.entries), 1)
        self.assertIn(("demo", "40"), one.findings.entries)
        self.assertIn(("demo", "41"), one.findings.entries)

    def test_ASeedThatEndsTheProcess_LeavesTheCorpus(self):
        seed = self.work / "demo" / "corpus" / "seed"
        seed.write_bytes(b"!" * 9)
        other = self.work / "demo" / "corpus" / "other"
        other.write_bytes(b"?" * 9)
        self.run_fake("find")
        self.assertFalse(seed.exists())
        self.assertTrue(other.exists())

    def test_AFileThatAnotherProcessRemoved_IsNotMissed(self):
        seen = tree.files_of

        def late(folder):
            return [*seen(folder), folder / "gone"]

        with mock.patch.object(tree, "files_of", late):
            one, code, _ = self.run_fake("find")
            self.assertIn("0 inputs", tree.corpus_text(self.work / "none"))
        self.assertEqual(code, 4)

    def test_AnEndWithoutAnInput_IsNoPass(self):
        _, code, text = self.run_fake("mute")
        self.assertEqual(code, 1)
        self.assertIn("verdict: nothing is known: demo: ended with", text)

    def test_AnEndBeforeItsTime_IsNoPass(self):
        _, code, text = self.run_fake("leave", seconds=3600)
        self.assertEqual(code, 1)
        self.assertRegex(
            text, r"nothing is known: demo: ended by itself, 3\d+ s before"
        )

    def test_AnEngineThatRunsNothing_IsNoPass(self):
        _, code, text = self.run_fake("idle", jobs=2)
        self.assertEqual(code, 1)
        self.assertIn("nothing is known: demo: nothing was executed", text)

    def test_ATargetIsFuzzedByOneAtATime(self):
        with tree.held(["demo", "other"]):
            with self.assertRaisesRegex(tree.Trouble, "demo: another"):
                with tree.held(["third", "demo"]):
                    pass
            with tree.held(["third"]):
                pass
        with tree.held(["demo"]):
            pass

    def test_AnInterruption_EndsWithTheVerdictSoFar(self):
        timer = threading.Timer(
            0.5, lambda: setattr(self.interrupt, "seen", True)
        )
        timer.start()
        started = time.monotonic()
        _, code, text = self.run_fake("stay", seconds=3600)
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(code, 1)
        self.assertIn("verdict: interrupted; no finding in 5 executions", text)

    def grace(self, late, more):
        """After its time, and after it was told to end."""
        stack = contextlib.ExitStack()
        for name, value in (
            ("late_seconds", lambda command: late), ("GRACE_SECONDS", more),
        ):
            stack.enter_context(mock.patch.object(engine, name, value))
        return stack

    def test_AProcessThatStays_IsEndedAndNoPass(self):
        for how in ("stay", "deaf"):
            with self.subTest(how), self.grace(0.5, 0.5):
                _, code, text = self.run_fake(how)
                self.assertEqual(code, 1)
                self.assertRegex(
                    text, "nothing is known: demo: did not end within"
                )

    def test_AReportThatHasBegun_IsNotCutOff(self):
        with self.grace(late=1, more=20):
            one, code, _ = self.run_fake("report")
        self.assertEqual(code, 4)
        self.assertIn(("demo", "late"), one.findings.entries)

    def test_AReportThatHasBegun_OutlivesAnInterruption(self):
        log = self.work / "demo" / "logs" / "1.log"

        class Interrupt:
            """Comes when the report has begun."""

            @property
            def seen(self):
                return log.exists() and "Sanitizer" in log.read_text()

        self.interrupt = Interrupt()
        one, code, text = self.run_fake("report")
        self.assertEqual(code, 4)
        self.assertIn("verdict: violation, 1 finding, interrupted", text)

    def test_GraceIsTwiceWhatAnInputMayTake(self):
        self.assertEqual(engine.late_seconds(["x", "-timeout=10"]), 30)
        self.assertEqual(engine.late_seconds(["-timeout=5", "-timeout=60"]),
                         130)
        self.assertEqual(engine.late_seconds(["x"]), 30)

    def test_AnInputIsReplayed(self):
        path = self.work / "input"
        log = self.work / "log"
        with mock.patch.dict(os.environ, FAKE_ENGINE="pass"):
            path.write_bytes(b"?")
            self.assertEqual(
                findings.replayed(self.command(), path, log), (0, None, [])
            )
            path.write_bytes(b"!")
            code, finding, _ = findings.replayed(self.command(), path, log)
        self.assertEqual((code, finding.name), (77, ("demo", "it")))


    def test_WhatCannotBeReplayed_IsNamed(self):
        pipe = self.work / "pipe"
        os.mkfifo(pipe)
        for name, why in (
            ("", "'': a file has a name"),
            (str(self.work), "a folder; name files in it"),
            (str(self.work / "none"), "no such file"),
            (str(pipe), "not a regular file"),
            ("/dev/null", "/dev/null: not a regular file"),
        ):
            with self.assertRaisesRegex(options.UsageError, why):
                main.check_input(pathlib.Path(name).resolve(), name)
        path = self.work / "input"
        path.write_bytes(b"?")
        main.check_input(path, str(path))
        with mock.patch.object(os, "access", return_value=False):
            with self.assertRaisesRegex(options.UsageError, "must not be read"):
                main.check_input(path, str(path))

    def test_ALongRunIsTimedInHours(self):
        one = session.Session("demo", self.command(), 1, 1, 40)
        one.elapsed = 25 * 3600 + 61
        self.assertIn("demo 25:01:01  ", one.text())


class TableTest(Fixture):
    def test_EachTargetHasALine(self):
        one, _, _ = self.run_fake("pass")
        head, row = main.table([one])
        self.assertEqual(
            head.split(),
            ["target", "execs", "exec/s", "coverage", "features", "corpus",
             "findings"],
        )
        self.assertEqual(row.split()[:2], ["demo", "101"])
        self.assertEqual(row.split()[3:], ["5", "9", "3", "0"])

    def test_TheHashOfACorpusIsThatOfItsContents(self):
        for folder, names in (("x", "ab"), ("y", "ba")):
            (self.work / folder).mkdir()
            for name, data in zip(names, (b"1", b"22")):
                (self.work / folder / name).write_bytes(data)
        text = tree.corpus_text(self.work / "x")
        self.assertTrue(text.startswith("2 inputs, 3 bytes, hash "))
        self.assertEqual(text, tree.corpus_text(self.work / "y"))
        (self.work / "y" / "a").write_bytes(b"23")
        self.assertNotEqual(text, tree.corpus_text(self.work / "y"))
