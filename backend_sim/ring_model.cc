// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/ring_model.h"

#include <atomic>
#include <utility>

#include "virtio_user/spec/ring.h"

namespace backend_sim {

using virtio_user::AvailRingBytes;
using virtio_user::DescTableBytes;
using virtio_user::FileDescriptor;
using virtio_user::RingLayout;
using virtio_user::UsedRingBytes;

bool RingInside(const RingAddresses& addresses, uint32_t num,
                std::span<const RegionDescription> regions) {
  return CoversUser(regions, addresses.desc, DescTableBytes(num)) &&
         CoversUser(regions, addresses.avail, AvailRingBytes(num)) &&
         CoversUser(regions, addresses.used, UsedRingBytes(num));
}

void RingModel::SetKick(FileDescriptor kick) {
  kick_ = std::move(kick);
  kick_given_ = true;
  mentioned_ = true;
}

void RingModel::SetCall(FileDescriptor call) {
  call_ = std::move(call);
  call_given_ = true;
  mentioned_ = true;
}

std::optional<RingLayout> RingModel::Resolve(
    const BackendMemory& memory) const {
  if (!addresses_ || num_ == 0) return std::nullopt;
  const auto desc = memory.FromUser(addresses_->desc, DescTableBytes(num_));
  const auto avail = memory.FromUser(addresses_->avail, AvailRingBytes(num_));
  const auto used = memory.FromUser(addresses_->used, UsedRingBytes(num_));
  if (!desc || !avail || !used) return std::nullopt;
  RingLayout layout;
  layout.num = static_cast<uint16_t>(num_);
  layout.desc = desc->data();
  layout.driver = avail->data();
  layout.device = used->data();
  // Aligned for the front-end, but mapped here at another alignment.
  if (!layout.Check()) return std::nullopt;
  return layout;
}

std::optional<uint16_t> RingModel::UsedIndex(
    const BackendMemory& memory) const {
  const std::optional<RingLayout> layout = Resolve(memory);
  if (!layout) return std::nullopt;
  auto* const index =
      reinterpret_cast<uint16_t*>(layout->device + virtio_user::kUsedIdxOffset);
  return std::atomic_ref(*index).load(std::memory_order_relaxed);
}

bool RingModel::Start(const BackendMemory& memory, Trace& trace) {
  if (started()) return true;
  const std::optional<RingLayout> layout = Resolve(memory);
  if (!layout) return false;
  const uint16_t next_avail = base_.value_or(0);
  const uint16_t next_used = UsedIndex(memory).value_or(next_avail);
  queue_.emplace(*layout, next_avail, next_used);
  ++life_;
  trace.Add({.kind = TraceKind::kRingStart,
             .ring = index_,
             .words = {num_, next_avail, next_used}});
  return true;
}

bool RingModel::Rebind(const BackendMemory& memory) {
  if (!started()) return true;
  const std::optional<RingLayout> layout = Resolve(memory);
  if (!layout) return false;
  const uint16_t next_avail = queue_->next_avail();
  const uint16_t next_used = queue_->next_used();
  // A broken queue stays as it is: it reads nothing any more.
  if (!queue_->broken()) queue_.emplace(*layout, next_avail, next_used);
  return true;
}

uint16_t RingModel::Stop(Trace& trace) {
  const uint16_t base =
      queue_ ? queue_->next_used() : base_.value_or(uint16_t{0});
  if (queue_) {
    trace.Add({.kind = TraceKind::kRingStop, .ring = index_, .words = {base}});
  }
  RingModel fresh(index_);
  fresh.life_ = life_;
  fresh.enabled_ = enabled_;
  *this = std::move(fresh);
  return base;
}

void RingModel::Reset(Trace& trace) {
  Stop(trace);
  enabled_ = false;
}

}  // namespace backend_sim
