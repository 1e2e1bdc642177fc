// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace virtio_user {
namespace {

struct Line {
  LogLevel level;
  std::string text;

  friend bool operator==(const Line&, const Line&) = default;
};

std::vector<Line>& Lines() {
  static std::vector<Line> lines;
  return lines;
}

class LogTest : public testing::Test {
 protected:
  LogTest() {
    Lines().clear();
    SetLogSink([](LogLevel level, std::string_view text) {
      Lines().push_back({level, std::string(text)});
    });
  }
  ~LogTest() override { SetLogSink(nullptr); }
};

TEST_F(LogTest, ALineReachesTheSinkWithItsLevel) {
  Log(LogLevel::kWarning, "vring %d: %s", 3, "slow");

  EXPECT_EQ(Lines(),
            (std::vector<Line>{{LogLevel::kWarning, "vring 3: slow"}}));
}

TEST_F(LogTest, ALongLineIsCut) {
  Log(LogLevel::kInfo, "%s", std::string(5000, 'x').c_str());

  ASSERT_EQ(Lines().size(), 1u);
  EXPECT_EQ(Lines()[0].text, std::string(399, 'x'));
}

TEST_F(LogTest, WithoutASinkALineIsDropped) {
  SetLogSink(nullptr);

  Log(LogLevel::kError, "nobody hears this");

  EXPECT_TRUE(Lines().empty());
}

}  // namespace
}  // namespace virtio_user
