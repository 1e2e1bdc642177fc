// SPDX-License-Identifier: BSD-3-Clause
//
// Every small descriptor table, well formed or not, against a slow oracle that
// was written from the spec's sentences and shares no code with WalkChain.

#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/ring_support.h"
#include "virtio_user/ring/descriptor_chain.h"

namespace virtio_user {
namespace {

using Tables = std::vector<std::vector<VirtqDesc>>;  // Ring, indirect table.

// What a chain is made of, or nothing where the spec forbids the chain.
std::optional<std::vector<std::pair<bool, uint64_t>>> Oracle(
    const Tables& tables, size_t queue_size, size_t head) {
  std::vector<std::pair<bool, uint64_t>> buffers;  // Writable?, address.
  std::set<std::pair<size_t, size_t>> visited;
  size_t where = 0;  // 0: the ring's table, 1: the indirect one.
  size_t index = head;
  bool more = true;
  while (more) {
    if (index >= tables[where].size()) return std::nullopt;
    // "loops in the descriptor chain are forbidden"
    if (!visited.emplace(where, index).second) return std::nullopt;
    const VirtqDesc& desc = tables[where][index];
    const bool next = desc.flags % 2 == 1;
    const bool writable = desc.flags / 2 % 2 == 1;
    const bool indirect = desc.flags / 4 % 2 == 1;
    if (indirect) {
      // "MUST NOT set the INDIRECT flag within an indirect descriptor",
      // "MUST NOT set both INDIRECT and NEXT"
      if (where == 1 || next) return std::nullopt;
      where = 1;
      index = 0;
      continue;
    }
    buffers.emplace_back(writable, desc.addr);
    more = next;
    index = desc.next;
  }
  // "MUST NOT create a descriptor chain longer than the Queue Size"
  if (buffers.size() > queue_size) return std::nullopt;
  // "MUST place any device-writable elements after any device-readable ones"
  for (size_t i = 1; i < buffers.size(); ++i) {
    if (buffers[i - 1].first && !buffers[i].first) return std::nullopt;
  }
  return buffers;
}

class WalkChainExhaustive : public ::testing::Test {
 protected:
  static constexpr uint16_t kNum = 4;
  // 8 combinations of flags times `nexts` values of next.
  static VirtqDesc Choose(uint32_t choice, uint64_t addr) {
    return {addr, 1, static_cast<uint16_t>(choice % 8),
            static_cast<uint16_t>(choice / 8)};
  }

  // Compares WalkChain with the oracle; counts what was legal.
  void Compare(uint16_t head) {
    const auto want = Oracle(tables_, kNum, head);
    const Result<void> walked = WalkChain(
        layout_, head, [this](DeviceBuffer b) { return arena_.Resolve(b); },
        chain_);
    ASSERT_EQ(walked.has_value(), want.has_value());
    if (!want) return;
    ++legal_;
    ASSERT_EQ(chain_.readable.size() + chain_.writable.size(), want->size());
    for (size_t i = 0; i < want->size(); ++i) {
      const bool writable = i >= chain_.readable.size();
      const DeviceBuffer& buffer =
          writable ? chain_.writable[i - chain_.readable.size()]
                   : chain_.readable[i];
      ASSERT_EQ((*want)[i].first, writable);
      ASSERT_EQ((*want)[i].second, buffer.addr.value);
    }
  }

  // Puts desc into one of the two tables, for both sides.
  void Set(size_t where, uint32_t index, VirtqDesc desc) {
    if (where == 0 && (desc.flags & kDescFlagIndirect) != 0) {
      desc.addr = arena_.Addr(table_.data()).value;
      desc.len = static_cast<uint32_t>(16 * tables_[1].size());
    }
    tables_[where][index] = desc;
    std::byte* const at = where == 0 ? layout_.desc : table_.data();
    std::memcpy(at + 16 * index, &desc, 16);
  }

  TestArena arena_{ArenaBytes(kNum, 8192)};
  RingLayout layout_ = TakeRing(arena_, kNum);
  std::span<std::byte> table_ = arena_.Take(16 * 8);
  Tables tables_{std::vector<VirtqDesc>(kNum), std::vector<VirtqDesc>(3)};
  DescriptorChain chain_;
  int legal_ = 0;
};

TEST_F(WalkChainExhaustive, RingTablesOfThreeAgreeWithTheSpec_S63_S64_S65_B39) {
  Set(0, 3, {0xd, 1, 0, 0});
  Set(1, 0, {0xe, 1, kDescFlagNext, 1});
  Set(1, 1, {0xf, 1, kDescFlagWrite, 0});
  constexpr uint32_t kChoices = 8 * 5;  // Next: 0 to 3, and 4, which is beyond.
  for (uint32_t a = 0; a < kChoices; ++a) {
    Set(0, 0, Choose(a, 0xa));
    for (uint32_t b = 0; b < kChoices; ++b) {
      Set(0, 1, Choose(b, 0xb));
      for (uint32_t c = 0; c < kChoices; ++c) {
        Set(0, 2, Choose(c, 0xc));
        for (uint16_t head = 0; head < 3; ++head) {
          ASSERT_NO_FATAL_FAILURE(Compare(head))
              << a << " " << b << " " << c << " head " << head;
        }
      }
    }
  }
  EXPECT_GT(legal_, 10000);
}

TEST_F(WalkChainExhaustive, IndirectTablesOfThreeAgreeWithTheSpec_S65_B39) {
  constexpr uint32_t kChoices = 8 * 4;  // Next: 0 to 2, and 3, which is beyond.
  // Nothing, one, or two normal descriptors before the table.
  Set(0, 0, {0xa, 1, kDescFlagNext, 1});
  Set(0, 1, {0xb, 1, kDescFlagNext, 2});
  Set(0, 2, {0, 0, kDescFlagIndirect | kDescFlagWrite, 0});
  for (uint32_t a = 0; a < kChoices; ++a) {
    Set(1, 0, Choose(a, 0xc));
    for (uint32_t b = 0; b < kChoices; ++b) {
      Set(1, 1, Choose(b, 0xd));
      for (uint32_t c = 0; c < kChoices; ++c) {
        Set(1, 2, Choose(c, 0xe));
        for (uint16_t head = 0; head < 3; ++head) {
          ASSERT_NO_FATAL_FAILURE(Compare(head))
              << a << " " << b << " " << c << " head " << head;
        }
      }
    }
  }
  EXPECT_GT(legal_, 10000);
}

TEST_F(WalkChainExhaustive, LongTablesFilledAtRandomAgreeWithTheSpec_B39) {
  tables_[1].resize(8);
  TestRandom random(11);
  for (int round = 0; round < 200000; ++round) {
    for (uint32_t i = 0; i < kNum; ++i) Set(0, i, Choose(random.Below(40), i));
    for (uint32_t i = 0; i < 8; ++i) {
      // Flags without INDIRECT mostly, so that chains get long.
      const uint32_t flags =
          random.OneIn(16) ? random.Below(8) : random.Below(4);
      Set(1, i, Choose(flags + 8 * random.Below(9), 16 + i));
    }
    ASSERT_NO_FATAL_FAILURE(Compare(static_cast<uint16_t>(random.Below(kNum))))
        << "round " << round << " of seed 11";
  }
  EXPECT_GT(legal_, 10000);
}

}  // namespace
}  // namespace virtio_user
