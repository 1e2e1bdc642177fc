"""What is read out of lines that libFuzzer and the sanitizers have written.

The files in recorded/ are what clang 19 wrote, but for frames of no interest.
"""

import pathlib
import unittest

import engine_output
from engine_output import CRASH, LIVENESS, VIOLATION

RECORDED = pathlib.Path(__file__).parent / "recorded"
DEMO = "virtio_user/device/demo.cc"


def lines_of(name):
    return (RECORDED / f"{name}.txt").read_text().splitlines()


def found(name):
    finding = engine_output.finding_of(lines_of(name))
    return finding.checker, finding.site, finding.text, finding.code


class ProgressTest(unittest.TestCase):
    def test_ARunIsFollowedToItsEnd(self):
        progress = engine_output.Progress()
        taken = [line for line in lines_of("run") if progress.feed(line)]
        self.assertEqual(
            progress, engine_output.Progress(1348, 149, 10247, 40021, 598, 131)
        )
        self.assertEqual(len(taken), 14)

    def test_BeforeAnythingIsCovered_NumbersAreLeftOut(self):
        progress = engine_output.Progress()
        self.assertTrue(progress.feed("#2\tINITED exec/s: 0 rss: 31Mb"))
        self.assertEqual((progress.execs, progress.coverage), (2, 0))

    def test_OtherLinesSayNothing(self):
        progress = engine_output.Progress()
        for line in (
            "",
            "    #5 0x55 in f() /a/b.cc:1:2",
            "INFO: Seed: 3",
            "states: many",
            "# vuser replay script",
        ):
            self.assertFalse(progress.feed(line), line)
        self.assertEqual(progress, engine_output.Progress())


class FindingTest(unittest.TestCase):
    def test_AnExpectation(self):
        self.assertEqual(
            found("expectation"),
            (
                "one-ack",
                "void virtio_user::Notify(int, size_t)",
                "more bytes: 2 of 1",
                VIOLATION,
            ),
        )

    def test_ACheckerOfTheSimulator_BringsItsScript(self):
        finding = engine_output.finding_of(lines_of("script"))
        self.assertEqual(finding.name, ("protocol", "simulation"))
        self.assertEqual(finding.text, "protocol: ring-base: said")
        self.assertEqual(
            finding.script,
            "# vuser replay script\nset pairs 1\ncontrol start a=1\n",
        )
        self.assertEqual(
            finding.line,
            "finding: protocol at simulation: protocol: ring-base: said",
        )

    def test_WhatEndsAProcess_IsNamedWithItsPlace(self):
        for name, expected in (
            ("address", ("heap-buffer-overflow", f"{DEMO}:12",
                         "heap-buffer-overflow", CRASH)),
            ("undefined", ("undefined-behavior", f"{DEMO}:13",
                           "signed integer overflow: 2147483647 + 4 cannot be"
                           " represented in type 'int'", CRASH)),
            ("check", ("check", f"{DEMO}:14", "size == 0", CRASH)),
            ("leak", ("leak", f"{DEMO}:16", "detected memory leaks", CRASH)),
            ("out_of_memory", ("out-of-memory", f"{DEMO}:17",
                               "out-of-memory (used: 357Mb; limit: 300Mb)",
                               CRASH)),
            ("segv", ("SEGV", f"{DEMO}:18", "SEGV", CRASH)),
            ("assertion", ("assertion", f"{DEMO}:19", "'__n < this->size()'",
                           CRASH)),
            ("exit", ("exit", f"{DEMO}:22", "fuzz target exited", CRASH)),
            ("timeout", ("timeout", DEMO, "timeout after 3 seconds",
                         LIVENESS)),
        ):
            with self.subTest(name):
                self.assertEqual(found(name), expected)

    def test_ATreeInAFolderOfTheSameName_IsNotTakenForALayer(self):
        line = "    #1 0x5 in f() /x/virtio_user/fuzz/reader.cc:7:2"
        finding = engine_output.finding_of(
            ["==1== ERROR: libFuzzer: deadly signal", line]
        )
        self.assertEqual(finding.name, ("signal", "fuzz/reader.cc:7"))

    def test_ALoopUnderAWritingPeer_IsNamedWithTheLoad(self):
        lines = ["==1== ERROR: libFuzzer: deadly signal"] + [
            f"    #{i} 0x5 in {name} /x/{path}:{line}:2"
            for i, (name, path, line) in enumerate((
                ("backend_sim::LoadMutator::BeforeLoad(unsigned long)",
                 "backend_sim/load_mutator.cc", 64),
                ("(anonymous namespace)::Seen(void*, unsigned int)",
                 "backend_sim/load_mutator.cc", 200),
                ("__sanitizer_cov_load2", "backend_sim/load_mutator.cc", 212),
                ("virtio_user::Walk::Next()", "virtio_user/ring/walk.cc", 9),
            ))
        ]
        finding = engine_output.finding_of(lines)
        self.assertEqual(finding.name, ("signal", "virtio_user/ring/walk.cc:9"))

    def test_AnOrderlyEndIsNone(self):
        self.assertIsNone(engine_output.finding_of(lines_of("run")))

    def test_ASlowInputIsNotTheOneThatWasKept(self):
        slow = "artifact_prefix='a/'; Test unit written to a/slow-unit-01"
        crash = "artifact_prefix='a/'; Test unit written to a/crash-02"
        self.assertIsNone(engine_output.kept_input([slow]))
        self.assertEqual(
            engine_output.kept_input(["x", crash, slow]), "a/crash-02"
        )

    def test_AKeptInput_MayLieInAFolderWithASpace(self):
        line = "artifact_prefix='/a b/'; Test unit written to /a b/crash-1"
        self.assertEqual(engine_output.kept_input([line]), "/a b/crash-1")
