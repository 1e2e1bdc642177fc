// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/overloaded.h"

#include <concepts>
#include <string>

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

TEST(Overloaded, EachPartIsCalledForWhatItTakes) {
  const Overloaded both{[](int number) { return number + 1; },
                        [](const std::string& text) { return text + "!"; }};
  EXPECT_EQ(both(1), 2);
  EXPECT_EQ(both(std::string("a")), "a!");
  static_assert(std::invocable<decltype(both), int>);
  static_assert(!std::invocable<decltype(both), int, int>);
}

}  // namespace
}  // namespace virtio_user
