// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/device/control_queue.h"

#include <span>

#include "virtio_user/ring/shared_memory.h"

namespace virtio_user {

Result<size_t> ControlQueue::Serve(AddressResolver resolve,
                                   const ControlTarget& target) {
  // A driver that keeps adding while we serve gets its turn at the next kick.
  for (size_t served = 0; served < queue_.layout().num; ++served) {
    const Result<bool> taken = queue_.Pop(resolve, chain_);
    if (!taken) return Fail(taken);
    if (!*taken) return served;
    queue_.Push(chain_.token, ServeChain(resolve, target));
  }
  return queue_.layout().num;
}

uint32_t ControlQueue::ServeChain(AddressResolver resolve,
                                  const ControlTarget& target) {
  if (chain_.malformed) return 0;
  std::byte* const ack = AckPlace(resolve);
  if (ack == nullptr) return 0;
  const uint8_t answer =
      Gather(resolve) ? ExecuteControl(request_, target) : kCtrlAckErr;
  StoreRelaxed<uint8_t>(ack, answer);
  return 1;
}

// The request is one stream of bytes, however the driver cut it into
// descriptors (virtio: "Message Framing").
bool ControlQueue::Gather(AddressResolver resolve) {
  request_.clear();
  for (const DeviceBuffer& buffer : chain_.readable) {
    if (buffer.bytes == 0) continue;
    const size_t have = request_.size();
    if (buffer.bytes > kMaxControlRequestBytes - have) return false;
    const Result<std::span<std::byte>> bytes = resolve(buffer);
    if (!bytes) return false;
    request_.resize(have + buffer.bytes);
    CopyFromShared(*bytes, request_.data() + have);
  }
  return true;
}

std::byte* ControlQueue::AckPlace(AddressResolver resolve) const {
  for (const DeviceBuffer& buffer : chain_.writable) {
    if (buffer.bytes == 0) continue;
    const Result<std::span<std::byte>> bytes = resolve(buffer);
    return bytes ? bytes->data() : nullptr;
  }
  return nullptr;
}

}  // namespace virtio_user
