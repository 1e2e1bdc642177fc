# SPDX-License-Identifier: BSD-3-Clause
"""The systematic mutants apart from clang: choice, reasons, verdict, runs."""

import dataclasses
import pathlib
import stat
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, "tools/systematic_mutants")

# pylint: disable=wrong-import-position
import by_tests
import choice
import explanations
import mutant as m
import programs
import report
import schemata
import source_text
import store
import suite

_SOURCE = "#\nint F() {\n  if (a < 1) return 1;  // Why.\n  g();\n  h();\n}\n"


def _mutant(number, operator=m.NEGATED_CONDITION, path="virtio_user/a.cc"):
    at = _SOURCE.index("a < 1")
    return m.Mutant(
        path, number, 7, operator, "F", at, at + 5, "!(a < 1)", number=number
    )


_BASIS = report.Basis("1", 200, 6000, 60, "*", "", "c0ffee", True)


def _report(
    verdicts, explained=None, stale=(), missing=0, beside=(), basis=_BASIS
):
    judged = []
    for number, (tests, fuzzing) in enumerate(verdicts, start=1):
        results = {"tests": {"verdict": tests, "digests": {}}}
        if fuzzing:
            results["fuzzing"] = {"verdict": fuzzing, "digests": {}}
        judged.append((_mutant(number), results))
    sources = {"virtio_user/a.cc": _SOURCE}
    return report.Report(
        judged, sources, explained or {}, list(stale), 0, missing,
        {one.number: "head" for one, _ in judged}, list(beside), basis,
    )


def _entry(reason="because"):
    return explanations.Entry("a", "F", "bound", "x", "y", reason, 1)


class ChoiceTest(unittest.TestCase):
    def setUp(self):
        self.mutants = []
        for path, operator, count in (
            ("virtio_user/a.cc", m.BOUND, 60),
            ("virtio_user/b.cc", m.BOUND, 20),
            ("virtio_user/a.cc", m.WEAKER_ORDER, 20),
        ):
            for _ in range(count):
                number = len(self.mutants) + 1
                self.mutants.append(_mutant(number, operator, path))

    def test_operators_and_files_have_their_shares(self):
        chosen = choice.choose(self.mutants, 20, "1")
        self.assertEqual(len({it.number for it in chosen}), 20)
        bounds = [it for it in chosen if it.operator == m.BOUND]
        self.assertEqual(len(bounds), 16)
        in_b = [it for it in bounds if it.path.endswith("b.cc")]
        self.assertEqual(len(in_b), 4)

    def test_the_seed_decides(self):
        first, again, other = [
            [it.id for it in choice.choose(self.mutants, 20, seed)]
            for seed in ("1", "1", "2")
        ]
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_all_are_chosen_if_more_are_wanted_than_there_are(self):
        self.assertEqual(choice.choose(self.mutants, 999, "1"), self.mutants)


class ExplanationsTest(unittest.TestCase):
    _TEXT = (
        "# A comment.\n\nvirtio_user/a.cc in F: negated-condition\n"
        "- if (a < 1) return 1;\n+ if (!(a < 1)) return 1;\nIt is\nso.\n"
    )

    def match(self, text):
        sources = {"virtio_user/a.cc": _SOURCE}
        return explanations.match(
            explanations.parse(text), [_mutant(3)], sources
        )

    def test_an_entry_is_found_by_its_text_and_not_by_its_line(self):
        explained, stale = self.match(self._TEXT)
        self.assertEqual(explained[3].reason, "It is so.")
        self.assertEqual(stale, [])

    def test_an_entry_that_fits_nothing_is_stale(self):
        explained, stale = self.match(self._TEXT.replace("a < 1", "b < 1"))
        self.assertEqual(explained, {})
        self.assertEqual([it.line for it in stale], [3])

    def several(self, text):
        twice = _SOURCE + _SOURCE
        at = twice.rindex("a < 1")
        second = m.Mutant(
            "virtio_user/a.cc", 9, 7, m.NEGATED_CONDITION, "F", at, at + 5,
            "!(a < 1)", number=4,
        )
        mutants = [_mutant(3), second]
        sources = {"virtio_user/a.cc": twice}
        heads = explanations.heads(mutants, sources)
        entries = explanations.parse(text)
        return explanations.match(entries, mutants, sources), heads

    def test_an_entry_that_fits_several_mutants_is_refused(self):
        with self.assertRaisesRegex(
            explanations.FormatError,
            "line 3: fits 2 mutants.*negated-condition, 1 of 2",
        ):
            self.several(self._TEXT)

    def test_an_entry_may_say_which_of_several(self):
        text = self._TEXT.replace("condition\n", "condition, 2 of 2\n")
        (explained, stale), heads = self.several(text)
        self.assertEqual(list(explained), [4])
        self.assertEqual(stale, [])
        self.assertIn(heads[4], text)

    def test_an_entry_of_another_number_is_stale(self):
        text = self._TEXT.replace("condition\n", "condition, 2 of 3\n")
        (explained, stale), _ = self.several(text)
        self.assertEqual((explained, len(stale)), ({}, 1))

    def test_entries_for_files_that_are_not_mutated_are_left_out(self):
        entries = explanations.parse(self._TEXT)
        for pattern, count in (
            ("*", 1), ("virtio_user/a.cc", 1), ("virtio_user/os/*.cc", 0),
        ):
            some = explanations.of_files(entries, pattern)
            self.assertEqual(len(some), count)

    def test_two_entries_for_one_mutant_are_refused(self):
        with self.assertRaisesRegex(explanations.FormatError, "line 9.*3"):
            self.match(self._TEXT + "\n" + self._TEXT.split("\n\n")[1])

    def test_an_entry_without_a_reason_is_refused(self):
        with self.assertRaises(explanations.FormatError):
            explanations.parse(self._TEXT.replace("It is\nso.\n", ""))


class ReportTest(unittest.TestCase):
    _GOOD = [("killed", None)] * 90 + [("survived", "killed")] * 5

    def test_the_thresholds_are_met_and_the_rest_has_reasons(self):
        some = self._GOOD + [("survived", "not reached")] * 5
        reasons = {number: _entry() for number in range(96, 101)}
        self.assertEqual(_report(some, reasons).failures(), [])
        self.assertIn("verdict: pass", _report(some, reasons).text())

    def test_a_survivor_without_a_reason_fails(self):
        some = self._GOOD + [("not reached", "survived")]
        outcome = _report(some)
        self.assertEqual(
            outcome.failures(), ["1 survivors have no reason"]
        )
        self.assertIn("- if (a < 1) return 1;", outcome.text())
        self.assertIn("+ if (!(a < 1)) return 1;", outcome.text())

    def test_reasons_do_not_count_as_kills(self):
        some = [("killed", None)] * 8 + [("survived", "survived")] * 2
        why = _report(some, {9: _entry(), 10: _entry()}).failures()
        self.assertEqual(len(why), 2)
        self.assertIn("the tests kill 80.0 %", why[0])
        self.assertIn("with fuzzing 80.0 %", why[1])

    def test_reasons_that_do_not_hold_fail(self):
        outcome = _report(self._GOOD, {1: _entry()}, [_entry()])
        self.assertEqual(len(outcome.failures()), 2)

    def test_reasons_are_looked_at_beside_the_rates(self):
        killed = {"tests": {"verdict": "killed", "digests": {}}}
        alive = {"tests": {"verdict": "survived", "digests": {}}}
        for results, failures in ((killed, 1), (alive, 0)):
            beside = [(_mutant(500), results)]
            outcome = _report(self._GOOD, {500: _entry()}, beside=beside)
            self.assertEqual(len(outcome.failures()), failures)
            self.assertEqual(outcome.rates(), _report(self._GOOD).rates())

    def test_less_than_the_whole_question_is_partial(self):
        self.assertEqual(_report(self._GOOD).verdict(), "pass")
        for changed, why in (
            ({"wanted": 199}, "fewer than 200 mutants"),
            ({"fuzz_seconds": 59}, "less than 60 s of fuzzing"),
            ({"files": "virtio_user/os/*"}, "only the files"),
            ({"tests": "vhost"}, "only the tests vhost"),
        ):
            basis = dataclasses.replace(_BASIS, **changed)
            outcome = _report(self._GOOD, basis=basis)
            self.assertEqual(outcome.verdict(), "partial")
            self.assertIn(why, outcome.text())
            outcome = _report([("survived", None)], basis=basis)
            self.assertEqual(outcome.verdict(), "fail")
        basis = dataclasses.replace(_BASIS, wanted=30, places=30)
        self.assertEqual(_report(self._GOOD, basis=basis).verdict(), "pass")

    def test_what_a_verdict_rests_on_is_told(self):
        basis = dataclasses.replace(_BASIS, clean=False)
        outcome = _report(self._GOOD, basis=basis)
        self.assertIn("seed 1, of 6000 places; c0ffee, with", outcome.text())
        told = outcome.json()
        self.assertEqual(
            (told["seed"], told["commit"], told["clean"]), ("1", "c0ffee", False)
        )

    def test_what_did_not_end_and_what_failed_once_is_counted(self):
        hung = {"verdict": "killed", "timed_out": True, "digests": {}}
        rare = {"verdict": "killed", "unsteady": ["//tests:x"], "digests": {}}
        outcome = _report(self._GOOD)
        outcome.judged += [
            (_mutant(501), {"tests": hung}), (_mutant(502), {"tests": rare}),
        ]
        self.assertIn("1 of the kills are programs that did", outcome.text())
        self.assertIn("failed once and not again: //tests:x", outcome.text())

    def test_an_unfinished_run_does_not_pass(self):
        self.assertEqual(len(_report(self._GOOD, missing=1).failures()), 1)


class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def program(self, script, name="p", reached=(1,), seconds=0.0):
        path = pathlib.Path(self.folder.name, name)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        made = programs.Program(
            f"//tests:{name}", path, pathlib.Path(self.folder.name), []
        )
        made.digest = programs.digest_of(made)
        made.reached, made.seconds = frozenset(reached), seconds
        return made

    def test_a_failure_kills_and_names_the_program(self):
        good = self.program("exit 0", "good")
        bad = self.program('test "$VU_MUTANT" != 1', "bad", seconds=1.0)
        result = by_tests.judge(_mutant(1), [good, bad])
        self.assertEqual(result["verdict"], "killed")
        self.assertEqual(result["by"], "//tests:bad")

    def test_a_failure_that_does_not_come_again_is_no_kill(self):
        ran = pathlib.Path(self.folder.name, "ran")
        rare = self.program(f'test -e {ran} || {{ touch {ran}; exit 1; }}')
        result = by_tests.judge(_mutant(1), [rare])
        self.assertEqual(result["verdict"], "survived")
        self.assertEqual(result["unsteady"], ["//tests:p"])

    def test_a_program_that_has_become_slow_without_a_mutant_is_given_time(
        self,
    ):
        slow = self.program("sleep 0.4")
        with mock.patch.object(programs, "limit_of", lambda it: 0.1 + 2 * it):
            result = by_tests.judge(_mutant(1), [slow])
        self.assertEqual(result["verdict"], "survived")

    def test_a_mutant_that_does_not_end_is_killed(self):
        hung = self.program('test -z "$VU_MUTANT" || sleep 60')
        with mock.patch.object(programs, "limit_of", lambda it: 0.3 + it):
            result = by_tests.judge(_mutant(1), [hung])
        self.assertEqual(result["verdict"], "killed")
        self.assertIn("timed out", result["how"])

    def test_a_slow_mutant_has_the_time_that_bazel_gives(self):
        slow = self.program('test -z "$VU_MUTANT" || sleep 0.6')
        slow.timeout = 30
        with mock.patch.object(programs, "limit_of", lambda it: 0.2 + it):
            result = by_tests.judge(_mutant(1), [slow])
        self.assertEqual(result["verdict"], "survived")
        self.assertEqual(result["unsteady"], ["//tests:p"])

    def test_a_program_that_fails_without_a_mutant_too_does_not_judge(self):
        with self.assertRaisesRegex(suite.SuiteError, "//tests:p .*--tests"):
            by_tests.judge(_mutant(1), [self.program("exit 1")])

    def test_a_program_that_does_not_end_is_timed_out(self):
        outcome = programs.run(self.program("sleep 60 & sleep 60"), 0.2, {})
        self.assertTrue(outcome.timed_out)
        self.assertFalse(outcome.passed)
        self.assertLess(outcome.seconds, 30)

    def test_only_programs_that_reach_the_place_run(self):
        bad = self.program("exit 1", reached=(2,))
        result = by_tests.judge(_mutant(1), [bad])
        self.assertEqual(result["verdict"], "not reached")

    def test_the_test_of_the_unit_goes_first_then_the_fastest(self):
        own = self.program("", "a_test", seconds=9.0)
        slow = self.program("", "slow", seconds=5.0)
        fast = self.program("", "fast", seconds=1.0)
        order = by_tests.order_for(_mutant(1), [slow, fast, own])
        self.assertEqual(order, [own, fast, slow])

    def test_a_failure_without_a_mutant_ends_it_all(self):
        file = pathlib.Path(self.folder.name, "baseline.json")
        baseline = programs.Baseline(file)
        with self.assertRaises(suite.SuiteError):
            suite.measure(
                baseline, [self.program("exit 1")], 1, lambda text: None
            )

    def test_what_is_measured_side_by_side_is_all_known(self):
        file = pathlib.Path(self.folder.name, "baseline.json")
        some = [self.program("exit 0", f"it_{i}") for i in range(40)]
        suite.measure(programs.Baseline(file), some, 8, lambda text: None)
        self.assertEqual(len(programs.Baseline(file).known), 40)

    def test_a_kill_holds_while_its_program_is_the_same(self):
        file = pathlib.Path(self.folder.name, "results.json")
        one, bad = _mutant(1), self.program('test -z "$VU_MUTANT"', "bad")
        result = by_tests.judge(one, [bad])
        store.Store(file).put(one, "tests", result)
        other = self.program("exit 0", "other")
        again = store.Store(file)
        self.assertEqual(again.get(one, "tests", [bad, other]), result)
        bad.digest = "changed"
        self.assertIsNone(again.get(one, "tests", [bad, other]))

    def test_a_survivor_holds_for_as_long_as_it_was_fuzzed(self):
        file = pathlib.Path(self.folder.name, "results.json")
        one, good = _mutant(1), self.program("exit 0", "good")
        digests = {good.label: good.digest}
        for verdict, again in (("survived", None), ("killed", "killed")):
            with self.subTest(verdict):
                result = {"verdict": verdict, "seconds": 5, "digests": digests}
                saved = store.Store(file)
                saved.put(one, "fuzzing", result)
                found = saved.get(one, "fuzzing", [good], 5)
                self.assertEqual(found["verdict"], verdict)
                found = saved.get(one, "fuzzing", [good], 6)
                self.assertEqual(found and found["verdict"], again)

    def test_a_survivor_is_judged_again_when_a_program_is_new(self):
        file = pathlib.Path(self.folder.name, "results.json")
        one, good = _mutant(1), self.program("exit 0", "good")
        result = by_tests.judge(one, [good])
        self.assertEqual(result["verdict"], "survived")
        saved = store.Store(file)
        saved.put(one, "tests", result)
        self.assertEqual(saved.get(one, "tests", [good]), result)
        other = self.program("exit 0", "other")
        self.assertIsNone(saved.get(one, "tests", [good, other]))


class TextTest(unittest.TestCase):
    def test_numbers_keep_their_form(self):
        self.assertEqual(source_text.step("7", 1), "8")
        self.assertEqual(source_text.step("0x0fu", 1), "0x10u")
        self.assertEqual(source_text.step("1'000ULL", -1), "999ULL")
        self.assertIsNone(source_text.step("0", -1))
        self.assertIsNone(source_text.step("1.5", 1))

    def test_brackets_in_literals_and_comments_do_not_count(self):
        text = "if (f(\")\", ')') /* ) */ && x) y();"
        self.assertEqual(
            source_text.closing(text, 0, len(text)), text.index(") y")
        )

    def test_neighbours_that_share_a_statement_are_rendered_together(self):
        g, h = _SOURCE.index("g();"), _SOURCE.index("h();")
        swap = m.Mutant(
            "a", 4, 3, m.SWAPPED_STATEMENTS, "F", g, g + 4,
            next_start=h, next_end=h + 4, number=1,
        )
        drop = m.Mutant(
            "a", 5, 3, m.DROPPED_STATEMENT, "F", h, h + 4, number=2
        )
        text = schemata.render(_SOURCE, [swap, drop], "").text
        self.assertIn("if (::vu_mutants::On(1)) { h(); } g();", text)
        off = "!::vu_mutants::On(2) && !::vu_mutants::On(1)"
        self.assertIn(f"{{ if ({off}) {{ h(); }} }}", text)


if __name__ == "__main__":
    unittest.main()
