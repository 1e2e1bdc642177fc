// SPDX-License-Identifier: BSD-3-Clause
//
// Whole runs on the simulated back-end, on every data path.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/cli_support.h"

namespace virtio_user::cli {
namespace {

using ::testing::Combine;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::Values;

using Arguments = std::vector<std::string>;

Outcome RunWith(Arguments arguments, const Arguments& more = {}) {
  arguments.insert(arguments.begin(), "run");
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunVuser(arguments);
}

constexpr const char* kPaths[] = {
    "split-nomrg",  "split-mrg",  "split-inorder-nomrg",  "split-inorder-mrg",
    "packed-nomrg", "packed-mrg", "packed-inorder-nomrg", "packed-inorder-mrg"};

class PathTest
    : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  std::string path() const { return std::get<0>(GetParam()); }
  Outcome RunPath(const Arguments& more) const {
    return RunWith({"--path", path(), "--personality", std::get<1>(GetParam())},
                   more);
  }
};

TEST_P(PathTest, EveryByteComesBack) {
  const Outcome outcome =
      RunPath({"--packets", "3000", "--queues", "2", "--json", "-"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["path"]["name"], path());
  EXPECT_EQ(json["verdict"], "pass");
  EXPECT_THAT(outcome.err, HasSubstr("data path: " + path() + " ("));
}

TEST_P(PathTest, LongFramesComeBack) {
  const Outcome outcome = RunPath({"--packets", "500", "--size", "60-9728"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

TEST_P(PathTest, WithoutIndirectTablesLongFramesComeBack) {
  const Outcome outcome =
      RunPath({"--packets", "500", "--size", "9000", "--no-indirect"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("no indirect tables"));
}

TEST_P(PathTest, OnePacketAtATimeComesBack) {
  const Outcome outcome = RunPath({"--packets", "500", "--burst", "1"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

TEST(BurstTest, TheReportTellsWhatTheRingsHaveRoomFor) {
  const Outcome outcome =
      RunWith({"--packets", "2000", "--burst", "256", "--queue-size", "256"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("bursts of 128: these rings have no room "
                                     "for --burst 256\n"));

  const Outcome large =
      RunWith({"--packets", "20000", "--burst", "256", "--queue-size", "1024"});
  EXPECT_EQ(large.code, 0) << large.err;
  EXPECT_THAT(large.out, HasSubstr("bursts of 256\n"));
}

INSTANTIATE_TEST_SUITE_P(Simulated, PathTest,
                         Combine(::testing::ValuesIn(kPaths),
                                 Values("conforming", "out-of-order",
                                        "in-order-batch", "delayed-flush",
                                        "many-buffers", "small-pieces")));

class RingSizeTest : public ::testing::TestWithParam<const char*> {};

TEST_P(RingSizeTest, APackedRingOfAnySizePasses) {
  const Outcome outcome = RunWith({"--packed", "--queue-size", GetParam(),
                                   "--packets", "2000", "--queues", "2"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(Packed, RingSizeTest,
                         Values("1", "2", "3", "255", "1025", "32768"));

TEST(WishesTest, WithoutAnOptionRingsAreSplitAndTheRestIsUsedIfOffered) {
  const Outcome outcome = RunWith({"--packets", "100"});

  EXPECT_THAT(outcome.out, HasSubstr("data path: split-inorder-mrg ("));
  EXPECT_THAT(outcome.out, HasSubstr(" with indirect tables"));
}

TEST(WishesTest, TheVectorizedPathsAreLayoutsWithoutTables) {
  for (const auto& [name, layout] :
       {std::pair("split-vec", "split-nomrg ("),
        std::pair("packed-vec", "packed-inorder-nomrg (")}) {
    const Outcome outcome = RunWith({"--packets", "1000", "--path", name});

    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("data path: " + std::string(layout)));
    EXPECT_THAT(outcome.out, HasSubstr(" no indirect tables"));
  }
}

TEST(WishesTest, ABackendThatOffersLittleIsTakenAsItIs) {
  const Outcome outcome =
      RunWith({"--packets", "1000", "--personality", "legacy"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("data path: split-nomrg ("));
  EXPECT_THAT(outcome.out, HasSubstr("header of 10 bytes"));
}

TEST(WishesTest, TheLibVhostPersonalityPassesWithPackedRings) {
  const Outcome outcome =
      RunWith({"--packets", "2000", "--personality", "lib-vhost", "--path",
               "packed-inorder-mrg"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

TEST(WishesTest, ALyingBackendFailsTheRun) {
  const Outcome outcome = RunWith({"--personality", "hostile-num-buffers"});

  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.LastLine(), StartsWith("verdict: FAIL (pair 0: "));
}

TEST(WishesTest, TheLongestFramesPass) {
  EXPECT_EQ(RunWith({"--packets", "100", "--size", "65535"}).code, 0);
  EXPECT_EQ(
      RunWith({"--packets", "100", "--size", "65472", "--no-mrg-rxbuf"}).code,
      0);
}

}  // namespace
}  // namespace virtio_user::cli
