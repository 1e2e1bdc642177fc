// SPDX-License-Identifier: BSD-3-Clause
//
// Every command of kControlTable through a ring of either format, in every way
// to cut it in two.

#include <array>
#include <cstdint>

#include "gtest/gtest.h"
#include "tests/control_support.h"
#include "virtio_user/device/control_table.h"

namespace virtio_user {
namespace {

class ControlQueueCommandsTest : public ::testing::TestWithParam<RingFormat> {
 protected:
  ~ControlQueueCommandsTest() override {
    EXPECT_TRUE(rig_.arena().GuardsIntact());
  }

  // Zeros, but no address and no number of pairs is 0.
  static Bytes RequestOf(const ControlRow& row) {
    Bytes request = FromInts({static_cast<int>(row.ctrl_class), row.command});
    request.resize(2 + row.data.at_least);
    const bool not_zero =
        row.gate == Feature::kNetCtrlMacAddr || row.gate == Feature::kNetMq;
    if (not_zero) request[2] = std::byte{2};
    return request;
  }
  // The one byte that the device wrote.
  uint8_t AckOf(const Bytes& request, const Framing& framing) {
    rig_.OfferRequest(0, framing, request);
    EXPECT_EQ(rig_.Serve().value_or(99), 1u);
    const auto used = rig_.TakeUsed();
    EXPECT_TRUE(used.size() == 1 && used[0].id == 0 && used[0].len == 1);
    const Bytes written = rig_.Written();
    EXPECT_EQ(written.size(), 1u);
    return std::to_integer<uint8_t>(written.at(0));
  }

  ControlRig rig_{GetParam()};
};

TEST_P(ControlQueueCommandsTest, EachIsAnsweredAsTheTableSaysHoweverItIsCut) {
  rig_.accepted = ~FeatureSet();
  for (const ControlRow& row : kControlTable) {
    const bool here = row.carrier != ControlCarrier::kOwnControlQueue;
    const Bytes request = RequestOf(row);
    const auto bytes = static_cast<uint32_t>(request.size());
    for (uint32_t cut = 0; cut < bytes; ++cut) {
      Framing framing{
          .readable = {cut, bytes - cut}, .writable = {1}, .before_table = {}};
      if (cut == 0) framing.readable = {bytes};
      EXPECT_EQ(AckOf(request, framing), here ? 0 : 1) << row.name << cut;
      framing.before_table = 0;
      EXPECT_EQ(AckOf(request, framing), here ? 0 : 1) << row.name << cut;
    }
  }
  EXPECT_FALSE(rig_.announce);
  EXPECT_EQ(rig_.pairs, 2);
  EXPECT_EQ(rig_.offloads, FeatureSet());
}

TEST_P(ControlQueueCommandsTest, WithoutTheirFeatureAllAreErrors) {
  for (const ControlRow& row : kControlTable) {
    rig_.accepted = ~FeatureSet();
    rig_.accepted.Remove(row.gate);
    const Bytes request = RequestOf(row);
    const auto bytes = static_cast<uint32_t>(request.size());
    EXPECT_EQ(AckOf(request,
                    {.readable = {bytes}, .writable = {1}, .before_table = {}}),
              1)
        << row.name;
  }
  EXPECT_EQ(rig_.state, ControlState());
  EXPECT_TRUE(rig_.announce);
  EXPECT_EQ(rig_.pairs, 1);
  EXPECT_EQ(rig_.offloads, std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Formats, ControlQueueCommandsTest,
                         ::testing::Values(RingFormat::kSplit,
                                           RingFormat::kPacked),
                         [](const auto& format) {
                           return format.param == RingFormat::kSplit ? "Split"
                                                                     : "Packed";
                         });

}  // namespace
}  // namespace virtio_user
