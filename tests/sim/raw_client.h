// SPDX-License-Identifier: BSD-3-Clause
//
// A vhost-user front-end made of bytes: its messages are typed by hand, so
// that it can be wrong in every way.

#ifndef TESTS_SIM_RAW_CLIENT_H_
#define TESTS_SIM_RAW_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend_sim/sim_world.h"

namespace sim_test {

using Bytes = std::vector<std::byte>;

// A payload, field by field in host byte order.
class Payload {
 public:
  Payload() = default;
  Payload& U32(uint32_t value);
  Payload& U64(uint64_t value);
  Payload& Zeros(size_t count);
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

Payload U64(uint64_t value);
Payload State(uint32_t index, uint32_t num);

inline constexpr uint32_t kPlain = 0x1;
inline constexpr uint32_t kNeedReply = 0x9;

struct RawMessage {
  uint32_t request = 0;
  Payload payload = {};
  uint32_t flags = kPlain;
  std::vector<int> fds = {};
};

// Header and payload as they go over the wire.
Bytes Encode(const RawMessage& message);

struct RawAnswer {
  uint32_t request = 0;
  uint32_t flags = 0;
  Bytes payload;
  size_t fd_count = 0;
  virtio_user::FileDescriptor fd;  // The first of them.

  // The first eight bytes.
  uint64_t value() const;
};

class RawClient {
 public:
  // Attaches. `world` outlives it.
  explicit RawClient(backend_sim::SimWorld& world);
  ~RawClient() { world_.channel().Detach(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // Sends all of it; false: the back-end is gone.
  bool Send(const RawMessage& message);
  // The next answer; nothing: none came within a virtual second.
  std::optional<RawAnswer> Answer();
  // Send, then Answer.
  std::optional<RawAnswer> Ask(const RawMessage& message);
  bool closed();

  // Owner, protocol features and features, whatever is offered.
  void Negotiate(uint64_t features, uint64_t protocol_features);
  // All regions of the world's memory, with their descriptors.
  RawMessage MemTable();

  backend_sim::SimWorld& world() { return world_; }

 private:
  bool Fill(Bytes& into, size_t wanted, RawAnswer& answer);

  backend_sim::SimWorld& world_;
};

}  // namespace sim_test

#endif  // TESTS_SIM_RAW_CLIENT_H_
