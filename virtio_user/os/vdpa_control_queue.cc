// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vdpa_control_queue.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "virtio_user/ring/shared_memory.h"

namespace virtio_user {
namespace {

constexpr size_t kAckOffset = 2048;
constexpr size_t kRequestOffset = 4096;
static_assert(kRequestOffset + VdpaControlQueue::kMaxRequestBytes <=
              VdpaControlQueue::kBytes);
constexpr size_t kHeaderBytes = 2;
constexpr uint8_t kNoAck = 0xff;

// A device answers within microseconds, or it is one that sleeps.
constexpr Duration kFirstPause = std::chrono::microseconds(20);
constexpr Duration kLongestPause = std::chrono::milliseconds(1);

unsigned ByteOf(std::span<const std::byte> request, size_t at) {
  return std::to_integer<unsigned>(request[at]);
}

}  // namespace

// Shared, though with nobody: vhost-vdpa maps no private memory for devices
// that use virtual addresses.
Result<std::unique_ptr<VdpaControlQueue>> VdpaControlQueue::Create(FdOps& fds) {
  auto kick = FileDescriptor::CreateEvent(fds);
  if (!kick) return Fail(kick);
  void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return std::unexpected(
        Error::System(ErrorCode::kSystem, errno,
                      "no %zu bytes of memory for a control queue", kBytes));
  }
  return std::unique_ptr<VdpaControlQueue>(new VdpaControlQueue(
      {static_cast<std::byte*>(memory), kBytes}, *std::move(kick)));
}

VdpaControlQueue::~VdpaControlQueue() {
  ::munmap(memory_.data(), memory_.size());
}

void VdpaControlQueue::Restart(const Options& options) {
  queue_ = std::monostate();
  std::memset(memory_.data(), 0, memory_.size());
  iova_ = options.iova;
  const bool packed = options.features.Has(Feature::kRingPacked);
  const bool in_order = options.features.Has(Feature::kInOrder);
  ring_.layout = *RingLayout::PlaceIn(
      memory_.first(kAckOffset),
      packed ? RingFormat::kPacked : RingFormat::kSplit, kNum);
  ring_.published = {};
  if (packed && in_order) {
    queue_.emplace<4>(ring_);
  } else if (packed) {
    queue_.emplace<3>(ring_);
  } else if (in_order) {
    queue_.emplace<2>(ring_);
  } else {
    queue_.emplace<1>(ring_);
  }
}

VringAddresses VdpaControlQueue::addresses() const {
  return {.desc = {IovaOf(ring_.layout.desc)},
          .avail = {IovaOf(ring_.layout.driver)},
          .used = {IovaOf(ring_.layout.device)}};
}

Result<uint8_t> VdpaControlQueue::Execute(std::span<const std::byte> request,
                                          KernelCalls& calls,
                                          Deadline deadline) {
  if (request.size() < kHeaderBytes || request.size() > kMaxRequestBytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "a control command of %zu bytes; %zu to %zu are possible",
                request.size(), kHeaderBytes, kMaxRequestBytes);
  }
  if (auto offered = Offer(request); !offered) return Fail(offered);
  if (auto kicked = kick_.Signal(); !kicked) return Fail(kicked);
  Duration pause = kFirstPause;
  for (;;) {
    // Asked before the last look, so that the look comes after the deadline.
    const bool late = calls.HasPassed(deadline);
    const Result<bool> there = LookForAck(request);
    if (!there) return Fail(there);
    if (*there) break;
    if (late) {
      return Fail(ErrorCode::kDeadline,
                  "the device does not answer control command %u of class %u",
                  ByteOf(request, 1), ByteOf(request, 0));
    }
    calls.Sleep(std::min(calls.After(pause), deadline));
    pause = std::min(2 * pause, kLongestPause);
  }
  return LoadRelaxed<uint8_t>(memory_.data() + kAckOffset);
}

// Header, data and ack in a descriptor each, as every device takes it.
Result<void> VdpaControlQueue::Offer(std::span<const std::byte> request) {
  std::byte* const begin = memory_.data() + kRequestOffset;
  std::memcpy(begin, request.data(), request.size());
  StoreRelaxed<uint8_t>(memory_.data() + kAckOffset, kNoAck);
  const std::array parts = {
      DeviceBuffer{{IovaOf(begin)}, kHeaderBytes},
      DeviceBuffer{{IovaOf(begin + kHeaderBytes)},
                   static_cast<uint32_t>(request.size() - kHeaderBytes)}};
  const std::array ack = {
      DeviceBuffer{{IovaOf(memory_.data() + kAckOffset)}, 1}};
  const size_t count = request.size() > kHeaderBytes ? 2 : 1;
  const OfferedChain<Cookie> chain = {.readable = std::span(parts).first(count),
                                      .writable = ack};
  const bool offered = std::visit(
      [&](auto& queue) {
        if constexpr (std::is_same_v<decltype(queue), std::monostate&>) {
          return false;
        } else {
          if (!queue.Offer(chain)) return false;
          queue.Publish();
          return true;
        }
      },
      queue_);
  if (offered) return {};
  return Fail(ErrorCode::kWrongState,
              "the device's control queue takes no command now");
}

Result<bool> VdpaControlQueue::LookForAck(std::span<const std::byte> request) {
  std::array<UsedChain<Cookie>, 1> used{};
  size_t count = 0;
  std::optional<Error> broken;
  std::visit(
      [&](auto& queue) {
        if constexpr (!std::is_same_v<decltype(queue), std::monostate&>) {
          count = queue.TakeUsed(used);
          broken = queue.broken();
        }
      },
      queue_);
  if (broken) {
    return Fail(ErrorCode::kProtocol, "the device's control queue: %s",
                std::string(broken->text()).c_str());
  }
  if (count == 0) return false;
  if (used[0].bytes == 1) return true;
  return Fail(ErrorCode::kProtocol,
              "the device used control command %u of class %u and says that "
              "it wrote %u bytes; the ack is one",
              ByteOf(request, 1), ByteOf(request, 0), used[0].bytes);
}

}  // namespace virtio_user
