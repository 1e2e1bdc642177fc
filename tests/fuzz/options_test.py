"""The arguments of `./vuser fuzz`."""

import contextlib
import io
import unittest

import main
import options

KNOWN = ["a_fuzz", "b_fuzz"]


def parse(text):
    return options.parse(text.split(), KNOWN)


class OptionsTest(unittest.TestCase):
    def test_ATargetAlone_HasDefaults(self):
        wanted = parse("a_fuzz")
        self.assertEqual(wanted.targets, ["a_fuzz"])
        self.assertEqual((wanted.seconds, wanted.jobs), (60, 1))
        self.assertIsNone(wanted.seed)

    def test_All_IsEveryTarget(self):
        self.assertEqual(parse("all --jobs 2").targets, KNOWN)

    def test_ATimeMayHaveAUnit(self):
        for text, seconds in (
            ("90", 90), ("90s", 90), ("10m", 600), ("1h", 3600),
        ):
            self.assertEqual(parse(f"a_fuzz --time {text}").seconds, seconds)
            self.assertEqual(parse(f"--time={text} a_fuzz").seconds, seconds)

    def test_WhatIsWrongIsNamed(self):
        for text, named in (
            ("", "a target is missing: all, or one of a_fuzz b_fuzz"),
            ("c_fuzz", "c_fuzz: no such target: all, or one of a_fuzz b_fuzz"),
            ("a_fuzz --time 0", "--time 0:"),
            ("a_fuzz --time -5", "--time -5:"),
            ("a_fuzz --time=-5m", "--time -5m:"),
            ("a_fuzz --time 1d", "--time 1d:"),
            ("a_fuzz --time 1.5", "--time 1.5:"),
            ("a_fuzz --time 9999h", "--time 9999h:"),
            ("a_fuzz --time=", "--time :"),
            ("a_fuzz --time", "--time: a value is missing"),
            ("a_fuzz --jobs 0", "--jobs 0:"),
            ("a_fuzz --jobs -1", "--jobs -1:"),
            ("a_fuzz --jobs two", "--jobs two:"),
            ("a_fuzz --jobs 257", "--jobs 257:"),
            ("a_fuzz --seed 0", "--seed 0:"),
            ("a_fuzz --fast", "--fast: no such option"),
            ("a_fuzz --distil=x", "--distil: no such option"),
            ("all file", "file: of which target"),
            ("a_fuzz file --time 3", "--time: not with files"),
            ("a_fuzz --distil --time 3", "--time: not with --distil"),
            ("a_fuzz --clean --empty", "--empty: says more"),
        ):
            with self.subTest(text):
                with self.assertRaises(options.UsageError) as caught:
                    parse(text)
                self.assertTrue(
                    str(caught.exception).startswith(named), caught.exception
                )

    def test_AnOptionMayBeSaidTwice(self):
        self.assertTrue(parse("a_fuzz --distil --distil").distil)
        self.assertEqual(parse("a_fuzz --time 3 --time 4").seconds, 4)

    def test_HelpIsHelpWhereverItStands(self):
        for text in ("--help", "-h", "help", "a_fuzz --help", "--fast -h"):
            with self.subTest(text):
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    self.assertEqual(main.main(text.split()), 0)
                self.assertEqual(out.getvalue(), options.USAGE)

    def test_AUsageErrorTellsOfHelp(self):
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            main.main(["nothing_fuzz"])
        self.assertIn("./vuser fuzz --help", err.getvalue())

    def test_WrongArguments_ExitWith2(self):
        self.assertEqual(main.main(["nothing_fuzz"]), 2)
        self.assertEqual(main.main([]), 2)


class ShareTest(unittest.TestCase):
    def test_TargetsTakeTurnsInWaves(self):
        waves, seconds = main.share(["a", "b", "c"], 60, 2)
        self.assertEqual(waves, [[("a", 1), ("b", 1)], [("c", 2)]])
        self.assertEqual(seconds, 30)

    def test_MoreProcessesThanTargets_AreShared(self):
        waves, seconds = main.share(["a", "b"], 60, 5)
        self.assertEqual(waves, [[("a", 3), ("b", 2)]])
        self.assertEqual(seconds, 60)

    def test_LessThanASecondEach_IsRefused(self):
        with self.assertRaises(options.UsageError):
            main.share(["a", "b", "c"], 2, 1)
