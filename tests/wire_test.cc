// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/wire.h"

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "backend_sim/wire_request.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using ::backend_sim::DecodeHeader;
using ::backend_sim::EncodeHeader;
using ::backend_sim::FieldsOf;
using ::backend_sim::FindRequest;
using ::backend_sim::Get;
using ::backend_sim::Layout;
using ::backend_sim::Put;
using ::backend_sim::RequestRule;
using ::backend_sim::RequestRules;
using ::backend_sim::SizeFits;
using ::backend_sim::WireField;
using ::backend_sim::WireHeader;
using ::testing::ElementsAre;
using ::testing::Pair;

using Bytes = std::vector<std::byte>;

// Bytes typed as hexadecimal text; blanks are for the eye.
Bytes Hex(std::string_view text) {
  Bytes bytes;
  std::string digits;
  for (const char c : text) {
    if (c == ' ') continue;
    digits += c;
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<std::byte>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  return bytes;
}

// Every field of a payload, by name.
std::map<std::string, uint64_t> Fields(Layout layout, const Bytes& payload) {
  std::map<std::string, uint64_t> values;
  for (const WireField& field : FieldsOf(layout)) {
    values[std::string(field.name)] = Get(payload, field);
  }
  return values;
}

TEST(WireTest, HeaderIsThreeWords) {
  const Bytes bytes = Hex("0c000000 09000000 08000000");
  EXPECT_EQ(DecodeHeader(bytes), (WireHeader{12, 9, 8}));
  Bytes encoded;
  EncodeHeader({12, 9, 8}, encoded);
  EXPECT_EQ(encoded, bytes);
}

TEST(WireTest, VringStateIsIndexAndNum) {
  const Bytes bytes = Hex("03000000 00010000");
  ASSERT_TRUE(SizeFits(Layout::kVringState, bytes));
  EXPECT_THAT(Fields(Layout::kVringState, bytes),
              ElementsAre(Pair("index", 3), Pair("num", 256)));
}

TEST(WireTest, VringAddrPutsUsedBeforeAvailable) {
  const Bytes bytes =
      Hex("02000000 01000000"
          "0010000000000000"    // Descriptor table
          "0030000000000000"    // Used ring
          "0020000000000000"    // Available ring
          "0040000000000000");  // Log
  ASSERT_TRUE(SizeFits(Layout::kVringAddr, bytes));
  EXPECT_THAT(
      Fields(Layout::kVringAddr, bytes),
      ElementsAre(Pair("avail", 0x2000), Pair("desc", 0x1000), Pair("flags", 1),
                  Pair("index", 2), Pair("log", 0x4000), Pair("used", 0x3000)));
}

TEST(WireTest, MemTableIsAsLongAsItsCount) {
  const std::string region =
      "0000000000100000"   // Guest address
      "0000200000000000"   // Size
      "0000000000500000"   // User address
      "0080000000000000";  // Offset
  const Bytes one = Hex("01000000 00000000" + region);
  const Bytes two = Hex("02000000 00000000" + region + region);
  EXPECT_TRUE(SizeFits(Layout::kMemTable, one));
  EXPECT_TRUE(SizeFits(Layout::kMemTable, two));
  EXPECT_TRUE(SizeFits(Layout::kMemTable, Hex("00000000 00000000")));
  EXPECT_FALSE(SizeFits(Layout::kMemTable, Hex("02000000 00000000" + region)));
  EXPECT_FALSE(SizeFits(Layout::kMemTable, Hex("01000000 00000000")));
  EXPECT_FALSE(SizeFits(Layout::kMemTable, Hex("00000000")));
  const auto body =
      std::span<const std::byte>(one).subspan(backend_sim::kTableFirstRegion);
  EXPECT_EQ(Get(body, backend_sim::kRegionGuest), 0x100000000000u);
  EXPECT_EQ(Get(body, backend_sim::kRegionSize), 0x200000u);
  EXPECT_EQ(Get(body, backend_sim::kRegionUser), 0x500000000000u);
  EXPECT_EQ(Get(body, backend_sim::kRegionOffset), 0x8000u);
}

TEST(WireTest, ASingleRegionStandsBehindPadding) {
  const Bytes bytes =
      Hex("0000000000000000"
          "0100000000000000"
          "0200000000000000"
          "0300000000000000"
          "0400000000000000");
  ASSERT_TRUE(SizeFits(Layout::kMemRegion, bytes));
  EXPECT_THAT(Fields(Layout::kMemRegion, bytes),
              ElementsAre(Pair("guest", 1), Pair("offset", 4), Pair("size", 2),
                          Pair("user", 3)));
}

TEST(WireTest, ConfigIsAsLongAsItsSize) {
  const Bytes bytes = Hex("04000000 02000000 01000000 aabb");
  EXPECT_TRUE(SizeFits(Layout::kConfig, bytes));
  EXPECT_THAT(
      Fields(Layout::kConfig, bytes),
      ElementsAre(Pair("flags", 1), Pair("offset", 4), Pair("size", 2)));
  EXPECT_FALSE(
      SizeFits(Layout::kConfig, Hex("04000000 03000000 01000000 aabb")));
  EXPECT_FALSE(SizeFits(Layout::kConfig, Hex("04000000 00000000")));
}

TEST(WireTest, TheOtherPayloadsHaveTheirFieldsInPlace) {
  EXPECT_THAT(Fields(Layout::kIotlb,
                     Hex("0100000000000000 0200000000000000 0300000000000000"
                         "03 02 000000000000")),
              ElementsAre(Pair("iova", 1), Pair("perm", 3), Pair("size", 2),
                          Pair("type", 2), Pair("user", 3)));
  EXPECT_THAT(Fields(Layout::kInflight,
                     Hex("0100000000000000 0200000000000000 0300 0400"
                         "00000000")),
              ElementsAre(Pair("offset", 2), Pair("queue_size", 4),
                          Pair("queues", 3), Pair("size", 1)));
  EXPECT_THAT(Fields(Layout::kDeviceState, Hex("01000000 02000000")),
              ElementsAre(Pair("direction", 1), Pair("phase", 2)));
  EXPECT_THAT(
      Fields(Layout::kLogBase, Hex("0100000000000000 0200000000000000")),
      ElementsAre(Pair("offset", 2), Pair("size", 1)));
}

TEST(WireTest, PutIsTheInverseOfGet) {
  Bytes bytes(16);
  const WireField field{"word", 4, 4};
  Put(bytes, field, 0xdeadbeef);
  EXPECT_EQ(Get(bytes, field), 0xdeadbeefu);
  EXPECT_EQ(bytes, Hex("00000000 efbeadde 0000000000000000"));
}

TEST(WireTest, AFieldBehindTheEndReadsAsZero) {
  EXPECT_EQ(Get(Hex("ffffff"), {"word", 0, 4}), 0u);
}

// What the specification says of each request: number, name, payload bytes
// (-1: varies), whether it has an answer of its own.
struct Known {
  uint32_t number;
  std::string_view name;
  int payload_bytes;
  bool has_answer;
};
constexpr Known kKnown[] = {
    {1, "GET_FEATURES", 0, true},
    {2, "SET_FEATURES", 8, false},
    {3, "SET_OWNER", 0, false},
    {4, "RESET_OWNER", 0, false},
    {5, "SET_MEM_TABLE", -1, false},
    {6, "SET_LOG_BASE", -1, true},
    {7, "SET_LOG_FD", 0, false},
    {8, "SET_VRING_NUM", 8, false},
    {9, "SET_VRING_ADDR", 40, false},
    {10, "SET_VRING_BASE", 8, false},
    {11, "GET_VRING_BASE", 8, true},
    {12, "SET_VRING_KICK", 8, false},
    {13, "SET_VRING_CALL", 8, false},
    {14, "SET_VRING_ERR", 8, false},
    {15, "GET_PROTOCOL_FEATURES", 0, true},
    {16, "SET_PROTOCOL_FEATURES", 8, false},
    {17, "GET_QUEUE_NUM", 0, true},
    {18, "SET_VRING_ENABLE", 8, false},
    {19, "SEND_RARP", 8, false},
    {20, "NET_SET_MTU", 8, false},
    {21, "SET_BACKEND_REQ_FD", 0, false},
    {22, "IOTLB_MSG", 32, true},
    {23, "SET_VRING_ENDIAN", 8, false},
    {24, "GET_CONFIG", -1, true},
    {25, "SET_CONFIG", -1, false},
    {26, "CREATE_CRYPTO_SESSION", -1, true},
    {27, "CLOSE_CRYPTO_SESSION", 8, false},
    {28, "POSTCOPY_ADVISE", 0, true},
    {29, "POSTCOPY_LISTEN", 0, false},
    {30, "POSTCOPY_END", 0, true},
    {31, "GET_INFLIGHT_FD", 24, true},
    {32, "SET_INFLIGHT_FD", 24, false},
    {33, "GPU_SET_SOCKET", 0, false},
    {34, "RESET_DEVICE", 0, false},
    {35, "VRING_KICK", 8, false},
    {36, "GET_MAX_MEM_SLOTS", 0, true},
    {37, "ADD_MEM_REG", 40, false},
    {38, "REM_MEM_REG", 40, false},
    {39, "SET_STATUS", 8, false},
    {40, "GET_STATUS", 0, true},
    {41, "GET_SHARED_OBJECT", 16, true},
    {42, "SET_DEVICE_STATE_FD", 8, true},
    {43, "CHECK_DEVICE_STATE", 0, true},
    {44, "GET_SHMEM_CONFIG", 0, true},
};

class WireRequestTest : public testing::TestWithParam<Known> {};

TEST_P(WireRequestTest, HasItsNamePayloadAndAnswer) {
  const Known& known = GetParam();
  const RequestRule* const rule = FindRequest(known.number);
  ASSERT_NE(rule, nullptr);
  EXPECT_EQ(rule->number, known.number);
  EXPECT_EQ(rule->name, known.name);
  EXPECT_EQ(rule->has_answer, known.has_answer);
}

TEST_P(WireRequestTest, TakesItsOwnPayloadSizeAlone) {
  const Known& known = GetParam();
  const RequestRule* const rule = FindRequest(known.number);
  ASSERT_NE(rule, nullptr);
  const bool fixed = known.payload_bytes >= 0;
  const Bytes exact(fixed ? static_cast<size_t>(known.payload_bytes) : 0);
  const Bytes longer(exact.size() + 1);
  EXPECT_EQ(SizeFits(rule->payload, exact) || !fixed, true);
  EXPECT_EQ(SizeFits(rule->payload, longer) && fixed, false);
}

INSTANTIATE_TEST_SUITE_P(All, WireRequestTest, testing::ValuesIn(kKnown),
                         [](const auto& param_info) {
                           return std::string(param_info.param.name);
                         });

TEST(WireTest, ThereIsNoRequestBeyondTheTable) {
  EXPECT_EQ(RequestRules().size(), std::size(kKnown));
  EXPECT_EQ(FindRequest(0), nullptr);
  EXPECT_EQ(FindRequest(45), nullptr);
  EXPECT_EQ(FindRequest(0xffffffff), nullptr);
}

}  // namespace
