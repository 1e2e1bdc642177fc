# SPDX-License-Identifier: BSD-3-Clause
"""What a fuzz target has to show for a kill, with engines of a few lines."""

import pathlib
import sys
import tempfile
import types
import unittest

sys.path.insert(0, "tools/systematic_mutants")

# pylint: disable=wrong-import-position
import by_fuzzing
import mutant as m
import programs
import report
import store
import suite

# $folder is where an input is kept; $file what is replayed.
_ENGINE = """#!/bin/sh
for word in "$@"; do
  case $word in
    -artifact_prefix=*) folder=${word#*=} ;;
    -*) ;;
    *) file=$word ;;
  esac
done
fuzz() { true; }
replay() { true; }
{body}
case $* in *-runs=0*) exit 0 ;; esac
if [ -d "$file" ]; then fuzz; else replay; fi
"""


def _mutant():
    return m.Mutant(
        "virtio_user/a.cc", 3, 7, m.NEGATED_CONDITION, "F", 0, 1, "", number=1
    )


class ByFuzzingTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.findings = self.folder / "findings"

    def target(self, body):
        path = self.folder / "demo_fuzz_bin"
        path.write_text(_ENGINE.replace("{body}", body))
        path.chmod(0o700)
        seed = self.folder / "seed"
        seed.write_text("seed")
        return programs.Program(
            "//fuzz:demo_fuzz_bin",
            path,
            self.folder,
            ["-runs=0", str(seed)],
            sanitized=True,
            digest="d",
            reached=frozenset([1]),
            flags=("-rss_limit_mb=2560",),
        )

    def judge(self, body, seconds=1):
        return by_fuzzing.judge(
            _mutant(), [self.target(body)], seconds, self.findings
        )

    def test_an_input_that_fails_with_the_mutant_alone_kills(self):
        result = self.judge(
            'fuzz() { echo x >"$folder/crash-1"; exit 77; }\n'
            'replay() { test -z "$VU_MUTANT"; }'
        )
        self.assertEqual(result["verdict"], "killed")
        self.assertEqual(result["by"], "//fuzz:demo_fuzz_bin")
        self.assertGreater(result["seed"], 0)

    def test_nothing_found_is_survived(self):
        self.assertEqual(self.judge("")["verdict"], "survived")

    def test_an_input_that_passes_with_the_mutant_is_no_kill(self):
        result = self.judge('fuzz() { echo x >"$folder/oom-1"; exit 71; }')
        self.assertEqual(result["verdict"], "unknown")
        self.assertIn("passed when its input was replayed", result["how"])

    def test_a_slow_input_is_none_that_was_kept(self):
        result = self.judge(
            'fuzz() { echo x >"$folder/slow-unit-1"; exit 1; }\n'
            'replay() { test -z "$VU_MUTANT"; }'
        )
        self.assertEqual(result["verdict"], "unknown")

    def test_an_end_without_an_input_is_no_kill(self):
        result = self.judge('fuzz() { echo "no space left" >&2; exit 1; }')
        self.assertEqual(result["verdict"], "unknown")
        self.assertIn("exit code 1, and kept no input", result["how"])
        self.assertIn("no space left", result["how"])

    def test_a_corpus_that_fails_with_the_mutant_alone_kills(self):
        result = self.judge('test -z "$VU_MUTANT" || exit 1')
        self.assertEqual(result["verdict"], "killed")

    def test_a_finding_of_the_original_is_kept_and_ends_it_all(self):
        with self.assertRaises(suite.SuiteError) as caught:
            self.judge(
                'fuzz() { echo x >"$folder/crash-1"; exit 77; }\n'
                "replay() { exit 77; }"
            )
        kept = self.findings / "demo_fuzz-crash-1"
        self.assertEqual(kept.read_text(), "x\n")
        self.assertIn(f"./vuser fuzz demo_fuzz {kept}", str(caught.exception))

    def test_the_options_of_the_target_and_a_seed_are_the_engines(self):
        result = self.judge('echo "$@" >>"' + str(self.folder) + '/said"')
        said = (self.folder / "said").read_text()
        self.assertIn("-rss_limit_mb=2560", said)
        self.assertIn(f"-seed={result['seed']} ", said)

    def test_what_is_unknown_is_not_stored(self):
        file = self.folder / "results.json"
        target = self.target("")
        kept = store.Store(file)
        one = _mutant()
        kept.put(one, "fuzzing", {"verdict": "unknown", "digests": {}})
        self.assertIsNone(store.Store(file).get(one, "fuzzing", [target]))

    def test_what_is_unknown_is_told_with_the_survivor(self):
        results = {
            "tests": {
                "verdict": "survived",
                "digests": {"//tests:a": "d"},
                "unsteady": ["//tests:a"],
            },
            "fuzzing": {"verdict": "unknown", "how": "exit code 1"},
        }
        outcome = report.Report(
            [(_mutant(), results)], {"virtio_user/a.cc": "int a;\n"}, {}, [],
            0, 0, {1: "head"}, [],
            report.Basis("1", 200, 6000, 60, "*", "", None, False),
        )
        self.assertIn("fuzzing: unknown (exit code 1)", outcome.text())
        self.assertIn("failed once: //tests:a", outcome.text())


class FlagsTest(unittest.TestCase):
    def test_options_are_read_as_run_sh_does(self):
        text = "# Why.\n[libfuzzer]\nmax_len = 256\ntimeout=10\n[asan]\na = 1\n"
        self.assertEqual(
            suite.flags_of(text), ["-max_len=256", "-timeout=10"]
        )

    def test_the_targets_own_files_are_asked_for(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / "fuzz").mkdir()
            (root / "fuzz" / "short.options").write_text(
                "[libfuzzer]\nmax_len = 256\n"
            )
            labels = {
                "labels(srcs, //fuzz:demo_fuzz_options)": [
                    "//fuzz:short.options"
                ],
                "labels(srcs, //fuzz:demo_fuzz_dict)": [
                    "//fuzz:demo_fuzz.dict"
                ],
            }
            space = types.SimpleNamespace(root=root, query=labels.get)
            flags = suite._flags(space, "//fuzz:demo_fuzz_bin")
        self.assertEqual(
            flags, (f"-dict={root}/fuzz/demo_fuzz.dict", "-max_len=256")
        )


if __name__ == "__main__":
    unittest.main()
