// SPDX-License-Identifier: BSD-3-Clause
//
// VhostModel: the memory in which it notes what it has in flight.

#include <utility>

#include "backend_sim/vhost_model.h"

namespace backend_sim {

using virtio_user::FileDescriptor;

InflightNumbers InflightNumbersOf(std::span<const std::byte> payload) {
  return {
      .mmap_size = Get(payload, kInflightSize),
      .mmap_offset = Get(payload, kInflightOffset),
      .num_queues = static_cast<uint16_t>(Get(payload, kInflightQueues)),
      .queue_size = static_cast<uint16_t>(Get(payload, kInflightQueueSize))};
}

// "GET_INFLIGHT_FD: gets the shared buffer from the back-end, which allocates
// it". Without memory the size is 0, and no descriptor comes.
Check VhostModel::GetInflightFd(VhostMessage& message,
                                std::vector<std::byte>& answer) {
  InflightNumbers numbers = InflightNumbersOf(message.payload);
  answer = std::move(message.payload);
  inflight_given_.reset();
  const InflightLie lie = personality_.inflight_lie;
  numbers.mmap_size = numbers.num_queues * QueueNotesBytes(numbers.queue_size);
  numbers.mmap_offset = 0;
  FileDescriptor file;
  if (make_memory_ && lie != InflightLie::kNoMemory) {
    auto made = make_memory_(numbers.mmap_size);
    if (!made) return Breach{Rule::kNone, std::string(made.error().text())};
    file = *std::move(made);
  } else {
    numbers.mmap_size = 0;
  }
  inflight_given_ = numbers;
  if (lie == InflightLie::kShortFile) numbers.mmap_size += 1;
  if (lie == InflightLie::kOffsetOutside) numbers.mmap_offset = ~uint64_t{0};
  if (lie == InflightLie::kOtherQueues) ++numbers.num_queues;
  if (lie == InflightLie::kOtherQueueSize) numbers.queue_size /= 2;
  Put(answer, kInflightSize, numbers.mmap_size);
  Put(answer, kInflightOffset, numbers.mmap_offset);
  Put(answer, kInflightQueues, numbers.num_queues);
  Put(answer, kInflightQueueSize, numbers.queue_size);
  if (!file.valid() || lie == InflightLie::kNoFd) return std::nullopt;
  if (lie == InflightLie::kTwoFds) {
    if (auto copy = fds_.Dup(file.get())) answer_fds_.emplace_back(fds_, *copy);
  }
  answer_fds_.push_back(std::move(file));
  return std::nullopt;
}

Check VhostModel::SetInflightFd(VhostMessage& message,
                                std::vector<std::byte>&) {
  return inflight_.Map(InflightNumbersOf(message.payload),
                       message.fds.front().get());
}

}  // namespace backend_sim
