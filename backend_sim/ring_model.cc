// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/ring_model.h"

#include <utility>

#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace backend_sim {

using virtio_user::FileDescriptor;
using virtio_user::RingDistance;
using virtio_user::RingFormat;
using virtio_user::RingLayout;
using virtio_user::RingPosition;

namespace {

inline constexpr uint32_t kWrapBit = 1u << 15;

RingPosition FromHalf(uint32_t half) {
  return {.index = static_cast<uint16_t>(half & ~kWrapBit),
          .wrap = (half & kWrapBit) != 0};
}

uint32_t ToHalf(RingPosition position) {
  return position.index | (position.wrap ? kWrapBit : 0);
}

RingLayout SizesOf(RingSize size) {
  return {.format = size.format, .num = static_cast<uint16_t>(size.num)};
}

// What a lenient back-end makes of a base that cannot be: the beginning.
RingBase Sane(const RingLayout& layout, RingBase base) {
  if (layout.format == RingFormat::kSplit) return base;
  if (base.next_avail.index >= layout.num) base.next_avail = {};
  if (base.next_used.index >= layout.num ||
      RingDistance(layout, base.next_used, base.next_avail) > layout.num) {
    base.next_used = base.next_avail;
  }
  return base;
}

}  // namespace

RingBase DecodeBase(RingFormat format, uint32_t base) {
  if (format == RingFormat::kSplit) {
    const RingPosition position{.index = static_cast<uint16_t>(base)};
    return {position, position};
  }
  const RingPosition next_avail = FromHalf(base & 0xffff);
  const uint32_t used = base >> 16;
  return {next_avail, used == 0 ? next_avail : FromHalf(used)};
}

uint32_t EncodeBase(RingFormat format, RingBase base) {
  if (format == RingFormat::kSplit) return base.next_avail.index;
  return ToHalf(base.next_avail) | ToHalf(base.next_used) << 16;
}

bool RingInside(const RingAddresses& addresses, RingSize size,
                std::span<const RegionDescription> regions) {
  const RingLayout layout = SizesOf(size);
  return CoversUser(regions, addresses.desc, layout.DescBytes()) &&
         CoversUser(regions, addresses.avail, layout.DriverBytes()) &&
         CoversUser(regions, addresses.used, layout.DeviceBytes());
}

bool ChainLedger::Take(uint16_t id) {
  if (taken_.empty()) taken_.resize(size_t{UINT16_MAX} + 1);
  if (taken_[id]) return false;
  taken_[id] = true;
  return true;
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

std::optional<RingLayout> RingModel::Resolve(const BackendMemory& memory,
                                             RingFormat format) const {
  if (!addresses_ || num_ == 0) return std::nullopt;
  RingLayout layout = SizesOf({format, num_});
  const auto desc = memory.FromUser(addresses_->desc, layout.DescBytes());
  const auto avail = memory.FromUser(addresses_->avail, layout.DriverBytes());
  const auto used = memory.FromUser(addresses_->used, layout.DeviceBytes());
  if (!desc || !avail || !used) return std::nullopt;
  layout.desc = desc->data();
  layout.driver = avail->data();
  layout.device = used->data();
  // Aligned for the front-end, but mapped here at another alignment.
  if (!layout.Check()) return std::nullopt;
  return layout;
}

std::optional<uint16_t> RingModel::UsedIndex(
    const BackendMemory& memory) const {
  const auto layout = Resolve(memory, RingFormat::kSplit);
  if (!layout) return std::nullopt;
  return virtio_user::LoadRelaxed<uint16_t>(layout->device +
                                            virtio_user::kUsedIdxOffset);
}

bool RingModel::Start(const BackendMemory& memory, RingRules rules,
                      Trace& trace) {
  if (started()) return true;
  const std::optional<RingLayout> layout = Resolve(memory, rules.format);
  if (!layout) return false;
  const uint32_t initial =
      EncodeBase(rules.format, {RingPosition{}, RingPosition{}});
  RingBase base =
      Sane(*layout, DecodeBase(rules.format, base_.value_or(initial)));
  if (rules.format == RingFormat::kSplit) {
    base.next_used.index = *UsedIndex(memory);
    base.next_avail.index += Resubmit(base.next_used.index);
  }
  rules_ = rules;
  queue_ = std::make_unique<virtio_user::DeviceQueue>(
      *layout,
      virtio_user::DeviceQueueOptions{.next_avail = base.next_avail,
                                      .next_used = base.next_used,
                                      .event_index = rules.event_index});
  ++life_;
  const bool packed = rules.format == RingFormat::kPacked;
  const auto word = [&](RingPosition position) -> uint64_t {
    return packed ? ToHalf(position) : position.index;
  };
  trace.Add({.kind = TraceKind::kRingStart,
             .ring = index_,
             .words = {num_, word(base.next_avail), word(base.next_used)}});
  return true;
}

// What was in flight stands in the available ring right behind what was used.
uint16_t RingModel::Resubmit(uint16_t used_index) {
  if (!notes_) return 0;
  resubmitted_ = notes_->Begin(used_index);
  resubmitted_taken_ = 0;
  return static_cast<uint16_t>(resubmitted_.size());
}

std::optional<uint16_t> RingModel::TakeResubmitted() {
  if (!has_resubmitted()) return std::nullopt;
  return resubmitted_[resubmitted_taken_++];
}

bool RingModel::Take(uint16_t id) {
  if (!ledger_.Take(id)) return false;
  if (notes_ && id < num_) notes_->Take(id);
  return true;
}

void RingModel::Give(uint16_t id) {
  ledger_.Give(id);
  if (notes_ && id < num_) notes_->Give(id);
}

void RingModel::Publish() {
  queue_->Publish();
  if (notes_) notes_->Publish(queue_->next_used().index);
}

bool RingModel::Rebind(const BackendMemory& memory) {
  if (!started()) return true;
  const std::optional<RingLayout> layout = Resolve(memory, rules_.format);
  if (!layout) return false;
  // A broken queue stays as it is: it reads nothing any more.
  if (queue_->broken()) return true;
  const virtio_user::DeviceQueueOptions options{
      .next_avail = queue_->next_avail(),
      .next_used = queue_->next_used(),
      .event_index = rules_.event_index};
  queue_ = std::make_unique<virtio_user::DeviceQueue>(*layout, options);
  return true;
}

uint32_t RingModel::Pause(Trace& trace) {
  if (!queue_) return base_.value_or(0);
  const RingPosition used = queue_->next_used();
  const uint32_t base = EncodeBase(rules_.format, {used, used});
  trace.Add({.kind = TraceKind::kRingStop, .ring = index_, .words = {base}});
  base_ = base;
  if (notes_) notes_->Clear(used.index);
  resubmitted_.clear();
  resubmitted_taken_ = 0;
  queue_.reset();
  ledger_ = ChainLedger();
  return base;
}

uint32_t RingModel::Stop(Trace& trace) {
  // Of hundreds of rings few are ever spoken of.
  if (!mentioned_ && !started() && !notes_) return 0;
  const uint32_t base = Pause(trace);
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
