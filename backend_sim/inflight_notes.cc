// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/inflight_notes.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "virtio_user/ring/shared_memory.h"

namespace backend_sim {

using virtio_user::LoadRelaxed;
using virtio_user::StoreRelaxed;

namespace {

// QueueRegionSplit.
inline constexpr size_t kVersionAt = 8;
inline constexpr size_t kDescNumAt = 10;
inline constexpr size_t kLastBatchHeadAt = 12;
inline constexpr size_t kUsedIdxAt = 14;
inline constexpr size_t kDescAt = 16;
// DescStateSplit.
inline constexpr size_t kNextAt = 6;
inline constexpr size_t kCounterAt = 8;
inline constexpr size_t kDescBytes = 16;

inline constexpr uint16_t kVersion = 1;
// Of each queue's region, as libvhost-user and lib/vhost lay them out.
inline constexpr size_t kRegionAlign = 64;

std::byte* DescOf(std::span<std::byte> region, uint16_t head) {
  return region.subspan(kDescAt + head * kDescBytes, kDescBytes).data();
}

void SetInFlight(std::span<std::byte> region, uint16_t head, bool in_flight) {
  StoreRelaxed<uint8_t>(DescOf(region, head), in_flight ? 1 : 0);
}

}  // namespace

size_t QueueNotesBytes(uint16_t queue_size) {
  const size_t bytes = kDescAt + queue_size * kDescBytes;
  return (bytes + kRegionAlign - 1) & ~(kRegionAlign - 1);
}

bool QueueNotes::InFlight(uint16_t head) const {
  return LoadRelaxed<uint8_t>(DescOf(region_, head)) == 1;
}

std::vector<uint16_t> QueueNotes::Begin(uint16_t used_index) {
  if (LoadRelaxed<uint16_t>(region_.data() + kVersionAt) == 0) {
    StoreRelaxed(region_.data() + kDescNumAt, queue_size_);
    StoreRelaxed(region_.data() + kUsedIdxAt, used_index);
    StoreRelaxed(region_.data() + kVersionAt, kVersion);
    return {};
  }
  FinishLastBatch(used_index);
  std::vector<std::pair<uint64_t, uint16_t>> left;
  for (uint16_t head = 0; head < queue_size_; ++head) {
    if (!InFlight(head)) continue;
    left.emplace_back(LoadRelaxed<uint64_t>(DescOf(region_, head) + kCounterAt),
                      head);
  }
  std::ranges::sort(left);
  std::vector<uint16_t> heads;
  for (const auto& [counter, head] : left) heads.push_back(head);
  if (!left.empty()) counter_ = left.back().first + 1;
  return heads;
}

// A back-end that went between moving the used index and clearing the marks of
// what it had given back with it.
void QueueNotes::FinishLastBatch(uint16_t used_index) {
  const auto known = LoadRelaxed<uint16_t>(region_.data() + kUsedIdxAt);
  const auto count = static_cast<uint16_t>(used_index - known);
  uint16_t head = LoadRelaxed<uint16_t>(region_.data() + kLastBatchHeadAt);
  for (uint16_t i = 0; i < std::min(count, queue_size_); ++i) {
    if (head >= queue_size_) break;
    SetInFlight(region_, head, false);
    head = LoadRelaxed<uint16_t>(DescOf(region_, head) + kNextAt);
  }
  StoreRelaxed(region_.data() + kUsedIdxAt, used_index);
}

void QueueNotes::Take(uint16_t head) {
  if (InFlight(head)) return;
  StoreRelaxed(DescOf(region_, head) + kCounterAt, counter_++);
  SetInFlight(region_, head, true);
}

void QueueNotes::Give(uint16_t head) {
  const auto before = LoadRelaxed<uint16_t>(region_.data() + kLastBatchHeadAt);
  StoreRelaxed(DescOf(region_, head) + kNextAt, before);
  StoreRelaxed(region_.data() + kLastBatchHeadAt, head);
  batch_.push_back(head);
}

void QueueNotes::Publish(uint16_t used_index) {
  for (const uint16_t head : batch_) SetInFlight(region_, head, false);
  batch_.clear();
  StoreRelaxed(region_.data() + kUsedIdxAt, used_index);
}

void QueueNotes::Clear(uint16_t used_index) {
  for (uint16_t head = 0; head < queue_size_; ++head) {
    SetInFlight(region_, head, false);
  }
  Publish(used_index);
}

Check InflightArea::Map(const InflightNumbers& numbers, int fd) {
  Clear();
  // As with a region of the table: it need not be the file that was given.
  const auto bytes = fds_->FileBytes(fd);
  if (bytes && *bytes != 0 &&
      (numbers.mmap_offset > *bytes ||
       numbers.mmap_size > *bytes - numbers.mmap_offset)) {
    return Breach{Rule::kInflightOther,
                  "the file has " + std::to_string(*bytes) + " bytes"};
  }
  const auto mapping = fds_->Map(fd, numbers.mmap_offset, numbers.mmap_size);
  if (!mapping) {
    const int why = mapping.error().sys_errno();
    const bool ours = why == ENOMEM || why == EMFILE || why == ENFILE;
    return Breach{ours ? Rule::kNone : Rule::kInflightOther,
                  std::string(mapping.error().text())};
  }
  mapping_ = *mapping;
  numbers_ = numbers;
  return std::nullopt;
}

void InflightArea::Clear() {
  if (mapped()) fds_->Unmap(std::exchange(mapping_, {}));
  numbers_ = {};
}

std::optional<QueueNotes> InflightArea::NotesOf(uint16_t queue) const {
  const size_t bytes = QueueNotesBytes(numbers_.queue_size);
  if (queue >= numbers_.num_queues || (queue + 1) * bytes > mapping_.size()) {
    return std::nullopt;
  }
  return QueueNotes(mapping_.subspan(queue * bytes, bytes),
                    numbers_.queue_size);
}

}  // namespace backend_sim
