"""What is kept of findings, and that nothing hides them."""

import contextlib
import io
import os
from unittest import mock

import engine_output
import findings
import main
import session_test
import tree
import watch


class KeptTest(session_test.Fixture):
    def setUp(self):
        super().setUp()
        patch = mock.patch.dict(os.environ, FAKE_ENGINE="find")
        patch.start()
        self.addCleanup(patch.stop)
        self.findings = findings.Findings("demo", self.command())
        self.folder = self.work / "demo" / "findings"
        self.folder.mkdir()

    def add(self, data, checker="demo", site="it"):
        kept = self.work / "kept"
        kept.write_bytes(data)
        finding = engine_output.Finding(checker, site, "told", 4)
        return self.findings.add(finding, kept)

    def earlier(self, data):
        """What an earlier run kept of the finding."""
        self.add(b"!" * 9)
        (entry,) = self.findings.entries.values()
        entry.path.write_bytes(data)
        self.findings = findings.Findings("demo", self.command())
        return entry.path

    def test_ASmallerInputOfAnEarlierRun_IsKept(self):
        path = self.earlier(b"!")
        self.add(b"!" * 9)
        self.assertEqual(path.read_bytes(), b"!")

    def test_ALongerInputOfAnEarlierRun_IsReplaced(self):
        path = self.earlier(b"!" * 10)
        self.add(b"!" * 9)
        self.assertEqual(path.read_bytes(), b"!" * 9)

    def test_AnEarlierInputThatDoesNotFailNow_IsSetAside(self):
        path = self.earlier(b"?")
        self.add(b"!" * 9)
        self.assertEqual(path.read_bytes(), b"!" * 9)
        self.assertEqual(path.with_suffix(".earlier").read_bytes(), b"?")

    def test_WhatCannotBeKept_IsAFindingWhereItLies(self):
        self.folder.rmdir()
        self.folder.write_bytes(b"in the way")
        with contextlib.redirect_stderr(io.StringIO()) as told:
            self.assertTrue(self.add(b"!"))
        self.assertIn("findings", told.getvalue())
        (entry,) = self.findings.entries.values()
        self.assertEqual(entry.path, self.work / "kept")
        self.assertIn("/kept", "".join(self.findings.lines_about(entry)))

    def test_FindingsWithoutAPlace_AreNotTheSame(self):
        for data in (b"a", b"b", b"a"):
            self.add(data, "timeout", "unknown")
        inputs = [e.path.read_bytes() for e in self.findings.entries.values()]
        self.assertEqual(inputs, [b"a", b"b"])

    def test_FindingsWithoutAPlace_AreNotKeptWithoutEnd(self):
        for number in range(findings.MOST_UNKNOWN + 5):
            self.add(b"%d" % number, "timeout", "unknown")
        entries = self.findings.entries
        self.assertEqual(len(entries), findings.MOST_UNKNOWN)
        self.assertEqual(sum(e.count for e in entries.values()),
                         findings.MOST_UNKNOWN + 5)


class WorstTest(session_test.Fixture):
    """What is found counts, whatever else does not work."""

    def run_main(self, *arguments, prepared):
        out = io.StringIO()
        with contextlib.ExitStack() as stack:
            for patch in (
                mock.patch.dict(os.environ, FAKE_ENGINE="find"),
                mock.patch.object(tree, "build"),
                mock.patch.object(tree, "targets", lambda: ["demo", "other"]),
                mock.patch.object(tree, "prepared", prepared),
                mock.patch.object(tree, "command_alone", prepared),
                mock.patch.object(watch, "Interrupt", lambda: self.interrupt),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                stack.enter_context(patch)
            return main.main(list(arguments)), out.getvalue()

    def test_ATroubleOfALaterTarget_DoesNotHideFindings(self):
        for error in (tree.Trouble("broken"), OSError("no space left")):
            with self.subTest(error):
                code, text = self.run_main(
                    "all", "--time", "2",
                    prepared=mock.Mock(side_effect=[self.command(), error]),
                )
                self.assertEqual(code, 4)
                self.assertIn("verdict: violation, 1 finding", text)
                self.assertIn("./vuser fuzz demo", text)

    def test_ATroubleAloneIsNoPass(self):
        code, text = self.run_main(
            "all", "--time", "2",
            prepared=mock.Mock(side_effect=tree.Trouble("broken")),
        )
        self.assertEqual(code, 1)
        self.assertIn("verdict: nothing is known: broken", text)

    def test_AnInputThatEndsOddly_DoesNotHideAnotherOne(self):
        for name, data in (("crash", b"!"), ("odd", b"%")):
            (self.work / name).write_bytes(data)
        crash, odd = str(self.work / "crash"), str(self.work / "odd")
        prepared = mock.Mock(return_value=self.command())
        for files, expected in (
            ((crash, odd), 4), ((odd, crash), 4), ((odd,), 1),
        ):
            with self.subTest(files):
                code, text = self.run_main("demo", *files, prepared=prepared)
                self.assertEqual(code, expected)
                self.assertIn(f"{odd}: ended with code 1", text)

    def test_ATargetThatCannotBeDistilled_DoesNotHideAnotherOne(self):
        corpus = self.work / "demo" / "corpus" / ("1" * 40)
        corpus.write_bytes(b"!")
        (self.work / "other").mkdir()
        code, text = self.run_main(
            "all", "--distil",
            prepared=mock.Mock(
                side_effect=[tree.Trouble("broken"), self.command()]
            ),
        )
        self.assertEqual(code, 1)
        code, text = self.run_main(
            "all", "--distil",
            prepared=mock.Mock(
                side_effect=[self.command(), tree.Trouble("broken")]
            ),
        )
        self.assertEqual(code, 4)
