// SPDX-License-Identifier: BSD-3-Clause
//
// "The device MUST NOT make assumptions about the particular arrangement of
// descriptors" (virtio 1.4, "Message Framing"): the same bytes in every legal
// framing give the same ack, the same state and the same used element.

#include <bit>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/control_support.h"

namespace virtio_user {
namespace {

struct Request {
  const char* name;
  Bytes bytes;
  uint8_t ack;
  uint16_t pairs;
  std::function<void(ControlState&)> effect;
};

constexpr auto kNoEffect = [](ControlState&) {};

Request Promiscuous() {
  return {"PROMISC on", FromInts({0, 0, 1}), 0, 1,
          [](ControlState& state) { state.promiscuous = true; }};
}

Request Vlan() {
  return {"VLAN_ADD 0x234", FromInts({2, 0, 0x34, 0x02}), 0, 1,
          [](ControlState& state) { state.vlans.set(0x234); }};
}

Request Pairs() {
  return {"VQ_PAIRS_SET 3", FromInts({4, 0, 3, 0}), 0, 3, kNoEffect};
}

Request Address() {
  return {
      "MAC_ADDR_SET", FromInts({1, 1, 2, 3, 4, 5, 6, 7}), 0, 1,
      [](ControlState& state) { state.mac = MacAddress{{2, 3, 4, 5, 6, 7}}; }};
}

Request AddressTable() {
  return {"MAC_TABLE_SET 1 + 1", FromInts({1, 0,                          //
                                           1, 0, 0, 0, 2, 3, 4, 5, 6, 7,  //
                                           1, 0, 0, 0, 1, 3, 4, 5, 6, 7}),
          0, 1, [](ControlState& state) {
            state.unicast_table = {MacAddress{{2, 3, 4, 5, 6, 7}}};
            state.multicast_table = {MacAddress{{1, 3, 4, 5, 6, 7}}};
          }};
}

std::vector<Request> RefusedRequests() {
  return {
      {"nothing at all", {}, 1, 1, kNoEffect},
      {"half a header", FromInts({4}), 1, 1, kNoEffect},
      {"an unknown class", FromInts({77, 0}), 1, 1, kNoEffect},
      {"PROMISC without data", FromInts({0, 0}), 1, 1, kNoEffect},
      {"PROMISC with surplus", FromInts({0, 0, 1, 0}), 1, 1, kNoEffect},
      {"VQ_PAIRS_SET 0, S60", FromInts({4, 0, 0, 0}), 1, 1, kNoEffect},
      {"VQ_PAIRS_SET 5", FromInts({4, 0, 5, 0}), 1, 1, kNoEffect},
      {"VLAN_ADD 4096", FromInts({2, 0, 0, 0x10}), 1, 1, kNoEffect},
  };
}

// The parts of `bytes` bytes that are cut behind each byte whose bit is set.
std::vector<uint32_t> Cut(size_t bytes, uint32_t cuts) {
  std::vector<uint32_t> parts;
  uint32_t part = 0;
  for (size_t i = 0; i < bytes; ++i) {
    ++part;
    if (i + 1 < bytes && ((cuts >> i) & 1) == 0) continue;
    parts.push_back(std::exchange(part, 0));
  }
  return parts;
}

// The answer's part: one byte, or more, or more descriptors, or empty ones.
const std::vector<std::vector<uint32_t>>& WritableParts() {
  static const auto* const parts = new std::vector<std::vector<uint32_t>>{
      {1}, {3}, {1, 2}, {2, 1}, {0, 1}, {0, 0, 2}, {1, 0}};
  return *parts;
}

class ControlQueueFramingTest : public ::testing::TestWithParam<RingFormat> {
 protected:
  // All framings of `request` with at most `max_cuts` cuts.
  void ExpectSameInEveryFraming(const Request& request, int max_cuts) {
    ControlState expected;
    request.effect(expected);
    const size_t n = request.bytes.size();
    const uint32_t patterns = uint32_t{1} << (n == 0 ? 0 : n - 1);
    for (uint32_t cuts = 0; cuts < patterns; ++cuts) {
      if (std::popcount(cuts) > max_cuts) continue;
      const std::vector<uint32_t> parts = Cut(n, cuts);
      ASSERT_NO_FATAL_FAILURE(TryWithEmptyBuffers(parts, request, expected))
          << request.name << ", cuts " << cuts;
    }
  }

  // As it is, and with one empty buffer at each place.
  void TryWithEmptyBuffers(const std::vector<uint32_t>& parts,
                           const Request& request,
                           const ControlState& expected) {
    ASSERT_NO_FATAL_FAILURE(TryAnswers(parts, request, expected));
    for (size_t at = 0; at <= parts.size(); ++at) {
      std::vector<uint32_t> more = parts;
      more.insert(more.begin() + static_cast<ptrdiff_t>(at), 0);
      ASSERT_NO_FATAL_FAILURE(TryAnswers(more, request, expected));
    }
  }

  // With every shape of the answer, in the ring and in an indirect table that
  // begins at each place; a packed list is wholly in the one or the other.
  void TryAnswers(const std::vector<uint32_t>& parts, const Request& request,
                  const ControlState& expected) {
    for (const std::vector<uint32_t>& writable : WritableParts()) {
      Framing framing = {parts, writable, std::nullopt};
      ASSERT_NO_FATAL_FAILURE(Try(framing, request, expected));
      const size_t buffers = parts.size() + writable.size();
      for (size_t k = 0; k < (rig_.packed() ? 1 : buffers); ++k) {
        framing.before_table = k;
        ASSERT_NO_FATAL_FAILURE(Try(framing, request, expected))
            << "indirect after " << k;
      }
    }
  }

  void Try(const Framing& framing, const Request& request,
           const ControlState& expected) {
    rig_.state = {};
    rig_.pairs = 1;
    const auto head = static_cast<uint16_t>(framings_ % ControlRig::kNum);
    rig_.OfferRequest(head, framing, request.bytes);
    const Bytes driver_memory = rig_.DriverMemory();
    const Result<size_t> served = rig_.Serve();
    ASSERT_TRUE(served.has_value()) << served.error().text();
    ASSERT_EQ(*served, 1u);
    const std::vector<VirtqUsedElem> used = rig_.TakeUsed();
    ASSERT_EQ(used.size(), 1u);
    ASSERT_EQ(used[0].id, head);
    ASSERT_EQ(used[0].len, 1u);
    // The ack stands in the first writable byte; the others are untouched.
    Bytes written(rig_.Written().size(), ControlRig::kUntouched);
    written.front() = std::byte{request.ack};
    ASSERT_EQ(rig_.Written(), written);
    ASSERT_EQ(rig_.state, expected);
    ASSERT_EQ(rig_.pairs, request.pairs);
    ASSERT_EQ(rig_.DriverMemory(), driver_memory);
    ++framings_;
  }

  // (parts + 1) places for an empty buffer and none, 7 answers with 13
  // descriptors in all, and a table from each descriptor on (packed: from the
  // first one), or no table.
  uint64_t FramingsOf(const std::vector<size_t>& part_counts) const {
    uint64_t framings = 0;
    for (const size_t parts : part_counts) {
      const auto answers = [&](size_t buffers) -> uint64_t {
        return rig_.packed() ? 7 * 2 : 7 * (buffers + 1) + 13;
      };
      framings += answers(parts) + (parts + 1) * answers(parts + 1);
    }
    return framings;
  }
  // The number of parts of every way to cut `n` bytes in at most `max_cuts`.
  static std::vector<size_t> PartCounts(size_t n, int max_cuts) {
    std::vector<size_t> counts;
    const uint32_t patterns = uint32_t{1} << (n == 0 ? 0 : n - 1);
    for (uint32_t cuts = 0; cuts < patterns; ++cuts) {
      const int count = std::popcount(cuts);
      if (count > max_cuts) continue;
      counts.push_back(n == 0 ? 0 : static_cast<size_t>(count) + 1);
    }
    return counts;
  }

  ControlRig rig_{GetParam()};
  uint64_t framings_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Formats, ControlQueueFramingTest,
                         ::testing::Values(RingFormat::kSplit,
                                           RingFormat::kPacked),
                         [](const auto& param) {
                           return param.param == RingFormat::kSplit ? "Split"
                                                                    : "Packed";
                         });

TEST_P(ControlQueueFramingTest, EveryFramingOfASwitch_S65_S66_S67) {
  ExpectSameInEveryFraming(Promiscuous(), 2);
  EXPECT_EQ(framings_, FramingsOf(PartCounts(3, 2)));
  EXPECT_TRUE(rig_.arena().GuardsIntact());
}

TEST_P(ControlQueueFramingTest, EveryFramingOfAVlan_S65_S67) {
  ExpectSameInEveryFraming(Vlan(), 3);
  EXPECT_EQ(framings_, FramingsOf(PartCounts(4, 3)));
  EXPECT_TRUE(rig_.arena().GuardsIntact());
}

TEST_P(ControlQueueFramingTest, EveryFramingOfAPairCount_S65_S66_S67_H15) {
  ExpectSameInEveryFraming(Pairs(), 3);
  EXPECT_EQ(framings_, FramingsOf(PartCounts(4, 3)));
  EXPECT_TRUE(rig_.arena().GuardsIntact());
}

TEST_P(ControlQueueFramingTest, EveryFramingOfAnAddress_S65_S67) {
  ExpectSameInEveryFraming(Address(), 7);
  EXPECT_EQ(framings_, FramingsOf(PartCounts(8, 7)));
  EXPECT_TRUE(rig_.arena().GuardsIntact());
}

// 22 bytes have two million framings; up to three cuts are tried. A split
// ring's used index runs through 65536 on the way.
TEST_P(ControlQueueFramingTest, EveryFramingOfAnAddressTableInFourParts_S67) {
  ExpectSameInEveryFraming(AddressTable(), 3);
  EXPECT_EQ(framings_, FramingsOf(PartCounts(22, 3)));
  EXPECT_GT(framings_, 65536u);
  EXPECT_TRUE(rig_.arena().GuardsIntact());
}

TEST_P(ControlQueueFramingTest, EveryFramingOfEveryRefusedRequest_S60_S67) {
  uint64_t expected = 0;
  for (const Request& request : RefusedRequests()) {
    ExpectSameInEveryFraming(request, 31);
    expected += FramingsOf(PartCounts(request.bytes.size(), 31));
  }
  EXPECT_EQ(framings_, expected);
  EXPECT_TRUE(rig_.arena().GuardsIntact());
}

TEST_P(ControlQueueFramingTest, OneByteAnEachDescriptorFillsTheWholeRing_B39) {
  // 22 bytes, 9 empty buffers, one for the ack: 32 descriptors.
  const Request request = AddressTable();
  ControlState expected;
  request.effect(expected);
  std::vector<uint32_t> parts = Cut(22, ~uint32_t{0});
  parts.insert(parts.begin() + 3, 9, 0);
  ASSERT_EQ(parts.size() + 1, size_t{ControlRig::kNum});
  Try({parts, {1}, std::nullopt}, request, expected);
  for (size_t k = 0; k < (rig_.packed() ? 1 : parts.size()); ++k) {
    Try({parts, {1}, k}, request, expected);
  }
}

}  // namespace
}  // namespace virtio_user
