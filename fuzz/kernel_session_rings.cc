// SPDX-License-Identifier: BSD-3-Clause
//
// KernelSession: its rings.

#include <algorithm>
#include <cstring>

#include "fuzz/finding.h"
#include "fuzz/kernel_session.h"
#include "fuzz/reader.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {

using virtio_user::DeviceAddr;
using virtio_user::Fail;
using virtio_user::Feature;
using virtio_user::FileDescriptor;
using virtio_user::MemoryTable;
using virtio_user::Result;
using virtio_user::RingFormat;
using virtio_user::RingLayout;
using virtio_user::VringBase;
using virtio_user::VringBaseQuery;
using virtio_user::VringEnable;

namespace {

constexpr uint16_t kRingSize = 8;

// As struct vhost_vring_state has it.
uint32_t StateOf(const VringBase& base, RingFormat format) {
  if (format == RingFormat::kSplit) return base.avail;
  const uint32_t avail = base.avail | (base.avail_wrap ? 0x8000u : 0);
  const uint32_t used = base.used | (base.used_wrap ? 0x8000u : 0);
  return avail | used << 16;
}

}  // namespace

Result<DeviceAddr> KernelSession::AddrOf(const std::byte* at) {
  Result<DeviceAddr> addr = DeviceAddr();
  parts_.memory.WithTable([&](const MemoryTable& table) {
    addr = table.ToDevice(at, 1, parts_.backend.caps().addresses);
  });
  return addr;
}

RingFormat KernelSession::format() const {
  return features_.Has(Feature::kRingPacked) ? RingFormat::kPacked
                                             : RingFormat::kSplit;
}

Result<void> KernelSession::MakeRings() {
  for (uint16_t ring = 0; ring < ring_count_; ++ring) {
    for (FileDescriptor* const fd : {&kicks_[ring], &calls_[ring]}) {
      if (fd->valid()) continue;
      auto made = FileDescriptor::CreateEvent(parts_.fds);
      if (!made) return Fail(made);
      *fd = *std::move(made);
    }
  }
  if (!rings_.empty()) return {};
  // Those of either kind have room in it.
  const size_t bytes =
      std::max(RingLayout::BytesFor(RingFormat::kSplit, kRingSize),
               RingLayout::BytesFor(RingFormat::kPacked, kRingSize));
  const auto memory =
      parts_.memory.Allocate(kMostRings * bytes, RingLayout::kAlign);
  if (!memory) return Fail(memory);
  rings_ = *memory;
  return {};
}

// Nothing is offered, wherever they go on.
void KernelSession::FillRings() {
  std::ranges::fill(rings_, std::byte{0});
  bases_.fill({});
  if (!parts_.use.goes_on) return;
  constexpr uint16_t kIndex = 5;
  const bool packed = format() == RingFormat::kPacked;
  bases_.fill({.avail = kIndex,
               .used = kIndex,
               .avail_wrap = !packed,
               .used_wrap = !packed});
}

Result<void> KernelSession::SetUp() {
  const uint32_t pairs = parts_.pairs != 0
                             ? parts_.pairs
                             : std::min(parts_.use.many ? 2u : 1u,
                                        parts_.backend.caps().max_queue_pairs);
  ring_count_ = static_cast<uint16_t>(2 * pairs);
  if (auto made = MakeRings(); !made) return made;
  FillRings();
  return InBatch([this]() -> Result<void> {
    Result<void> done = ShareMemory();
    for (uint16_t ring = 0; ring < ring_count_ && done; ++ring) {
      done = SetUpRing(ring);
    }
    return done;
  });
}

Result<void> KernelSession::SetUpRing(uint16_t ring) {
  virtio_user::VhostBackend& backend = parts_.backend;
  KernelOrders& orders = parts_.orders;
  const size_t each = rings_.size() / kMostRings;
  const auto layout = RingLayout::PlaceIn(rings_.subspan(ring * each, each),
                                          format(), kRingSize);
  if (!layout) return Fail(layout);
  used_[ring] = layout->device;
  const VringBase& base = bases_[ring];
  if (format() == RingFormat::kSplit) {
    for (std::byte* const index :
         {layout->driver + virtio_user::kAvailIdxOffset,
          layout->device + virtio_user::kUsedIdxOffset}) {
      std::memcpy(index, &base.avail, sizeof(base.avail));
    }
  }
  const auto desc = AddrOf(layout->desc);
  const auto avail = AddrOf(layout->driver);
  const auto used = AddrOf(layout->device);
  if (!desc || !avail || !used)
    return Fail(!desc ? desc : !avail ? avail : used);
  const int call = calls_[ring].get();
  const int kick = kicks_[ring].get();
  orders.SetVringCall(ring, call);
  if (auto done = backend.SetVringCall(ring, call); !done) return done;
  orders.SetVringNum(ring, kRingSize);
  if (auto done = backend.SetVringNum(ring, kRingSize); !done) return done;
  orders.SetVringBase(ring, StateOf(base, format()));
  if (auto done = backend.SetVringBase(ring, base); !done) return done;
  orders.SetVringAddr(ring, *layout);
  auto done = backend.SetVringAddr(
      ring, {.desc = *desc, .avail = *avail, .used = *used});
  orders.SetVringKick(ring, kick);
  return done ? backend.SetVringKick(ring, kick) : done;
}

Result<void> KernelSession::Enable(VringEnable enable) {
  if (!parts_.backend.caps().ring_enable) return {};
  return InBatch([&]() -> Result<void> {
    Result<void> done;
    for (uint16_t ring = 0; ring < ring_count_ && done; ++ring) {
      if (enable == VringEnable::kEnabled) {
        parts_.orders.EnableVring(ring);
      } else {
        parts_.orders.DisableVring(ring);
      }
      done = parts_.backend.SetVringEnable(ring, enable);
    }
    return done;
  });
}

// A device uses one chain of each split ring, as the ring has it.
void KernelSession::UseOne() {
  if (format() != RingFormat::kSplit) return;
  for (uint16_t ring = 0; ring < ring_count_; ++ring) {
    if (used_[ring] == nullptr) continue;
    const auto index = static_cast<uint16_t>(bases_[ring].avail + 1);
    std::memcpy(used_[ring] + virtio_user::kUsedIdxOffset, &index,
                sizeof(index));
  }
}

// What the kernel does not tell stands in the used ring, where rings ran; else
// they are where they were told to be, or new.
void KernelSession::JudgeBases(std::span<const VringBaseQuery> queries,
                               RingEnd end) const {
  if (parts_.answers.JudgeBases(queries, format())) return;
  const uint16_t step = format() == RingFormat::kSplit ? 1 : 0;
  for (const VringBaseQuery& query : queries) {
    const VringBase& told = bases_[query.vring];
    const bool is_used =
        query.base.avail == static_cast<uint16_t>(told.avail + step);
    const bool is_told =
        query.base.avail == told.avail ||
        (!parts_.orders.HasBase(query.vring) && query.base == VringBase());
    Expect(query.answered && ((end != RingEnd::kNew && is_used) ||
                              (end != RingEnd::kRan && is_told)),
           "bases", "another index than that of the ring");
  }
}

}  // namespace fuzz
