# SPDX-License-Identifier: BSD-3-Clause
"""The mutants of sample.cc: which ones there are, and that each is one."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tools/systematic_mutants")

import candidates  # pylint: disable=wrong-import-position
import schemata  # pylint: disable=wrong-import-position

_SAMPLE = "tests/mutants/sample.cc"
_PARSE = ["-x", "c++", "-std=c++23"]
_SWITCH = pathlib.Path("tools/systematic_mutants/switch.inc")

# Line, operator, the line with the mutant.
_EXPECTED = """
14 bound | int value = 1;
15 bound | std::atomic<int> shown{1};
18 dropped-statement | ;
18 swapped-statements | std::printf("added %d\\n", by); value += by;
19 dropped-statement | ;
19 swapped-statements | shown.store(value, std::memory_order_release); \
std::printf("added %d\\n", by);
20 dropped-statement | ;
20 weaker-order | shown.store(value, std::memory_order_relaxed);
24 bound | constexpr int Twice(int value) { return value * 3; }
24 bound | constexpr int Twice(int value) { return value * 1; }
28 bound | if (value > (limit) + 1) return -1;
28 bound | if (value > limit) return -2;
28 bound | if (value > limit) return -0;
28 dropped-check | if (false) return -1;
28 negated-condition | if (!(value > limit)) return -1;
28 relational-operator | if (value >= limit) return -1;
32 bound | const char* Sign(int value) { return value == 1 ? "zero" : "other"; }
32 negated-condition | const char* Sign(int value) { return !(value == 0) ? \
"zero" : "other"; }
38 bound | for (int i = 1; i < kMost; ++i) counter.Add(i);
38 bound | for (int i = 0; i < (kMost) - 1; ++i) counter.Add(i);
38 dropped-statement | for (int i = 0; i < kMost; ++i) ;
38 negated-condition | for (int i = 0; !(i < kMost); ++i) counter.Add(i);
38 relational-operator | for (int i = 0; i <= kMost; ++i) counter.Add(i);
"""


def _expected():
    return {it for it in _EXPECTED.strip().splitlines()}


class SampleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mutants, cls.source = candidates.find(_SAMPLE, _PARSE)
        for number, one in enumerate(cls.mutants, start=1):
            one.number = number
        switch = _SWITCH.read_text().replace("@COUNT@", str(len(cls.mutants)))
        cls.rendered = schemata.render(cls.source, cls.mutants, switch)
        cls.folder = tempfile.TemporaryDirectory()
        mutated = pathlib.Path(cls.folder.name, "mutated.cc")
        mutated.write_text(cls.rendered.text)
        cls.program = str(mutated.with_suffix(""))
        command = ["g++", "-std=c++23", "-w", "-o", cls.program, str(mutated)]
        subprocess.run(command, check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_with(self, **variables):
        return subprocess.run(
            [self.program],
            env={**os.environ, **variables},
            capture_output=True,
            check=False,
            timeout=60,
        ).stdout

    def test_every_place_of_every_operator_is_found_once(self):
        found = [
            f"{it.line} {it.operator} | {it.lines(self.source)[1]}"
            for it in self.mutants
            if it.line < 39
        ]
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual(set(found), _expected())

    def test_ids_are_unique(self):
        ids = {it.id for it in self.mutants}
        self.assertEqual(len(ids), len(self.mutants))

    def test_without_a_number_the_program_is_the_original(self):
        plain = self.program + "_plain"
        subprocess.run(["g++", "-std=c++23", "-o", plain, _SAMPLE], check=True)
        original = subprocess.run([plain], check=True, capture_output=True)
        self.assertEqual(self.run_with(), original.stdout)

    def test_each_does_what_the_source_so_changed_does(self):
        for one in self.mutants:
            # Would not end.
            if one.operator == "negated-condition" and one.line == 38:
                continue
            with self.subTest(one.id):
                changed = self.source
                for start, end, text in reversed(one.edits(self.source)):
                    changed = changed[:start] + text + changed[end:]
                expected = self.output_of(changed)
                if expected is None:
                    continue  # Its static_assert does not hold.
                actual = self.run_with(VU_MUTANT=str(one.number))
                self.assertEqual(actual, expected)

    def output_of(self, text):
        file = pathlib.Path(self.folder.name, "changed.cc")
        file.write_text(text)
        program = str(file.with_suffix(""))
        built = subprocess.run(
            ["g++", "-std=c++23", "-w", "-o", program, str(file)],
            check=False,
            capture_output=True,
        )
        if built.returncode != 0:
            self.assertIn(b"static assertion failed", built.stderr)
            return None
        done = subprocess.run([program], check=False, capture_output=True)
        return done.stdout

    def test_what_is_reached_is_noted(self):
        file = pathlib.Path(self.folder.name, "reached")
        self.run_with(VU_MUTANT_REACHED=str(file))
        reached = {i for i, byte in enumerate(file.read_bytes()) if byte}
        never = {
            it.number
            for it in self.mutants
            if it.operator == "dropped-statement" and it.line == 42
        }
        self.assertEqual(len(never), 1)
        everything = {it.number for it in self.mutants}
        self.assertEqual(everything - reached, never)

    def test_no_two_mutants_are_the_same_relation(self):
        file = pathlib.Path(self.folder.name, "twins.cc")
        file.write_text(
            "int F(int i, unsigned long n) {\n"
            "  return (i < 6) + (i <= 6);\n"
            "  return n > 1;\n"
            "}\n"
        )
        found, source = candidates.find(str(file), _PARSE)
        self.assertEqual(
            sorted(
                it.lines(source)[1] for it in found if "return" in source
            ),
            sorted(
                [
                    "return (i <= 6) + (i <= 6);",
                    "return (i < 5) + (i <= 6);",
                    "return (i < 6) + (i < 6);",
                    "return (i < 6) + (i <= 7);",
                    "return n >= 1;",
                    "return n > 2;",
                ]
            ),
        )

    def test_relations_of_objects_trade_places(self):
        file = pathlib.Path(self.folder.name, "times.cc")
        file.write_text(
            "#include <chrono>\n"
            "using T = std::chrono::nanoseconds;\n"
            "bool F(T a, T b) { return a <= b; }\n"
            "bool G(T a, T b) { return a == b; }\n"
        )
        found, source = candidates.find(str(file), _PARSE)
        self.assertEqual(
            {it.lines(source)[1] for it in found},
            {
                "bool F(T a, T b) { return a < b; }",
                "bool G(T a, T b) { return a != b; }",
            },
        )

    def test_a_condition_that_is_a_macro_is_negated(self):
        file = pathlib.Path(self.folder.name, "macro.cc")
        file.write_text(
            "#define ODD(x) ((x) & 1)\n"
            "int F(int a) {\n"
            "  if (ODD(a)) return 1;\n"
            "  return 0;\n"
            "}\n"
        )
        found, source = candidates.find(str(file), _PARSE)
        self.assertEqual(
            {(it.operator, it.lines(source)[1]) for it in found},
            {
                ("bound", "if (ODD(a)) return 0;"),
                ("bound", "if (ODD(a)) return 2;"),
                ("bound", "return 1;"),
                ("negated-condition", "if (!(ODD(a))) return 1;"),
                ("dropped-check", "if (false) return 1;"),
            },
        )

    def test_a_file_that_does_not_compile_is_named(self):
        file = pathlib.Path(self.folder.name, "wrong.cc")
        file.write_text("int a;\nint F() { return b; }\n")
        with self.assertRaisesRegex(candidates.ParseError, "wrong.cc:2: .*'b'"):
            candidates.find(str(file), _PARSE)

    def test_a_macro_is_left_alone(self):
        file = pathlib.Path(self.folder.name, "macro.cc")
        file.write_text(
            "#define CHECK(x) ((x) ? void(0) : __builtin_trap())\n"
            "void G();\n"
            "void F(int a) {\n  CHECK(a < 1);\n  G();\n}\n"
        )
        found, _ = candidates.find(str(file), _PARSE)
        self.assertEqual([it.line for it in found], [5])

    def test_a_fence_for_the_compiler_is_left_alone(self):
        file = pathlib.Path(self.folder.name, "fence.cc")
        file.write_text(
            "#include <atomic>\n"
            "std::atomic<int> a, b;\n"
            "void F() {\n"
            "  a.store(1, std::memory_order_relaxed);\n"
            "  std::atomic_signal_fence(std::memory_order_seq_cst);\n"
            "  b.store(2, std::memory_order_release);\n"
            "}\n"
        )
        found, _ = candidates.find(str(file), _PARSE)
        self.assertEqual(
            {(it.line, it.operator) for it in found if it.line > 3},
            {
                (4, "bound"),
                (4, "dropped-statement"),
                (6, "bound"),
                (6, "dropped-statement"),
                (6, "weaker-order"),
            },
        )

    def test_an_error_is_blamed_on_the_mutant_around_it(self):
        guard = "::vu_mutants::On("
        for line, text in enumerate(self.rendered.text.splitlines(), start=1):
            if "i <= kMost" not in text:
                continue
            column = text.index("i <= kMost") + 1
            (number,) = self.rendered.blame(line, column)
            self.assertIn(f"{guard}{number})", text)
            self.assertEqual(self.mutants[number - 1].detail, "<=")


if __name__ == "__main__":
    unittest.main()
