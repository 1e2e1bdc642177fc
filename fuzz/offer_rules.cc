// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/offer_rules.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "virtio_user/base/check.h"

namespace fuzz {

using virtio_user::PackedDesc;
using virtio_user::VirtqDesc;

namespace {

constexpr uint16_t kNext = virtio_user::kDescFlagNext;
constexpr uint16_t kWrite = virtio_user::kDescFlagWrite;
constexpr uint16_t kIndirect = virtio_user::kDescFlagIndirect;

VirtqDesc Get(std::span<const std::byte> table, size_t index) {
  return ValueAt<VirtqDesc>(table, index * sizeof(VirtqDesc));
}

}  // namespace

std::span<std::byte> SharedRing::From(uint64_t addr) const {
  if (addr - buffers_addr < buffers.size()) {
    return buffers.subspan(addr - buffers_addr);
  }
  if (addr - scratch_addr < scratch.size()) {
    return scratch.subspan(addr - scratch_addr);
  }
  return {};
}

VirtqDesc OfferRules::DescAt(size_t index) const {
  return Get({memory_.layout.desc, memory_.layout.DescBytes()}, index);
}

std::span<const std::byte> OfferRules::TakeSplit(uint16_t head, uint8_t whose,
                                                 bool strict) {
  const uint16_t num = memory_.layout.num;
  Begin(whose, strict);
  size_t index = head;
  for (size_t count = 0;; ++count) {
    Expect(index < num, "offered", "a descriptor that the ring has not");
    if (count == num) {
      Expect(!strict_, "offered", "a chain without end");
      return End();
    }
    const VirtqDesc desc = DescAt(index);
    if ((desc.flags & kIndirect) != 0) {
      const auto table = Table(desc.addr, desc.len, desc.flags);
      const size_t most = table.size() / sizeof(desc);
      size_t at = 0;
      for (size_t parts = 0;; ++parts) {
        Expect(at < most && parts < most && parts < num, "offered",
               "a table that does not end in itself");
        const VirtqDesc part = Get(table, at);
        Part(part.addr, part.len, part.flags & ~kNext);
        if ((part.flags & kNext) == 0) return End();
        at = part.next;
      }
    }
    Part(desc.addr, desc.len, desc.flags & ~kNext);
    if ((desc.flags & kNext) == 0) return End();
    index = desc.next;
  }
}

std::span<const std::byte> OfferRules::TakePacked(uint16_t first,
                                                  uint16_t count, uint8_t whose,
                                                  bool strict) {
  constexpr uint16_t kOwn = kWrite | kIndirect;
  const uint16_t num = memory_.layout.num;
  Begin(whose, strict);
  for (uint16_t i = 0; i < count; ++i) {
    const auto desc =
        std::bit_cast<PackedDesc>(DescAt((size_t{first} + i) % num));
    if ((desc.flags & kIndirect) == 0) {
      Part(desc.addr, desc.len, desc.flags & kOwn);
      continue;
    }
    Expect(count == 1, "offered", "a list with a table in it");
    const auto table = Table(desc.addr, desc.len, desc.flags & ~kWrite);
    Expect(table.size() / sizeof(desc) <= num, "offered",
           "a table that is longer than the ring");
    for (size_t at = 0; at < table.size() / sizeof(desc); ++at) {
      const auto part = std::bit_cast<PackedDesc>(Get(table, at));
      Part(part.addr, part.len, part.flags & kWrite);
    }
  }
  return End();
}

void OfferRules::GiveBack(uint8_t whose) {
  std::ranges::replace(owners_, whose, uint8_t{0});
}

std::array<std::byte, OfferRules::kMostRead>& OfferRules::Read() {
  static std::array<std::byte, kMostRead> read;
  return read;
}

void OfferRules::Begin(uint8_t whose, bool strict) {
  VU_CHECK(memory_.buffers.size() + memory_.scratch.size() <=
           kMostGranules * kGranule);
  whose_ = whose;
  strict_ = strict;
  bytes_ = read_bytes_ = 0;
}

std::span<const std::byte> OfferRules::End() const {
  Expect(!strict_ || bytes_ >= kind_.header_bytes, "offered",
         "no room for a header");
  return std::span(Read()).first(read_bytes_);
}

std::span<const std::byte> OfferRules::Claim(uint64_t addr, uint32_t bytes) {
  const auto memory = memory_.From(addr);
  Expect(bytes != 0 && bytes <= memory.size(), "offered",
         "outside of shared memory");
  const bool in_buffers = addr - memory_.buffers_addr < memory_.buffers.size();
  const size_t offset =
      in_buffers ? addr - memory_.buffers_addr
                 : memory_.buffers.size() + addr - memory_.scratch_addr;
  for (size_t i = offset / kGranule; i <= (offset + bytes - 1) / kGranule;
       ++i) {
    Expect(!strict_ || owners_[i] == 0 || owners_[i] == whose_, "offered",
           "memory that the device still has");
    owners_[i] = whose_;
  }
  return memory.first(bytes);
}

void OfferRules::Part(uint64_t addr, uint32_t bytes, uint16_t flags) {
  const auto part = Claim(addr, bytes);
  Expect(flags == (kind_.device_writes ? kWrite : 0), "offered",
         "not of the ring's direction");
  bytes_ += bytes;
  if (kind_.device_writes) return;
  if (bytes > kMostRead - read_bytes_) {
    return Expect(!strict_, "offered", "more than any packet has");
  }
  std::memcpy(Read().data() + read_bytes_, part.data(), bytes);
  read_bytes_ += bytes;
}

std::span<const std::byte> OfferRules::Table(uint64_t addr, uint32_t bytes,
                                             uint16_t flags) {
  Expect(kind_.indirect, "offered", "a table, which was not negotiated");
  Expect(bytes % sizeof(VirtqDesc) == 0, "offered", "a part of a table");
  Expect((flags & (kNext | kWrite)) == 0, "offered", "a table and more");
  return Claim(addr, bytes);
}

}  // namespace fuzz
