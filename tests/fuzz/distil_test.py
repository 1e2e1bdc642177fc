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
        distil._replace(committed, distilled, [])
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

    def test_SeedsAreTakenIn_HoweverLittleTheyAdd(self):
        committed = self.work / "committed" / "demo"
        self.files(committed, ["gone"])
        self.seeds = {"dull": b"=", "told": b"told"}
        code, text = self.distil()
        self.assertEqual(code, 0)
        self.assertIn("0 seeds are left out", text)
        self.assertEqual(
            list(map(str, distil._named(committed))), ["dull", "gone", "told"]
        )
        self.assertFalse(tree.left_out_list("demo").exists())

    def test_ASeedThatIsGeneratedAnew_IsCommittedAnew(self):
        committed = self.work / "committed" / "demo"
        self.files(committed, ["told"])
        self.seeds = {"told": b"told otherwise"}
        self.distil()
        self.assertEqual((committed / "told").read_bytes(), b"told otherwise")

    def test_WhereThatIsTooMuch_SeedsThatAddNothingAreLeftOut(self):
        committed = self.work / "committed" / "demo"
        dull = [f"dull_{i:03}" for i in range(distil.MOST_FILES - distil.ROOM)]
        self.seeds = {name: b"=" + name.encode() for name in dull}
        for name, data in self.seeds.items():
            self.files(committed, [name])
            (committed / name).write_bytes(data)
        self.seeds["told"] = b"told"
        code, text = self.distil()
        self.assertEqual(code, 0)
        self.assertIn("450 seeds are left out", text)
        self.assertEqual(list(map(str, distil._named(committed))), ["told"])
        listed = tree.left_out_list("demo").read_text().splitlines()
        self.assertEqual([it for it in listed if it[0] != "#"], dull)

    def test_ASeedThatWasLeftOut_ComesBackOnceItAddsSomething(self):
        committed = self.work / "committed" / "demo"
        tree.LEFT_OUT.mkdir()
        tree.left_out_list("demo").write_text("dull\ntold\n")
        self.seeds = {"dull": b"=", "told": b"told"}
        self.distil()
        self.assertEqual(list(map(str, distil._named(committed))), ["told"])
        self.assertTrue(
            tree.left_out_list("demo").read_text().endswith("\ndull\n")
        )
        del self.seeds["dull"]
        self.distil()
        self.assertFalse(tree.left_out_list("demo").exists())

    def test_OfSeedsThatReachTheSame_TheLongerOneIsLeftOut(self):
        tree.LEFT_OUT.mkdir()
        tree.left_out_list("demo").write_text("a\n")
        self.seeds = {"a": b"&xy-long", "b": b"&xy", "c": b"&z", "d": b"&z"}
        self.distil()
        committed = self.work / "committed" / "demo"
        self.assertEqual(list(map(str, distil._named(committed))), ["b", "d"])

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
        most = distil.MOST_FILES - distil.ROOM
        self.files(folder, map(str, range(most)))
        distil.check_bounds("demo", folder)
        self.files(folder, ["one_more"])
        with self.assertRaisesRegex(tree.Trouble, "451 files"):
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
