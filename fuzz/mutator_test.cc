// SPDX-License-Identifier: BSD-3-Clause
//
// libFuzzer's hooks of the target FUZZ_TARGET, called as the engine does.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "fuzz/seeds.h"

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t most, unsigned seed);
extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* first,
                                            size_t first_size,
                                            const uint8_t* second,
                                            size_t second_size, uint8_t* out,
                                            size_t most, unsigned seed);

// The engine's own mutation, which the hooks ask for: one bit.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most) {
  EXPECT_LE(size, most);
  if (size != 0) data[size / 2] ^= 1;
  return size;
}

namespace fuzz {
namespace {

using Input = std::vector<uint8_t>;

constexpr uint8_t kGuard = 0xa5;
constexpr size_t kGuardBytes = 64;
constexpr size_t kMostBytes = 4096;

std::vector<Input> Inputs() {
  std::vector<Input> inputs = {{}, {0}, {0xff}, Input(40, 0xff)};
  for (const SeededTarget& target : SeededTargets()) {
    if (target.name != std::string_view(FUZZ_TARGET)) continue;
    for (const Seed& seed : target.seeds()) {
      Input& input = inputs.emplace_back();
      for (const std::byte byte : seed.bytes) {
        input.push_back(std::to_integer<uint8_t>(byte));
      }
    }
  }
  return inputs;
}

// With room for `most` bytes, and a guard behind them.
template <typename Hook>
Input Called(size_t most, const Input& input, const Hook& hook) {
  Input buffer(most + kGuardBytes, kGuard);
  std::ranges::copy(input, buffer.begin());
  const size_t size = hook(buffer.data());
  EXPECT_LE(size, most);
  EXPECT_EQ(std::count(buffer.begin() + static_cast<std::ptrdiff_t>(most),
                       buffer.end(), kGuard),
            static_cast<std::ptrdiff_t>(kGuardBytes));
  buffer.resize(std::min(size, most));
  return buffer;
}

Input Mutated(const Input& input, size_t most, unsigned seed) {
  return Called(most, input, [&](uint8_t* data) {
    return LLVMFuzzerCustomMutator(data, input.size(), most, seed);
  });
}

Input Crossed(const Input& first, const Input& second, size_t most,
              unsigned seed) {
  return Called(most, {}, [&](uint8_t* out) {
    return LLVMFuzzerCustomCrossOver(first.data(), first.size(), second.data(),
                                     second.size(), out, most, seed);
  });
}

TEST(MutatorTest, NothingIsWrittenBeyondTheRoomThatThereIs) {
  for (const Input& input : Inputs()) {
    for (const size_t more : {0, 1, 3, 12, 100}) {
      for (unsigned seed = 1; seed <= 20; ++seed) {
        Mutated(input, input.size() + more, seed);
      }
    }
  }
}

TEST(MutatorTest, TheSameSeedMakesTheSameInput) {
  for (const Input& input : Inputs()) {
    for (unsigned seed = 1; seed <= 20; ++seed) {
      EXPECT_EQ(Mutated(input, kMostBytes, seed),
                Mutated(input, kMostBytes, seed));
    }
  }
}

TEST(MutatorTest, EachInputBecomesManyOthers) {
  constexpr unsigned kSeeds = 200;
  for (const Input& input : Inputs()) {
    if (input.size() < 40) continue;
    std::vector<Input> others;
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
      others.push_back(Mutated(input, kMostBytes, seed));
    }
    std::ranges::sort(others);
    const auto same = std::ranges::unique(others);
    EXPECT_GT(others.size() - same.size(), kSeeds / 4);
  }
}

TEST(MutatorTest, CrossOverKeepsToTheRoomToo) {
  const std::vector<Input> inputs = Inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Input& second = inputs[(i + 7) % inputs.size()];
    for (const size_t most :
         {size_t{0}, size_t{1}, size_t{2}, size_t{45}, kMostBytes}) {
      for (unsigned seed = 1; seed <= 10; ++seed) {
        Crossed(inputs[i], second, most, seed);
      }
    }
  }
}

TEST(MutatorTest, CrossOverBeginsAsTheFirstInputDoes) {
  const std::vector<Input> inputs = Inputs();
  for (const Input& input : inputs) {
    if (input.size() < 40) continue;
    for (unsigned seed = 1; seed <= 10; ++seed) {
      const Input crossed = Crossed(input, inputs.back(), kMostBytes, seed);
      ASSERT_GE(crossed.size(), 2u);
      EXPECT_TRUE(
          std::equal(crossed.begin(), crossed.begin() + 2, input.begin()));
    }
  }
}

}  // namespace
}  // namespace fuzz
