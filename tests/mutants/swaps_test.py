# SPDX-License-Identifier: BSD-3-Clause
"""Which neighbours trade places, and which would do the same in either order."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, "tools/systematic_mutants")

import candidates  # pylint: disable=wrong-import-position

_PARSE = ["-x", "c++", "-std=c++23"]


class SwapsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def swaps_of(self, text):
        """The lines at which a statement trades places with the one before."""
        file = pathlib.Path(self.folder.name, "some.cc")
        file.write_text(text)
        found, _ = candidates.find(str(file), _PARSE)
        return {it.line for it in found if it.operator == "swapped-statements"}

    def test_statements_that_do_not_meet_are_not_swapped(self):
        lines = self.swaps_of(
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
        self.assertEqual(lines, {7, 9, 11, 18, 22, 26, 28, 32, 34, 41, 45, 49})

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


if __name__ == "__main__":
    unittest.main()
