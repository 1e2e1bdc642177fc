// SPDX-License-Identifier: BSD-3-Clause
//
// The table of control commands against the numbers of virtio 1.4 ("Network
// Device"), typed here a second time, and docs/control_queue.md against it.

#include "virtio_user/device/control_table.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace virtio_user {
namespace {

using ::testing::ElementsAreArray;

// A row in numbers: "CLASS COMMAND NAME BIT BYTES".
std::string InNumbers(const ControlRow& row) {
  std::string text = std::to_string(std::to_underlying(row.ctrl_class)) + " " +
                     std::to_string(row.command) + " ";
  text += row.name;
  text += " " + std::to_string(std::to_underlying(row.gate));
  text += " " + std::to_string(row.data.at_least);
  if (row.data.step != 0) text += "+" + std::to_string(row.data.step);
  return text;
}

TEST(ControlTableTest, EveryRowIsTheSpecifications) {
  // Class, command, the bit of the feature, bytes of data.
  const std::vector<std::string> expected = {
      "0 0 VIRTIO_NET_CTRL_RX_PROMISC 18 1",
      "0 1 VIRTIO_NET_CTRL_RX_ALLMULTI 18 1",
      "0 2 VIRTIO_NET_CTRL_RX_ALLUNI 20 1",
      "0 3 VIRTIO_NET_CTRL_RX_NOMULTI 20 1",
      "0 4 VIRTIO_NET_CTRL_RX_NOUNI 20 1",
      "0 5 VIRTIO_NET_CTRL_RX_NOBCAST 20 1",
      "1 0 VIRTIO_NET_CTRL_MAC_TABLE_SET 18 8+6",
      "1 1 VIRTIO_NET_CTRL_MAC_ADDR_SET 23 6",
      "2 0 VIRTIO_NET_CTRL_VLAN_ADD 19 2",
      "2 1 VIRTIO_NET_CTRL_VLAN_DEL 19 2",
      "3 0 VIRTIO_NET_CTRL_ANNOUNCE_ACK 21 0",
      "4 0 VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET 22 2",
      "4 1 VIRTIO_NET_CTRL_MQ_RSS_CONFIG 60 13+1",
      "4 2 VIRTIO_NET_CTRL_MQ_HASH_CONFIG 57 13+1",
      "5 0 VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET 2 8",
      "6 0 VIRTIO_NET_CTRL_NOTF_COAL_TX_SET 53 8",
      "6 1 VIRTIO_NET_CTRL_NOTF_COAL_RX_SET 53 8",
      "6 2 VIRTIO_NET_CTRL_NOTF_COAL_VQ_SET 52 12",
      "6 3 VIRTIO_NET_CTRL_NOTF_COAL_VQ_GET 52 4",
      "7 0 VIRTIO_NET_CTRL_HASH_TUNNEL_SET 51 4",
      "8 0 VIRTIO_NET_CTRL_STATS_QUERY 50 0",
      "8 1 VIRTIO_NET_CTRL_STATS_GET 50 16+16",
      "9 0 VIRTNET_RSS_CTX_CTRL_CAP_GET 64 0",
      "9 1 VIRTNET_RSS_CTX_CTRL_ADD 64 21+1",
      "9 2 VIRTNET_RSS_CTX_CTRL_MOD 64 21+1",
      "9 3 VIRTNET_RSS_CTX_CTRL_DEL 64 2",
  };
  std::vector<std::string> rows;
  for (const ControlRow& row : kControlTable) rows.push_back(InNumbers(row));
  EXPECT_THAT(rows, ElementsAreArray(expected));
}

TEST(ControlTableTest, EveryPairOfNumbersFindsItsRowOrNone) {
  size_t found = 0;
  for (int ctrl_class = 0; ctrl_class < 256; ++ctrl_class) {
    for (int command = 0; command < 256; ++command) {
      const ControlRow* const row = FindControlRow(
          static_cast<uint8_t>(ctrl_class), static_cast<uint8_t>(command));
      if (row == nullptr) continue;
      ++found;
      EXPECT_EQ(std::to_underlying(row->ctrl_class), ctrl_class);
      EXPECT_EQ(row->command, command);
    }
  }
  EXPECT_EQ(found, kControlTable.size());
}

TEST(ControlTableTest, AFixedLengthAllowsNoOther) {
  constexpr auto kTwo = ControlDataBytes::Exactly(2);
  EXPECT_FALSE(kTwo.Allows(0));
  EXPECT_FALSE(kTwo.Allows(1));
  EXPECT_TRUE(kTwo.Allows(2));
  EXPECT_FALSE(kTwo.Allows(3));
  EXPECT_FALSE(kTwo.Allows(4));
  EXPECT_TRUE(ControlDataBytes::Exactly(0).Allows(0));
  EXPECT_FALSE(ControlDataBytes::Exactly(0).Allows(1));
}

TEST(ControlTableTest, ALengthThatGrowsDoesSoInWholeSteps) {
  constexpr ControlDataBytes kTables = {.at_least = 8, .step = 6};
  for (size_t bytes = 0; bytes < 8; ++bytes)
    EXPECT_FALSE(kTables.Allows(bytes));
  for (size_t bytes = 8; bytes < 8192; ++bytes) {
    ASSERT_EQ(kTables.Allows(bytes), bytes % 6 == 2) << bytes;
  }
}

// --- The page ----------------------------------------------------------------

std::string_view Words(ControlCarrier carrier) {
  switch (carrier) {
    case ControlCarrier::kFrontEnd:
      return "front-end";
    case ControlCarrier::kBackEnd:
      return "back-end";
    case ControlCarrier::kOwnControlQueue:
      return "own control queue";
  }
  return "";
}

// The columns of the page that the table knows.
std::string Line(const ControlRow& row) {
  std::string text = "| " + std::to_string(std::to_underlying(row.ctrl_class));
  text += " | " + std::to_string(row.command) + " | ";
  text += row.name;
  text += " | " + std::to_string(row.data.at_least);
  if (row.data.step != 0) text += " + ";
  if (row.data.step > 1) text += std::to_string(row.data.step) + " ";
  if (row.data.step != 0) text += "n";
  text += " | ";
  text += FeatureName(row.gate);
  text += " | ";
  text += Words(row.carrier);
  return text + " |";
}

// Of the page's lines those of commands, each up to its last column.
std::vector<std::string> LinesOfThePage() {
  const char* const files = std::getenv("TEST_SRCDIR");
  const char* const workspace = std::getenv("TEST_WORKSPACE");
  if (files == nullptr || workspace == nullptr) return {};
  std::ifstream page(std::string(files) + "/" + workspace +
                     "/docs/control_queue.md");
  std::vector<std::string> lines;
  for (std::string line; std::getline(page, line);) {
    if (line.find(" | VIRTIO_NET_CTRL_") == std::string::npos &&
        line.find(" | VIRTNET_") == std::string::npos) {
      continue;
    }
    const size_t last = line.rfind('|', line.size() - 2);
    lines.push_back(line.substr(0, last + 1));
  }
  return lines;
}

TEST(ControlTableTest, ThePageHasTheSameRowsInTheSameOrder) {
  std::vector<std::string> expected;
  for (const ControlRow& row : kControlTable) expected.push_back(Line(row));
  EXPECT_THAT(LinesOfThePage(), ElementsAreArray(expected));
}

}  // namespace
}  // namespace virtio_user
