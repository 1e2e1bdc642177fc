// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_MESSAGE_COUNTS_H_
#define CLI_MESSAGE_COUNTS_H_

#include <cstdint>

namespace virtio_user::cli {

// What a channel was used for. Each call of a channel over a socket is one
// system call, seldom none or two.
struct MessageCounts {
  uint64_t sent = 0;      // Messages to the back-end.
  uint64_t received = 0;  // Answers.
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  uint64_t send_calls = 0;
  uint64_t receive_calls = 0;
  uint64_t wait_calls = 0;
  uint64_t attach_calls = 0;

  uint64_t calls() const {
    return send_calls + receive_calls + wait_calls + attach_calls;
  }

  friend bool operator==(const MessageCounts&, const MessageCounts&) = default;
};

}  // namespace virtio_user::cli

#endif  // CLI_MESSAGE_COUNTS_H_
