// SPDX-License-Identifier: BSD-3-Clause
//
// What systematic_test.py mutates: a program that prints what it computes.

#include <atomic>
#include <cstdio>

namespace {

constexpr int kMost = 4;
static_assert(kMost - 1 == 3);

struct Counter {
  int value = 0;
  std::atomic<int> shown{0};

  void Add(int by) {
    value += by;
    std::printf("added %d\n", by);
    shown.store(value, std::memory_order_release);
  }
};

constexpr int Twice(int value) { return value * 2; }
static_assert(Twice(2) == 4);

int Checked(int value, int limit) {
  if (value > limit) return -1;
  return Twice(value);
}

const char* Sign(int value) { return value == 0 ? "zero" : "other"; }

}  // namespace

int main() {
  Counter counter;
  for (int i = 0; i < kMost; ++i) counter.Add(i);
  std::printf("%d\n", counter.shown.load(std::memory_order_relaxed));
  std::printf("%d %d\n", Checked(5, 6), Checked(6, 5));
  std::printf("%d %s\n", Checked(6, 6), Sign(counter.value));
  if (counter.value < 0) std::puts("never");
  if (counter.value < 0) return {};
  counter.Add(1);
}
