"""Distilling, by fake_engine.py."""

import os
from unittest import mock

import distil
import session_test
import tree


class DistilTest(session_test.Fixture):
    def files(self, folder, names):
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).write_bytes(name.encode())

    def test_NamesGivenByPeopleStay(self):
        committed = self.work / "committed" / "demo"
        distilled = self.work / "demo" / "distilled"
        old, new, both = "0" * 40, "1" * 40, "2" * 40
        self.files(committed, ["told", old, both])
        self.files(committed / "found", ["crash_in_x"])
        self.files(distilled, ["told", new, both])
        distil._replace(committed, distilled)
        self.assertEqual(
            sorted(map(str, distil._named(committed))),
            [new, both, "found/crash_in_x", "told"],
        )

    def test_WhatATargetDiedOfOnceStaysInItsFolder(self):
        committed = self.work / "committed" / "demo"
        self.files(committed / "found", ["crash_in_x"])
        code, _ = self.distil()
        self.assertEqual(code, 0)
        self.assertEqual(
            list(map(str, distil._named(committed))), ["found/crash_in_x"]
        )

    def distil(self):
        with mock.patch.dict(os.environ, FAKE_ENGINE="pass"):
            return distil.distil("demo", self.command())

    def test_WhatWasFoundIsTakenIn(self):
        new = "1" * 40
        self.files(self.work / "demo" / "corpus", [new])
        code, text = self.distil()
        self.assertEqual(code, 0)
        self.assertIn("-> 1 inputs, 40 bytes", text)
        self.assertTrue((self.work / "committed" / "demo" / new).exists())

    def test_WhereThatIsTooMuch_InputsWithOtherEdgesAreTakenIn(self):
        edge = "e" * 40
        counts = [f"c{i:039}" for i in range(distil.MOST_FILES)]
        self.files(self.work / "demo" / "corpus", [edge, *counts])
        code, text = self.distil()
        self.assertEqual(code, 0)
        self.assertIn("-> 1 inputs, 40 bytes", text)
        self.assertTrue((self.work / "committed" / "demo" / edge).exists())

    def test_AnInputThatEndsTheMerge_IsAFindingAndChangesNothing(self):
        committed = self.work / "committed" / "demo"
        crasher, other = "1" * 40, "2" * 40
        self.files(committed, [crasher])
        (committed / crasher).write_bytes(b"!" * 9)
        self.files(self.work / "demo" / "corpus", [other])
        code, text = self.distil()
        self.assertEqual(code, 4)
        self.assertTrue((committed / crasher).exists())
        self.assertFalse((committed / other).exists())
        self.assertIn("finding: demo at it: told once", text)
        (kept,) = (self.work / "demo" / "findings").glob("*[0-9a-f]")
        self.assertEqual(kept.read_bytes(), b"!" * 9)
        self.assertIn(f"./vuser fuzz demo '{kept}'", text)

    def test_AMergeThatWasEndedByWhatCannotBeReplayed_ChangesNothing(self):
        self.files(self.work / "demo" / "corpus", ["1" * 40])
        words = ["MERGE-OUTER: attempt 1", "MERGE-OUTER: attempt 2"]
        with self.assertRaisesRegex(tree.Trouble, "fuzz/corpus is as it was"):
            distil._look("demo", self.command(), words, self.work / "log")

    def test_TooManyFilesAreRefused(self):
        folder = self.work / "many"
        self.files(folder, map(str, range(distil.MOST_FILES)))
        distil.check_bounds("demo", folder)
        self.files(folder, ["one_more"])
        with self.assertRaisesRegex(tree.Trouble, "501 files"):
            distil.check_bounds("demo", folder)

    def test_TooManyBytesAreRefused(self):
        folder = self.work / "long"
        self.files(folder, ["a"])
        (folder / "b").write_bytes(b"b" * distil.MOST_BYTES)
        with self.assertRaisesRegex(tree.Trouble, "1000001 bytes"):
            distil.check_bounds("demo", folder)

    def test_NothingLeftIsRefused(self):
        with self.assertRaisesRegex(tree.Trouble, "nothing is left"):
            distil.check_bounds("demo", self.work / "none")
