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

    def test_statements_that_do_not_meet_are_not_swapped(self):
        file = pathlib.Path(self.folder.name, "swaps.cc")
        file.write_text(
            "struct S { int a = 0, b = 0; bool Odd() const { return a & 1; }\n"
            "void F(int& y) { b = 1; y = Odd(); } };\n"  # Line 2: apart.
            "int Opaque();\n"
            "void F(S& s, int& x, int& y) {\n"
            "  s.a = 1; s.b = 2;\n"  # Line 5: apart.
            "  int cut = 0;\n"
            "  s.a = 1; y = s.Odd();\n"  # It reads what was written.
            "  int more = 0;\n"
            "  x = Opaque(); y = 1;\n"  # Who knows.
            "  int end = 0;\n"
            "  x = 1; y = x;\n"
            "}\n"
            "#include <utility>\n"
            "#include <vector>\n"
            "void G(S& s, S& t, std::vector<int>& v, int i, int* p) {\n"
            "  s.a = t.a; s.b = std::exchange(t.b, 1);\n"  # Line 16: apart.
            "  int one = 0;\n"
            "  s.a = t.b; s.b = std::exchange(t.b, 1);\n"  # t.b changes.
            "  int two = 0;\n"
            "  v[i] = 1; p[i] = 2;\n"  # Line 20: an index is read.
            "  int three = 0;\n"
            "  v[i++] = 1; p[i] = 2;\n"
            "  int four = 0;\n"
            "  if (i > 0) s.a = 2; s.b = 1;\n"  # Line 24: apart.
            "  int five = 0;\n"
            "  if (i > 0) s.a = 2; i = 1;\n"
            "  int six = 0;\n"
            "  if (i > 0) return; s.b = 1;\n"
            "  int seven = 0;\n"
            "  v[0] = 1; v[1] = 2;\n"  # Line 30: apart.
            "  int eight = 0;\n"
            "  v[0] = 1; v[i] = 2;\n"
            "  int nine = 0;\n"
            "  p[1] = v[1]; v[1] = 2;\n"
            "}\n"
            "#include <cstring>\n"
            "template <typename T>\n"
            "void H(T& t, std::vector<S>& v, S& s, int i, int* p, int* q) {\n"
            "  t.a += i; t.b += i;\n"  # Line 39: apart.
            "  int ten = 0;\n"
            "  t.a += i; t.b += t.a;\n"
            "  int eleven = 0;\n"
            "  v[i].a = 1; v[i].b = 2;\n"  # Line 43: apart.
            "  int twelve = 0;\n"
            "  v[i].a = 1; v[0].a = 2;\n"
            "  int thirteen = 0;\n"
            "  memset(p, 0, 4); s = {};\n"  # Line 47: apart.
            "  int fourteen = 0;\n"
            "  memset(p, 0, 4); memcpy(q, p, 4);\n"
            "}\n"
        )
        found, _ = candidates.find(str(file), _PARSE)
        lines = {
            it.line for it in found if it.operator == "swapped-statements"
        }
        self.assertEqual(lines, {7, 9, 11, 18, 22, 26, 28, 32, 34, 41, 45, 49})

    def swaps_of(self, text):
        """The lines at which a statement trades places with the one before."""
        file = pathlib.Path(self.folder.name, "some.cc")
        file.write_text(text)
        found, _ = candidates.find(str(file), _PARSE)
        return {it.line for it in found if it.operator == "swapped-statements"}

    def test_two_ifs_that_jump_are_swapped(self):
        lines = self.swaps_of(
            "int a, b;\n"
            "int F() {\n"
            "  if (a > 1) return 1;\n"  # Another result.
            "  if (b > 1) return 2;\n"  # Line 4: `a` may be left alone.
            "  if (a > 2) a = 1;\n"  # Line 5: apart.
            "  if (b > 2) b = 1;\n"
            "  return 0;\n"
            "}\n"
        )
        self.assertEqual(lines, {3, 4})

    def test_what_publishes_is_swapped(self):
        lines = self.swaps_of(
            "#include <atomic>\n"
            "std::atomic<int> a, b;\nint c, d;\n"
            "void F() {\n"
            "  c = 1; a.store(1, std::memory_order_release);\n"
            "  int one = 0;\n"
            "  a.store(1, std::memory_order_relaxed); d = 1;\n"  # 7: apart.
            "  int two = 0;\n"
            "  c = 1; a = 1;\n"
            "  int three = 0;\n"
            "  d = a.load(std::memory_order_acquire); c = 1;\n"
            "  int four = 0;\n"
            "  c = 1; a.fetch_add(1);\n"
            "  int five = 0;\n"
            '  c = 1; asm volatile("" ::: "memory");\n'
            "}\n"
        )
        self.assertEqual(lines, {5, 9, 11, 13, 15})

    def test_what_destroys_is_swapped(self):
        lines = self.swaps_of(
            "#include <optional>\n#include <vector>\n#include <memory>\n"
            "struct Fd { ~Fd(); int fd; };\n"
            "struct Has { Fd fd; };\n"
            "std::optional<Has> has; std::vector<int> plain;\n"
            "std::unique_ptr<Fd> one; std::vector<Fd> some; int x;\n"
            "void F() {\n"
            "  has.reset(); x = 1;\n"
            "  int a = 0;\n"
            "  plain.clear(); x = 1;\n"  # Line 11: apart.
            "  int b = 0;\n"
            "  one = nullptr; x = 1;\n"
            "  int c = 0;\n"
            "  some.clear(); x = 1;\n"
            "}\n"
        )
        self.assertEqual(lines, {9, 13, 15})

    def test_what_calls_nobody_knows_what_is_swapped(self):
        lines = self.swaps_of(
            "#include <functional>\n"
            "struct V { virtual void F() {} int a = 0;\n"
            "  void G(); void H() const {} };\n"
            "struct W { V v; int b = 0; int c = 0; int* p = nullptr;\n"
            "  void Set() { b = 1; }\n"
            "  int Sum(const W& w) const { return w.b + w.c; }\n"
            "  void F(const std::function<void()>& f, V& other) {\n"
            "    f(); b = 1;\n"
            "    int one = 0;\n"
            "    other.F(); b = 1;\n"
            "    int two = 0;\n"
            "    v.G(); b = 1;\n"
            "    int three = 0;\n"
            "    v.H(); b = 1;\n"  # Line 14: apart.
            "    int four = 0;\n"
            "    Set(); c = 1;\n"  # Line 16: apart.
            "    int five = 0;\n"
            "    Set(); c = b;\n"
            "    int six = 0;\n"
            "    b = 1; *p = Sum(*this);\n"
            "  }\n"
            "};\n"
            "template <typename T> void P(T take, int& x) {\n"
            "  take(1); x = 2;\n"
            "}\n"
        )
        self.assertEqual(lines, {8, 10, 12, 18, 20, 24})

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
