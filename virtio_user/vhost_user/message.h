// SPDX-License-Identifier: BSD-3-Clause
//
// The vhost-user codec: syntax alone. What a message means, and when it may
// be sent, is vhost_user_backend's business.

#ifndef VIRTIO_USER_VHOST_USER_MESSAGE_H_
#define VIRTIO_USER_VHOST_USER_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "virtio_user/base/error.h"
#include "virtio_user/spec/vhost_user.h"
#include "virtio_user/vhost/memory_table.h"
#include "virtio_user/vhost/vhost_backend.h"
#include "virtio_user/vhost/vring_state.h"

namespace virtio_user {

// Which layout GET_VRING_BASE and SET_VRING_BASE describe.

// "Vring state description": for a split ring the available index, for a
// packed one index and wrap counter of both sides, 16 bits each.
uint32_t EncodeVringBase(VringBase base, RingFormat layout);
VringBase DecodeVringBase(uint32_t num, RingFormat layout);

// Appends header and payload of one message to `out`.
class MessageWriter {
 public:
  // Requires: `out` outlives the writer.
  explicit MessageWriter(std::vector<std::byte>& out) : out_(out) {}

  void Empty(VhostUserRequest request);
  void U64(VhostUserRequest request, uint64_t value);
  void State(VhostUserRequest request, VhostUserVringState state);
  void Addr(uint32_t vring, const VringAddresses& addresses);
  // Requires: at most kVhostUserMaxRegions regions.
  void MemTable(std::span<const MemoryRegion> regions);
  // ADD_MEM_REG or REM_MEM_REG.
  void MemRegion(VhostUserRequest request, const MemoryRegion& region);
  // GET_INFLIGHT_FD or SET_INFLIGHT_FD.
  void Inflight(VhostUserRequest request, const VhostUserInflight& inflight);
  // Requires: at most kVhostUserMaxConfigBytes bytes.
  void Config(VhostUserRequest request, uint32_t offset,
              std::span<const std::byte> bytes);

 private:
  void Header(VhostUserRequest request, size_t payload_bytes);
  void Append(const void* bytes, size_t count);

  std::vector<std::byte>& out_;
};

// Sets the need_reply flag of the message whose header stands at the front.
void SetNeedReply(std::span<std::byte> message);

// Reads the header of an answer to `request`. kProtocol, naming the field and
// its value (who asked names the message), for: another request, a version
// other than 1, no reply flag, a reserved flag, a payload of another size than
// `payload_bytes`. The need_reply flag says nothing in an answer and is
// ignored. Requires: at least sizeof(VhostUserHeader) bytes.
Result<void> CheckReplyHeader(std::span<const std::byte> bytes,
                              VhostUserRequest request, size_t payload_bytes);

// A trivially copyable payload from the front of `bytes`.
template <typename T>
T DecodePayload(std::span<const std::byte> bytes);
extern template VhostUserHeader DecodePayload(std::span<const std::byte>);
extern template uint64_t DecodePayload(std::span<const std::byte>);
extern template VhostUserVringState DecodePayload(std::span<const std::byte>);
extern template VhostUserInflight DecodePayload(std::span<const std::byte>);
extern template VhostUserConfigHeader DecodePayload(std::span<const std::byte>);

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_USER_MESSAGE_H_
