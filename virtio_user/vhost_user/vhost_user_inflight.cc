// SPDX-License-Identifier: BSD-3-Clause
//
// The messages about the memory in which a back-end notes what it has in
// flight.

#include <cinttypes>
#include <utility>

#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {

Result<InflightRegion> VhostUserBackend::GetInflight(
    const InflightShape& shape) {
  constexpr BackendOperation kOperation = BackendOperation::kGetInflightFd;
  if (auto free = CheckNoBatch(kOperation); !free) return Fail(free);
  if (auto can = CheckSpeaks(ProtocolFeature::kInflightShmfd, kOperation);
      !can) {
    return Fail(can);
  }
  const size_t begin = window_.bytes().size();
  MessageWriter(window_.bytes())
      .Inflight(VhostUserRequest::kGetInflightFd,
                {.mmap_size = 0,
                 .mmap_offset = 0,
                 .num_queues = shape.num_queues,
                 .queue_size = shape.queue_size,
                 .padding = 0});
  Enqueue({.begin = begin,
           .request = VhostUserRequest::kGetInflightFd,
           .operation = kOperation,
           .reply_bytes = sizeof(VhostUserInflight),
           .reply_may_bring_fd = true});
  InflightRegion region;
  const auto done = AsResult(
      Run([&](size_t, std::span<const std::byte> payload) -> Result<void> {
        auto taken = TakeInflight(DecodePayload<VhostUserInflight>(payload),
                                  window_.TakeFd(), shape);
        if (!taken) return Fail(taken);
        region = *std::move(taken);
        return {};
      }));
  if (!done) return Fail(done);
  return region;
}

// Nobody here looks into that memory, but the next back-end will, and what it
// is told of is told by us.
Result<InflightRegion> VhostUserBackend::TakeInflight(
    const VhostUserInflight& answer, FileDescriptor fd,
    const InflightShape& shape) {
  // QEMU takes it so too; lib/vhost puts 0 where it has no memory.
  if (answer.mmap_size == 0) return InflightRegion{};
  if (answer.num_queues != shape.num_queues ||
      answer.queue_size != shape.queue_size) {
    return Fail(ErrorCode::kProtocol,
                "GET_INFLIGHT_FD for %u queues of %u was answered for %u "
                "queues of %u",
                shape.num_queues, shape.queue_size, answer.num_queues,
                answer.queue_size);
  }
  if (!fd.valid()) {
    return Fail(ErrorCode::kProtocol,
                "GET_INFLIGHT_FD was answered with %" PRIu64
                " bytes and no descriptor of them",
                answer.mmap_size);
  }
  const Result<uint64_t> bytes = fd.FileBytes();
  const bool inside = bytes && answer.mmap_offset <= *bytes &&
                      answer.mmap_size <= *bytes - answer.mmap_offset;
  if (!inside) {
    return Fail(ErrorCode::kProtocol,
                "GET_INFLIGHT_FD was answered with %" PRIu64
                " bytes from %" PRIu64 " of a file of %" PRIu64 " bytes",
                answer.mmap_size, answer.mmap_offset, bytes.value_or(0));
  }
  return InflightRegion{.fd = std::move(fd),
                        .mmap_size = answer.mmap_size,
                        .mmap_offset = answer.mmap_offset,
                        .shape = shape};
}

Result<void> VhostUserBackend::SetInflight(const InflightRegion& region) {
  constexpr BackendOperation kOperation = BackendOperation::kSetInflightFd;
  if (auto can = CheckSpeaks(ProtocolFeature::kInflightShmfd, kOperation);
      !can) {
    return can;
  }
  QueuedMessage message = {.begin = window_.bytes().size(),
                           .request = VhostUserRequest::kSetInflightFd,
                           .operation = kOperation,
                           .fd_count = 1};
  message.fds[0] = region.fd.get();
  MessageWriter(window_.bytes())
      .Inflight(VhostUserRequest::kSetInflightFd,
                {.mmap_size = region.mmap_size,
                 .mmap_offset = region.mmap_offset,
                 .num_queues = region.shape.num_queues,
                 .queue_size = region.shape.queue_size,
                 .padding = 0});
  return Tell(message);
}

}  // namespace virtio_user
