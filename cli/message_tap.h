// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_MESSAGE_TAP_H_
#define CLI_MESSAGE_TAP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend_sim/trace.h"
#include "backend_sim/wire.h"
#include "cli/message_counts.h"

namespace virtio_user::cli {

// Cuts the two byte streams of a vhost-user connection into messages, with the
// simulated back-end's tables and not with the codec that wrote them; counts
// the messages, remembers answers and tells them in words.
class MessageTap {
 public:
  // A line without its end: "-> SET_VRING_NUM index=0 num=256 need_reply".
  using OnLine = std::function<void(const std::string& line)>;

  // Without `on_line` no text is made.
  explicit MessageTap(OnLine on_line = {}) : on_line_(std::move(on_line)) {}

  void ToBackend(std::span<const std::byte> bytes, size_t fd_count) {
    Take(to_backend_, bytes, fd_count);
  }
  void ToFrontend(std::span<const std::byte> bytes, size_t fd_count) {
    Take(to_frontend_, bytes, fd_count);
  }
  // A line about what passed elsewhere.
  void Tell(const std::string& line) const {
    if (on_line_) on_line_(line);
  }
  // What stood half-read belongs to no later connection.
  void Disconnected();

  MessageCounts& counts() { return counts_; }
  const MessageCounts& counts() const { return counts_; }

  // The number that the back-end answered last to this request, if it answered
  // with a u64.
  std::optional<uint64_t> LastAnswer(uint32_t request) const;

 private:
  struct Stream {
    backend_sim::Direction direction;
    std::vector<std::byte> bytes;  // Of messages that are not whole yet.
    uint32_t fd_count = 0;         // That came with them.
  };

  void Take(Stream& stream, std::span<const std::byte> bytes, size_t fd_count);
  void OnMessage(Stream& stream, const backend_sim::WireHeader& header,
                 std::span<const std::byte> payload);

  const OnLine on_line_;
  MessageCounts counts_;
  std::map<uint32_t, uint64_t> answers_;
  Stream to_backend_{.direction = backend_sim::Direction::kToBackend,
                     .bytes = {}};
  Stream to_frontend_{.direction = backend_sim::Direction::kToFrontend,
                      .bytes = {}};
};

}  // namespace virtio_user::cli

#endif  // CLI_MESSAGE_TAP_H_
