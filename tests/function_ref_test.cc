// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/function_ref.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace virtio_user {
namespace {

int Apply(FunctionRef<int(int)> function, int value) { return function(value); }

struct Doubler {
  int operator()(int value) const { return 2 * value; }
};

TEST(FunctionRefTest, ALambdaIsCalledWithWhatItCaptured) {
  int calls = 0;

  EXPECT_EQ(Apply([&calls](int value) { return ++calls + value; }, 41), 42);
  EXPECT_EQ(calls, 1);
}

TEST(FunctionRefTest, AConstObjectCanBeCalled) {
  const Doubler doubler;

  EXPECT_EQ(Apply(doubler, 21), 42);
}

TEST(FunctionRefTest, ACallableKeepsItsStateBetweenCalls) {
  auto counter = [count = 0](int step) mutable { return count += step; };

  Apply(counter, 40);

  EXPECT_EQ(Apply(counter, 2), 42);
}

TEST(FunctionRefTest, ArgumentsArePassedOnAndNotCopied) {
  const auto take = [](FunctionRef<size_t(std::unique_ptr<std::string>)> use) {
    return use(std::make_unique<std::string>("four"));
  };

  EXPECT_EQ(
      take([](std::unique_ptr<std::string> text) { return text->size(); }), 4u);
}

TEST(FunctionRefTest, ACopyCallsTheSameObject) {
  int calls = 0;
  auto function = [&calls] { ++calls; };
  const FunctionRef<void()> first = function;
  const FunctionRef<void()> second = first;

  first();
  second();

  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace virtio_user
