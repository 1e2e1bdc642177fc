// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_VHOST_MESSAGE_H_
#define BACKEND_SIM_VHOST_MESSAGE_H_

#include <cstddef>
#include <vector>

#include "backend_sim/wire.h"
#include "virtio_user/base/file_descriptor.h"

namespace backend_sim {

// One message as it came. What is not taken out of `fds` is closed with it.
struct VhostMessage {
  WireHeader header;
  std::vector<std::byte> payload;
  std::vector<virtio_user::FileDescriptor> fds;

  bool needs_reply() const { return (header.flags & kWireNeedReply) != 0; }
  uint64_t Field(const WireField& field) const { return Get(payload, field); }
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_VHOST_MESSAGE_H_
